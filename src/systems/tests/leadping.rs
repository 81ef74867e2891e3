//! Bodies of LeadPing's automations, in the shapes that its API uses.

use serde_json::{Value, json};

use super::super::*;
use super::{check_invalid, payload};
use crate::config::Field;
use crate::event::Reported;

fn automation() -> SourceConfig {
    SourceConfig::unconfigured("leadping", SourceKind::Leadping)
}

fn pings(body: &Value) -> Reading {
    read(&automation(), None, &body.into())
}

#[test]
fn an_entry_in_an_envelope_gives_its_facts() {
    let mut source = automation();
    source.links = [(
        "crm".to_owned(),
        "/data/lead/metadata/externalId".to_owned(),
    )]
    .into();
    let reading = read(&source, None, &(&payload("leadping-status-changed")).into());
    assert_eq!(reading.standing, Standing::Usable);
    insta::assert_json_snapshot!(serde_json::to_value(&reading.facts).unwrap(), @r#"
    {
      "call": null,
      "call_duration": null,
      "call_recording": null,
      "call_sentiment": null,
      "call_summary": null,
      "call_transferred": null,
      "calls": [],
      "collected": {},
      "event_name": null,
      "external_id": "2",
      "kind": "lead",
      "lead_id": "lead_7Q2M4",
      "links": {
        "crm": "2"
      },
      "occurred_at": "2026-08-01T12:00:00Z",
      "pearl_id": null,
      "phone": null,
      "reason_id": null,
      "reported": {
        "category": "Converted",
        "change_source": "User",
        "entry_id": "disp_77",
        "marker": "0198f3a0-0000-7000-8000-000000000001",
        "outcome": "Booked a visit"
      },
      "sender_event_id": null,
      "source_lead_id": "lead_7Q2M4",
      "status": "Converted",
      "sub_status": "Booked a visit"
    }
    "#);
}

#[test]
fn a_lead_itself_gives_its_current_entry() {
    let facts = pings(&payload("answer-leadping-lead")).facts;
    assert_eq!(facts.lead_id.as_deref(), Some("lead_7Q2M4"));
    assert_eq!(facts.source_lead_id, facts.lead_id);
    assert_eq!(facts.external_id.as_deref(), Some("crm-2"));
    assert_eq!(facts.phone.as_deref(), Some("+14155550101"));
    assert_eq!(facts.status, Some(Status::Name("Qualified".to_owned())));
    assert_eq!(facts.sub_status.as_deref(), Some("Interested"));
    let changed_at = facts.occurred_at.map(|at| at.to_string());
    assert_eq!(changed_at.as_deref(), Some("2026-08-01T10:16:39Z"));
    let reported = facts.reported.unwrap();
    assert_eq!(reported.entry_id.as_deref(), Some("disp_01"));
}

#[test]
fn the_lead_is_named_outright_or_is_what_the_body_is_about() {
    #[track_caller]
    fn check(body: Value, lead: &str, entry: Option<&str>) {
        let facts = pings(&body).facts;
        assert_eq!(facts.lead_id.as_deref(), Some(lead), "{body}");
        assert_eq!(facts.reported.unwrap().entry_id.as_deref(), entry, "{body}");
    }
    check(
        json!({"id": "d", "leadId": "l", "category": "Lost"}),
        "l",
        Some("d"),
    );
    check(json!({"id": "l", "category": "Lost"}), "l", None);
    check(
        json!({"lead": {"id": "l", "currentLeadStatus": {"id": "s", "category": "Lost"}}}),
        "l",
        Some("s"),
    );
    check(
        json!({"data": {"lead": {"id": "l", "currentDisposition": {"category": "Lost"}}}}),
        "l",
        None,
    );
    check(
        json!({"leadId": "l", "leadStatusChangeId": "s", "category": "Lost"}),
        "l",
        Some("s"),
    );
    check(json!({"LeadId": "l", "Category": "lost"}), "l", None);
}

#[test]
fn one_entry_speaks_and_no_member_comes_from_another() {
    let body = json!({
        "leadId": "l", "outcome": "of the run", "timestamp": "2026-08-01T00:00:09Z",
        "lead": {"currentDisposition": {"category": "Lost", "source": "user"}},
    });
    let facts = pings(&body).facts;
    assert_eq!(facts.sub_status, None);
    let reported = Reported {
        category: Some("Lost".to_owned()),
        change_source: Some("User".to_owned()),
        ..Reported::default()
    };
    assert_eq!(facts.reported, Some(reported));
    // The envelope's time is that of the event.
    assert_eq!(
        facts.occurred_at.unwrap().to_string(),
        "2026-08-01T00:00:09Z"
    );
}

#[test]
fn pointers_go_before_the_known_places() {
    let mut source = automation();
    let mut point = |field, pointer: &str| source.fields.point(field, vec![pointer.to_owned()]);
    point(Field::Status, "/custom/state/kind");
    point(Field::OccurredAt, "/custom/at");
    point(Field::EntryId, "/custom/entry");
    point(Field::ChangeSource, "/custom/who");
    point(Field::Marker, "/custom/text");
    let body = json!({
        "leadId": "l", "category": "Open", "outcome": "no",
        "custom": {
            "state": {"kind": "QUALIFIED", "outcome": "beside it", "reason": "[lb:other]"},
            "at": 1_785_578_399, "entry": 5, "who": "Night shift", "text": "x [lb:ours] y",
        },
    });
    let facts = read(&source, None, &(&body).into()).facts;
    assert_eq!(
        facts.occurred_at.unwrap().to_string(),
        "2026-08-01T09:59:59Z"
    );
    assert_eq!(
        facts.reported,
        Some(Reported {
            entry_id: Some("5".to_owned()),
            category: Some("Qualified".to_owned()),
            outcome: Some("beside it".to_owned()),
            change_source: Some("Night shift".to_owned()),
            marker: Some("ours".to_owned()),
        })
    );
}

#[test]
fn without_a_lead_or_a_category_nothing_can_be_decided() {
    check_invalid(
        &pings(&json!({"category": "Lost"})),
        "no lead: nothing at `/leadId`, `/lead/id`, `/data/leadId`, `/data/lead/id`, `/id`",
    );
    check_invalid(
        &pings(&json!({"leadId": "l", "outcome": "Interested"})),
        "no status: no `category` where LeadPing's bodies have one",
    );
    check_invalid(
        &pings(&json!({"leadId": "l", "lead": {"id": "m"}, "category": "Lost"})),
        "pointers disagree: `/lead/id` names another lead",
    );
    check_invalid(
        &pings(&json!({"leadId": "l", "category": ["Lost"]})),
        "member `category` is a list, not an id",
    );
}

#[test]
fn other_events_are_ignored_where_names_are_given() {
    let mut source = automation();
    source.events = vec!["lead.disposition.changed".to_owned()];
    source
        .fields
        .point(Field::EventName, vec!["/type".to_owned()]);
    let body = |name: &str| json!({"type": name, "leadId": "l", "category": "Lost"});
    let standing = |name| read(&source, None, &(&body(name)).into()).standing;
    assert_eq!(standing("lead.disposition.changed"), Standing::Usable);
    let why = "event name `lead.created` is not in `events`";
    assert_eq!(standing("lead.created"), Standing::Ignored(why.to_owned()));
}
