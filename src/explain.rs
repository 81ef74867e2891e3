//! Explaining: one payload → the story of what it would become, and why. Pure, and nothing of its
//! own: it reads, maps and decides by the very functions of the daemon, and writes down what they
//! said on the way.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::config::{Config, TargetConfig};
use crate::decide::{self, Question};
use crate::decision::{Decision, DecisionRecord, ParkCause, PlannedDelivery, Verdict};
use crate::event::{Event, EventId, EventKind, Facts, Sequence, Standing};
use crate::lead::{LeadHistory, Previous};
use crate::map::{self, Considered, Mismatch, Row, RowRef, Table, offer};
use crate::systems::outbound;

/// What one payload would become.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub source: String,
    #[serde(flatten)]
    pub standing: Standing,
    pub facts: Facts,
    /// Events that wait for a link that this one teaches, in the order in which they are decided,
    /// before this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decided_first: Vec<FirstStory>,
    pub lead: LeadStory,
    /// Rows of the event's status, in the order looked at; the last one spoke, if it matched.
    pub rows: Vec<RowStory>,
    pub decision: DecisionRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ParkCause>,
    /// For a status that no row takes: one that would, to be put at the end of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_to_paste: Option<String>,
    pub requests: Vec<RequestStory>,
}

impl Explanation {
    /// What a person does about it, if it is parked.
    pub fn advice(&self) -> Option<String> {
        let status = self.facts.status.as_ref().map(offer::in_toml);
        Some(self.cause.as_ref()?.suggestion_for(status.as_deref()))
    }
}

/// What becomes of an event that waited for this one.
#[derive(Debug, Serialize)]
pub struct FirstStory {
    pub event: EventId,
    pub source: String,
    #[serde(serialize_with = "timestamp")]
    pub received_at: Timestamp,
    pub decision: DecisionRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ParkCause>,
    pub requests: Vec<RequestStory>,
}

#[derive(Debug, Serialize)]
pub struct LeadStory {
    pub lead_id: Option<String>,
    /// `payload`, `link table` or `nowhere`.
    pub lead_id_from: &'static str,
    pub calls: u32,
    pub previous: Option<Previous>,
}

#[derive(Debug, Serialize)]
pub struct RowStory {
    #[serde(flatten)]
    pub row: RowRef,
    pub matched: bool,
    pub because: String,
}

/// A call exactly as it would be sent, but for the credential.
#[derive(Debug, Serialize)]
pub struct RequestStory {
    pub target: String,
    pub method: &'static str,
    pub url: String,
    /// The header that carries the credential, without it.
    pub credential: &'static str,
    pub body: Option<Value>,
    /// The record is read first, and the body stands for what changes in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// The target is in shadow mode: recorded, not sent.
    pub withheld: bool,
}

/// Tells the story of an event by the table of its source, if it has one, and the lead's past.
pub fn explain(question: &Question<'_>, table: Option<&Table>, config: &Config) -> Explanation {
    let facts = &question.reading.facts;
    let mut rows = Vec::new();
    if let Some(table) = table
        && question.reading.standing == Standing::Usable
    {
        map::evaluate_noting(table, &question.map_input(), &mut |row, considered| {
            rows.push(row_story(row, considered, question));
        });
    }
    let decision = decide::decide_by(question, table);
    Explanation {
        source: question.event.source.clone(),
        standing: question.reading.standing.clone(),
        facts: facts.clone(),
        decided_first: Vec::new(),
        lead: lead_story(facts, question.history),
        rows,
        row_to_paste: table
            .filter(|_| decision.record.verdict == Verdict::Unmapped)
            .and_then(|table| offer::offer(table, facts)),
        requests: requests(&decision, config),
        cause: decision.cause,
        decision: decision.record,
    }
}

/// Tells what becomes of an event that another one frees.
pub fn first(event: &Event, decision: Decision, config: &Config) -> FirstStory {
    FirstStory {
        event: event.id,
        source: event.source.clone(),
        received_at: event.received_at,
        requests: requests(&decision, config),
        cause: decision.cause,
        decision: decision.record,
    }
}

fn timestamp<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

fn lead_story(facts: &Facts, history: &LeadHistory) -> LeadStory {
    LeadStory {
        lead_id: history.lead_id.clone(),
        lead_id_from: match (&facts.lead_id, &history.lead_id) {
            (Some(_), _) => "payload",
            (None, Some(_)) => "link table",
            (None, None) => "nowhere",
        },
        calls: history.calls,
        previous: history.previous.clone(),
    }
}

fn row_story(row: &Row, considered: Considered, question: &Question<'_>) -> RowStory {
    let facts = &question.reading.facts;
    let because = match considered {
        Considered::Mismatch(Mismatch::Kind) => {
            let kind = facts.kind.map_or("unknown", |kind| kind.as_str());
            format!("this is a {kind} webhook")
        }
        Considered::Mismatch(Mismatch::SubStatus) => match &facts.sub_status {
            Some(found) => format!("its sub_status is `{found}`"),
            None => String::from("it has no sub_status"),
        },
        Considered::Mismatch(Mismatch::ReasonId) => match facts.reason_id {
            Some(found) => format!("its reason_id is {found}"),
            None => String::from("it has no reason_id"),
        },
        Considered::ConditionFalse => format!("`{}` is false", condition(row)),
        Considered::ConditionFailed => format!("`{}` could not be evaluated", condition(row)),
        Considered::Matched => match &row.when {
            Some(when) => format!("the status matches and `{}` is true", when.text),
            None => String::from("the status matches"),
        },
    };
    RowStory {
        row: row.reference.clone(),
        matched: considered == Considered::Matched,
        because,
    }
}

fn condition(row: &Row) -> &str {
    row.when.as_ref().map_or("", |when| when.text.as_str())
}

fn requests(decision: &Decision, config: &Config) -> Vec<RequestStory> {
    decision
        .deliveries
        .iter()
        .filter_map(|delivery| {
            let target: &TargetConfig = config.targets.get(&delivery.target)?;
            Some(request_story(delivery, target))
        })
        .collect()
}

fn request_story(delivery: &PlannedDelivery, target: &TargetConfig) -> RequestStory {
    let (request, merged) = outbound::planned(&target.system, delivery);
    RequestStory {
        target: delivery.target.clone(),
        method: request.method.as_str(),
        url: format!("{}/{}", target.base_url, request.path.join("/")),
        credential: outbound::credential_shown(&target.system),
        body: request.body,
        merged,
        withheld: delivery.withheld,
    }
}

/// The event that a payload would be if it came in now.
pub fn as_if_received(
    source: &str,
    forced_kind: Option<EventKind>,
    body: bytes::Bytes,
    now: Timestamp,
) -> Event {
    Event {
        id: EventId::new_at(now),
        // Newer than everything recorded.
        sequence: Sequence(i64::MAX),
        source: source.to_owned(),
        forced_kind,
        received_at: now,
        body,
    }
}
