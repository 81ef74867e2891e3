//! LeadPing's record of a lead, `PUT /leads/{id}`: the vendor takes the whole record, so it is read,
//! projected on what the page lets one send, changed, written and read again. Pure.
//!
//! A field that is not named by the row goes back exactly as it came.

use serde_json::{Map, Value};

use crate::systems::outbound::{Method, Request};

/// The member under which a row, and a delivery, hold what is to be changed.
pub const MEMBER: &str = "lead";

/// The record's members that the request takes, besides the tags.
const SENT: &[&str] = &[
    "metadata",
    "contact",
    "customer",
    "enabled",
    "adminEnablementOverride",
    "id",
];

/// What the answer has inside these members and the request has not.
const ONLY_ANSWERED: &[&str] = &[
    "/contact/coordinate",
    "/contact/phone/lookup/location/coordinate",
];

/// What somebody else may do to a record that is not in the request.
const WATCHED: &[&str] = &["isArchived", "archivedAt"];

/// What this delivery changes in the record; `None`: it is no update of the record.
pub fn changes(members: &Map<String, Value>) -> Option<&Map<String, Value>> {
    members.get(MEMBER)?.as_object()
}

pub fn read(lead_id: &str) -> Request {
    Request::get(&["leads", lead_id])
}

/// What is to be done with a record as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    Write(Request),
    /// It is so already.
    Nothing,
    /// The answer is no record of this lead.
    Unreadable,
}

pub fn update(lead_id: &str, answer: &[u8], changes: &Map<String, Value>) -> Update {
    let Some(record) = record_in(lead_id, answer) else {
        return Update::Unreadable;
    };
    let as_it_is = projected(&record);
    let mut body = as_it_is.clone();
    for (member, value) in changes {
        change(&mut body, &record, (member, value));
    }
    if body == as_it_is {
        return Update::Nothing;
    }
    Update::Write(Request::new(Method::Put, &["leads", lead_id], Some(body)))
}

/// What several changes, oldest first, come to together.
pub fn together<'c>(changes: impl Iterator<Item = &'c Map<String, Value>>) -> Map<String, Value> {
    const LISTS: [&str; 2] = ["tagIds", "tagNames"];
    let nothing = Map::new();
    let empty = |list: &str| (list.to_owned(), Value::Array(Vec::new()));
    let mut all = Map::from_iter(LISTS.map(empty));
    for (member, value) in changes.flatten() {
        change(&mut all, &nothing, (member, value));
    }
    all.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    all
}

/// The record, if the answer is the one of this lead.
fn record_in(lead_id: &str, answer: &[u8]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(record)) = serde_json::from_slice(answer) else {
        return None;
    };
    (record.get("id")?.as_str()? == lead_id).then_some(record)
}

/// The record as the request has it: `tags[].id` becomes `tagIds`.
fn projected(record: &Map<String, Value>) -> Map<String, Value> {
    let mut body: Map<String, Value> = SENT
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), record.get(*member)?.clone())))
        .collect();
    for pointer in ONLY_ANSWERED {
        remove(&mut body, pointer);
    }
    let ids = tags(record, "id").map(Value::from).collect();
    body.insert(String::from("tagIds"), Value::Array(ids));
    // A tag that is shown without an id would be gone if its name did not go along.
    let list = record.get("tags").and_then(Value::as_array);
    let without_id = list
        .into_iter()
        .flatten()
        .filter(|tag| !tag["id"].is_string());
    let names = without_id.filter_map(|tag| tag.get("name").filter(|name| name.is_string()));
    let names = names.cloned().collect();
    body.insert(String::from("tagNames"), Value::Array(names));
    body
}

fn remove(body: &mut Map<String, Value>, pointer: &str) {
    let mut path: Vec<&str> = pointer.split('/').skip(1).collect();
    let Some(last) = path.pop() else { return };
    let mut object = Some(body);
    for step in path {
        object = object
            .and_then(|object| object.get_mut(step))
            .and_then(Value::as_object_mut);
    }
    if let Some(object) = object {
        object.remove(last);
    }
}

fn tags<'r>(record: &'r Map<String, Value>, member: &'static str) -> impl Iterator<Item = &'r str> {
    let tags = record.get("tags").and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .filter_map(move |tag| tag.get(member)?.as_str())
}

/// Tags are added, metadata changed key by key, `enabled` set.
fn change(
    body: &mut Map<String, Value>,
    record: &Map<String, Value>,
    (member, value): (&str, &Value),
) {
    match (member, value) {
        ("tagIds" | "tagNames", Value::Array(wanted)) => {
            let known = if member == "tagIds" { "id" } else { "name" };
            let Some(Value::Array(sent)) = body.get_mut(member) else {
                return;
            };
            for tag in wanted {
                let is_there = tag
                    .as_str()
                    .is_some_and(|tag| tags(record, known).any(|has| same_tag(has, tag)));
                if !is_there && !sent.contains(tag) {
                    sent.push(tag.clone());
                }
            }
        }
        ("metadata", Value::Object(wanted)) => {
            let metadata = body
                .entry(member)
                .or_insert_with(|| Value::Object(Map::new()));
            if metadata.is_null() {
                *metadata = Value::Object(Map::new());
            }
            if let Value::Object(metadata) = metadata {
                for (key, value) in wanted {
                    metadata.insert(key.clone(), value.clone());
                }
            }
        }
        (member, value) => {
            body.insert(member.to_owned(), value.clone());
        }
    }
}

/// The vendor keeps a normalised name beside each: letter case does not make another tag.
fn same_tag(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// What the record has, after the write, that neither was there before nor was written: names of
/// members, never values. Somebody else changed the lead in between, or LeadPing did not take what
/// was sent.
pub fn surprises(before: &[u8], sent: &Request, after: &[u8]) -> Vec<String> {
    let read = |answer: &[u8]| serde_json::from_slice::<Map<String, Value>>(answer).ok();
    let (Some(before), Some(after), Some(Value::Object(sent))) =
        (read(before), read(after), &sent.body)
    else {
        return Vec::new();
    };
    let now = projected(&after);
    let mut found = Vec::new();
    for member in SENT {
        compare(member, sent.get(*member), now.get(*member), &mut found);
    }
    for member in WATCHED {
        compare(member, before.get(*member), after.get(*member), &mut found);
    }
    if !tags_are_as_sent(sent, &after) {
        found.push(String::from("tags"));
    }
    found
}

/// Names what differs, one level deep.
fn compare(name: &str, sent: Option<&Value>, now: Option<&Value>, found: &mut Vec<String>) {
    let (Some(Value::Object(sent)), Some(Value::Object(now))) = (sent, now) else {
        let nothing = &Value::Null;
        if sent.unwrap_or(nothing) != now.unwrap_or(nothing) {
            found.push(name.to_owned());
        }
        return;
    };
    let keys = sent
        .keys()
        .chain(now.keys().filter(|key| !sent.contains_key(*key)));
    for key in keys {
        let nothing = &Value::Null;
        if sent.get(key).unwrap_or(nothing) != now.get(key).unwrap_or(nothing) {
            found.push(format!("{name}.{key}"));
        }
    }
}

/// Every tag sent is there, and no other.
fn tags_are_as_sent(sent: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let of = |member: &str| -> Vec<&str> {
        let list = sent.get(member).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let (ids, names) = (of("tagIds"), of("tagNames"));
    let all_there = ids.iter().all(|id| tags(after, "id").any(|has| has == *id))
        && names
            .iter()
            .all(|name| tags(after, "name").any(|has| same_tag(has, name)));
    let list = after.get("tags").and_then(Value::as_array);
    let none_besides = list.into_iter().flatten().all(|tag| {
        let text = |member| tag.get(member).and_then(Value::as_str).unwrap_or_default();
        ids.contains(&text("id")) || names.iter().any(|name| same_tag(text("name"), name))
    });
    all_there && none_besides
}

#[cfg(test)]
mod tests;
