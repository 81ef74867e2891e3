//! Bodies of a system that nobody has written code for.

use serde_json::{Value, json};

use super::super::*;
use super::{check_invalid, payload};
use crate::config::Field;

fn shop() -> SourceConfig {
    let mut source = SourceConfig::unconfigured("shop", SourceKind::Generic);
    source.lead = vec!["/customer/leadpingLeadId".to_owned()];
    source.links = [("crm".to_owned(), "/customer/crmId".to_owned())].into();
    source.events = vec!["order.changed".to_owned()];
    let mut point = |field, pointers: &[&str]| {
        let pointers = pointers.iter().map(|pointer| (*pointer).to_owned());
        source.fields.point(field, pointers.collect());
    };
    point(Field::Status, &["/order/state", "/state"]);
    point(Field::SubStatus, &["/order/reason/text"]);
    point(Field::ReasonId, &["/order/reason/code"]);
    point(Field::OccurredAt, &["/order/changedAt", "/sentAt"]);
    point(Field::Kind, &["/about"]);
    point(Field::EventId, &["/id"]);
    point(Field::EventName, &["/event"]);
    point(Field::SourceLeadId, &["/customer/id"]);
    point(Field::ExternalId, &["/customer/externalId"]);
    point(Field::Phone, &["/customer/phone"]);
    point(Field::CallId, &["/call/id"]);
    point(Field::CallSummary, &["/call/summary"]);
    point(Field::CallDuration, &["/call/seconds"]);
    point(Field::CallRecording, &["/call/recordingUrl"]);
    point(Field::CallSentiment, &["/call/sentiment"]);
    point(Field::CallTransferred, &["/call/transferred"]);
    point(Field::Collected, &["/answers"]);
    source
}

/// Of somebody, unless the body says of whom.
fn from_shop(body: &Value) -> Reading {
    let mut body = body.clone();
    if body["customer"].is_null() {
        body["customer"] = json!({"id": "c"});
    }
    let body = &body;
    read(&shop(), None, &body.into())
}

#[test]
fn every_fact_is_where_it_was_pointed_out() {
    let reading = from_shop(&payload("generic-order-changed"));
    assert_eq!(reading.standing, Standing::Usable);
    let facts = serde_json::to_value(&reading.facts).unwrap();
    insta::assert_json_snapshot!(facts, @r#"
    {
      "call": "call-19",
      "call_duration": 72.0,
      "call_recording": "https://recordings.example/19",
      "call_sentiment": 4,
      "call_summary": "Pays the second half on Friday.",
      "call_transferred": false,
      "calls": [
        "call-19"
      ],
      "collected": {
        "payday": "Friday"
      },
      "event_name": "order.changed",
      "external_id": "EXT-7001",
      "kind": "call",
      "lead_id": "lead_7Q2M4",
      "links": {
        "crm": "2"
      },
      "occurred_at": "2026-08-01T11:59:59Z",
      "pearl_id": null,
      "phone": "+14155550101",
      "reason_id": 12,
      "sender_event_id": "evt_8812",
      "source_lead_id": "7001",
      "status": "Half paid",
      "sub_status": "Instalments"
    }
    "#);
}

#[test]
fn a_status_is_text_whatever_it_was_sent_as() {
    #[track_caller]
    fn check(status: Value, expected: &str) {
        let facts = from_shop(&json!({"order": {"state": status}})).facts;
        assert_eq!(facts.status, Some(Status::Name(expected.to_owned())));
    }
    check(json!(" Half paid "), "Half paid");
    check(json!("SHIPPED"), "SHIPPED");
    check(json!("shipped"), "shipped");
    check(json!(7), "7");
    check(json!(-7.0), "-7");
    check(json!("7"), "7");
    check(json!(true), "true");
}

#[test]
fn the_first_pointer_that_leads_to_something_counts() {
    #[track_caller]
    fn check(body: Value, expected: &str) {
        assert_eq!(
            from_shop(&body).facts.status.unwrap().to_string(),
            expected,
            "{body}"
        );
    }
    check(json!({"order": {"state": "a"}, "state": "b"}), "a");
    check(json!({"order": {"state": null}, "state": "b"}), "b");
    check(json!({"order": {"state": "  "}, "state": "b"}), "b");
    check(json!({"order": "none", "state": "b"}), "b");
}

#[test]
fn what_a_decision_rests_on_must_be_there_and_sensible() {
    #[track_caller]
    fn check(body: Value, why: &str) {
        check_invalid(&from_shop(&body), why);
    }
    check(
        json!({"State": "a"}),
        "no status: nothing at `/order/state`, `/state`",
    );
    check(
        json!({"state": ["a"]}),
        "member `/state` is a list, not a status",
    );
    check(
        json!({"state": 1.5}),
        "member `/state` is a number, not a whole number",
    );
    check(
        json!({"state": "a", "customer": {"id": true}}),
        "member `/customer/id` is a bool, not an id",
    );
    check(
        json!({"state": "a", "order": {"reason": {"code": "R-12"}}}),
        "member `/order/reason/code` is text, not a whole number",
    );
    check(
        json!({"state": "a", "about": "refund"}),
        "member `/about` is neither `lead` nor `call`",
    );
    check(
        json!({"state": "a", "customer": {"crmId": "2"}}),
        "no lead: nothing at `/customer/id`, `/customer/leadpingLeadId`",
    );
    check(
        json!({"state": "a", "customer": {"leadpingLeadId": ".."}}),
        "the LeadPing lead id is not an id",
    );
}

#[test]
fn a_detail_of_the_wrong_type_is_no_detail() {
    let facts = from_shop(&json!({
        "state": "a", "customer": {"id": "c", "phone": {}}, "answers": [1],
        "call": {"summary": [], "seconds": "long", "sentiment": "good", "transferred": "no"},
    }));
    assert_eq!(facts.standing, Standing::Usable);
    let facts = facts.facts;
    assert_eq!(facts.phone, None);
    assert_eq!((facts.call_summary, facts.call_duration), (None, None));
    assert_eq!((facts.call_sentiment, facts.call_transferred), (None, None));
    assert!(facts.collected.is_empty());
}

#[test]
fn its_clock_counts_in_seconds_or_milliseconds() {
    #[track_caller]
    fn check(at: Value, expected: Option<&str>) {
        let facts = from_shop(&json!({"state": "a", "sentAt": at})).facts;
        let found = facts.occurred_at.map(|at| at.to_string());
        assert_eq!(found.as_deref(), expected, "{at}");
    }
    check(json!(1_785_578_399), Some("2026-08-01T09:59:59Z"));
    check(json!("1785578399"), Some("2026-08-01T09:59:59Z"));
    check(json!(1_785_578_399_000_i64), Some("2026-08-01T09:59:59Z"));
    check(
        json!("2026-08-01T11:59:59+02:00"),
        Some("2026-08-01T09:59:59Z"),
    );
    check(Value::Null, None);
}

#[test]
fn a_clock_that_tells_no_time_is_said() {
    for (at, found) in [
        (json!("2026-08-01 11:59:59"), "text"),
        (json!("yesterday"), "text"),
        (json!([2026, 8, 1]), "a list"),
        (json!(1e300), "a number"),
    ] {
        let reading = from_shop(&json!({"state": "a", "sentAt": at}));
        let why = format!(
            "member `/sentAt` is {found}, not a time: RFC 3339 with an offset, or seconds or \
             milliseconds since 1970"
        );
        assert_eq!(reading.standing, Standing::Invalid(why));
        assert!(reading.facts.status.is_some(), "the rest is told");
    }
}

#[test]
fn the_kind_is_the_routes_else_the_bodys_else_lead() {
    #[track_caller]
    fn check(forced: Option<EventKind>, body: Value, expected: EventKind) {
        assert_eq!(
            read(&shop(), forced, &(&body).into()).facts.kind,
            Some(expected)
        );
    }
    check(None, json!({"state": "a"}), EventKind::Lead);
    check(
        None,
        json!({"state": "a", "about": "Call"}),
        EventKind::Call,
    );
    let lead = Some(EventKind::Lead);
    check(
        lead,
        json!({"state": "a", "about": "call"}),
        EventKind::Lead,
    );
}

#[test]
fn the_newest_of_several_calls_is_the_events() {
    let facts = from_shop(&json!({"state": "a", "call": {"id": ["c1", 2]}})).facts;
    assert_eq!(facts.calls, ["c1", "2"]);
    assert_eq!(facts.call.as_deref(), Some("2"));
}

#[test]
fn event_names_that_are_not_acted_on_are_ignored() {
    let reading = from_shop(&json!({"event": "order.paid", "state": "a"}));
    let why = "event name `order.paid` is not in `events`";
    assert_eq!(reading.standing, Standing::Ignored(why.to_owned()));
    for event in [json!("order.changed"), json!(null)] {
        let reading = from_shop(&json!({"event": event, "state": "a"}));
        assert_eq!(reading.standing, Standing::Usable);
    }
}
