//! What can be known of templates and conditions before an event comes.

use super::*;

/// The errors about a row with these members, as `place: message`.
fn errors(kind: SourceKind, keys: &str, members: &str) -> Vec<String> {
    let text = format!(
        "kind = \"{}\"\n[[row]]\n{keys}\n[row.leadping]\ntype = \"a\"\noutcome = \"b\"\n{members}\n",
        kind.as_str()
    );
    let (_, findings) = parse_table("voice", &file(&text), Some(kind));
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            format!("{place}: {}", finding.message)
        })
        .collect()
}

#[track_caller]
fn voice(member: &str, expected: &[&str]) {
    assert_eq!(
        errors(SourceKind::Nlpearl, "", member),
        expected,
        "{member}"
    );
}

const CATEGORY: &str =
    "`category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate";

#[test]
fn a_template_that_looks_at_nothing_is_checked_like_a_literal() {
    voice(
        "notes = \"{{ 1 / 0 }}\"",
        &["\"{{ 1 / 0 }}\": `notes` cannot be evaluated: unable to calculate 1 / 0"],
    );
    voice(
        "notes = \"x{{ 'a' - 1 }}\"",
        &[
            "\"x{{ 'a' - 1 }}\": `notes` cannot be evaluated: tried to use - operator on unsupported types string and number",
        ],
    );
    voice(
        "category = \"{{ 'Losst' }}\"",
        &[&format!("\"{{{{ 'Losst' }}}}\": {CATEGORY}")],
    );
    voice("category = \"{{ 'Lost' }}\"", &[]);
    let (table, _) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\n[[row]]\nleadping = { type = \"{{ '' }}\", outcome = \"b\" }\n",
    );
    assert!(table.is_none(), "an empty required member");
    let found = parse(
        SourceKind::Capillary,
        "kind = \"capillary\"\n[[row]]\nnlpearl = { status = \"{{ 20 }}\" }\n",
    );
    assert!(
        found
            .1
            .iter()
            .any(|found| found.contains("which NLPearl does not let one write"))
    );
}

#[test]
fn every_value_that_a_template_may_come_to_has_to_fit() {
    voice(
        "category = \"{{ 'Lots' if lead.calls > 2 else 'Open' }}\"",
        &[&format!("'Lots': {CATEGORY}")],
    );
    voice(
        "category = \"{{ previous.category | default('open') }}\"",
        &[&format!("'open': {CATEGORY}")],
    );
    voice(
        "category = \"{% if lead.calls > 2 %}Lots{% else %}Open{% endif %}\"",
        &[&format!("Lots: {CATEGORY}")],
    );
    voice("category = \"{{ previous.category | default('') }}\"", &[]);
    voice("callbackAt = \"{{ collected.at | default('') }}\"", &[]);
}

#[test]
fn what_fails_for_every_event_is_an_error() {
    voice(
        "isMissedCallFollowUp = \"{{ lead.calls }}\"",
        &["\"{{ lead.calls }}\": `isMissedCallFollowUp` is not true or false"],
    );
    voice(
        "callbackAt = \"{{ lead.calls + 1 }}\"",
        &["\"{{ lead.calls + 1 }}\": `callbackAt` is not an RFC 3339 date-time"],
    );
    voice(
        "notes = \"{{ range(3) }}\"",
        &["\"{{ range(3) }}\": `notes` is a list, not text"],
    );
    voice(
        "notes = \"{{ lead.calls + ' calls' }}\"",
        &[
            "\"{{ lead.calls + ' calls' }}\": `notes` cannot be evaluated: tried to use + operator on unsupported types number and string",
        ],
    );
    voice(
        "notes = \"{{ event.received_at.hour }}\"",
        &[
            "event.received_at.hour: `notes`: `event.received_at` has no `hour`: it is a single value",
        ],
    );
    voice(
        "notes = \"{% for i in range(90) %}{% for j in range(lead.calls + 90) %}{{ i * j }}{% endfor %}{% endfor %}\"",
        &[
            "\"{% for i in range(90) %}{% for j in range(lead.calls + 90) %}{{ i * j }}{% endfor %}{% endfor %}\": `notes` takes too many steps",
        ],
    );
    voice(
        "notes = \"{{ (call.duration | default('')) / 60 }}\"",
        &[
            "\"{{ (call.duration | default('')) / 60 }}\": `notes` cannot be evaluated: tried to use / operator on unsupported types string and number, for an event that brings nothing optional",
        ],
    );
    let read_only = errors(
        SourceKind::Nlpearl,
        "status = 70\nnlpearl = { status = \"{{ event.status }}\" }",
        "",
    );
    assert!(
        read_only[0].contains("is 70 VoiceMailLeft, which NLPearl does not let one write"),
        "{read_only:?}"
    );
    assert_eq!(
        errors(SourceKind::Nlpearl, "when = \"lead.calls + 1\"", ""),
        ["\"lead.calls + 1\": `when` is number, not true or false"]
    );
    let empty = errors(SourceKind::Nlpearl, "nlpearl = {}", "");
    assert_eq!(empty, ["{}: `nlpearl` changes nothing"]);
}

#[test]
fn what_only_a_value_decides_is_left_to_the_event() {
    for member in [
        "notes = \"{{ (call.summary | default('0') | int) + 1 }}\"",
        "notes = \"{{ body.list | length }}\"",
        "notes = \"{{ body.a + ' x' }}\"",
        "callbackAt = \"{{ call.summary | default('') }}\"",
        "notes = \"{{ (call.duration | default(0)) / 60 }}\"",
        "notes = \"{{ event.received_at[:10] }}\"",
        "isMissedCallFollowUp = \"{{ call.transferred | default(false) }}\"",
        "isMissedCallFollowUp = \"{{ lead.calls > 2 }}\"",
        "notes = \"{{ collected.n + 1 if collected.n is defined else 'none' }}\"",
    ] {
        voice(member, &[]);
    }
    let guarded = errors(
        SourceKind::Nlpearl,
        "when = \"call.duration is defined\"",
        "notes = \"{{ (call.duration | default('')) / 60 }}\"",
    );
    assert_eq!(guarded, Vec::<String>::new());
}

#[test]
fn loops_know_their_numbers() {
    for template in [
        "{% for i in range(3) %}{{ i * i }}{{ loop.index * 2 }}{{ i + loop.index0 * i }}{% endfor %}",
        "{% for i in range(lead.calls + 1) %}{{ lead.calls * i }}{% endfor %}",
        "{% for i in [1, 2] if i * 2 > 2 %}{{ i * i }}{% else %}none{% endfor %}",
        "{% for i in range(3) | reverse %}{% for j in range(i) %}{{ i * j }}{% endfor %}{% endfor %}",
        "{{ ([1, 2] | sum) * 2 }}{{ ((1, 2) | max) * 3 }}",
        "{% for call in [1, 2] %}{{ call * 2 }}{% endfor %}",
        "{% for k, v in collected | items %}{{ k }}: {{ v }}{{ ', ' if not loop.last }}{% endfor %}",
    ] {
        voice(&format!("notes = \"{template}\""), &[]);
    }
    let numbers = "`*` multiplies numbers only";
    voice(
        "notes = \"{% for call in body.list %}{{ call.duration * 900 }}{% endfor %}\"",
        &[&format!("call.duration * 900: `notes`: {numbers}")],
    );
    voice(
        "notes = \"{% for x in body.list %}{{ loop.lenght }}{% endfor %}\"",
        &["loop.lenght: `notes`: `loop` has no `lenght`"],
    );
}

/// A default inside does not protect what is done with it.
#[test]
fn what_is_missing_or_zero_is_tried() {
    let bare = "for an event that brings nothing optional";
    voice(
        "notes = \"{{ collected.n | default('x') + 1 }}\"",
        &[&format!(
            "\"{{{{ collected.n | default('x') + 1 }}}}\": `notes` cannot be evaluated: tried to use + operator on unsupported types string and number, {bare}"
        )],
    );
    voice(
        "notes = \"{{ 'old' if collected.age | default('') | trim > 18 }}\"",
        &[&format!(
            "\"{{{{ 'old' if collected.age | default('') | trim > 18 }}}}\": `notes` compares text with a number, {bare}"
        )],
    );
    voice("notes = \"{{ collected.n | default(0) | int + 1 }}\"", &[]);
    voice(
        "notes = \"{{ 10 / lead.calls }}\"",
        &[
            "\"{{ 10 / lead.calls }}\": `notes` cannot be evaluated: unable to calculate 10 / 0, for a lead without calls",
        ],
    );
    voice("notes = \"{{ 10 / lead.calls if lead.calls > 0 }}\"", &[]);
    let of_call = |guard: &str| {
        errors(
            SourceKind::Nlpearl,
            guard,
            "notes = \"{{ 10 // lead.calls // call.duration }}\"",
        )
    };
    assert_eq!(
        of_call("on = \"call\""),
        [
            "\"{{ 10 // lead.calls // call.duration }}\": `notes` cannot be evaluated: unable to calculate 3 // 0, for a call of 0 seconds"
        ]
    );
    assert_eq!(
        of_call("on = \"call\"\nwhen = \"call.duration > 0\""),
        Vec::<String>::new()
    );
    let outcome = |template: &str| {
        let members = format!("type = \"a\", outcome = \"{template}\"");
        let text = format!("kind = \"nlpearl\"\n[[row]]\nleadping = {{ {members} }}\n");
        let (_, found) = parse(SourceKind::Nlpearl, &text);
        found.into_iter().find(|found| found.contains("error"))
    };
    let empty = format!("`outcome` is empty, but required, {bare}");
    for template in [
        "{{ collected.reason | default('') }}",
        "{{ 'Called' if previous.category is defined }}",
        "{% if lead.calls > 9 %}Called{% endif %}",
    ] {
        let found = outcome(template);
        assert!(
            found.as_ref().is_some_and(|found| found.contains(&empty)),
            "{template}: {found:?}"
        );
    }
    assert_eq!(outcome("{{ collected.reason | default('Called') }}"), None);
    assert_eq!(outcome("{{ body.reason }}"), None);
}

/// What the sender decides: a number may come as text, or be 0.
#[test]
fn what_works_with_numbers_only_is_a_warning() {
    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let members = "[row.leadping]\ntype = \"a\"\noutcome = \"b\"";
        let text = format!("kind = \"nlpearl\"\n[[row]]\n{line}\n");
        let text = text.replace("MEMBERS", members);
        let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        assert!(table.is_some(), "{findings:?}");
        let found: Vec<&str> = findings
            .iter()
            .filter(|finding| !finding.message.contains("cover"))
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(found, expected, "{line}");
    }
    let when = |condition: &str| format!("when = \"{condition}\"\nignore = \"x\"");
    // Whoever puts a number in its place knows that numbers come.
    check(&when("collected.n | default(0) > 3"), &[]);
    check(
        "MEMBERS\nnotes = \"{{ 'many' if collected.n | default(0) > 3 else 'few' }}\"",
        &[],
    );
    check(
        &when("collected.n is defined and collected.n > 3"),
        &["`when` fails where `collected.n` is sent as text, such as \"12\""],
    );
    check(&when("collected.n | default(0) | float > 3"), &[]);
    check(&when("collected.n | default('') == 3"), &[]);
    check(
        &when("60 / (body.a.b | float) > 3"),
        &["`when` fails where `body.a.b` is 0"],
    );
    check(
        "MEMBERS\nnotes = \"{{ body.list[1].n + 1 }}\"",
        &["`notes` fails where `body.list.1.n` is sent as text, such as \"12\""],
    );
    check(
        "MEMBERS\nnotes = \"{{ body.name | upper }} {{ collected.x | default('') }}\"",
        &[],
    );
}

/// An ops person would rather see it here than as a refusal of LeadPing's.
#[test]
fn a_required_member_that_came_out_empty_is_invalid() {
    let text = "kind = \"nlpearl\"\n[[row]]\nleadping = { type = \"Call\", outcome = \"{{ body.outcome }}\" }\n";
    let (table, findings) = parse(SourceKind::Nlpearl, text);
    let table = table.unwrap_or_else(|| panic!("{findings:#?}"));
    let given = |outcome: &str| Given {
        body: json!({ "outcome": outcome }),
        ..Given::new(voice_facts(100))
    };
    let Mapped::Invalid { why, .. } = given("").evaluate(&table) else {
        panic!("sent without an outcome");
    };
    assert_eq!(why, "row 1, member `outcome` is empty, but required");
    let sent = given("Interested").evaluate(&table);
    assert!(matches!(sent, Mapped::Wishes { .. }), "{sent:?}");
}

#[test]
fn reasons_are_plain_text() {
    for word in ["ignore", "park"] {
        let text =
            format!("kind = \"nlpearl\"\n[[row]]\n{word} = \"status {{{{ event.status }}}}\"\n");
        let (table, findings) = parse(SourceKind::Nlpearl, &text);
        assert!(table.is_none());
        let expected = format!("`{word}` is plain text: nothing is filled in");
        assert!(findings[0].contains(&expected), "{findings:?}");
    }
}

#[test]
fn what_a_template_asks_is_judged_too() {
    #[track_caller]
    fn check(template: &str, expected: &[&str]) {
        let members = format!(
            "type = \"a\", outcome = \"b\", notes = {}",
            toml::Value::from(template)
        );
        let text = format!("kind = \"nlpearl\"\n[[row]]\nleadping = {{ {members} }}\n");
        let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        let found: Vec<String> = findings
            .iter()
            .filter(|finding| !finding.message.contains("cover"))
            .map(|finding| {
                let place = &finding.file.text[finding.span.clone()];
                format!("{place}: {}", finding.message)
            })
            .collect();
        assert_eq!(found, expected, "{template}");
    }
    check(
        "{{ 'x' if previous.category | default('') == 'lost' else 'y' }}",
        &["'lost': `notes`: `previous.category` is never `lost`, so this is never true"],
    );
    check(
        "a{% if event.status == 'Success' %}b{% endif %}",
        &["'Success': `notes`: `event.status` is a number, not text, so this is never true"],
    );
    check(
        "{{ 'x' if lead.calls > '3' }}",
        &["'3': `notes`: `lead.calls` is a number, not text, so they cannot be compared"],
    );
    check(
        "{{ 'x' if lead.calls < 0 or lead.calls == 3 }}",
        &["lead.calls < 0: `notes`: `lead.calls < 0` is never true here"],
    );
    check(
        "{% for lead in body.list %}{{ 'x' if lead.calls == 'a' }}{% endfor %}",
        &[],
    );
    check(
        "{{ 'x' if lead.calls > 3 and previous.category | default('') == 'Lost' }}",
        &[],
    );
}

#[test]
fn text_around_that_fits_no_value_of_the_type_is_an_error() {
    let instant = "`callbackAt` is never an RFC 3339 date-time, whatever stands in the braces";
    for text in [
        "{{ event.received_at }} + 2h",
        "in {{ collected.hours | default('1') }} hours",
        "{{ 'at ' ~ event.received_at }}",
    ] {
        let found = errors(SourceKind::Nlpearl, "", &format!("callbackAt = \"{text}\""));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(instant), "{text}: {found:?}");
    }
    voice(
        "callbackAt = \"{% if lead.calls > 2 %}{{ event.received_at }} + 2h{% endif %}\"",
        &[&format!(" + 2h: {instant}")],
    );
    voice(
        "category = \"{{ call.summary | default('') }}!\"",
        &[
            "!: `category` is never one of Open, Qualified, Converted, Lost, Invalid, Duplicate, whatever stands in the braces",
        ],
    );
    voice(
        "isMissedCallFollowUp = \"not {{ call.transferred | default(false) }}\"",
        &["not : `isMissedCallFollowUp` is never true or false, whatever stands in the braces"],
    );
    // A time of ours ends with its offset: there cannot be another.
    voice(
        "callbackAt = \"{{ event.received_at }}+02:00\"",
        &["\"{{ event.received_at }}+02:00\": `callbackAt` is not an RFC 3339 date-time"],
    );
    for sound in [
        "callbackAt = \"{{ collected.day | default('2026-08-01') }}T10:00:00Z\"",
        "callbackAt = \"2026-08-{{ collected.day | default('01') }}T10:00:00Z\"",
        "callbackAt = \"{{ event.received_at[:10] }}T18:00:00Z\"",
        "callbackAt = \"{{ collected.a | default('') }} {{ collected.b | default('') }}\"",
        "notes = \"{{ event.received_at }} + 2h\"",
        "category = \"Lo{{ 'st' if lead.calls > 2 else 'st' }}\"",
    ] {
        voice(sound, &[]);
    }
}

#[test]
fn a_value_where_a_question_should_stand_is_one_error() {
    #[track_caller]
    fn check(condition: &str, place: &str, hint: &str) {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\nwhen = {}\nignore = \"x\"\n",
            toml::Value::from(condition)
        );
        let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        assert!(table.is_none(), "{condition}: {findings:?}");
        let about: Vec<_> = findings
            .iter()
            .filter(|finding| !finding.message.contains("cover"))
            .map(|finding| (&text[finding.span.clone()], finding.hint.as_deref()))
            .collect();
        assert_eq!(about, [(place, Some(hint))], "{condition}: {findings:?}");
    }
    let compare = "say what is compared with it, or take it out";
    check(
        "event.status == 70 or 150",
        "150",
        "write `event.status in [70, 150]`",
    );
    check(
        "event.status == 70 or 150 or 220",
        "150",
        "write `event.status in [70, 150, 220]`",
    );
    check(
        "lead.calls > 3 and event.status != 70 and 150",
        "150",
        "write `event.status not in [70, 150]`",
    );
    check("lead.calls > 3 and 'x'", "'x'", compare);
    check("'x' or lead.calls > 3", "'x'", compare);
    check("not 'x'", "'x'", compare);
    check("not (lead.calls > 3 and 1)", "1", compare);
    let found = errors(
        SourceKind::Nlpearl,
        "",
        "notes = \"{{ 'a' if event.status == 70 or 150 else 'b' }}\"",
    );
    assert_eq!(
        found,
        ["150: `notes`: `150` alone asks nothing: it is a value, no condition"]
    );
    voice(
        "notes = \"{{ 'a' if event.status in [70, 150] or lead.calls == 3 else 'b' }}\"",
        &[],
    );
}
