//! What the vendors' bodies mean, in tables.

mod generic;
mod leadping;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::{AuthConfig, AuthScheme};

fn source(kind: SourceKind) -> SourceConfig {
    let (name, lead) = match kind {
        SourceKind::Nlpearl => ("voice", "/callData/leadpingLeadId"),
        _ => ("crm", "/extendedFields/leadpingLeadId"),
    };
    SourceConfig {
        name: name.to_owned(),
        kind,
        mapping: name.to_owned(),
        lead: vec![lead.to_owned(), "/alternative".to_owned()],
        fields: crate::config::Fields::default(),
        links: BTreeMap::from([("crm".to_owned(), "/externalId".to_owned())]),
        events: vec!["leadStatusUpdated".to_owned()],
        dedupe_window: Duration::from_secs(1),
        redelivery: Duration::from_secs(1),
        rate_limit: None,
        resolve: None,
        auth: vec![AuthConfig {
            scheme: AuthScheme::None,
            not_after: None,
        }],
    }
}

fn voice(body: &Value) -> Reading {
    read(&source(SourceKind::Nlpearl), None, &body.into())
}

fn crm(body: &Value) -> Reading {
    read(&source(SourceKind::Capillary), None, &body.into())
}

fn payload(name: &str) -> Value {
    let path = format!("{}/tests/payloads/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[track_caller]
fn check_invalid(reading: &Reading, why: &str) {
    assert_eq!(reading.standing, Standing::Invalid(why.to_owned()));
}

#[test]
fn a_lead_webhook_gives_its_facts() {
    let reading = voice(&payload("nlpearl-lead-success"));
    assert_eq!(reading.standing, Standing::Usable);
    let facts = reading.facts;
    assert_eq!(facts.kind, Some(EventKind::Lead));
    assert_eq!(facts.status, Some(Status::Number(100)));
    assert_eq!(facts.lead_id.as_deref(), Some("lead_7Q2M4"));
    assert_eq!(
        facts.source_lead_id.as_deref(),
        Some("68c3f1a2b4d5e6f708192a3b")
    );
    assert_eq!(facts.links.get("crm").map(String::as_str), Some("2"));
    assert_eq!(facts.external_id.as_deref(), Some("2"));
    assert_eq!(facts.call.as_deref(), Some("68c4f1a2b4d5e6f708192a40"));
    assert_eq!(facts.calls.len(), 1);
    assert_eq!(facts.collected["confirmBooking"], json!(true));
    assert_eq!(facts.occurred_at, None);
    assert_eq!(facts.sender_event_id, None);
}

#[test]
fn a_pascal_case_lead_webhook_gives_the_same_facts() {
    let facts = voice(&payload("nlpearl-lead-pascal-case")).facts;
    assert_eq!(facts.status, Some(Status::Number(110)));
    assert_eq!(facts.lead_id.as_deref(), Some("lead_5C6D7"));
    assert_eq!(facts.links.get("crm").map(String::as_str), Some("5"));
    assert_eq!(facts.call.as_deref(), Some("68c4f1a2b4d5e6f708192a41"));
    assert_eq!(facts.pearl_id.as_deref(), Some("66f1a2b3c4d5e6f708192a3b"));
}

#[test]
fn a_call_webhook_gives_its_facts() {
    let reading = voice(&payload("nlpearl-call-end"));
    assert_eq!(reading.standing, Standing::Usable);
    let facts = reading.facts;
    assert_eq!(facts.kind, Some(EventKind::Call));
    // Not 4, the technical status of the call.
    assert_eq!(facts.status, Some(Status::Number(100)));
    assert_eq!(
        facts.source_lead_id.as_deref(),
        Some("68c3f1a2b4d5e6f708192a3b")
    );
    assert_eq!(facts.lead_id, None);
    assert_eq!(facts.call.as_deref(), Some("68c4f1a2b4d5e6f708192a40"));
    assert_eq!(facts.calls, ["68c4f1a2b4d5e6f708192a40"]);
    assert_eq!(facts.call_duration, Some(99.0));
    assert_eq!(facts.call_sentiment, Some(4));
    assert_eq!(facts.call_transferred, Some(false));
    assert_eq!(facts.collected["userIntent"], json!("Book a visit"));

    let facts = voice(&payload("nlpearl-call-start")).facts;
    assert_eq!(facts.status, Some(Status::Number(40)));
    assert_eq!(facts.call_summary, None);
    assert_eq!(facts.call_sentiment, None);
}

#[test]
fn a_recording_is_found_under_either_name() {
    let body = json!({"id": "c", "leadId": "l", "conversationStatus": 100, "recordingUrl": "u"});
    assert_eq!(voice(&body).facts.call_recording.as_deref(), Some("u"));
}

#[test]
fn the_kind_comes_from_the_route_or_the_shape() {
    #[track_caller]
    fn check(forced: Option<EventKind>, body: Value, kind: EventKind, standing: Standing) {
        let reading = read(&source(SourceKind::Nlpearl), forced, &(&body).into());
        assert_eq!(reading.facts.kind, Some(kind));
        assert_eq!(reading.standing, standing);
    }
    let ignored = || Standing::Ignored("call tied to no lead".to_owned());
    let lead = json!({"id": "l", "status": 100});
    check(None, lead.clone(), EventKind::Lead, Standing::Usable);
    check(
        Some(EventKind::Call),
        lead,
        EventKind::Call,
        Standing::Invalid("no status: member `conversationStatus` is missing".to_owned()),
    );
    let call = json!({"id": "c", "ConversationStatus": "Success", "LeadId": "l"});
    check(None, call, EventKind::Call, Standing::Usable);
    let alone = json!({"id": "c", "conversationStatus": 100, "leadId": null});
    check(None, alone, EventKind::Call, ignored());
    // Tied to no lead: nothing more is asked, not even for a status.
    let alone = json!({"id": "c", "leadId": null, "status": {}});
    check(Some(EventKind::Call), alone, EventKind::Call, ignored());
    let alone = json!({"id": "c", "conversationStatus": null});
    check(None, alone, EventKind::Call, ignored());
}

#[test]
fn an_nlpearl_status_comes_as_number_text_or_name() {
    #[track_caller]
    fn check(status: Value, expected: Status) {
        let reading = voice(&json!({"id": "l", "status": status}));
        assert_eq!(reading.facts.status, Some(expected), "{status}");
        assert_eq!(reading.standing, Standing::Usable);
    }
    check(json!(100), Status::Number(100));
    check(json!(100.0), Status::Number(100));
    check(json!("100"), Status::Number(100));
    check(json!("success"), Status::Number(100));
    check(json!("NotSuccessfull"), Status::Number(110));
    check(json!("Complete"), Status::Number(130));
    check(json!(777), Status::Number(777));
    check(json!("Paused"), Status::Name("Paused".to_owned()));
}

#[test]
fn an_nlpearl_body_that_says_nothing_usable_is_invalid() {
    #[track_caller]
    fn check(body: Value, why: &str) {
        check_invalid(&voice(&body), why);
    }
    check(json!({}), "no status: member `status` is missing");
    check(
        json!({"status": null}),
        "no status: member `status` is missing",
    );
    check(
        json!({"status": " "}),
        "no status: member `status` is missing",
    );
    check(
        json!({"status": {"secret": 1}}),
        "member `status` is an object, not a status",
    );
    check(
        json!({"status": 1.5}),
        "member `status` is a number, not a whole number",
    );
    check(
        json!({"status": 100, "id": {"a": 1}}),
        "member `id` is an object, not an id",
    );
    check(
        json!({"status": 100, "callsId": "x"}),
        "member `callsId` is text, not a list of ids",
    );
    check(
        json!({"status": 100, "callData": {"leadpingLeadId": true}}),
        "member `/callData/leadpingLeadId` is a bool, not an id",
    );
    check(
        json!({"status": 100, "callData": {"leadpingLeadId": "a"}, "alternative": "b"}),
        "pointers disagree: `/alternative` names another lead",
    );
}

#[test]
fn an_id_may_be_a_number_and_empty_text_is_none() {
    #[track_caller]
    fn check(body: Value, expected: Option<&str>) {
        assert_eq!(voice(&body).facts.lead_id.as_deref(), expected);
    }
    check(
        json!({"status": 1, "alternative": 9_007_199_254_740_993_i64}),
        Some("9007199254740993"),
    );
    check(json!({"status": 1, "alternative": ""}), None);
    check(
        json!({"status": 1, "callData": {"leadpingLeadId": ""}, "alternative": "b"}),
        Some("b"),
    );
    check(
        json!({"status": 1, "callData": {"leadpingLeadId": "b"}, "alternative": "b"}),
        Some("b"),
    );
}

#[test]
fn a_nested_capillary_event_gives_its_facts() {
    let reading = crm(&payload("capillary-lead-lost"));
    assert_eq!(reading.standing, Standing::Usable);
    let facts = reading.facts;
    assert_eq!(facts.kind, Some(EventKind::Lead));
    assert_eq!(facts.status, Some(Status::Name("LOST".to_owned())));
    assert_eq!(facts.sub_status.as_deref(), Some("InvalidPhoneNumber"));
    assert_eq!(facts.reason_id, Some(2));
    assert_eq!(facts.lead_id.as_deref(), Some("lead_9X1K7"));
    assert_eq!(facts.source_lead_id.as_deref(), Some("3"));
    assert_eq!(facts.event_name.as_deref(), Some("leadStatusUpdated"));
    assert_eq!(
        facts.sender_event_id.as_deref(),
        Some("0e5c7a52-6f1e-4f0e-9a53-0c6a4a0f1b02")
    );
    assert_eq!(
        facts.occurred_at.map(|at| at.to_string()).as_deref(),
        Some("2026-08-01T09:59:59Z")
    );
}

#[test]
fn a_flat_capillary_event_gives_the_same_facts() {
    let reading = crm(&payload("capillary-lead-open-flat"));
    assert_eq!(reading.standing, Standing::Usable);
    let facts = reading.facts;
    assert_eq!(facts.status, Some(Status::Name("OPEN".to_owned())));
    assert_eq!(facts.source_lead_id.as_deref(), Some("5"));
    assert_eq!(facts.lead_id.as_deref(), Some("lead_5C6D7"));
    assert_eq!(
        facts.occurred_at.map(|at| at.as_millisecond()),
        Some(1_785_578_399_000)
    );
}

#[test]
fn a_capillary_envelope_is_understood_in_every_form() {
    #[track_caller]
    fn check(body: Value, lead: &str, status: &str) {
        let reading = crm(&body);
        assert_eq!(reading.standing, Standing::Usable, "{body}");
        assert_eq!(reading.facts.source_lead_id.as_deref(), Some(lead));
        assert_eq!(reading.facts.status, Some(Status::Name(status.to_owned())));
    }
    check(
        json!({"eventName": "leadStatusUpdated", "data": {"leadId": 4, "status": "won"}}),
        "4",
        "WON",
    );
    check(
        json!({"eventType": "7_leadStatusUpdated",
               " attributes": {"data ": {"id ": 9_223_372_036_854_775_807_i64, " status": " Lost "}}}),
        "9223372036854775807",
        "LOST",
    );
    check(json!({"id": "5", "status": "Paused"}), "5", "Paused");
}

#[test]
fn other_event_names_are_ignored_whatever_is_in_them() {
    #[track_caller]
    fn check(body: Value, why: &str) {
        assert_eq!(crm(&body).standing, Standing::Ignored(why.to_owned()));
    }
    check(
        json!({"attributes": {"eventName": "customerAdded", "data": {"id": {}}}}),
        "event name `customerAdded` is not in `events`",
    );
    check(
        json!({"eventType": "7_tier_upgraded"}),
        "event name `tier_upgraded` is not in `events`",
    );
    check(
        json!({"eventName": "a\nb<c>"}),
        "event name `a_b_c_` is not in `events`",
    );
}

#[test]
fn a_capillary_body_that_says_nothing_usable_is_invalid() {
    #[track_caller]
    fn check(body: Value, why: &str) {
        check_invalid(&crm(&body), why);
    }
    check(json!({}), "no status: member `status` is missing");
    check(
        json!({"id": 1, "status": ["WON"]}),
        "member `status` is a list, not a status",
    );
    check(
        json!({"id": [1], "status": "WON"}),
        "member `id` is a list, not an id",
    );
    check(
        json!({"id": 1, "status": "WON", "reasonId": "often"}),
        "member `reasonId` is text, not a whole number",
    );
}

#[test]
fn the_reason_is_the_named_one_or_that_of_the_log_s_last_entry() {
    #[track_caller]
    fn check(data: Value, expected: Option<i64>) {
        assert_eq!(crm(&data).facts.reason_id, expected, "{data}");
    }
    // Whoever writes a status says when it was: the one logged last may be of long ago.
    let log = json!([
        {"id": 2, "createdOn": "2026-08-02T00:00:00Z", "reasonId": "7"},
        {"id": 3, "createdOn": "2018-08-01T00:00:00Z", "reasonId": 8},
    ]);
    check(json!({"status": "WON", "statusLogDetails": log}), Some(8));
    check(
        json!({"status": "WON", "reasonId": 2, "statusLogDetails": log}),
        Some(2),
    );
    let without_ids = json!([
        {"createdOn": "2026-08-02T00:00:00Z", "reasonId": 7},
        {"createdOn": "2018-08-01T00:00:00Z", "reasonId": 8},
    ]);
    check(
        json!({"status": "WON", "statusLogDetails": without_ids}),
        Some(7),
    );
    // Another status's reason is not this one's, however new it is.
    let of_two = json!([
        {"id": 2, "status": "won", "createdOn": "2018-08-01T00:00:00Z", "reasonId": 7},
        {"id": 3, "status": "OPEN", "createdOn": "2026-08-02T00:00:00Z", "reasonId": 8},
    ]);
    check(
        json!({"status": "WON", "statusLogDetails": of_two}),
        Some(7),
    );
    check(json!({"status": "WON", "statusLogDetails": []}), None);
}

#[test]
fn capillary_clocks_are_taken_in_order() {
    #[track_caller]
    fn check(body: Value, expected: Option<i64>) {
        let found = crm(&body).facts.occurred_at.map(|at| at.as_second());
        assert_eq!(found, expected, "{body}");
    }
    check(
        json!({"timeStamp": 3000, "attributes": {"createdAt": 1000,
               "data": {"status": "WON", "lastUpdatedOn": "1970-01-01T00:00:02Z"}}}),
        Some(1),
    );
    check(
        json!({"timeStamp": 3000, "attributes": {
               "data": {"status": "WON", "lastUpdatedOn": "1970-01-01T05:30:02+05:30"}}}),
        Some(2),
    );
    check(
        json!({"timeStamp": 3000, "attributes": {"createdAt": "soon", "data": {"status": "WON"}}}),
        Some(3),
    );
    check(
        json!({"status": "WON", "createdAt": "1970-01-01T00:00:09Z", "timeStamp": 3000}),
        Some(3),
    );
    check(json!({"status": "WON"}), None);
}

#[test]
fn a_status_is_the_same_whatever_its_spelling() {
    #[track_caller]
    fn check(kind: SourceKind, raw: &str, expected: Status) {
        assert_eq!(parse_status(kind, raw), expected, "{raw}");
    }
    let name = |name: &str| Status::Name(name.to_owned());
    check(SourceKind::Nlpearl, "100", Status::Number(100));
    check(SourceKind::Nlpearl, " 777 ", Status::Number(777));
    check(SourceKind::Nlpearl, "success", Status::Number(100));
    check(SourceKind::Nlpearl, "Paused", name("Paused"));
    check(SourceKind::Capillary, "on_hold", name("ON_HOLD"));
    check(SourceKind::Capillary, " Won ", name("WON"));
    check(SourceKind::Capillary, "Paused", name("Paused"));
    check(SourceKind::Leadping, " converted", name("Converted"));
    check(SourceKind::Leadping, "Paused", name("Paused"));
    check(SourceKind::Generic, " won ", name("won"));
    check(SourceKind::Generic, "7", name("7"));
}

#[test]
fn a_cause_holds_at_most_64_safe_characters() {
    assert_eq!(park_cause_status(&Status::Number(220)), "220");
    let hostile = Status::Name(format!("a b:\n\"<é>{}", "x".repeat(500)));
    let cause = park_cause_status(&hostile);
    assert_eq!(cause.len(), 64);
    assert!(cause.starts_with("a_b______xxx"), "{cause}");
}

#[test]
fn two_statuses_are_two_causes() {
    let cause = |name: &str| park_cause_status(&Status::Name(name.to_owned()));
    assert_eq!(cause("Gone fishing"), "Gone_fishing");
    let long = "b".repeat(90);
    for (one, other) in [
        ("оплачен", "отменён"),
        ("über", "öber"),
        (&long, &long[1..]),
    ] {
        assert_ne!(cause(one), cause(other));
        assert_eq!(cause(one), cause(one));
    }
}
