//! Events as they may come to a row: one with nothing that may be missing, full ones whose texts are
//! words, numbers and dates, and those whose numbers are 0.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::sent::put;

use crate::config::SourceKind;
use crate::event::{EventId, EventKind, Facts, Status};
use crate::lead::Previous;
use crate::map::context::{Context, MapInput};
use crate::map::presence::may_lack;
use crate::map::row::Row;
use crate::systems;

/// What stands in every free text of a full event.
const TEXTS: &[&str] = &["Friday afternoon", "12", "2026-08-01T10:00:00Z", "true"];
/// How many calls a lead has had, one for each text.
const CALLS: &[u32] = &[3, 1, 12, 100];

/// What an event is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It brings nothing optional.
    Bare,
    /// Everything is there.
    Full,
    /// A number of it is 0; says which.
    Zero(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub role: Role,
    facts: Facts,
    body: String,
    lead_id: Option<String>,
    calls: u32,
    previous: Option<Previous>,
}

impl Sample {
    pub fn look<T>(&self, look: impl FnOnce(&Context<'_>) -> T) -> T {
        let at = instant();
        let input = MapInput {
            event_id: EventId::new_at(at),
            source: "source",
            received_at: at,
            facts: &self.facts,
            body: self.body.as_bytes(),
            lead_id: self.lead_id.as_deref(),
            calls: self.calls,
            previous: self.previous.as_ref(),
        };
        look(&Context::new(&input))
    }

    /// The same event, with this value at a path; `None`: it cannot have it.
    pub fn with(mut self, path: &str, value: &Json) -> Option<Self> {
        let is_call = self.facts.kind == Some(EventKind::Call);
        match path.split_once('.')? {
            ("lead", "calls") => {
                self.calls = u32::try_from(value.as_i64()?).ok()?;
                // The webhook of a call counts that call.
                if is_call && self.calls == 0 {
                    return None;
                }
            }
            ("call", member) if is_call => set_call(&mut self.facts, member, value)?,
            ("collected", _) => {
                let mut collected = json!({ "collected": self.facts.collected });
                put(&mut collected, &path.split('.').collect::<Vec<_>>(), value);
                self.facts.collected = collected["collected"].as_object()?.clone();
            }
            ("body", inside) => {
                let mut body: Json = serde_json::from_str(&self.body).ok()?;
                put(&mut body, &inside.split('.').collect::<Vec<_>>(), value);
                self.body = body.to_string();
            }
            ("previous", "category") => {
                let category = value.as_str()?;
                self.previous.as_mut()?.category = Some(category.to_owned());
            }
            _ => return None,
        }
        Some(self)
    }

    /// The same event, with this value wherever a path leads into what the sender decides.
    pub fn sending(&self, paths: &BTreeSet<String>, value: &Json) -> Self {
        let (mut collected, mut body) = (json!({}), json!({}));
        for path in paths {
            let parts: Vec<&str> = path.split('.').collect();
            match parts.as_slice() {
                ["collected", inside @ ..] if !inside.is_empty() => {
                    put(&mut collected, inside, value);
                }
                ["body", inside @ ..] if !inside.is_empty() => put(&mut body, inside, value),
                _ => {}
            }
        }
        let mut sample = self.clone();
        if let Json::Object(collected) = collected {
            sample.facts.collected = collected;
        }
        sample.body = body.to_string();
        sample
    }
}

fn set_call(facts: &mut Facts, member: &str, value: &Json) -> Option<()> {
    match member {
        "duration" => facts.call_duration = Some(value.as_f64().filter(|length| *length >= 0.0)?),
        "sentiment" => facts.call_sentiment = Some(value.as_i64()?),
        "transferred" => facts.call_transferred = Some(value.as_bool()?),
        "summary" => facts.call_summary = Some(value.as_str()?.to_owned()),
        _ => return None,
    }
    Some(())
}

/// The bare one comes first, the full ones last.
pub(super) fn samples(kind: SourceKind, row: &Row) -> Vec<Sample> {
    let statuses = match &row.statuses {
        Some(statuses) => statuses.clone(),
        None => systems::known_statuses(kind),
    };
    let statuses: Vec<Option<Status>> = if statuses.is_empty() {
        vec![Some(Status::Name("done".to_owned()))]
    } else {
        statuses.into_iter().map(Some).collect()
    };
    let mut all = vec![sample(kind, row, &statuses[0], None)];
    all.extend(without_calls(kind, row, &statuses[0]));
    all.extend(
        TEXTS
            .iter()
            .filter_map(|text| without_duration(kind, row, (&statuses[0], text))),
    );
    for (index, text) in TEXTS.iter().enumerate() {
        let status = &statuses[index % statuses.len()];
        all.push(Sample {
            calls: CALLS[index % CALLS.len()],
            ..sample(kind, row, status, Some(text))
        });
    }
    for status in statuses.iter().skip(TEXTS.len()) {
        all.push(sample(kind, row, status, Some(TEXTS[0])));
    }
    all
}

/// The webhook of a call counts that call.
fn without_calls(kind: SourceKind, row: &Row, status: &Option<Status>) -> Option<Sample> {
    if row.on == Some(EventKind::Call) {
        return None;
    }
    let mut sample = sample(kind, row, status, None);
    sample.role = Role::Zero("for a lead without calls");
    sample.calls = 0;
    Some(sample)
}

fn without_duration(
    kind: SourceKind,
    row: &Row,
    (status, text): (&Option<Status>, &str),
) -> Option<Sample> {
    let mut sample = sample(kind, row, status, Some(text));
    *sample.facts.call_duration.as_mut()? = 0.0;
    sample.role = Role::Zero("for a call of 0 seconds");
    Some(sample)
}

/// `text`: none in a bare event.
fn sample(kind: SourceKind, row: &Row, status: &Option<Status>, text: Option<&str>) -> Sample {
    let is_there = |path: &str| text.is_some() || may_lack(kind, row, path).is_none();
    let word = |path: &str| is_there(path).then(|| text.unwrap_or("1").to_owned());
    let event = match row.on {
        Some(on) => on,
        None if text.is_some() && may_send_calls(kind) => EventKind::Call,
        None => EventKind::Lead,
    };
    // The other kinds of sender have no calls.
    let of_call = |path: &str| event == EventKind::Call && is_there(path);
    let facts = Facts {
        kind: Some(event),
        status: status.clone(),
        sub_status: match row.sub_statuses.first() {
            Some(sub_status) => Some(sub_status.clone()),
            None if kind == SourceKind::Nlpearl => None,
            None => word("event.sub_status"),
        },
        reason_id: match row.reason_ids.first() {
            Some(reason_id) => Some(*reason_id),
            None if kind == SourceKind::Nlpearl => None,
            None => is_there("event.reason_id").then_some(2),
        },
        occurred_at: (kind != SourceKind::Nlpearl && is_there("event.occurred_at")).then(instant),
        source_lead_id: word("lead.source_id"),
        external_id: word("lead.external_id"),
        phone: word("lead.phone"),
        call_summary: of_call("call.summary").then(|| text.unwrap_or("1").to_owned()),
        call_duration: of_call("call.duration").then_some(120.0),
        call_recording: of_call("call.recording").then(|| text.unwrap_or("1").to_owned()),
        call_sentiment: of_call("call.sentiment").then_some(4),
        call_transferred: of_call("call.transferred").then_some(true),
        ..Facts::default()
    };
    let previous = text.map(|text| Previous {
        category: Some("Open".to_owned()),
        outcome: Some(text.to_owned()),
        source: "source".to_owned(),
        at: instant(),
    });
    Sample {
        role: if text.is_some() {
            Role::Full
        } else {
            Role::Bare
        },
        facts,
        body: String::from("{}"),
        lead_id: word("lead.id"),
        calls: 3,
        previous,
    }
}

fn may_send_calls(kind: SourceKind) -> bool {
    systems::kinds_sent(kind).contains(&EventKind::Call)
}

fn instant() -> Timestamp {
    Timestamp::constant(1_785_578_400, 0)
}
