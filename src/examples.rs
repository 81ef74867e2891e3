//! Examples: a payload beside a table, and the decision that is expected of it. Pure.
//!
//! [`run`] takes a payload the daemon's own way, `systems::read` → `decide::decide`, with the
//! lead's past as the example gives it; [`differences`] compares. `expectation` reads the
//! `.expect.toml`, `bless` writes it. Nothing here reads files: that is `cli/test`.

mod bless;
mod expectation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

pub use bless::{blessed, in_toml};
pub use expectation::{Becomes, Expectation, GivenHistory, GivenPrevious, RowName, Setting, parse};

use crate::config::{LeadpingApi, Marker, SourceConfig};
use crate::decide::{self, Policy, Question};
use crate::decision::{Decision, Verdict};
use crate::delivery::DeliveryId;
use crate::event::{EventId, Facts, Sequence};
use crate::explain::as_if_received;
use crate::lead::course::Course;
use crate::lead::{
    Applied, Entry, EntryState, LEADPING, LeadHistory, Previous, SystemId, TargetHistory,
};
use crate::map::{RowRef, Table};
use crate::systems;
use crate::systems::leadping::outbound;
use crate::systems::members::{Body, TARGETS};
use crate::systems::place::Place;

/// What can become of an event, as `verdict = "…"` names it.
pub const VERDICTS: &[&str] = &[
    "delivery",
    "ignored",
    "unmapped",
    "parked",
    "invalid",
    "stale",
    "outranked",
    "unchanged",
    "amend",
    "unlinked",
];

/// When a webhook without a clock of its own is received, unless its example says otherwise.
const RECEIVED_AT: Timestamp = Timestamp::constant(1_785_578_400, 0);

/// The system in which examples have every lead, and its id there.
const SOMEWHERE: &str = "example";

/// What became of an example's payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    pub verdict: &'static str,
    /// The LeadPing lead is known, from the payload or from the example.
    pub linked: bool,
    /// The row that spoke.
    pub row: Option<RowRef>,
    pub why: Option<String>,
    /// What the row gave; only of a delivery. Changes of the lead's record are its member `lead`.
    pub leadping: Option<Map<String, Value>>,
    /// What is written back: target → what the row gave.
    pub written_back: BTreeMap<String, Map<String, Value>>,
    /// The body of the request, but for the marker, which no two deliveries share.
    pub sent: Option<Map<String, Value>>,
}

/// Decides the payload, as the daemon would with this past of the lead.
pub fn run(
    setting: &Setting,
    source: &SourceConfig,
    table: &Table,
    payload: &Value,
    policy: &Policy,
) -> Actual {
    let body = bytes::Bytes::from(payload.to_string());
    let reading = systems::read_recorded(source, setting.kind, &body);
    let facts = &reading.facts;
    let received_at = setting
        .received_at
        .or(facts.occurred_at)
        .unwrap_or(RECEIVED_AT);
    let mut event = as_if_received(&source.name, setting.kind, body, received_at);
    // The same every time, for rows that send it.
    event.id = EventId(uuid::Uuid::from_u128(0));
    let history = history(setting, facts, &source.name, received_at);
    let shadowed = BTreeMap::new();
    let places = places();
    let question = Question {
        event: &event,
        reading: &reading,
        history: &history,
        shadowed: &shadowed,
        places: &places,
        policy,
        now: received_at,
    };
    actual(decide::decide(&question, table), history.lead_id.is_some())
}

/// In examples every target is configured, and has the lead.
fn places() -> BTreeMap<String, Place> {
    let everywhere = Place::Sources(vec![SOMEWHERE.to_owned()]);
    TARGETS
        .iter()
        .map(|(name, body)| {
            let place = match body {
                Body::Disposition => Place::Leadping,
                _ => everywhere.clone(),
            };
            ((*name).to_owned(), place)
        })
        .collect()
}

fn history(setting: &Setting, facts: &Facts, source: &str, received_at: Timestamp) -> LeadHistory {
    let unknown = LeadHistory::of_unknown_lead(source, facts);
    let given = &setting.history;
    let has = given
        .has
        .as_ref()
        .map(|members| has(given, members, (source, received_at)));
    LeadHistory {
        only: None,
        contradiction: None,
        lead_id: unknown.lead_id.or_else(|| given.lead_id.clone()),
        calls: given.calls.unwrap_or(unknown.calls),
        previous: given.previous.as_ref().map(|previous| Previous {
            category: previous.category.clone(),
            outcome: previous.outcome.clone(),
            source: previous.source.clone().unwrap_or_else(|| source.to_owned()),
            at: previous.at.unwrap_or(received_at),
        }),
        applied: given
            .applied_at
            .map(|at| {
                let applied = Applied {
                    sequence: Sequence(0),
                    occurred_at: Some(at),
                };
                (source.to_owned(), applied)
            })
            .into_iter()
            .collect(),
        targets: BTreeMap::from([(LEADPING.to_owned(), has.unwrap_or_default())]),
        ids: vec![SystemId::new(SOMEWHERE, SOMEWHERE)],
        pearls: BTreeMap::new(),
    }
}

/// What LeadPing has: one entry, by whoever the example says set it.
fn has(
    given: &GivenHistory,
    members: &Map<String, Value>,
    (source, received_at): (&str, Timestamp),
) -> TargetHistory {
    let previous = given.previous.as_ref();
    let of_previous = previous.and_then(|previous| previous.source.as_deref());
    let setter = given.has_source.as_deref().or(of_previous);
    let entry = Entry {
        delivery: DeliveryId(uuid::Uuid::from_u128(0)),
        event: Sequence(0),
        source: setter.unwrap_or(source).to_owned(),
        members: members.clone(),
        call: given.has_call.clone(),
        timestamp: received_at,
        has_clock: false,
        entry_id: None,
        there_since: None,
        state: EntryState::There,
    };
    TargetHistory {
        course: Some(Course {
            words: entry.words(LEADPING),
            source: entry.source.clone(),
            ..Course::default()
        }),
        entries: vec![entry],
        ..TargetHistory::default()
    }
}

fn actual(decision: Decision, linked: bool) -> Actual {
    let record = decision.record;
    let verdict = match record.verdict {
        Verdict::Invalid => "invalid",
        Verdict::Unmapped => "unmapped",
        Verdict::Ignored => "ignored",
        Verdict::Parked => "parked",
        Verdict::Matched => record
            .targets
            .get(LEADPING)
            .or_else(|| record.targets.values().next())
            .map_or("ignored", |verdict| verdict.as_str()),
    };
    let mut leadping: Option<Map<String, Value>> = None;
    let mut written_back = BTreeMap::new();
    for delivery in &decision.deliveries {
        let members = delivery.members.clone();
        if delivery.target == LEADPING {
            leadping.get_or_insert_default().extend(members);
        } else {
            written_back.insert(delivery.target.clone(), members);
        }
    }
    let disposition = decision
        .deliveries
        .iter()
        .find(|delivery| delivery.slot() == LEADPING);
    let sent = disposition.and_then(|delivery| {
        match outbound::planned(LeadpingApi::Dispositions, Marker::None, delivery).body {
            Some(Value::Object(body)) => Some(body),
            _ => None,
        }
    });
    Actual {
        verdict,
        linked,
        row: record.row,
        why: record.why,
        leadping,
        written_back,
        sent,
    }
}

/// One thing that is not as expected; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// `verdict`, `row`, `why`, or a member of the disposition: `leadping.category`.
    pub key: String,
    pub expected: Option<Value>,
    pub actual: Option<Value>,
}

/// Everything that is not as expected; none: the example holds.
pub fn differences(expected: &Becomes, actual: &Actual) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |key: &str, expected: Option<Value>, actual: Option<Value>| {
        if expected != actual {
            found.push(Difference {
                key: key.to_owned(),
                expected,
                actual,
            });
        }
    };
    compare(
        "verdict",
        Some(Value::from(expected.verdict)),
        Some(Value::from(actual.verdict)),
    );
    if let Some(row) = &expected.row {
        let spoke = actual.row.as_ref().map(|spoke| match (row, &spoke.name) {
            (RowName::Name(_), Some(name)) => Value::from(name.as_str()),
            _ => Value::from(spoke.number),
        });
        compare("row", Some(row.to_json()), spoke);
    }
    if let Some(why) = &expected.why {
        let actual = actual.why.as_deref().map(Value::from);
        compare("why", Some(Value::from(why.as_str())), actual);
    }
    let nothing = Map::new();
    let says = |wanted: &Option<Map<String, Value>>| wanted.is_some();
    // A delivery whose members the expectation does not list may send what it likes.
    if says(&expected.leadping) || (says(&actual.leadping) && expected.verdict != actual.verdict) {
        let wanted = expected.leadping.as_ref().unwrap_or(&nothing);
        let given = actual.leadping.as_ref().unwrap_or(&nothing);
        let sent = actual.sent.as_ref().unwrap_or(&nothing);
        for member in members_in_order(wanted.keys().chain(given.keys())) {
            let value = given
                .get(member)
                .or_else(|| sent.get(member).filter(|_| wanted.contains_key(member)));
            compare(
                &format!("leadping.{member}"),
                wanted.get(member).cloned(),
                value.cloned(),
            );
        }
    }
    for (target, wanted) in &expected.written_back {
        let given = actual.written_back.get(target).unwrap_or(&nothing);
        for member in members_in_order(wanted.keys().chain(given.keys())) {
            compare(
                &format!("{target}.{member}"),
                wanted.get(member).cloned(),
                given.get(member).cloned(),
            );
        }
    }
    found
}

/// Each once, the way a person reads a disposition.
fn members_in_order<'m>(names: impl Iterator<Item = &'m String>) -> Vec<&'m str> {
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    let place = |name: &str| {
        systems::leadping::vocabulary::MEMBERS
            .iter()
            .position(|(known, _)| *known == name)
    };
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    names
}

/// The rows of a table that spoke in none of its examples.
pub fn uncovered<'t>(table: &'t Table, spoke: &BTreeSet<u32>) -> Vec<&'t RowRef> {
    table
        .rows()
        .iter()
        .map(|row| &row.reference)
        .filter(|row| !spoke.contains(&row.number))
        .collect()
}
