//! Capillary's event notifications: an envelope (nested, flat, or with a plain `data`) around a
//! lead.
//!
//! No lead event is documented by the vendor, so everything here is tolerant: which names count
//! is configured, keys may carry stray blanks, and the lead is looked for where it may be.

use jiff::Timestamp;
use serde_json_borrow::Value;

use crate::config::{SourceConfig, SourceKind};
use crate::event::{EventKind, Facts, Standing, Status};
use crate::systems::json::{self, Json, Keys};
use crate::systems::{parse_status, safe_text};

const KEYS: Keys = Keys::StrayBlanks;

/// Fills the facts; an error is the reason why the body is invalid.
pub fn read(source: &SourceConfig, body: &Json<'_>, facts: &mut Facts) -> Result<Standing, String> {
    facts.kind = Some(EventKind::Lead);
    facts.sender_event_id = json::id(KEYS.get(body, "eventId"), "eventId")?;
    facts.event_name = event_name(body);
    // A body without any name is taken for what the route is for.
    if let Some(name) = &facts.event_name
        && !source.events.contains(name)
    {
        let name = safe_text(name);
        return Ok(Standing::Ignored(format!(
            "event name `{name}` is not in `events`"
        )));
    }
    let data = ["/attributes/data", "/data"]
        .iter()
        .filter_map(|pointer| KEYS.pointer(body, pointer))
        .find(|data| data.is_object())
        .unwrap_or(body);
    facts.occurred_at = clock(body, data);
    facts.source_lead_id = match json::id(KEYS.get(data, "id"), "id")? {
        Some(id) => Some(id),
        None => json::id(KEYS.get(data, "leadId"), "leadId")?,
    };
    facts.lead_id = KEYS.first_id(data, &source.lead)?;
    facts.links = KEYS.links(data, &source.links)?;
    facts.sub_status = json::id(KEYS.get(data, "subStatus"), "subStatus")?;
    facts.reason_id = reason_id(data)?;
    facts.status = status(KEYS.get(data, "status"))?;
    if facts.status.is_none() {
        return Err("no status: member `status` is missing".to_owned());
    }
    Ok(Standing::Usable)
}

/// The name, or the part of `eventType` ("{orgId}_{eventName}") that follows the organisation.
fn event_name(body: &Json<'_>) -> Option<String> {
    json::text(KEYS.pointer(body, "/attributes/eventName"))
        .or_else(|| json::text(KEYS.get(body, "eventName")))
        .or_else(|| {
            let full = json::text(KEYS.get(body, "eventType"))?;
            let name = full.split_once('_').map_or(full.as_str(), |(_, name)| name);
            Some(name.to_owned())
        })
}

/// When it happened, as the sender says it. A flat body's `createdAt` is the envelope's only if
/// it is a number; text would be the lead's own.
fn clock(body: &Json<'_>, data: &Json<'_>) -> Option<Timestamp> {
    json::instant(KEYS.pointer(body, "/attributes/createdAt"))
        .or_else(|| json::instant(KEYS.get(body, "createdAt").filter(|at| at.is_i64())))
        .or_else(|| json::instant(KEYS.get(data, "lastUpdatedOn")))
        .or_else(|| json::instant(KEYS.get(body, "timeStamp")))
}

/// The reason of the change: named outright, or by the status log: the entry logged last of those
/// with the lead's status. What an entry calls its creation may be long past, because whoever writes
/// a status may say when it was; so the ids tell which was logged last, and the time where there are
/// none.
fn reason_id(data: &Json<'_>) -> Result<Option<i64>, String> {
    let named = json::whole_number(KEYS.get(data, "reasonId"), "reasonId")?;
    if named.is_some() {
        return Ok(named);
    }
    let status = KEYS.get(data, "status").and_then(Value::as_str);
    let entries = KEYS.get(data, "statusLogDetails").and_then(Value::as_array);
    let last = entries.unwrap_or_default().iter().max_by_key(|entry| {
        let of = KEYS.get(entry, "status").and_then(Value::as_str);
        let is_current = of
            .zip(status)
            .is_some_and(|(of, status)| of.trim().eq_ignore_ascii_case(status.trim()));
        let id = KEYS.get(entry, "id").and_then(Value::as_i64);
        let created = json::instant(KEYS.get(entry, "createdOn"));
        (is_current, id, created)
    });
    match last {
        Some(entry) => json::whole_number(KEYS.get(entry, "reasonId"), "statusLogDetails/reasonId"),
        None => Ok(None),
    }
}

fn status(value: Option<&Json<'_>>) -> Result<Option<Status>, String> {
    match value {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(Status::Name(json::shown(*number)))),
        Some(Value::Str(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::Str(text)) => Ok(Some(parse_status(SourceKind::Capillary, text))),
        Some(other) => Err(json::wrong("status", other, "a status")),
    }
}
