//! The five calls of the vendors' pages, each from a row that sets all it can: what is sent has
//! every member of its page, with the page's type, and no other.

use leadping_bridge::sandbox::{Operation, System};
use serde_json::{Map, Value, json};

use crate::harness::{LEADPING_LEAD, Setup, VOICE_LEAD, World, crm_alone, voice_of_all};

const VOICE: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
[row.leadping]
type = "Call"
outcome = "Interested"
category = "Qualified"
notes = "{{ call.summary | default('none yet') }}"
reason = "the campaign said so"
changeSource = "AI"
changedByAutomationId = "auto_1"
timestamp = "2026-08-01T10:16:39Z"
followUpStatus = "Scheduled"
callbackAt = "2026-08-03T15:00:00+02:00"
taskDueAt = "2026-08-04T15:00:00Z"
appointmentStartAt = "2026-08-05T15:00:00Z"
appointmentEndAt = "2026-08-05T16:00:00Z"
appointmentNotes = "at the shop"
assignedToUserId = "user_1"
relatedCallEventId = "event_1"
isMissedCallFollowUp = false
sourceId = "source_1"
[row.leadping.lead]
enabled = false
tagIds = ["tag_9"]
tagNames = ["won"]
metadata = { price = "15.00" }
[row.capillary]
status = "LOST"
subStatus = "NotInterested"
reasonId = 5
createdBy = 28812689
createdOn = "2026-08-01T15:46:39+05:30"
"#;

const CRM: &str = r#"
kind = "capillary"
[[row]]
status = "WON"
nlpearl = { status = "Completed", externalId = "{{ lead.source_id }}", phoneNumber = "+14155550199", timeZoneId = "Pacific Standard Time", callData = { wonBy = "crm", visits = 3 } }
"#;

fn pages() -> toml::Table {
    include_str!("../payloads/pages.toml").parse().unwrap()
}

/// Everything that the page of the update names, as `GET /leads/{id}` shows it.
fn record() -> Value {
    let mut record = example(pages()["lead"].as_table().unwrap());
    let members = record.as_object_mut().unwrap();
    members.insert("id".to_owned(), json!(LEADPING_LEAD));
    members.insert("enabled".to_owned(), json!(true));
    members.remove("tagIds");
    members.remove("tagNames");
    let tag = json!({"id": "tag_1", "name": "voice", "normalizedName": "VOICE", "color": null});
    members.insert("tags".to_owned(), json!([tag]));
    record
}

fn example(model: &toml::Table) -> Value {
    let value = |name: &str, of: &toml::Value| match of.as_str() {
        None => example(of.as_table().unwrap()),
        Some("instant") => json!("2026-07-01T00:00:00Z"),
        Some("date") => json!("1990-01-31"),
        Some("flag") => json!(true),
        Some("texts") => json!([]),
        Some("object") => json!({}),
        Some(_) => json!(format!("its {name}")),
    };
    let members = model
        .iter()
        .map(|(name, of)| (name.clone(), value(name, of)));
    Value::Object(members.collect())
}

/// Whether a value is of the type that a page gives it.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "text" => value.is_string(),
        "instant" => value
            .as_str()
            .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        "date" => value
            .as_str()
            .is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
        "flag" => value.is_boolean(),
        "whole" => value.is_i64(),
        "object" => value.is_object(),
        "texts" => value
            .as_array()
            .is_some_and(|texts| texts.iter().all(Value::is_string)),
        words => words.split(" | ").any(|word| match value {
            Value::String(text) => text == word,
            other => word.parse::<i64>().ok() == other.as_i64(),
        }),
    }
}

#[track_caller]
fn check_members(sent: &Map<String, Value>, model: &toml::Table, path: &str) {
    let (mut has, mut named): (Vec<&str>, Vec<&str>) = (
        sent.keys().map(String::as_str).collect(),
        model.keys().map(String::as_str).collect(),
    );
    has.sort_unstable();
    named.sort_unstable();
    assert_eq!(has, named, "of {path}");
    for (name, of) in model {
        let value = &sent[name];
        match of {
            toml::Value::Table(of) => {
                check_members(value.as_object().unwrap(), of, &format!("{path}/{name}"));
            }
            of => assert!(is_of(value, of.as_str().unwrap()), "{path}/{name}: {value}"),
        }
    }
}

/// The body of the only write of its kind, which has exactly the members of its page.
#[track_caller]
fn sent(
    world: &World,
    system: System,
    operation: Operation,
    model: &toml::Table,
) -> (String, Value) {
    let writes = world.sandbox().writes_at(system);
    let mut found = writes.iter().filter(|write| write.operation == operation);
    let (Some(write), None) = (found.next(), found.next()) else {
        panic!("not one {operation:?} at {system:?}: {writes:#?}");
    };
    let body = write.json_body();
    check_members(body.as_object().unwrap(), model, &write.path);
    (format!("{} {}", write.method, write.path), body)
}

fn table(pages: &toml::Table, name: &str) -> toml::Table {
    pages[name].as_table().unwrap().clone()
}

async fn round() -> World {
    let world = Setup::shipped()
        .voice(VOICE)
        .crm(CRM)
        .writing_back()
        .start()
        .await;
    world.put_lead_everywhere();
    let mut other = record();
    other["id"] = json!("lead_other");
    other["tags"][0] =
        json!({"id": "tag_9", "name": "hot", "normalizedName": "HOT", "color": null});
    for record in [record(), other] {
        world.sandbox().put_lead(System::Leadping, &record).unwrap();
    }
    let mut lead = voice_of_all(100);
    lead["callsId"] = json!(["call-1"]);
    world.send_voice(&lead).await.accepted();
    world.run().await;
    let call = json!({
        "id": "call-1", "pearlId": lead["pearlId"], "leadId": VOICE_LEAD,
        "conversationStatus": 100, "summary": "wants a visit",
    });
    world.send_voice(&call).await.accepted();
    world.send_crm(&crm_alone("e1", "WON")).await.accepted();
    world.run().await;
    world
}

#[tokio::test]
async fn each_call_sends_what_its_page_names() {
    let world = round().await;
    let pages = pages();
    let mut model = table(&pages, "disposition");
    let Some(toml::Value::Table(only_when_set)) = model.remove("only_when_set") else {
        panic!("the page of the set names more");
    };
    model.extend(only_when_set);

    let (call, set) = sent(&world, System::Leadping, Operation::Set, &model);
    assert_eq!(call, "POST /dispositions");
    let set_id = set["reason"].as_str().unwrap().to_owned();
    let (why, marker) = set_id.split_once(" [lb:").unwrap();
    assert_eq!((why, marker.len()), ("the campaign said so", 37));
    let expected = json!({
        "leadId": LEADPING_LEAD, "type": "Call", "outcome": "Interested", "category": "Qualified",
        "notes": "none yet", "reason": set_id, "changeSource": "AI",
        "changedByAutomationId": "auto_1", "timestamp": "2026-08-01T10:16:39Z",
        "followUpStatus": "Scheduled", "callbackAt": "2026-08-03T13:00:00Z",
        "taskDueAt": "2026-08-04T15:00:00Z", "appointmentStartAt": "2026-08-05T15:00:00Z",
        "appointmentEndAt": "2026-08-05T16:00:00Z", "appointmentNotes": "at the shop",
        "assignedToUserId": "user_1", "relatedCallEventId": "event_1",
        "isMissedCallFollowUp": false, "sourceId": "source_1",
    });
    assert_eq!(set, expected);

    let (call, amend) = sent(&world, System::Leadping, Operation::Amend, &model);
    let entry = world.sandbox().history(LEADPING_LEAD)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(call, format!("PUT /dispositions/{entry}"));
    let mut expected = expected;
    expected["notes"] = json!("wants a visit");
    assert_eq!(amend, expected);

    let (call, lead) = sent(
        &world,
        System::Leadping,
        Operation::Update,
        &table(&pages, "lead"),
    );
    assert_eq!(call, format!("PUT /leads/{LEADPING_LEAD}"));
    let mut expected = record();
    let members = expected.as_object_mut().unwrap();
    members.remove("tags");
    members.insert("enabled".to_owned(), json!(false));
    members.insert("tagIds".to_owned(), json!(["tag_1", "tag_9"]));
    members.insert("tagNames".to_owned(), json!(["won"]));
    members["metadata"]["price"] = json!("15.00");
    assert_eq!(lead, expected);

    let model = table(&pages, "campaign_lead");
    let (call, lead) = sent(&world, System::Nlpearl, Operation::Update, &model);
    let outbound = "66f1a2b3c4d5e6f708192a4c";
    assert_eq!(
        call,
        format!("PUT /v1/Outbound/{outbound}/Lead/{VOICE_LEAD}")
    );
    let expected = json!({
        "status": 130, "externalId": "2", "phoneNumber": "+14155550199",
        "timeZoneId": "Pacific Standard Time", "callData": {"wonBy": "crm", "visits": 3},
    });
    assert_eq!(lead, expected);

    let model = table(&pages, "lead_status");
    let (call, status) = sent(&world, System::Capillary, Operation::Set, &model);
    assert_eq!(call, "PUT /v2/leads/2/status");
    let expected = json!({
        "status": "LOST", "subStatus": "NotInterested", "reasonId": 5, "createdBy": 28_812_689,
        "createdOn": status["createdOn"],
    });
    assert_eq!(status, expected);
    // The instant, whatever the offset it is written with; the page wants one.
    let created: jiff::Timestamp = status["createdOn"].as_str().unwrap().parse().unwrap();
    assert_eq!(created.to_string(), "2026-08-01T10:16:39Z");
    world.finish().await;
}
