//! NLPearl's webhooks: the lead webhook (every change of status) and the call webhook (start and
//! end of every call), in camelCase or PascalCase.
//!
//! There is no event id and no clock in either body: `created` and `startTime` say when the lead
//! or the call began, not when this was sent.

use serde_json::Map;
use serde_json_borrow::Value;

use crate::config::{SourceConfig, SourceKind};
use crate::event::{EventKind, Facts, Standing, Status};
use crate::systems::json::{self, Json, Keys};
use crate::systems::{parse_status, parse_status_number};

const KEYS: Keys = Keys::AnyFirstLetter;

/// Fills the facts; an error is the reason why the body is invalid.
pub fn read(
    source: &SourceConfig,
    forced: Option<EventKind>,
    body: &Json<'_>,
    facts: &mut Facts,
) -> Result<Standing, String> {
    let kind = forced.unwrap_or_else(|| {
        if names(body, "conversationStatus") {
            EventKind::Call
        } else {
            EventKind::Lead
        }
    });
    facts.kind = Some(kind);
    if kind == EventKind::Call && tied_to_no_lead(body)? {
        return Ok(Standing::Ignored("call tied to no lead".to_owned()));
    }
    match kind {
        EventKind::Lead => read_lead(body, facts)?,
        EventKind::Call => read_call(body, facts)?,
    }
    facts.pearl_id = json::id(KEYS.get(body, "pearlId"), "pearlId")?;
    facts.lead_id = KEYS.first_id(body, &source.lead)?;
    facts.links = KEYS.links(body, &source.links)?;
    let member = match kind {
        EventKind::Lead => "status",
        EventKind::Call => "conversationStatus",
    };
    facts.status = status(KEYS.get(body, member), member)?;
    if facts.status.is_none() {
        return Err(format!("no status: member `{member}` is missing"));
    }
    Ok(Standing::Usable)
}

/// Whether a call belongs to nobody. A body without any member of a call webhook does not count:
/// it came to the wrong route, and is invalid for its lack of a status.
fn tied_to_no_lead(body: &Json<'_>) -> Result<bool, String> {
    let is_call = names(body, "conversationStatus") || names(body, "leadId");
    Ok(is_call && json::id(KEYS.get(body, "leadId"), "leadId")?.is_none())
}

/// The member is there, be it null.
fn names(body: &Json<'_>, key: &str) -> bool {
    KEYS.get(body, key).is_some()
        || body.as_object().is_some_and(|object| {
            object
                .iter()
                .any(|(name, value)| value.is_null() && name.eq_ignore_ascii_case(key))
        })
}

fn read_lead(body: &Json<'_>, facts: &mut Facts) -> Result<(), String> {
    facts.source_lead_id = json::id(KEYS.get(body, "id"), "id")?;
    facts.external_id = json::id(KEYS.get(body, "externalId"), "externalId")?;
    facts.phone = json::text(KEYS.get(body, "phoneNumber"));
    facts.calls = call_ids(KEYS.get(body, "callsId"))?;
    facts.call = facts.calls.last().cloned();
    if let Some(Value::Object(collected)) = KEYS.get(body, "collectedData") {
        facts.collected = collected.into();
    }
    Ok(())
}

fn call_ids(value: Option<&Json<'_>>) -> Result<Vec<String>, String> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| json::id(Some(item), "callsId").transpose())
            .collect(),
        Some(other) => Err(json::wrong("callsId", other, "a list of ids")),
    }
}

fn read_call(body: &Json<'_>, facts: &mut Facts) -> Result<(), String> {
    facts.source_lead_id = json::id(KEYS.get(body, "leadId"), "leadId")?;
    facts.call = json::id(KEYS.get(body, "id"), "id")?;
    facts.calls = facts.call.iter().cloned().collect();
    // The number that was dialled is the lead's.
    facts.phone = json::text(KEYS.get(body, "to"));
    facts.call_summary = json::text(KEYS.get(body, "summary"));
    facts.call_duration = KEYS.get(body, "duration").and_then(Value::as_f64);
    facts.call_recording = json::text(KEYS.get(body, "recording"))
        .or_else(|| json::text(KEYS.get(body, "recordingUrl")));
    facts.call_sentiment = KEYS.get(body, "overallSentiment").and_then(Value::as_i64);
    facts.call_transferred = KEYS.get(body, "isCallTransferred").and_then(Value::as_bool);
    if let Some(Value::Array(items)) = KEYS.get(body, "collectedInfo") {
        facts.collected = collected(items);
    }
    Ok(())
}

/// `[{id, name, value}]` as variable id → value.
fn collected(items: &[Json<'_>]) -> Map<String, serde_json::Value> {
    items
        .iter()
        .filter_map(|item| {
            let id = json::text(KEYS.get(item, "id"))?;
            Some((id, KEYS.get(item, "value")?.into()))
        })
        .collect()
}

fn status(value: Option<&Json<'_>>, member: &str) -> Result<Option<Status>, String> {
    let Some(value) = value else { return Ok(None) };
    match value {
        Value::Str(text) if text.trim().is_empty() => Ok(None),
        Value::Str(text) => Ok(Some(parse_status(SourceKind::Nlpearl, text))),
        Value::Number(number) => json::whole(number)
            .map(|number| Some(parse_status_number(SourceKind::Nlpearl, number)))
            .ok_or_else(|| json::wrong(member, value, "a whole number")),
        other => Err(json::wrong(member, other, "a status")),
    }
}
