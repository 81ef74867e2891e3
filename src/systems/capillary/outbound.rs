//! Capillary's API as the bridge calls it: the update of a lead's status, the status log, and the
//! two ways to show who asks. Pure.
//!
//! From the vendor's page "update lead status" and its public reference of version 2.

use std::time::Duration;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use crate::systems::outbound::{Found, Method, Request, Sought};

/// The header that carries an OAuth token; there is no `Authorization` beside it.
pub const TOKEN_HEADER: &str = "x-cap-api-oauth-token";

/// How far the vendor's clock may be behind ours.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// `PUT /v2/leads/{leadId}/status`
pub fn update_status(lead_id: &str, members: &Map<String, Value>) -> Request {
    let mut body = members.clone();
    if let Some(created_on) = body.get_mut("createdOn") {
        *created_on = to_the_second(created_on);
    }
    let path = ["v2", "leads", lead_id, "status"];
    Request::new(Method::Put, &path, Some(body))
}

/// `YYYY-MM-DDThh:mm:ssTZD` has no fractions.
fn to_the_second(value: &Value) -> Value {
    let instant = value.as_str().and_then(|text| text.parse().ok());
    match instant.map(|at: Timestamp| Timestamp::from_second(at.as_second())) {
        Some(Ok(whole)) => Value::from(whole.to_string()),
        _ => value.clone(),
    }
}

pub fn status_log(lead_id: &str) -> Request {
    Request::get(&["v2", "leads", lead_id, "statusLog"])
}

/// The value of the `Authorization` header: the vendor takes the MD5 of the password, in hex.
pub fn basic(username: &str, password: &str) -> String {
    let digest = data_encoding::HEXLOWER.encode(&Md5::digest(password.as_bytes()));
    let pair = data_encoding::BASE64.encode(format!("{username}:{digest}").as_bytes());
    format!("Basic {pair}")
}

/// Asks for a token; needs no credential but what is in it.
pub fn token_request(key: &str, secret: &str) -> Request {
    let body = json!({ "key": key, "secret": secret });
    Request::new(
        Method::Post,
        &["v3", "oauth", "token", "generate"],
        body.as_object().cloned(),
    )
}

/// A token and how long it is to be used: 80 % of the time it lives.
pub fn token_in(answer: &[u8]) -> Option<(String, Duration)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let data = answer.get("data")?;
    let token = data.get("accessToken")?.as_str()?;
    let lives = data.get("ttlSeconds").and_then(Value::as_u64).unwrap_or(0);
    let used = Duration::from_secs(lives).mul_f64(0.8);
    (!token.is_empty()).then(|| (token.to_owned(), used))
}

/// Statuses of this vendor that mean "again later".
pub fn is_busy(status: u16) -> bool {
    matches!(status, 461 | 521)
}

/// Whether the body says that it failed, whatever the status says.
pub fn has_errors(body: &[u8]) -> bool {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    match answer.as_ref().and_then(|answer| answer.get("errors")) {
        None | Some(Value::Null) => false,
        Some(Value::Array(errors)) => !errors.is_empty(),
        Some(_) => true,
    }
}

/// The id of the log entry that an accepted update made.
pub fn entry_id(sent: &Request, body: &[u8]) -> Option<String> {
    let entries = log_in(body)?;
    let newest = entries.last()?;
    if looks_like(newest, sent) {
        id_of(newest)
    } else {
        None
    }
}

/// Looks for the entry that an update of unknown fate made: of the same status, sub-status and
/// reason, unknown to us, after the newest entry that is known, and not older than the webhook.
pub fn find(answer: &[u8], sought: &Sought<'_>) -> Found {
    if has_errors(answer) {
        return Found::Unreadable;
    }
    let Some(entries) = log_in(answer) else {
        return Found::Unreadable;
    };
    let is_known = |entry: &Value| id_of(entry).is_some_and(|id| sought.known.contains(&id));
    let after_known = entries
        .iter()
        .rposition(&is_known)
        .map_or(0, |place| place + 1);
    let earliest = sought.received_at.as_second() - CLOCKS_DIFFER.as_secs().cast_signed();
    let named = sent_member(sought.sent, "createdOn").and_then(instant);
    let candidates: Vec<&Value> = entries[after_known..]
        .iter()
        .filter(|entry| looks_like(entry, sought.sent))
        .filter(|entry| {
            let at = entry.get("createdOn").and_then(instant);
            // Without a time nobody can say that it is older.
            at.is_none_or(|at| at.as_second() >= earliest || Some(at) == named)
        })
        .collect();
    match candidates.as_slice() {
        [] => Found::NotThere,
        [entry] => Found::Ours {
            entry_id: id_of(entry),
        },
        _ => Found::Several,
    }
}

/// The status log, oldest first: a list, wrapped in `data`, or inside a lead.
fn log_in(body: &[u8]) -> Option<Vec<Value>> {
    let mut entries = match serde_json::from_slice(body).ok()? {
        Value::Array(entries) => entries,
        Value::Object(mut answer) => {
            let list = ["data", "statusLogDetails"]
                .iter()
                .find_map(|key| answer.remove(*key).filter(Value::is_array));
            match list? {
                Value::Array(entries) => entries,
                _ => return None,
            }
        }
        _ => return None,
    };
    let made = |entry: &Value| {
        let at = entry.get("createdOn").and_then(instant);
        (at, entry.get("id").and_then(Value::as_i64))
    };
    if entries.iter().all(|entry| made(entry).0.is_some()) {
        entries.sort_by_key(made);
    }
    Some(entries)
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn id_of(entry: &Value) -> Option<String> {
    match entry.get("id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn sent_member<'r>(sent: &'r Request, member: &str) -> Option<&'r Value> {
    sent.body.as_ref()?.get(member)
}

/// Same status, sub-status and reason; the reason's number may come as text.
fn looks_like(entry: &Value, sent: &Request) -> bool {
    let plain = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    ["status", "subStatus", "reasonId"]
        .iter()
        .all(|member| plain(entry.get(*member)) == plain(sent_member(sent, member)))
}

#[cfg(test)]
mod tests;
