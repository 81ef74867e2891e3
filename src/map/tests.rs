//! What a table file means, what is wrong with it, and what it makes of events.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::config::{AuthConfig, AuthScheme, SourceConfig, SourceKind};
use crate::diagnostic::{Finding, Severity, SourceFile};
use crate::event::{EventId, EventKind, Facts, Standing, Status};
use crate::lead::Previous;
use crate::systems;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "voice.toml".into(),
        text: text.into(),
    }
}

fn parse(kind: SourceKind, text: &str) -> (Option<Table>, Vec<String>) {
    let (table, findings) = parse_table("voice", &file(text), Some(kind));
    (table, findings.iter().map(Finding::to_string).collect())
}

fn voice_facts(status: i64) -> Facts {
    Facts {
        kind: Some(EventKind::Lead),
        status: Some(Status::Number(status)),
        ..Facts::default()
    }
}

struct Given {
    facts: Facts,
    body: Value,
    lead_id: Option<&'static str>,
    calls: u32,
    previous: Option<Previous>,
}

impl Given {
    fn new(facts: Facts) -> Self {
        Self {
            facts,
            body: json!({}),
            lead_id: None,
            calls: 0,
            previous: None,
        }
    }

    fn evaluate(&self, table: &Table) -> Mapped {
        let at: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
        evaluate(
            table,
            &MapInput {
                event_id: EventId::new_at(at),
                source: "voice",
                received_at: at,
                facts: &self.facts,
                body: &self.body,
                lead_id: self.lead_id,
                calls: self.calls,
                previous: self.previous.as_ref(),
            },
        )
    }
}

/// Puts an expression or template into a row's member, and evaluates it.
#[track_caller]
fn member(given: &Given, name: &str, source: &str) -> Result<Option<Value>, String> {
    let text = format!(
        "kind = \"nlpearl\"\n[[row]]\nstatus = 100\n[row.leadping]\n\
         type = \"Call\"\noutcome = \"x\"\n{name} = {}\n",
        toml::Value::from(source)
    );
    let (table, findings) = parse(SourceKind::Nlpearl, &text);
    let table = table.unwrap_or_else(|| panic!("{findings:#?}"));
    match given.evaluate(&table) {
        Mapped::Wishes { mut wishes, .. } => Ok(wishes[0].members.remove(name)),
        Mapped::Invalid { why, .. } => Err(why),
        other => panic!("{other:?}"),
    }
}

// --- the shipped tables -----------------------------------------------------------------------

fn shipped() -> Tables {
    let wanted = BTreeMap::from([
        ("voice".to_owned(), SourceKind::Nlpearl),
        ("crm".to_owned(), SourceKind::Capillary),
    ]);
    let (tables, findings) = load_dir(&Path::new(ROOT).join("mappings"), &wanted);
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    tables.unwrap()
}

fn source(name: &str, kind: SourceKind) -> SourceConfig {
    let pointer = match kind {
        SourceKind::Nlpearl => "/callData/leadpingLeadId",
        SourceKind::Capillary => "/extendedFields/leadpingLeadId",
    };
    SourceConfig {
        name: name.to_owned(),
        kind,
        mapping: name.to_owned(),
        lead: vec![pointer.to_owned()],
        links: BTreeMap::new(),
        events: vec!["leadStatusUpdated".to_owned()],
        dedupe_window: Duration::from_secs(1),
        redelivery: Duration::from_secs(1),
        rate_limit: None,
        auth: vec![AuthConfig {
            scheme: AuthScheme::None,
            not_after: None,
        }],
    }
}

#[test]
fn the_shipped_tables_have_no_findings_and_say_something_about_every_status() {
    let tables = shipped();
    for table in tables.tables.values() {
        for status in systems::known_statuses(table.kind) {
            for kind in systems::kinds_of(table.kind, &status) {
                let mut given = Given::new(Facts {
                    kind: Some(*kind),
                    status: Some(status.clone()),
                    ..Facts::default()
                });
                given.body = Value::Null;
                let mapped = given.evaluate(table);
                assert!(
                    !matches!(mapped, Mapped::Unmapped | Mapped::Invalid { .. }),
                    "{status} {kind:?}: {mapped:?}"
                );
            }
        }
    }
}

/// The row that a sample payload ends in, and what it wants.
fn through_the_shipped_tables(payload: &str) -> (String, Value) {
    let (name, kind) = if payload.starts_with("capillary") {
        ("crm", SourceKind::Capillary)
    } else {
        ("voice", SourceKind::Nlpearl)
    };
    let bytes = std::fs::read(format!("{ROOT}/tests/payloads/{payload}.json")).unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let reading = systems::read(&source(name, kind), None, &body);
    assert_eq!(reading.standing, Standing::Usable, "{payload}");
    let given = Given {
        body,
        calls: 1,
        ..Given::new(reading.facts)
    };
    let row_name = |row: RowRef| row.name.unwrap();
    match given.evaluate(&shipped().tables[name]) {
        Mapped::Wishes { row, mut wishes } => {
            assert_eq!(wishes.len(), 1);
            assert_eq!(wishes[0].target, "leadping");
            (row_name(row), Value::Object(wishes.remove(0).members))
        }
        Mapped::Ignored { row, .. } => (row_name(row), json!("ignored")),
        Mapped::Parked { row, .. } => (row_name(row), json!("parked")),
        other => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn every_sample_payload_ends_in_the_row_that_is_meant_for_it() {
    #[track_caller]
    fn check(payload: &str, row: &str, wanted: Value) {
        let found = through_the_shipped_tables(payload);
        assert_eq!(found, (row.to_owned(), wanted), "{payload}");
    }
    let call = |category: &str, outcome: &str| json!({"type": "Call", "changeSource": "AI", "category": category, "outcome": outcome});
    let crm = |category: &str, outcome: &str| json!({"type": "CRM", "changeSource": "API", "category": category, "outcome": outcome});
    let with_notes = |mut members: Value, notes: &str| {
        members["notes"] = json!(notes);
        members
    };
    check("nlpearl-lead-new", "new", call("Open", "New"));
    check("nlpearl-lead-on-call", "in progress", json!("ignored"));
    check("nlpearl-call-start", "in progress", json!("ignored"));
    check(
        "nlpearl-lead-success",
        "success",
        call("Qualified", "Interested"),
    );
    check(
        "nlpearl-call-end",
        "success",
        with_notes(
            call("Qualified", "Interested"),
            "Sarah wants to book a visit on Friday afternoon.",
        ),
    );
    check(
        "nlpearl-lead-voicemail",
        "voicemail",
        call("Open", "Voicemail left"),
    );
    for payload in [
        "nlpearl-lead-not-successful-by-name",
        "nlpearl-lead-pascal-case",
    ] {
        check(payload, "not successful", call("Lost", "Not interested"));
    }
    check("nlpearl-lead-error", "error", json!("parked"));
    check("capillary-lead-open-flat", "open", crm("Open", "Open"));
    check("capillary-lead-won", "won", crm("Converted", "Won"));
    check(
        "capillary-lead-lost",
        "lost, wrong number",
        with_notes(crm("Invalid", "Wrong number"), "InvalidPhoneNumber"),
    );
    check(
        "capillary-lead-on-hold",
        "on hold",
        with_notes(crm("Open", "On hold"), "YetToDecide"),
    );
}

// --- matching ---------------------------------------------------------------------------------

const MATCHING: &str = r#"
kind = "nlpearl"

[[row]]
name = "third call"
status = [70, "Unreachable"]
when = "lead.calls >= 3"
ignore = "a"

[[row]]
name = "any call"
on = "call"
ignore = "b"

[[row]]
name = "voicemail"
status = "voicemailleft"
park = "c"

[[row]]
name = "the rest"
ignore = "d"

[[row]]
name = "never"
status = 100
ignore = "e"
"#;

#[test]
fn the_first_row_that_matches_wins() {
    let (table, _) = parse(SourceKind::Nlpearl, MATCHING);
    let table = table.unwrap();
    #[track_caller]
    fn check(table: &Table, status: i64, kind: EventKind, calls: u32, expected: (&str, u32, u32)) {
        let given = Given {
            calls,
            ..Given::new(Facts {
                kind: Some(kind),
                ..voice_facts(status)
            })
        };
        let row = match given.evaluate(table) {
            Mapped::Ignored { row, .. } | Mapped::Parked { row, .. } => row,
            other => panic!("{other:?}"),
        };
        let name = row.name.as_deref().unwrap();
        assert_eq!((name, row.number, row.line), expected);
    }
    check(&table, 70, EventKind::Lead, 3, ("third call", 1, 4));
    check(&table, 150, EventKind::Call, 4, ("third call", 1, 4));
    check(&table, 70, EventKind::Call, 2, ("any call", 2, 10));
    check(&table, 70, EventKind::Lead, 2, ("voicemail", 3, 15));
    check(&table, 150, EventKind::Lead, 2, ("the rest", 4, 20));
    check(&table, 100, EventKind::Lead, 0, ("the rest", 4, 20));
    check(&table, 777, EventKind::Lead, 0, ("the rest", 4, 20));
}

#[test]
fn sub_status_and_reason_narrow_a_row() {
    let (table, _) = parse(
        SourceKind::Capillary,
        r#"
        kind = "capillary"
        [[row]]
        name = "both"
        status = "lost"
        sub_status = ["A", "B"]
        reason_id = [2, 3]
        ignore = "x"
        "#,
    );
    let table = table.unwrap();
    #[track_caller]
    fn check(table: &Table, sub_status: Option<&str>, reason_id: Option<i64>, matches: bool) {
        let given = Given::new(Facts {
            kind: Some(EventKind::Lead),
            status: Some(Status::Name("LOST".to_owned())),
            sub_status: sub_status.map(str::to_owned),
            reason_id,
            ..Facts::default()
        });
        let found = given.evaluate(table) != Mapped::Unmapped;
        assert_eq!(found, matches, "{sub_status:?} {reason_id:?}");
    }
    check(&table, Some("A"), Some(2), true);
    check(&table, Some("B"), Some(3), true);
    check(&table, Some("C"), Some(2), false);
    check(&table, Some("A"), Some(4), false);
    check(&table, None, Some(2), false);
    check(&table, Some("A"), None, false);
}

#[test]
fn a_condition_must_be_true_or_false() {
    #[track_caller]
    fn check(when: &str, expected: Result<bool, &str>) {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\nname = \"n\"\nwhen = {}\nignore = \"x\"\n",
            toml::Value::from(when)
        );
        let (table, findings) = parse(SourceKind::Nlpearl, &text);
        let given = Given {
            calls: 3,
            body: json!({"a": {"b": "secret"}, "n": null}),
            ..Given::new(voice_facts(100))
        };
        let found = match given.evaluate(&table.unwrap_or_else(|| panic!("{findings:#?}"))) {
            Mapped::Ignored { .. } => Ok(true),
            Mapped::Unmapped => Ok(false),
            Mapped::Invalid { why, .. } => Err(why),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected.map_err(str::to_owned), "{when}");
    }
    check("lead.calls >= 3", Ok(true));
    check("lead.calls * 2 == 6 and not event.status == 70", Ok(true));
    check("event.status in [70, 110]", Ok(false));
    check(
        "previous.category is defined and previous.category == 'Lost'",
        Ok(false),
    );
    check("previous.category | default('none') == 'none'", Ok(true));
    check("body.a.b == 'secret'", Ok(true));
    check("body['a']['b'] is startingwith('sec')", Ok(true));
    check("body.n is none", Ok(true));
    check("body.x.y.z | default(1) == 1", Ok(true));
    check("body.x.y is defined", Ok(false));
    check(
        "body.a.b",
        Err("row 1 (`n`), condition `when` is text, not true or false"),
    );
    check(
        "lead.calls",
        Err("row 1 (`n`), condition `when` is a number, not true or false"),
    );
    check(
        "previous.category == 'Lost'",
        Err(
            "row 1 (`n`), condition `when` cannot be evaluated: undefined value; missing: `previous.category`",
        ),
    );
    check(
        "body.x.y == 1",
        Err(
            "row 1 (`n`), condition `when` cannot be evaluated: undefined value; missing: `body.x.y`",
        ),
    );
    check(
        "body.a.b > 3 + body.a.b",
        Err("row 1 (`n`), condition `when` cannot be evaluated: invalid operation"),
    );
}

// --- templates --------------------------------------------------------------------------------

fn call_end() -> Given {
    Given {
        body: json!({"list": [1, {"x": "deep"}], "name": "Sarah", "nothing": null}),
        lead_id: Some("lead_1"),
        calls: 2,
        previous: Some(Previous {
            category: Some("Open".to_owned()),
            outcome: None,
            source: "crm".to_owned(),
            at: "2026-08-01T09:00:00Z".parse().unwrap(),
        }),
        ..Given::new(Facts {
            kind: Some(EventKind::Call),
            call_summary: Some("Wants a visit.".to_owned()),
            call_duration: Some(99.0),
            call_transferred: Some(false),
            collected: json!({"at": "2026-08-03T17:00:00+02:00", "yes": true, "no": null})
                .as_object()
                .unwrap()
                .clone(),
            ..voice_facts(100)
        })
    }
}

#[test]
fn templates_are_filled_in() {
    #[track_caller]
    fn check(source: &str, expected: &str) {
        let found = member(&call_end(), "notes", source);
        assert_eq!(found, Ok(Some(json!(expected))), "{source}");
    }
    check("{{ call.summary }}", "Wants a visit.");
    check(
        "{{ call.duration }} s, {{ call.summary[:5] | upper }}",
        "99 s, WANTS",
    );
    check("{{ call.duration }}", "99");
    check("{{ call.transferred }}", "false");
    check(
        "{{ event.status }} {{ event.kind }} {{ event.source }}",
        "100 call voice",
    );
    check("{{ event.received_at }}", "2026-08-01T10:00:00Z");
    check("{{ lead.id }}/{{ lead.calls }}", "lead_1/2");
    check("{{ previous.category }}", "Open");
    check("{{ previous.outcome | default('none') }}", "none");
    check("{{ collected.yes }}", "true");
    check("{{ body.list[1].x }} {{ body.name }}", "deep Sarah");
    check("{{ body.missing.at.all | default('-') }}", "-");
    check("{{ body.nothing | default('-') }}", "-");
    check("{% if call.transferred %}a{% else %}b{% endif %}", "b");
    check(
        "{% for part in ['x', 'y'] %}{{ part }}{{ loop.index }}{% endfor %}",
        "x1y2",
    );
    check("{{- 'trimmed' -}}", "trimmed");
    check("<b>{{ 'a & b' }}</b>", "<b>a & b</b>");
}

#[test]
fn an_empty_result_leaves_the_member_out() {
    #[track_caller]
    fn check(source: &str) {
        assert_eq!(member(&call_end(), "notes", source), Ok(None), "{source}");
    }
    check("{{ previous.outcome | default('') }}");
    check("{{ 'x' if lead.calls > 7 }}");
    check("{% if false %}x{% endif %}");
    check("{{ none }}");
    check("");
}

#[test]
fn results_have_the_member_s_type() {
    #[track_caller]
    fn check(name: &str, source: &str, expected: Result<Value, &str>) {
        let found = member(&call_end(), name, source);
        let expected = expected.map(Some).map_err(str::to_owned);
        assert_eq!(found, expected, "{name} {source}");
    }
    check(
        "isMissedCallFollowUp",
        "{{ collected.yes }}",
        Ok(json!(true)),
    );
    check(
        "isMissedCallFollowUp",
        "{{ lead.calls > 7 }}",
        Ok(json!(false)),
    );
    check(
        "isMissedCallFollowUp",
        "{{ call.summary }}",
        Err("row 1, member `isMissedCallFollowUp` is not true or false"),
    );
    check(
        "callbackAt",
        "{{ collected.at }}",
        Ok(json!("2026-08-03T15:00:00Z")),
    );
    check(
        "callbackAt",
        "{{ call.summary }}",
        Err("row 1, member `callbackAt` is not an RFC 3339 date-time"),
    );
    check("category", "{{ previous.category }}", Ok(json!("Open")));
    check(
        "category",
        "{{ call.summary }}",
        Err(
            "row 1, member `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate",
        ),
    );
    check(
        "notes",
        "{{ body.list }}",
        Err("row 1, member `notes` is a list, not text"),
    );
    check(
        "notes",
        "{{ body.nothing }}",
        Err("row 1, member `notes` cannot be evaluated: undefined value; missing: `body.nothing`"),
    );
    check(
        "notes",
        "said: {{ collected.no }}",
        Err("row 1, member `notes` cannot be evaluated: undefined value; missing: `collected.no`"),
    );
}

#[test]
fn literals_and_defaults_are_merged_and_normalised() {
    let (table, findings) = parse(
        SourceKind::Nlpearl,
        r#"
        kind = "nlpearl"
        [defaults.leadping]
        type = "Call"
        outcome = "x"
        notes = "{{ call.summary }}"
        [[row]]
        leadping = { notes = "", isMissedCallFollowUp = true, taskDueAt = 2026-08-01T12:00:00+02:00, callbackAt = "2026-08-01T12:00:00Z" }
        "#,
    );
    assert!(findings.is_empty(), "{findings:#?}");
    let Mapped::Wishes { wishes, .. } = Given::new(voice_facts(1)).evaluate(&table.unwrap()) else {
        panic!("no wish");
    };
    let expected = json!({
        "type": "Call", "outcome": "x", "isMissedCallFollowUp": true,
        "taskDueAt": "2026-08-01T10:00:00Z", "callbackAt": "2026-08-01T12:00:00Z",
    });
    assert_eq!(Value::Object(wishes[0].members.clone()), expected);
}

#[test]
fn hostile_templates_end_quickly() {
    #[track_caller]
    fn check(source: &str, expected: &str) {
        let mut given = call_end();
        given.body = json!({"long": "x".repeat(200_000), "list": vec!["y"; 20_000]});
        let started = Instant::now();
        let why = member(&given, "notes", source).unwrap_err();
        assert!(why.contains(expected), "{source}: {why}");
        assert!(!why.contains("xxx"), "{why}");
        assert!(started.elapsed() < Duration::from_secs(2), "{source}");
    }
    let loops = |depth: usize, body: &str| {
        let opening = "{% for i in range(1000) %}".repeat(depth);
        format!("{opening}{body}{}", "{% endfor %}".repeat(depth))
    };
    check(&loops(3, ""), "too many steps");
    check(
        &loops(2, "{{ 1 if body.long | length < 9 }}"),
        "too many steps",
    );
    check(&loops(1, "0123456789"), "longer than 8192 bytes");
    check("{{ range(100000000) }}", "invalid operation");
    check("{{ body.long }}", "longer than 8192 bytes");
    check("a{{ body.long }}", "longer than 8192 bytes");
    check("{{ body | tojson }}", "invalid operation");
    check(
        "{{ body.long | replace('x', 'xxxxxxxxxx') }}",
        "invalid operation",
    );
    check("{{ body.list | join('xxxxxxxxxx') }}", "invalid operation");
    check(
        &format!("{{{{ {} }}}}", ["body.long"; 60].join(" ~ ")),
        "longer than 8192 bytes",
    );
    check("{{ 9 ** 9 ** 9 ** 9 }}", "invalid operation");
}

// --- findings ---------------------------------------------------------------------------------

/// The findings about a row with the given lines, without file name.
#[track_caller]
fn check_row(kind: SourceKind, lines: &str, expected: &[&str]) {
    let text = format!("kind = \"{}\"\n[[row]]\n{lines}\n", kind.as_str());
    let (table, findings) = parse(kind, &text);
    let errors: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding.strip_prefix("voice.toml:"))
        .filter(|finding| finding.contains(": error: "))
        .collect();
    assert_eq!(errors, expected, "{lines}");
    assert!(table.is_none(), "{lines}");
}

#[test]
fn a_fault_in_a_row_is_named_with_its_place_and_a_hint() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        check_row(SourceKind::Nlpearl, lines, expected);
    }
    check(
        "satus = 1\nignore = \"x\"",
        &["3:1: error: unknown key `satus` (did you mean `status`?)"],
    );
    check(
        "status = [\"Sucess\", 0, 1.5]\nignore = \"x\"",
        &[
            "3:11: error: unknown status `Sucess` (did you mean `Success`?)",
            "3:21: error: status 0 is not between 1 and 500",
            "3:24: error: `status` is not a name or a number but float",
        ],
    );
    check(
        "status = \"*\"\nignore = \"x\"",
        &["3:10: error: unknown status `*` (leave `status` out to match every status)"],
    );
    check(
        "status = []\non = \"calls\"\nignore = \"\"",
        &[
            "3:10: error: `status` is an empty list",
            "4:6: error: unknown event kind `calls` (there are: lead, call)",
            "5:10: error: `ignore` needs a reason",
        ],
    );
    check(
        "status = 1",
        &["2:1: error: the row says nothing to do \
           (give it `leadping = { … }`, `ignore = \"why\"` or `park = \"why\"`)"],
    );
    check(
        "park = \"x\"\nignore = \"x\"",
        &["2:1: error: the row says more than one thing: ignore, park"],
    );
    check(
        "name = 5\nsub_status = 5\nreason_id = \"x\"\nwhen = true\nignore = [\"x\"]",
        &[
            "3:8: error: `name` is not text but integer",
            "4:14: error: `sub_status` is not text but integer",
            "5:13: error: `reason_id` is not a whole number but string",
            "6:8: error: `when` is not text but boolean",
            "7:10: error: `ignore` is not text but array",
        ],
    );
    check(
        "nlpearl = { status = 130 }",
        &["3:1: error: `nlpearl` is not built yet (take it out; nothing would come of it)"],
    );
    check(
        "write = \"set\"\nignore = \"x\"",
        &["3:1: error: `write` is not built yet (take it out; nothing would come of it)"],
    );
}

#[test]
fn a_fault_in_a_disposition_is_named_with_its_place_and_a_hint() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let lines = format!("[row.leadping]\n{lines}");
        check_row(SourceKind::Nlpearl, &lines, expected);
    }
    let complete = |lines: &str| format!("type = \"Call\"\noutcome = \"x\"\n{lines}");
    check(
        "catgeory = \"Open\"",
        &[
            "3:1: error: no `type` (set it here or in `[defaults.leadping]`: type = \"…\")",
            "3:1: error: no `outcome` (set it here or in `[defaults.leadping]`: outcome = \"…\")",
            "4:1: error: unknown key `catgeory` (did you mean `category`?)",
        ],
    );
    check(
        &complete("category = \"qualified\"\nchangeSource = \"Robot\""),
        &[
            "6:12: error: `category` is not one of Open, Qualified, Converted, Lost, Invalid, \
             Duplicate (did you mean `Qualified`?)",
            "7:16: error: `changeSource` is not one of User, AI, Automation, System, API",
        ],
    );
    check(
        &complete("notes = 5\nisMissedCallFollowUp = \"true\"\ncallbackAt = \"tomorrow\""),
        &[
            "6:9: error: `notes` is not text but integer",
            "7:24: error: `isMissedCallFollowUp` is not true or false but string",
            "8:14: error: `callbackAt` is not an RFC 3339 date-time",
        ],
    );
    check(
        &complete("callbackAt = 2026-08-01"),
        &["6:14: error: `callbackAt` is not an RFC 3339 date-time"],
    );
    check(
        &complete("leadId = \"x\"\nlead = { enabled = false }"),
        &[
            "6:1: error: `leadId` cannot be set in a table (the bridge fills it)",
            "7:1: error: `lead` is not built yet (take it out; nothing would come of it)",
        ],
    );
}

#[test]
fn a_fault_in_an_expression_is_named_at_its_exact_place() {
    #[track_caller]
    fn check(when: &str, expected: &str) {
        let lines = format!("when = \"{when}\"\nignore = \"x\"");
        check_row(SourceKind::Nlpearl, &lines, &[expected]);
    }
    check(
        "1 + (2",
        "3:14: error: `when`: does not compile: unexpected end of input, expected `)`",
    );
    check(
        "lead.calls > 1 and cal.summary == ''",
        "3:28: error: `when`: unknown variable `cal` (did you mean `call`?)",
    );
    check(
        "call.sumary == ''",
        "3:9: error: `when`: `call` has no `sumary` (did you mean `call.summary`?)",
    );
    check(
        "lead['call'] == 1",
        "3:9: error: `when`: `lead` has no `call` (did you mean `lead.calls`?)",
    );
    check(
        "call.summary | uper == ''",
        "3:24: error: `when`: unknown filter `uper` (did you mean `upper`?)",
    );
    check(
        "call.summary is strng",
        "3:25: error: `when`: unknown test `strng` (did you mean `string`?)",
    );
    check(
        "rnge(3) == 1",
        "3:9: error: `when`: unknown function `rnge` (did you mean `range`?)",
    );
    check(
        "call.summary.upper() == ''",
        "3:9: error: `when`: values have no methods (use a filter: `x | upper`)",
    );
    check(
        "'x' * 90000000 == ''",
        "3:9: error: `when`: `*` multiplies numbers only (say that it is one: `x | float` or `x | int`)",
    );
    check(
        "body.x * 9 == 1",
        "3:9: error: `when`: `*` multiplies numbers only (say that it is one: `x | float` or `x | int`)",
    );
}

#[test]
fn what_cannot_be_bounded_is_refused() {
    #[track_caller]
    fn check(template: &str, expected: &str) {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\n[row.leadping]\ntype = \"a\"\noutcome = {}\n",
            toml::Value::from(template)
        );
        let (table, findings) = parse(SourceKind::Nlpearl, &text);
        assert!(table.is_none());
        assert!(findings[0].contains(expected), "{template}: {findings:#?}");
    }
    check(
        "{% set x = 'a' %}{{ x }}",
        "a statement that tables do not have",
    );
    check(
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "a statement that tables do not have",
    );
    check(
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "does not compile",
    );
    check("{% include 'value' %}", "does not compile");
    check(
        "{% for a in [call.summary ~ call.summary] %}{{ a }}{% endfor %}",
        "not over what it puts together",
    );
    check(
        &format!("{{{{ {} }}}}", ["call.summary"; 80].join(" ~ ")),
        "more than 64 places",
    );
    check(
        &format!("{{{{ {}1 }}}}", "(".repeat(400)),
        "does not compile",
    );
    check(&"{{ 1 }}".repeat(2000), "longer than 4096 bytes");
    check("{{ body.list | map('upper') }}", "`map` takes");
    check("a {{ unknown }}", "unknown variable `unknown`");
    check(
        "{% for x in body.list %}{{ x.y }}{{ y }}{% endfor %}",
        "unknown variable `y`",
    );
}

#[test]
fn every_fault_of_a_file_is_found_at_once() {
    let (table, findings) = parse(
        SourceKind::Nlpearl,
        "knd = 1\nrow = 3\n[defaults.leadping]\ncategory = \"x\"\n[defaults.other]\n",
    );
    assert!(table.is_none());
    let expected = [
        "voice.toml:1:1: error: unknown key `knd` (did you mean `kind`?)",
        "voice.toml:1:1: error: no `kind` (`kind = \"nlpearl\"` or `kind = \"capillary\"`)",
        "voice.toml:2:7: error: `row` is not a list of tables (write `[[row]]`)",
        "voice.toml:4:12: error: `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate",
        "voice.toml:5:11: error: unknown key `other` (defaults has: leadping)",
    ];
    assert_eq!(findings, expected);

    let (table, findings) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\n[[row]]\nstatus = \nignore = 'x\n[[row]]\nsatus = 1\nignore = \"y\"\n",
    );
    assert!(table.is_none());
    let places: Vec<&str> = findings
        .iter()
        .map(|finding| finding.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        ["voice.toml:3:10", "voice.toml:4:10", "voice.toml:6:1"],
        "{findings:#?}"
    );

    let (_, findings) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\nkind = \"nlpearl\"\n",
    );
    assert!(
        findings[0].starts_with("voice.toml:2:1: error: duplicate key"),
        "{findings:#?}"
    );
}

#[test]
fn the_kind_must_be_that_of_the_source() {
    #[track_caller]
    fn check(kind: &str, expected: &str) {
        let (table, findings) = parse(SourceKind::Nlpearl, &format!("kind = \"{kind}\"\n"));
        assert!(table.is_none());
        assert_eq!(findings, [format!("voice.toml:1:8: error: {expected}")]);
    }
    check(
        "pearl",
        "unknown kind `pearl` (there are: nlpearl, capillary)",
    );
    check(
        "generic",
        "kind `generic` is not built yet (there are: nlpearl, capillary)",
    );
    check(
        "capillary",
        "kind `capillary`, but the source that uses mapping `voice` is of kind `nlpearl`",
    );
}

fn warnings(kind: SourceKind, rows: &str) -> Vec<String> {
    let text = format!("kind = \"{}\"\n{rows}", kind.as_str());
    let (table, findings) = parse_table("voice", &file(&text), None);
    assert!(table.is_some(), "{findings:#?}");
    findings
        .into_iter()
        .inspect(|finding| assert_eq!(finding.severity, Severity::Warning))
        .map(|finding| format!("{}: {}", finding.position().0, finding.message))
        .collect()
}

#[test]
fn uncovered_and_half_covered_statuses_are_warned_of() {
    let all_but_lost =
        "[[row]]\nstatus = [\"OPEN\", \"WON\", \"ON_HOLD\", \"DELETED\"]\nignore = \"x\"\n";
    #[track_caller]
    fn check(rows: &str, expected: &[&str]) {
        assert_eq!(warnings(SourceKind::Capillary, rows), expected, "{rows}");
    }
    check(
        all_but_lost,
        &["1: no row covers status LOST (lead webhooks)"],
    );
    check(
        &format!("{all_but_lost}[[row]]\nstatus = \"LOST\"\nsub_status = \"A\"\nignore = \"x\"\n"),
        &["5: status LOST is covered only under conditions (lead webhooks)"],
    );
    check(&format!("{all_but_lost}[[row]]\nignore = \"x\"\n"), &[]);

    let found = warnings(
        SourceKind::Nlpearl,
        "[[row]]\nstatus = 100\non = \"lead\"\nignore = \"x\"\n[[row]]\nstatus = [1, 222]\non = \"lead\"\nignore = \"x\"\n",
    );
    assert!(
        found.contains(&"1: no row covers status 100 (Success) (call webhooks)".to_owned()),
        "{found:#?}"
    );
    assert!(
        found.contains(&"7: status 222 is not among those that NLPearl documents".to_owned()),
        "{found:#?}"
    );
    assert!(
        !found.iter().any(|finding| finding.contains("(New)")),
        "{found:#?}"
    );
}

#[test]
fn rows_that_can_never_match_are_warned_of() {
    #[track_caller]
    fn check(kind: SourceKind, rows: &[&str], expected: Option<&str>) {
        let rows: String = rows
            .iter()
            .map(|row| format!("[[row]]\n{row}\nignore = \"x\"\n"))
            .collect();
        let found: Vec<String> = warnings(kind, &rows)
            .into_iter()
            .filter(|finding| finding.contains("never match"))
            .collect();
        assert_eq!(found, Vec::from_iter(expected.map(str::to_owned)), "{rows}");
    }
    let voice = SourceKind::Nlpearl;
    let crm = SourceKind::Capillary;
    let taken = |line: u32, by: u32| {
        format!("{line}: row can never match: the row in line {by} takes all of it")
    };
    check(
        voice,
        &["status = 70", "status = \"VoiceMailLeft\""],
        Some(&taken(5, 2)),
    );
    check(voice, &["status = 70", "status = [70, 100]"], None);
    check(
        voice,
        &["status = 70", "status = 100", "status = [70, 100]"],
        Some(&taken(8, 5)),
    );
    check(voice, &["", "status = 70"], Some(&taken(5, 2)));
    check(voice, &["status = 70", ""], None);
    check(voice, &["status = 70\non = \"call\"", "status = 70"], None);
    check(
        voice,
        &[
            "status = 70\non = \"call\"",
            "status = 70\non = \"lead\"",
            "status = 70",
        ],
        Some(&taken(10, 6)),
    );
    check(
        voice,
        &["status = 70\nwhen = \"true\"", "status = 70"],
        None,
    );
    check(
        voice,
        &[
            "status = 70\nwhen = \"lead.calls > 1\"",
            "status = 70\nwhen = \"lead.calls > 1\"",
        ],
        Some(&taken(6, 2)),
    );
    check(
        crm,
        &[
            "sub_status = [\"A\", \"B\"]",
            "sub_status = \"B\"\nreason_id = 1",
        ],
        Some(&taken(5, 2)),
    );
    check(
        crm,
        &["sub_status = \"B\"", "sub_status = [\"A\", \"B\"]"],
        None,
    );
    check(
        crm,
        &["on = \"call\""],
        Some("2: row can never match: Capillary sends no calls"),
    );
    check(
        voice,
        &["reason_id = 1"],
        Some("2: row can never match: NLPearl sends no reason id"),
    );
}

// --- files ------------------------------------------------------------------------------------

#[test]
fn a_directory_is_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let wanted = BTreeMap::from([("voice".to_owned(), SourceKind::Nlpearl)]);
    let load = || {
        let (tables, findings) = load_dir(dir.path(), &wanted);
        let findings: Vec<String> = findings
            .iter()
            .map(|finding| {
                let name = finding.file.path.file_name().unwrap();
                format!("{}: {}", name.to_string_lossy(), finding.message)
            })
            .collect();
        (tables, findings)
    };
    write(
        "voices.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n",
    );
    let (tables, findings) = load();
    assert!(tables.is_none());
    assert_eq!(
        findings,
        ["voice.toml: no such file, but a source uses the mapping `voice`"]
    );

    write(
        "voice.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n",
    );
    write("unrelated.toml", "[package]\nname = \"x\"\n");
    let (first, findings) = load();
    assert_eq!(findings, Vec::<String>::new());
    let first = first.unwrap();
    assert_eq!(first.tables.keys().collect::<Vec<_>>(), ["voice"]);
    assert_eq!(first.get("voice").unwrap().hash.0.len(), 16);

    write(
        "voice.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"y\"\n",
    );
    let (second, _) = load();
    let second = second.unwrap();
    assert_ne!(first.hash, second.hash);
    assert_ne!(first.tables["voice"].hash, second.tables["voice"].hash);

    write(
        "crm.toml",
        "kind = \"capillary\"\n[[row]]\nignroe = \"y\"\n",
    );
    let (tables, findings) = load();
    assert!(tables.is_none());
    assert_eq!(findings.len(), 2, "{findings:#?}");

    let (tables, findings) = load_dir(&dir.path().join("nowhere"), &wanted);
    assert!(tables.is_none());
    assert_eq!(findings.len(), 1);
}
