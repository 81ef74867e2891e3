//! Conditions that are the same for every event.

use super::*;

/// The findings about a row's lines, uncovered statuses aside: `place: severity: message (hint)`.
fn findings(kind: SourceKind, lines: &str) -> Vec<String> {
    let text = format!(
        "kind = \"{}\"\n[[row]]\n{lines}\nignore = \"x\"\n",
        kind.as_str()
    );
    let (_, findings) = parse_table("voice", &file(&text), Some(kind));
    findings
        .iter()
        .filter(|finding| !finding.message.contains("cover"))
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            let hint = finding.hint.as_deref().unwrap_or("-");
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            format!("{place}: {severity}: {} ({hint})", finding.message)
        })
        .collect()
}

#[track_caller]
fn voice(lines: &str, expected: &[&str]) {
    assert_eq!(findings(SourceKind::Nlpearl, lines), expected, "{lines}");
}

#[track_caller]
fn crm(lines: &str, expected: &[&str]) {
    assert_eq!(findings(SourceKind::Capillary, lines), expected, "{lines}");
}

#[test]
fn a_condition_that_looks_at_nothing_is_told() {
    voice(
        "when = \"false\"",
        &[
            "\"false\": warning: row can never match: `when` is always false (to switch a row off, put `#` before its lines)",
        ],
    );
    voice(
        "when = \"1 < 2\"",
        &["\"1 < 2\": warning: `when` is always true (leave it out)"],
    );
    voice(
        "when = \"'yes'\"",
        &["\"'yes'\": error: `when` is text, not true or false (-)"],
    );
    voice(
        "when = \"lead.calls\"",
        &[
            "\"lead.calls\": error: `when` is a number, not true or false (compare it: `lead.calls == …`)",
        ],
    );
    voice("when = \"call.transferred | default(false)\"", &[]);
    voice("when = \"body.flag\"", &[]);
}

#[test]
fn types_that_never_meet_are_told() {
    voice(
        "when = \"event.status == 'Success'\"",
        &[
            "'Success': warning: `when`: `event.status` is a number, not text, so the row can never match (write its number: 100)",
        ],
    );
    voice(
        "when = \"event.status in ['Sucess', 70]\"",
        &[
            "'Sucess': warning: `when`: `Sucess` is not a status that NLPearl documents (write `Success` as its number: 100)",
        ],
    );
    voice(
        "when = \"event.status > 'Paused'\"",
        &[
            "'Paused': error: `when`: `event.status` is a number, not text, so they cannot be compared (-)",
        ],
    );
    voice(
        "when = \"lead.calls > '3'\"",
        &[
            "'3': error: `when`: `lead.calls` is a number, not text, so they cannot be compared (write 3, without quotes)",
        ],
    );
    voice(
        "when = \"collected.age | default('') > 18\"",
        &[
            "18: error: `when`: where `collected.age` is missing it is text, not a number, so they cannot be compared (write `collected.age | default(0)`)",
        ],
    );
    voice(
        "when = \"body.day | default(0) < '2026-08-01'\"",
        &[
            "'2026-08-01': error: `when`: where `body.day` is missing it is a number, not text, so they cannot be compared (write `body.day | default('')`)",
        ],
    );
    crm(
        "sub_status = \"A\"\nwhen = \"event.sub_status != 5\"",
        &[
            "5: warning: `when`: `event.sub_status` is text, not a number, so this is always true (write '5', in quotes)",
        ],
    );
    crm("when = \"event.sub_status | default(5) == 5\"", &[]);
    voice(
        "when = \"body.status == 'x' or collected.a | default(1) == 'x'\"",
        &[],
    );
    voice("when = \"lead.calls == 3 or 3 == lead.calls\"", &[]);
}

#[test]
fn words_that_a_member_never_is_are_told() {
    voice(
        "when = \"event.kind == 'cal'\"",
        &[
            "'cal': warning: `when`: `event.kind` is never `cal`, so the row can never match (did you mean `call`?)",
        ],
    );
    voice(
        "when = \"previous.category | default('') == 'lost'\"",
        &[
            "'lost': warning: `when`: `previous.category` is never `lost`, so the row can never match (did you mean `Lost`?)",
        ],
    );
    voice(
        "when = \"previous.category | default('none') == 'none'\"",
        &[],
    );
    crm(
        "when = \"lead.calls == 0 and event.status == 'WIN'\"",
        &[
            "'WIN': warning: `when`: `WIN` is not a status that Capillary documents (did you mean `WON`?)",
        ],
    );
    crm(
        "when = \"event.status == 'won'\"",
        &[
            "'won': warning: `when`: `event.status` is never `won`, so the row can never match (did you mean `WON`?)",
        ],
    );
    crm(
        "when = \"event.status == ' Paused'\"",
        &[
            "' Paused': warning: `when`: `event.status` is never ` Paused`, so the row can never match (did you mean `Paused`?)",
        ],
    );
    // Said outright, and alone: the vendor sends what its pages do not name.
    for said in ["event.status == 'WIN'", "'Paused' == event.status"] {
        crm(&format!("when = \"{said}\""), &[]);
    }
    for said in ["event.status == 'Successful'", "event.status == 7"] {
        voice(&format!("when = \"{said}\""), &[]);
    }
    voice(
        "when = \"event.status in [7, 70]\"",
        &["7: warning: `when`: `7` is not a status that NLPearl documents (-)"],
    );
    crm(
        "when = \"lead.calls == 0 and event.kind == 'call'\"",
        &[
            "'call': warning: `when`: `event.kind` is never `call`, so the row can never match (there are: lead)",
        ],
    );
}

#[test]
fn a_condition_against_its_own_row_is_told() {
    voice(
        "status = 70\nwhen = \"event.status == 100\"",
        &[
            "event.status == 100: warning: row can never match: `status` of the row is 70 (VoiceMailLeft) (-)",
        ],
    );
    voice("status = [70, 100]\nwhen = \"event.status == 100\"", &[]);
    voice(
        "status = 70\nwhen = \"lead.calls > 2 or event.status == 100\"",
        &["event.status == 100: warning: `when`: `event.status == 100` is never true here (-)"],
    );
    voice(
        "status = 70\nwhen = \"not event.status == 100\"",
        &["\"not event.status == 100\": warning: `when` is always true (leave it out)"],
    );
    voice(
        "on = \"lead\"\nwhen = \"lead.calls > 2 and event.kind == 'call'\"",
        &[
            "event.kind == 'call': warning: row can never match: the row is narrowed with `on = \"lead\"` (-)",
        ],
    );
}

#[test]
fn what_no_event_can_answer_is_told() {
    const OFF: &str = "to switch a row off, put `#` before its lines";
    let never =
        |place: &str, why: &str| format!("{place}: warning: row can never match: {why} ({OFF})");
    let exclude =
        |one: &str, other: &str| never(other, &format!("`{one}` and `{other}` exclude each other"));
    let check = |when: &str, expected: &str| voice(&format!("when = \"{when}\""), &[expected]);
    check(
        "lead.calls < 2 and lead.calls > 3",
        &exclude("lead.calls < 2", "lead.calls > 3"),
    );
    check(
        "body.a == 1 and call.summary is defined and body.a == 2",
        &exclude("body.a == 1", "body.a == 2"),
    );
    check(
        "lead.calls > 2 and lead.calls < 3",
        &exclude("lead.calls > 2", "lead.calls < 3"),
    );
    check(
        "lead.calls < 0",
        &never("lead.calls < 0", "`lead.calls < 0` is never true here"),
    );
    check(
        "lead.calls == 1 and false",
        &never("\"lead.calls == 1 and false\"", "`when` is always false"),
    );
    for always in [
        "lead.calls == 1 or true",
        "lead.calls >= 0",
        "lead.calls < 3 or lead.calls > 2",
    ] {
        check(
            always,
            &format!("\"{always}\": warning: `when` is always true (leave it out)"),
        );
    }
    check(
        "lead.calls > 3 or call.sentiment | default(0) > 5",
        "call.sentiment | default(0) > 5: warning: `when`: `call.sentiment | default(0) > 5` is never true here (-)",
    );
    crm(
        "when = \"call.summary is defined\"",
        &[&never(
            "call.summary is defined",
            "`call.summary is defined` is never true here",
        )],
    );
    voice(
        "on = \"lead\"\nwhen = \"call.duration | default(0) > 30\"",
        &[&never(
            "call.duration | default(0) > 30",
            "`call.duration | default(0) > 30` is never true here",
        )],
    );
    for fine in [
        "lead.calls > 2 and lead.calls < 4",
        "body.a == 1 or body.a == 2",
        "body.a != 1 and body.a != 2",
        "body.a > 'a' and body.a < 'b'",
        "previous.category | default('x') == 'x' and previous.category is undefined",
        "not (lead.calls < 2 or lead.calls > 3)",
        "call.duration | default(0) > 0.5 and call.duration | default(0) < 0.6",
        "1 < lead.calls < 3",
        "'x' in call.summary | default('') and 'y' in call.summary | default('')",
    ] {
        voice(&format!("when = \"{fine}\""), &[]);
    }
}
