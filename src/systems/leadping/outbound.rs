//! LeadPing's API as the bridge calls it: requests from wishes, meaning from answers. Pure.
//!
//! Paths: the saved vendor pages for `dispositions`; the later vendor SDK for `lead-status`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::{LeadpingApi, Marker};
use crate::decision::PlannedDelivery;
use crate::delivery::DeliveryId;
pub use crate::systems::outbound::{Found, Method, Order, Request};

/// Stands for the id of an entry that has not been told yet; it is looked up when it is needed.
const ENTRY_UNKNOWN: &str = "{id}";

/// Sets the lead's current disposition: `POST /dispositions`, or `PUT /leads/{id}/status`.
pub fn set(api: LeadpingApi, marker: Marker, order: &Order<'_>) -> Request {
    let mut body = order.members.clone();
    mark(&mut body, marker, order.id);
    body.entry("timestamp")
        .or_insert_with(|| Value::String(instant(order.timestamp)));
    match api {
        LeadpingApi::Dispositions => {
            body.insert(
                String::from("leadId"),
                Value::String(order.lead_id.to_owned()),
            );
            Request::new(Method::Post, &["dispositions"], Some(body))
        }
        LeadpingApi::LeadStatus => {
            Request::new(Method::Put, &["leads", order.lead_id, "status"], Some(body))
        }
    }
}

/// Amends an entry: `PUT /dispositions/{id}`, or `PUT /lead-status-changes/{id}`. `order` is of
/// the set that made the entry, with all of its members, for what is not sent would be cleared.
pub fn amend(api: LeadpingApi, marker: Marker, entry_id: &str, order: &Order<'_>) -> Request {
    let set = set(api, marker, order);
    let entries = match api {
        LeadpingApi::Dispositions => "dispositions",
        LeadpingApi::LeadStatus => "lead-status-changes",
    };
    Request {
        body: set.body,
        ..Request::new(Method::Put, &[entries, entry_id], None)
    }
}

/// The call that a decision plans, as it would be sent now.
pub fn planned(api: LeadpingApi, marker: Marker, delivery: &PlannedDelivery) -> Request {
    let order = Order {
        id: delivery.id,
        lead_id: &delivery.lead_id,
        members: &delivery.members,
        timestamp: delivery.timestamp,
    };
    match &delivery.amends {
        None => set(api, marker, &order),
        Some(amended) => {
            let order = Order {
                id: amended.entry,
                timestamp: amended.timestamp,
                ..order
            };
            let entry_id = amended.entry_id.as_deref().unwrap_or(ENTRY_UNKNOWN);
            amend(api, marker, entry_id, &order)
        }
    }
}

/// Reads a lead's history.
pub fn history(api: LeadpingApi, lead_id: &str) -> Request {
    match api {
        LeadpingApi::Dispositions => Request::get(&["dispositions", "lead", lead_id]),
        LeadpingApi::LeadStatus => Request::get(&["leads", lead_id, "status-history"]),
    }
}

/// RFC 3339, UTC, to the second, as the vendor's examples show.
fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

fn marker_text(id: DeliveryId) -> String {
    format!("[lb:{id}]")
}

fn member(marker: Marker) -> Option<&'static str> {
    match marker {
        Marker::Reason => Some("reason"),
        Marker::Notes => Some("notes"),
        Marker::None => None,
    }
}

/// Ends the marker member with our delivery id.
fn mark(body: &mut Map<String, Value>, marker: Marker, id: DeliveryId) {
    let Some(member) = member(marker) else {
        return;
    };
    let text = match body.get(member).and_then(Value::as_str) {
        Some(text) => format!("{text} {}", marker_text(id)),
        None => marker_text(id),
    };
    body.insert(member.to_owned(), Value::String(text));
}

/// The id of the entry that an accepted set made; `None` where the body does not say.
pub fn entry_id(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.get("id")?.as_str().map(str::to_owned)
}

/// Whether a lead's history has the entry of this id; `None`: the answer is no history.
pub fn has_entry(answer: &[u8], entry_id: &str) -> Option<bool> {
    let Ok(Value::Array(entries)) = serde_json::from_slice(answer) else {
        return None;
    };
    Some(
        entries
            .iter()
            .any(|entry| text(entry, "id") == Some(entry_id)),
    )
}

/// Looks for our entry in a history answer. `sent` is the request of the set; `known` are entry
/// ids that other deliveries of ours made.
pub fn find(
    answer: &[u8],
    id: DeliveryId,
    sent: &Request,
    marker: Marker,
    known: &[String],
) -> Found {
    let Ok(Value::Array(mut entries)) = serde_json::from_slice(answer) else {
        return Found::Unreadable;
    };
    order_by_creation(&mut entries);
    let ours = marker_text(id);
    if let Some(entry) = entries.iter().rev().find(|entry| {
        member(marker).is_some_and(|member| text(entry, member).is_some_and(|t| t.contains(&ours)))
    }) {
        return Found::Ours {
            entry_id: text(entry, "id").map(str::to_owned),
        };
    }
    let is_known =
        |entry: &Value| text(entry, "id").is_some_and(|id| known.iter().any(|k| k == id));
    let after_known = entries
        .iter()
        .rposition(&is_known)
        .map_or(0, |place| place + 1);
    let candidates: Vec<&Value> = entries[after_known..]
        .iter()
        .filter(|entry| !is_known(entry) && looks_like(entry, sent, marker))
        .collect();
    match candidates.as_slice() {
        [] => Found::NotThere,
        [entry] => Found::Ours {
            entry_id: text(entry, "id").map(str::to_owned),
        },
        _ => Found::Several,
    }
}

fn text<'a>(entry: &'a Value, member: &str) -> Option<&'a str> {
    entry.get(member)?.as_str()
}

/// Oldest first, where every entry says when it was made; else as the vendor ordered them.
fn order_by_creation(entries: &mut [Value]) {
    let created =
        |entry: &Value| text(entry, "createdAt").and_then(|at| at.parse::<Timestamp>().ok());
    if entries.iter().all(|entry| created(entry).is_some()) {
        entries.sort_by_key(|entry| created(entry));
    }
}

/// Without a marker of ours or anybody's: same type, outcome and timestamp to the second.
fn looks_like(entry: &Value, sent: &Request, marker: Marker) -> bool {
    let marked = member(marker)
        .is_some_and(|member| text(entry, member).is_some_and(|t| t.contains("[lb:")));
    let Some(body) = sent.body.as_ref().filter(|_| !marked) else {
        return false;
    };
    let second = |value: &Value| {
        text(value, "timestamp")
            .and_then(|at| at.parse::<Timestamp>().ok())
            .map(Timestamp::as_second)
    };
    ["type", "outcome"]
        .iter()
        .all(|member| entry.get(*member) == body.get(*member))
        && second(entry).is_some()
        && second(entry) == second(body)
}

#[cfg(test)]
mod tests;
