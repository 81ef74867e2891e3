//! What an expectation may say, what is compared, and what blessing writes.

use serde_json::json;

use super::*;
use crate::config::SourceKind;
use crate::diagnostic::{Finding, SourceFile};
use crate::map;

const VOICE: &str = r#"kind = "nlpearl"

[[row]]
name = "given up"
status = 70
when = "lead.calls >= 3 and previous.category | default('') == 'Open'"
leadping = { type = "Call", category = "Lost", outcome = "No answer" }

[[row]]
name = "voicemail"
status = 70
leadping = { type = "Call", category = "Open", outcome = "Voicemail left", notes = "{{ call.summary | default('') }}" }

[[row]]
status = 40
ignore = "in progress"

[[row]]
status = 100
leadping = { type = "Call", category = "Qualified", outcome = "{{ body.nowhere }}" }
"#;

const CRM: &str = r#"kind = "capillary"
[[row]]
status = "OPEN"
leadping = { type = "CRM", outcome = "Open" }
"#;

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "x.expect.toml".into(),
        text: text.into(),
    }
}

fn table(kind: SourceKind) -> Table {
    let text = match kind {
        SourceKind::Nlpearl => VOICE,
        _ => CRM,
    };
    map::parse_table(kind.as_str(), &file(text), Some(kind))
        .0
        .unwrap()
}

#[track_caller]
fn expectation(text: &str) -> Expectation {
    let (expectation, findings) = parse(&file(text));
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    expectation.unwrap_or_else(|| panic!("{findings:#?}"))
}

/// The kind says which table and source.
fn run_in(setting: &Setting, kind: SourceKind, payload: &Value) -> Actual {
    let source = SourceConfig::unconfigured(kind.as_str(), kind);
    run(setting, &source, &table(kind), payload, &Policy::default())
}

fn voicemail() -> Value {
    json!({ "id": "v1", "status": 70, "callsId": ["c1"], "callData": { "leadpingLeadId": "lead_1" } })
}

#[test]
fn every_fault_of_an_expectation_has_its_place() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let (expectation, findings) = parse(&file(text));
        let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(findings, expected, "{text}");
        assert_eq!(expectation.is_none(), !findings.is_empty(), "{text}");
    }
    check("verdict = \"delivery\"\n", &[]);
    check(
        "verdikt = \"delivery\"\n",
        &[
            "x.expect.toml:1:1: error: unknown key `verdikt` (did you mean `verdict`?)",
            "x.expect.toml:1:1: error: no `verdict` (verdict = one of: delivery, ignored, \
             unmapped, parked, invalid, stale, outranked, unchanged, amend, unlinked)",
        ],
    );
    check(
        "verdict = \"delivary\"\nrow = 0\nkind = \"mail\"\n",
        &[
            "x.expect.toml:1:11: error: unknown verdict `delivary` (did you mean `delivery`?)",
            "x.expect.toml:2:7: error: rows are numbered from 1",
            "x.expect.toml:3:8: error: unknown event kind `mail` (there are: lead, call)",
        ],
    );
    check(
        "verdict = \"delivery\"\n[leadping]\ncatgeory = \"Open\"\ncategory = \"Opened\"\n\
         isMissedCallFollowUp = \"yes\"\ncallbackAt = 2026-08-03\n",
        &[
            "x.expect.toml:3:1: error: unknown key `catgeory` (did you mean `category`?)",
            "x.expect.toml:4:12: error: unknown category `Opened` (did you mean `Open`?)",
            "x.expect.toml:5:24: error: `isMissedCallFollowUp` is not true or false but string (write true, without quotes)",
            "x.expect.toml:6:14: error: `callbackAt` is not a date-time with an offset (such as \
             2026-08-03T15:00:00Z)",
        ],
    );
    check(
        "verdict = \"ignored\"\nleadping = { outcome = \"x\" }\n",
        &[
            "x.expect.toml:2:12: error: nothing is sent where the verdict is `ignored` (take \
             `leadping` out, or expect `verdict = \"delivery\"`)",
        ],
    );
    check(
        "verdict = \"ignored\"\n[history]\ncall = 1\ncalls = -1\nprevious = { was = \"Open\" }\n",
        &[
            "x.expect.toml:3:1: error: unknown key `call` (did you mean `calls`?)",
            "x.expect.toml:4:9: error: `calls` is a number of calls, 0 or more",
            "x.expect.toml:5:14: error: unknown key `was` (`previous` has: category, outcome, \
             source, at)",
        ],
    );
    check(
        "verdict = \"ignored\"\nrow = \n",
        &[
            "x.expect.toml:2:7: error: nothing stands behind `=` (a text in quotes, a number, true or false)",
        ],
    );
}

#[test]
fn the_lead_s_past_is_what_the_example_says() {
    #[track_caller]
    fn check(given: &str, kind: SourceKind, payload: &Value, expected: (&str, Option<u32>)) {
        let setting = expectation(&format!("verdict = \"delivery\"\n{given}")).setting;
        let actual = run_in(&setting, kind, payload);
        let row = actual.row.as_ref().map(|row| row.number);
        assert_eq!((actual.verdict, row), expected, "{given}: {actual:?}");
    }
    let voice = |given: &str, payload: &Value, expected| {
        check(given, SourceKind::Nlpearl, payload, expected);
    };
    voice("", &voicemail(), ("delivery", Some(2)));
    voice(
        "history = { calls = 3 }",
        &voicemail(),
        ("delivery", Some(2)),
    );
    let before = "history = { calls = 3, previous = { category = \"Open\" } }";
    voice(before, &voicemail(), ("delivery", Some(1)));
    let unlinked = json!({ "id": "v1", "status": 70 });
    voice("", &unlinked, ("unlinked", Some(2)));
    voice(
        "history = { lead_id = \"lead_1\" }",
        &unlinked,
        ("delivery", Some(2)),
    );
    let has =
        "history.has = { type = \"Call\", category = \"Open\", outcome = \"Voicemail left\" }";
    voice(has, &voicemail(), ("unchanged", Some(2)));
    voice(
        "history.has = { outcome = \"New\" }",
        &voicemail(),
        ("delivery", Some(2)),
    );
    let call = json!({ "id": "c1", "leadId": "v1", "status": 3 });
    voice("kind = \"call\"", &call, ("invalid", None));
    voice(
        "",
        &json!({ "id": "v1", "status": 110 }),
        ("unmapped", None),
    );
    voice(
        "",
        &json!({ "id": "v1", "status": 40 }),
        ("ignored", Some(3)),
    );
    voice(
        "",
        &json!({ "id": "v1", "status": 100 }),
        ("invalid", Some(4)),
    );

    let open = json!({
        "eventName": "leadUpdated", "createdAt": 1_785_578_399_000_u64, "id": 1, "status": "OPEN",
        "extendedFields": { "leadpingLeadId": "lead_1" },
    });
    let crm = |given: &str, expected| check(given, SourceKind::Capillary, &open, expected);
    crm("", ("delivery", Some(1)));
    crm(
        "history.applied_at = 2026-08-01T09:59:59Z",
        ("delivery", Some(1)),
    );
    crm(
        "history.applied_at = 2026-08-01T10:00:00Z",
        ("stale", Some(1)),
    );
}

#[test]
fn what_differs_is_told_key_by_key_and_the_rest_is_not() {
    #[track_caller]
    fn check(text: &str, expected: Value) {
        let expectation = expectation(text);
        let actual = run_in(&expectation.setting, SourceKind::Nlpearl, &voicemail());
        let found = differences(&expectation.becomes, &actual);
        assert_eq!(serde_json::to_value(found).unwrap(), expected, "{text}");
    }
    let nothing = json!([]);
    let members = "type = \"Call\"\ncategory = \"Open\"\noutcome = \"Voicemail left\"\n";
    check("verdict = \"delivery\"", nothing.clone());
    check(
        "verdict = \"delivery\"\nrow = \"voicemail\"",
        nothing.clone(),
    );
    check("verdict = \"delivery\"\nrow = 2", nothing.clone());
    check(
        &format!("verdict = \"delivery\"\n[leadping]\n{members}"),
        nothing.clone(),
    );
    let sent = "leadId = \"lead_1\"\ntimestamp = 2026-08-01T10:00:00Z\n";
    check(
        &format!("verdict = \"delivery\"\n[leadping]\n{members}{sent}"),
        nothing,
    );
    check(
        "verdict = \"delivery\"\nrow = \"given up\"",
        json!([{ "key": "row", "expected": "given up", "actual": "voicemail" }]),
    );
    check(
        "verdict = \"delivery\"\nwhy = \"x\"\nrow = 1",
        json!([
            { "key": "row", "expected": 1, "actual": 2 },
            { "key": "why", "expected": "x", "actual": null },
        ]),
    );
    check(
        "verdict = \"delivery\"\n[leadping]\ntype = \"Call\"\noutcome = \"Voicemail\"\nnotes = \"x\"",
        json!([
            { "key": "leadping.outcome", "expected": "Voicemail", "actual": "Voicemail left" },
            { "key": "leadping.category", "expected": null, "actual": "Open" },
            { "key": "leadping.notes", "expected": "x", "actual": null },
        ]),
    );
    check(
        "verdict = \"ignored\"",
        json!([
            { "key": "verdict", "expected": "ignored", "actual": "delivery" },
            { "key": "leadping.type", "expected": null, "actual": "Call" },
            { "key": "leadping.outcome", "expected": null, "actual": "Voicemail left" },
            { "key": "leadping.category", "expected": null, "actual": "Open" },
        ]),
    );
}

#[test]
fn rows_that_never_spoke_are_uncovered() {
    let table = table(SourceKind::Nlpearl);
    let numbers: Vec<u32> = uncovered(&table, &BTreeSet::from([2, 4]))
        .iter()
        .map(|row| row.number)
        .collect();
    assert_eq!(numbers, [1, 3]);
}

fn bless(before: Option<&str>, payload: &Value) -> String {
    let setting = before.map_or_else(Setting::default, |text| expectation(text).setting);
    let actual = run_in(&setting, SourceKind::Nlpearl, payload);
    let text = blessed(before, &setting, &actual, &table(SourceKind::Nlpearl));
    let holds = expectation(&text);
    assert_eq!(holds.setting, setting, "{text}");
    assert_eq!(differences(&holds.becomes, &actual), [], "{text}");
    assert_eq!(
        blessed(Some(&text), &setting, &actual, &table(SourceKind::Nlpearl)),
        text
    );
    text
}

#[test]
fn what_is_blessed_holds() {
    let call = json!({
        "id": "c1", "leadId": "v1", "conversationStatus": 70, "callData": { "leadpingLeadId": "lead_1" },
        "summary": "She said \"later\".\nTwice: C:\\temp",
    });
    for payload in [
        voicemail(),
        call,
        json!({ "id": "v1", "status": 40 }),
        json!({ "id": "v1", "status": 110 }),
        json!({ "id": "v1", "status": 100 }),
    ] {
        bless(None, &payload);
    }
    insta::assert_snapshot!(bless(None, &voicemail()), @r#"
    verdict = "delivery"
    row = "voicemail"

    [leadping]
    type = "Call"
    outcome = "Voicemail left"
    category = "Open"
    "#);
    insta::assert_snapshot!(bless(None, &json!({ "id": "v1", "status": 40 })), @r#"
    verdict = "ignored"
    row = 3
    why = "in progress"
    "#);
}

#[test]
fn blessing_leaves_alone_what_a_person_wrote_about_the_situation() {
    let before = r#"# Three voicemails are enough.
kind = "lead"  # forced
verdict = "ignored" # was so
row = 3
why = """
in
progress"""

# The third call.
[history]
calls = 3
previous = { category = "Open" }
"#;
    insta::assert_snapshot!(bless(Some(before), &voicemail()), @r#"
    # Three voicemails are enough.
    kind = "lead"  # forced
    verdict = "delivery"  # was so
    row = "given up"

    # The third call.
    [history]
    calls = 3
    previous = { category = "Open" }

    [leadping]
    type = "Call"
    outcome = "No answer"
    category = "Lost"
    "#);
}

#[test]
fn blessing_finds_the_old_lines_however_they_are_written() {
    let before = r#"verdict = "delivery"
leadping = { outcome = "x" }
[history]
calls = 3
"#;
    insta::assert_snapshot!(bless(Some(before), &voicemail()), @r#"
    verdict = "delivery"
    row = "voicemail"
    [history]
    calls = 3

    [leadping]
    type = "Call"
    outcome = "Voicemail left"
    category = "Open"
    "#);
    let before = r#"verdict = "delivery"
[leadping]
# what it said
outcome = "x"

# on the way
[history]
calls = 3
"#;
    insta::assert_snapshot!(bless(Some(before), &voicemail()), @r#"
    verdict = "delivery"
    row = "voicemail"
    [leadping]
    type = "Call"
    outcome = "Voicemail left"
    category = "Open"
    # what it said

    # on the way
    [history]
    calls = 3
    "#);
    let ignored = json!({ "id": "v1", "status": 40 });
    insta::assert_snapshot!(bless(Some(before), &ignored), @r#"
    verdict = "ignored"
    row = 3
    why = "in progress"
    # what it said

    # on the way
    [history]
    calls = 3
    "#);
}

#[test]
fn blessing_drops_no_comment_wherever_it_stands() {
    let before = r#"# at the head
verdict = "delivery"  # agreed with # sales
# between
row = 3 # the third
why = "see #12"  # of our tracker
nlpearl = { status = 130 } # stops the calls

[leadping]  # what is sent
type = "Call"
outcome = "x # y" # as they say
# not sent any more
notes = "z"  # why notes
# at the end

[history]   # of the lead
calls = 3  # all of them
# the very end"#;
    let text = bless(Some(before), &voicemail());
    for line in [
        "verdict = \"delivery\"  # agreed with # sales",
        "row = \"voicemail\"  # the third",
        "[leadping]  # what is sent",
        "outcome = \"Voicemail left\"  # as they say",
        "calls = 3  # all of them",
        "# of our tracker",
        "# stops the calls",
        "# why notes",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    for line in before.lines() {
        let comment = line.rsplit_once("# ").map_or("", |(_, comment)| comment);
        let times = |text: &str| text.matches(comment).count();
        let is_comment = !comment.is_empty() && !comment.starts_with('y');
        assert!(
            !is_comment || times(&text) == times(before),
            "{line}: {text}"
        );
    }
    let before = "verdict = \"delivery\"\n[capillary]  # heading\nstatus = \"WON\" # member\n";
    let text = bless(Some(before), &voicemail());
    assert!(
        text.contains("# heading") && text.contains("# member"),
        "{text}"
    );
}

#[test]
fn what_leadping_has_decides_between_a_set_an_amend_and_nothing() {
    #[track_caller]
    fn check(history: &str, expected: &str) {
        let text =
            format!("verdict = \"delivery\"\n[history]\nhas = {{ type = \"Call\", {history}\n");
        let actual = run_in(
            &expectation(&text).setting,
            SourceKind::Nlpearl,
            &voicemail(),
        );
        let sent = actual.leadping.map(|members| members.len());
        assert_eq!(
            format!("{} {sent:?}", actual.verdict),
            expected,
            "{history}"
        );
    }
    const SAME: &str = "category = \"Open\", outcome = \"Voicemail left\"";
    check(&format!("{SAME} }}"), "unchanged None");
    check("category = \"Lost\", outcome = \"x\" }", "delivery Some(3)");
    let of_another_type = SAME.to_owned() + ", notes = \"x\", followUpStatus = \"y\" }";
    check(&of_another_type, "unchanged None");
    check(&format!("{SAME} }}\nhas_call = \"c1\""), "unchanged None");
    check(&format!("{SAME} }}\nhas_call = \"c9\""), "delivery Some(3)");
    check(
        "category = \"Converted\", outcome = \"Won\" }\nhas_source = \"crm\"",
        "outranked None",
    );
    check(
        "category = \"Converted\", outcome = \"Won\" }\nprevious = { source = \"crm\" }",
        "outranked None",
    );
    check(
        "category = \"Converted\", outcome = \"Won\" }",
        "delivery Some(3)",
    );
    // Of another type, and with more: it amends, and keeps what was there.
    let setting = expectation(
        "verdict = \"amend\"\n[history]\nhas = { category = \"Open\", outcome = \"Voicemail left\", followUpStatus = \"y\" }\n",
    )
    .setting;
    let actual = run_in(&setting, SourceKind::Nlpearl, &voicemail());
    assert_eq!(actual.verdict, "amend");
    assert_eq!(actual.leadping.unwrap().len(), 4);
}
