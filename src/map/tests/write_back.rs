//! Rows with several targets: what each is told, and what is left out.

use serde_json::json;

use super::*;

/// What a CRM table's only row, which matches every status, makes of a webhook.
fn wishes(lines: &str, body: Value) -> Mapped {
    let file = SourceFile {
        path: "crm.toml".into(),
        text: format!("kind = \"capillary\"\n{lines}").into(),
    };
    let (table, findings) = parse_table("crm", &file, Some(SourceKind::Capillary));
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let table = table.unwrap_or_else(|| panic!("{errors:#?}"));
    let facts = Facts {
        kind: Some(EventKind::Lead),
        status: Some(Status::Name("WON".to_owned())),
        ..Facts::default()
    };
    evaluate(
        &table,
        &MapInput {
            event_id: crate::event::EventId(uuid::Uuid::nil()),
            source: "crm",
            received_at: jiff::Timestamp::UNIX_EPOCH,
            facts: &facts,
            body: body.to_string().as_bytes(),
            lead_id: None,
            calls: 0,
            previous: None,
        },
    )
}

#[track_caller]
fn check(lines: &str, body: Value, expected: &[(&str, Value)]) {
    let mapped = wishes(lines, body);
    let Mapped::Wishes { wishes, .. } = mapped else {
        panic!("{mapped:?}");
    };
    let found: Vec<(&str, Value)> = wishes
        .iter()
        .map(|wish| (wish.target.as_str(), Value::Object(wish.members.clone())))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_target_is_told_its_own_members() {
    check(
        r#"
        [defaults.leadping]
        type = "CRM"
        [defaults.capillary]
        reasonId = 2
        [[row]]
        leadping = { outcome = "Bought", lead = { enabled = false, tagNames = ["won", "{{ body.shop }}"], metadata = { price = 12.5, product = "{{ body.product }}" } } }
        nlpearl = { status = "Completed", callData = { shop = "{{ body.shop }}", visits = "{{ body.visits }}", none = "" }, timeZoneId = "Romance Standard Time" }
        capillary = { status = "WON", subStatus = "{{ body.nothing | default('') }}", createdOn = 2026-08-01T12:00:00+05:30 }
        "#,
        json!({ "shop": "Lyon", "product": "kettle", "visits": 3 }),
        &[
            ("leadping", json!({ "type": "CRM", "outcome": "Bought" })),
            (
                "leadping",
                json!({ "lead": {
                    "enabled": false,
                    "tagNames": ["won", "Lyon"],
                    "metadata": { "price": 12.5, "product": "kettle" },
                } }),
            ),
            (
                "nlpearl",
                json!({
                    "status": 130,
                    "callData": { "shop": "Lyon", "visits": 3 },
                    "timeZoneId": "Romance Standard Time",
                }),
            ),
            (
                "capillary",
                json!({ "status": "WON", "reasonId": 2, "createdOn": "2026-08-01T06:30:00Z" }),
            ),
        ],
    );
}

#[test]
fn the_record_alone_wants_no_disposition() {
    check(
        "[defaults.leadping]\ntype = \"CRM\"\n[[row]]\nleadping = { lead = { enabled = true } }",
        json!({}),
        &[("leadping", json!({ "lead": { "enabled": true } }))],
    );
}

#[test]
fn a_status_from_a_template_must_be_writable_too() {
    let row = "[[row]]\nnlpearl = { status = \"{{ body.status }}\" }";
    check(
        row,
        json!({ "status": 110 }),
        &[("nlpearl", json!({ "status": 110 }))],
    );
    check(
        row,
        json!({ "status": "new" }),
        &[("nlpearl", json!({ "status": 1 }))],
    );
    for (status, why) in [
        (
            json!(20),
            "is 20 InCallQueue, which NLPearl does not let one write",
        ),
        (
            json!("Won"),
            "is not one of 1 New, 10 NeedRetry, 100 Success, 110 NotSuccessful, 130 Completed",
        ),
    ] {
        let Mapped::Invalid { why: found, .. } = wishes(row, json!({ "status": status })) else {
            panic!("{status} was taken");
        };
        assert_eq!(found, format!("row 1, member `status` {why}"));
    }
}

#[test]
fn an_update_of_nothing_is_no_call() {
    let row = "[[row]]\nnlpearl = { externalId = \"{{ body.id | default('') }}\" }";
    let mapped = wishes(row, json!({}));
    assert!(matches!(mapped, Mapped::Ignored { .. }), "{mapped:?}");
    check(
        row,
        json!({ "id": "19" }),
        &[("nlpearl", json!({ "externalId": "19" }))],
    );
    let row = "[[row]]\ncapillary = { status = \"WON\", reasonId = \"{{ body.reason }}\" }";
    let mapped = wishes(row, json!({ "reason": "" }));
    assert!(
        matches!(&mapped, Mapped::Invalid { why, .. } if why == "row 1, member `reasonId` is empty, but required"),
        "{mapped:?}"
    );
}

#[test]
fn templates_inside_lists_and_tables_are_looked_at_like_any_other() {
    let file = SourceFile {
        path: "crm.toml".into(),
        text: "kind = \"capillary\"\n[[row]]\nnlpearl = { callData = { a = \"{{ call.summary }}\" } }\n[[row]]\nleadping = { lead = { tagNames = [\"{{ nothing.there }}\"] } }\n".into(),
    };
    let (table, findings) = parse_table("crm", &file, Some(SourceKind::Capillary));
    assert!(table.is_none());
    let found: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| format!("{}: {}", finding.position().0, finding.message))
        .collect();
    assert_eq!(
        found,
        [
            "3: `callData`: `call.summary` may be missing: Capillary sends no calls",
            "5: `tagNames`: unknown variable `nothing`",
        ]
    );
}
