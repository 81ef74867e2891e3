//! The update of a lead against the vendor's page "update a lead"; and the law that no field is
//! ever lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const LEAD: &[u8] = include_bytes!("../../../../tests/payloads/answer-leadping-lead.json");

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[track_caller]
fn body_of(answer: &Value, changes: Value) -> Value {
    let id = answer["id"].as_str().unwrap();
    match update(id, answer.to_string().as_bytes(), &object(changes)) {
        Update::Write(request) => {
            assert_eq!(request.summary(), format!("PUT /leads/{id}"));
            request.body.unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_request_is_the_whole_record_as_the_page_has_it() {
    let lead: Value = serde_json::from_slice(LEAD).unwrap();
    assert_eq!(read("lead_7Q2M4").summary(), "GET /leads/lead_7Q2M4");
    let body = body_of(
        &lead,
        json!({ "enabled": false, "tagNames": ["won", "VOICE"], "tagIds": ["tag_9"], "metadata": { "price": "15.00" } }),
    );
    let mut metadata = lead["metadata"].clone();
    metadata["price"] = json!("15.00");
    assert_eq!(
        body,
        json!({
            "id": "lead_7Q2M4",
            "enabled": false,
            "metadata": metadata,
            "contact": lead["contact"],
            "customer": lead["customer"],
            "tagIds": ["tag_1", "tag_9"],
            "tagNames": ["won"],
        })
    );
}

/// The page's own examples: every field of the answer, every field of the request.
const PAGE_ANSWER: &str = include_str!("../../../../tests/payloads/page-leadping-lead-answer.json");
const PAGE_REQUEST: &str =
    include_str!("../../../../tests/payloads/page-leadping-lead-request.json");

/// Each place where there is a value, by its pointer.
fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                leaves(value, &format!("{at}/{name}"), found);
            }
        }
        value => {
            found.insert(at.to_owned(), value.clone());
        }
    }
}

fn all_leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    leaves(value, "", &mut found);
    found
}

#[test]
fn every_field_of_the_page_s_answer_that_its_request_has_is_sent_back_as_it_came() {
    let mut answer: Value = serde_json::from_str(PAGE_ANSWER).unwrap();
    answer["id"] = json!("L1");
    let body = all_leaves(&body_of(&answer, json!({ "enabled": false })));
    let page: Value = serde_json::from_str(PAGE_REQUEST).unwrap();
    // The example leaves `metadata` out; the description of the request has it.
    let mut expected = all_leaves(&page);
    expected.extend(
        all_leaves(&answer)
            .into_iter()
            .filter(|(pointer, _)| pointer.starts_with("/metadata/")),
    );
    let names = |fields: &BTreeMap<String, Value>| fields.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&body), names(&expected));
    let of_answer = all_leaves(&answer);
    for (pointer, sent) in &body {
        match pointer.as_str() {
            "/enabled" => assert_eq!(sent, &json!(false)),
            "/tagIds" => assert_eq!(sent, &json!(["<string>"])),
            "/tagNames" => assert_eq!(sent, &json!([])),
            pointer => assert_eq!(Some(sent), of_answer.get(pointer), "{pointer}"),
        }
    }
}

#[test]
fn a_tag_without_an_id_goes_by_its_name() {
    let lead = json!({ "id": "L1", "tags": [{ "id": "t1", "name": "a" }, { "name": "b" }, { "id": null, "name": "c" }] });
    let body = body_of(&lead, json!({ "tagNames": ["d", "B"] }));
    assert_eq!(
        (&body["tagIds"], &body["tagNames"]),
        (&json!(["t1"]), &json!(["b", "c", "d"]))
    );
}

#[test]
fn what_only_the_answer_has_is_not_sent_back() {
    let lead = json!({
        "id": "L1",
        "contact": {
            "firstName": "Sarah",
            "coordinate": { "latitude": "1" },
            "phone": { "number": "+1", "lookup": { "isValid": true, "location": { "state": "TX", "coordinate": {} } } },
        },
        "adminEnablementOverride": null,
        "currentDisposition": { "id": "d1" },
        "archivedAt": null,
        "isArchived": false,
        "createdAt": "2026-08-01T10:00:00Z",
        "modifiedAt": null,
    });
    assert_eq!(
        body_of(&lead, json!({ "enabled": true })),
        json!({
            "id": "L1",
            "contact": {
                "firstName": "Sarah",
                "phone": { "number": "+1", "lookup": { "isValid": true, "location": { "state": "TX" } } },
            },
            "adminEnablementOverride": null,
            "enabled": true,
            "tagIds": [],
            "tagNames": [],
        })
    );
}

#[test]
fn what_is_so_already_is_not_written() {
    let same = object(json!({ "enabled": true, "tagNames": ["Voice"], "tagIds": ["tag_1"] }));
    assert_eq!(update("lead_7Q2M4", LEAD, &same), Update::Nothing);
    assert_eq!(update("another", LEAD, &same), Update::Unreadable);
    assert_eq!(update("lead_7Q2M4", b"[]", &same), Update::Unreadable);
    assert_eq!(update("lead_7Q2M4", b"", &same), Update::Unreadable);
}

#[test]
fn a_foreign_change_is_named_without_its_value() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
        let changes = object(json!({ "enabled": false, "tagNames": ["won"] }));
        let Update::Write(sent) = update("lead_7Q2M4", LEAD, &changes) else {
            panic!("nothing to write");
        };
        let mut after: Value = serde_json::from_slice(LEAD).unwrap();
        after["enabled"] = json!(false);
        after["modifiedAt"] = json!("2026-08-01T12:00:00Z");
        let won = json!({ "id": "tag_2", "name": "Won", "normalizedName": "WON" });
        after["tags"].as_array_mut().unwrap().push(won);
        change(&mut after);
        let found = surprises(LEAD, &sent, after.to_string().as_bytes());
        assert_eq!(found, expected);
    }
    check(|_| {}, &[]);
    check(
        |lead| lead["contact"]["email"] = json!("x@example.com"),
        &["contact.email"],
    );
    check(
        |lead| lead["metadata"]["smsOptedOut"] = json!(true),
        &["metadata.smsOptedOut"],
    );
    check(|lead| lead["customer"] = json!(null), &["customer"]);
    check(|lead| lead["isArchived"] = json!(true), &["isArchived"]);
    check(|lead| lead["tags"] = json!([]), &["tags"]);
    let more = json!({ "id": "tag_3", "name": "vip" });
    check(
        |lead| lead["tags"].as_array_mut().unwrap().push(more),
        &["tags"],
    );
    // It was not taken.
    check(|lead| lead["enabled"] = json!(true), &["enabled"]);
}

/// LeadPing at the other end: the record becomes what the request says, and what the request does
/// not say is gone.
fn put(record: &Value, body: &Value) -> Value {
    let mut after = Map::new();
    for kept in ["createdAt", "isArchived", "currentDisposition"] {
        after.insert(kept.to_owned(), record[kept].clone());
    }
    for member in SENT {
        if let Some(value) = body.get(*member) {
            after.insert((*member).to_owned(), value.clone());
        }
    }
    let ids = body["tagIds"].as_array().unwrap().iter().map(|id| {
        let known = record["tags"].as_array().unwrap();
        let known = known.iter().find(|tag| tag["id"] == *id);
        known
            .cloned()
            .unwrap_or_else(|| json!({ "id": id, "name": id }))
    });
    let names = body["tagNames"].as_array().unwrap().iter();
    let names = names.map(|name| json!({ "id": format!("new {name}"), "name": name }));
    after.insert(String::from("tags"), ids.chain(names).collect());
    Value::Object(after)
}

fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z0-9 @.+-]{0,12}".prop_map(Value::from),
    ]
}

fn nested() -> impl Strategy<Value = Value> {
    plain().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn section() -> impl Strategy<Value = Value> {
    prop_oneof![
        9 => prop::collection::btree_map("[a-zA-Z]{1,8}", nested(), 0..8)
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        1 => Just(Value::Null),
    ]
}

prop_compose! {
    fn record()(
        metadata in section(),
        contact in section(),
        customer in section(),
        enabled in any::<bool>(),
        admin in prop::option::of(section()),
        tags in prop::collection::btree_set("[a-z]{1,4}", 0..5),
    ) -> Value {
        let tags: Vec<Value> = tags
            .iter()
            .map(|tag| json!({ "id": format!("tag_{tag}"), "name": tag, "color": "#fff" }))
            .collect();
        let mut record = json!({
            "id": "L1", "metadata": metadata, "contact": contact, "customer": customer,
            "enabled": enabled, "tags": tags, "createdAt": "2026-08-01T10:00:00Z",
            "isArchived": false, "currentDisposition": { "id": "d1" },
        });
        if let Some(admin) = admin {
            record["adminEnablementOverride"] = admin;
        }
        record
    }
}

prop_compose! {
    fn wanted()(
        enabled in prop::option::of(any::<bool>()),
        ids in prop::option::of(prop::collection::vec("tag_[a-z]{1,4}", 1..3)),
        names in prop::option::of(prop::collection::vec("[a-zA-Z]{1,4}", 1..3)),
        metadata in prop::option::of(prop::collection::btree_map("[a-zA-Z]{1,8}", plain(), 1..4)),
    ) -> Map<String, Value> {
        let mut wanted = Map::new();
        wanted.extend(enabled.map(|enabled| (String::from("enabled"), Value::from(enabled))));
        wanted.extend(ids.map(|ids| (String::from("tagIds"), Value::from(ids))));
        wanted.extend(names.map(|names| (String::from("tagNames"), Value::from(names))));
        wanted.extend(metadata.map(|metadata| {
            let metadata = Value::Object(metadata.into_iter().collect());
            (String::from("metadata"), metadata)
        }));
        wanted
    }
}

/// The page's record with other values, and some of its fields missing or null.
fn page_record() -> impl Strategy<Value = Value> {
    let answer: Value = serde_json::from_str(PAGE_ANSWER).unwrap();
    let fields: Vec<String> = all_leaves(&answer).into_keys().collect();
    prop::collection::vec(prop::option::of(plain()), fields.len()).prop_map(move |values| {
        let mut record = answer.clone();
        for (pointer, value) in fields.iter().zip(values) {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let Some(Value::Object(parent)) = record.pointer_mut(parent) else {
                continue;
            };
            match value {
                Some(value) => parent.insert(name.to_owned(), value),
                None => parent.remove(name),
            };
        }
        record["id"] = json!("L1");
        record["tags"] = json!([{ "id": "t1", "name": "a" }]);
        record
    })
}

proptest! {
    #[test]
    fn no_field_of_the_page_is_ever_lost(before in page_record(), enabled in any::<bool>()) {
        let wanted = object(json!({ "enabled": enabled }));
        let Update::Write(request) = update("L1", before.to_string().as_bytes(), &wanted) else {
            prop_assert_eq!(&before["enabled"], &json!(enabled));
            return Ok(());
        };
        let sent = all_leaves(request.body.as_ref().unwrap());
        // Of the answer alone, as the page's request shows.
        let answered = ["/archive", "/isArchived", "/currentDisposition", "/createdAt", "/modifiedAt", "/tags",
            "/contact/coordinate", "/contact/phone/lookup/location/coordinate"];
        for (pointer, value) in all_leaves(&before) {
            if pointer == "/enabled" || answered.iter().any(|only| pointer.starts_with(only)) {
                continue;
            }
            let is_emptied = value.as_object().is_some_and(Map::is_empty);
            prop_assert!(sent.get(&pointer) == Some(&value) || is_emptied, "{} of {}", pointer, before);
        }
    }

    #[test]
    fn no_field_is_ever_lost(before in record(), wanted in wanted()) {
        let text = before.to_string();
        let Update::Write(request) = update("L1", text.as_bytes(), &wanted) else {
            // Whatever is wanted is so already, and nothing can be lost.
            return Ok(());
        };
        let after = put(&before, request.body.as_ref().unwrap());
        for member in ["contact", "customer", "adminEnablementOverride", "id", "createdAt"] {
            prop_assert_eq!(before.get(member), after.get(member), "{}", member);
        }
        if !wanted.contains_key("enabled") {
            prop_assert_eq!(&before["enabled"], &after["enabled"]);
        }
        let touched = wanted.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, value) in before["metadata"].as_object().into_iter().flatten() {
            let expected = touched.get(key).unwrap_or(value);
            prop_assert_eq!(Some(expected), after["metadata"].get(key));
        }
        for (key, value) in &touched {
            prop_assert_eq!(Some(value), after["metadata"].get(key));
        }
        for tag in before["tags"].as_array().unwrap() {
            prop_assert!(after["tags"].as_array().unwrap().contains(tag));
        }
        prop_assert_eq!(surprises(text.as_bytes(), &request, after.to_string().as_bytes()), Vec::<String>::new());
        // Writing it once more would change nothing.
        let again = update("L1", after.to_string().as_bytes(), &wanted);
        prop_assert_eq!(again, Update::Nothing);
    }
}
