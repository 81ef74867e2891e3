//! The shipped tables: nothing to find fault with, and every sample payload ends where it should.

use super::*;

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
    let reading = systems::read_recorded(&source(name, kind), None, &bytes);
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
