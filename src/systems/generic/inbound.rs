//! A JSON webhook of a system that we know nothing of: every fact is where the configuration
//! points. There is no vocabulary, and keys are spelled exactly as configured.
//!
//! What a decision rests on (ids, status, reason, clock) must have a sensible type, or the body is
//! invalid; a detail of the wrong type counts as absent.

use serde_json_borrow::Value;

use crate::config::{Field, SourceConfig};
use crate::event::{EventKind, Facts, Standing, Status};
use crate::systems::fields::{Says, nothing_at};
use crate::systems::json::{self, Json, Keys};

const KEYS: Keys = Keys::Exact;

/// Fills the facts; an error is the reason why the body is invalid.
pub fn read(
    source: &SourceConfig,
    forced: Option<EventKind>,
    body: &Json<'_>,
    facts: &mut Facts,
) -> Result<Standing, String> {
    let says = Says {
        keys: KEYS,
        body,
        fields: &source.fields,
    };
    facts.sender_event_id = says.id(Field::EventId)?;
    facts.event_name = says.text(Field::EventName);
    facts.kind = Some(match forced {
        Some(kind) => kind,
        None => kind(&says)?,
    });
    if let Some(ignored) = says.outside(&source.events, facts.event_name.as_deref()) {
        return Ok(ignored);
    }
    facts.source_lead_id = says.id(Field::SourceLeadId)?;
    facts.lead_id = KEYS.first_id(body, &source.lead)?;
    facts.links = KEYS.links(body, &source.links)?;
    facts.external_id = says.id(Field::ExternalId)?;
    facts.phone = says.text(Field::Phone);
    read_call(&says, facts)?;
    facts.sub_status = says.id(Field::SubStatus)?;
    let reason = says.found(Field::ReasonId);
    facts.reason_id = match reason {
        Some((value, pointer)) => json::whole_number(Some(value), pointer)?,
        None => None,
    };
    facts.status = status(&says)?;
    if facts.status.is_none() {
        return Err(says.missing(Field::Status));
    }
    facts.occurred_at = says.instant(Field::OccurredAt)?;
    // Without an id of its own no link could ever free it.
    if facts.source_lead_id.is_none() && facts.lead_id.is_none() {
        let own = source.fields.of(Field::SourceLeadId);
        return Err(nothing_at("lead", &[own, &source.lead].concat()));
    }
    Ok(Standing::Usable)
}

/// The word `call` or `lead`; a webhook that does not say is about the lead.
fn kind(says: &Says<'_, '_>) -> Result<EventKind, String> {
    let Some((value, pointer)) = says.found(Field::Kind) else {
        return Ok(EventKind::Lead);
    };
    let word = value.as_str().unwrap_or_default().trim();
    EventKind::ALL
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
        .ok_or_else(|| format!("member `{pointer}` is neither `lead` nor `call`"))
}

fn read_call(says: &Says<'_, '_>, facts: &mut Facts) -> Result<(), String> {
    if let Some((value, pointer)) = says.found(Field::CallId) {
        let calls = match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        for call in calls {
            facts.calls.extend(json::id(Some(call), pointer)?);
        }
    }
    facts.call = facts.calls.last().cloned();
    facts.call_summary = says.text(Field::CallSummary);
    facts.call_duration = says.number(Field::CallDuration);
    facts.call_recording = says.text(Field::CallRecording);
    let sentiment = says.value(Field::CallSentiment);
    facts.call_sentiment = json::whole_number(sentiment, "").unwrap_or_default();
    facts.call_transferred = says.value(Field::CallTransferred).and_then(Value::as_bool);
    if let Some(Value::Object(collected)) = says.value(Field::Collected) {
        facts.collected = collected.into();
    }
    Ok(())
}

/// Always text, whatever the wire form: `7`, `7.0` and `"7"` are the same status.
fn status(says: &Says<'_, '_>) -> Result<Option<Status>, String> {
    let Some((value, pointer)) = says.found(Field::Status) else {
        return Ok(None);
    };
    let name = match value {
        Value::Str(text) => text.trim().to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => json::whole(number)
            .ok_or_else(|| json::wrong(pointer, value, "a whole number"))?
            .to_string(),
        other => return Err(json::wrong(pointer, other, "a status")),
    };
    Ok(Some(Status::Name(name)))
}
