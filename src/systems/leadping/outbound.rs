//! LeadPing's API as the bridge calls it: requests from wishes, meaning from answers. Pure.
//!
//! Paths: the saved vendor pages for `dispositions`; the later vendor SDK for `lead-status`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::{LeadpingApi, Marker};
use crate::decision::PlannedDelivery;
use crate::delivery::DeliveryId;

/// Stands for the id of an entry that has not been told yet; it is looked up when it is needed.
const ENTRY_UNKNOWN: &str = "{id}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A call to be made; path segments are not yet percent-encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    pub path: Vec<String>,
    pub body: Option<Value>,
}

impl Request {
    /// Method and path, as attempts record it.
    pub fn summary(&self) -> String {
        format!("{} /{}", self.method.as_str(), self.path.join("/"))
    }
}

fn path(segments: &[&str]) -> Vec<String> {
    segments
        .iter()
        .map(|segment| (*segment).to_owned())
        .collect()
}

/// One disposition to be set.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub id: DeliveryId,
    pub lead_id: &'a str,
    /// What the row gave.
    pub members: &'a Map<String, Value>,
    /// Sent as `timestamp`, unless the row gave one.
    pub timestamp: Timestamp,
}

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
            Request {
                method: Method::Post,
                path: path(&["dispositions"]),
                body: Some(Value::Object(body)),
            }
        }
        LeadpingApi::LeadStatus => Request {
            method: Method::Put,
            path: path(&["leads", order.lead_id, "status"]),
            body: Some(Value::Object(body)),
        },
    }
}

/// Amends an entry: `PUT /dispositions/{id}`, or `PUT /lead-status-changes/{id}`. `order` is of
/// the set that made the entry, with all of its members, for what is not sent would be cleared.
pub fn amend(api: LeadpingApi, marker: Marker, entry_id: &str, order: &Order<'_>) -> Request {
    let set = set(api, marker, order);
    let path = match api {
        LeadpingApi::Dispositions => path(&["dispositions", entry_id]),
        LeadpingApi::LeadStatus => path(&["lead-status-changes", entry_id]),
    };
    Request {
        method: Method::Put,
        path,
        body: set.body,
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
    let path = match api {
        LeadpingApi::Dispositions => path(&["dispositions", "lead", lead_id]),
        LeadpingApi::LeadStatus => path(&["leads", lead_id, "status-history"]),
    };
    Request {
        method: Method::Get,
        path,
        body: None,
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

/// What a lead's history says about a set of unknown fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It arrived; the entry's id.
    Ours {
        entry_id: Option<String>,
    },
    NotThere,
    /// Several entries could be ours.
    Several,
    /// The answer is no history.
    Unreadable,
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
