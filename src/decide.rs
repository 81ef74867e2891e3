//! Deciding: one event, its table, its lead's past → what must happen, and why. Pure.
//!
//! [`decide`] is the one path: the daemon, `explain`, `plan` and replay all take it. It never
//! looks at a clock, a store or a socket. The verdicts are tried in the contract's order, the
//! first that holds wins. The places of `echo` (before stale) and `outranked` (after it) are
//! marked; neither is built yet.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::decision::{
    AppliedChange, Decision, DecisionRecord, ParkCause, PlannedDelivery, TargetVerdict, Verdict,
};
use crate::delivery::DeliveryId;
use crate::event::{Event, Facts, Reading, Standing};
use crate::lead::{LeadHistory, Previous, TargetHistory};

use crate::map::{self, MapInput, Mapped, RowRef, Table, Wish};
use crate::systems;

/// Everything a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub event: &'a Event,
    pub reading: &'a Reading,
    pub history: &'a LeadHistory,
    /// Target name → in shadow mode.
    pub shadowed: &'a BTreeMap<String, bool>,
    pub now: Timestamp,
}

impl Question<'_> {
    /// What the table may look at.
    pub fn map_input(&self) -> MapInput<'_> {
        MapInput {
            event_id: self.event.id,
            source: &self.event.source,
            received_at: self.event.received_at,
            facts: &self.reading.facts,
            body: &self.event.body,
            lead_id: self.history.lead_id.as_deref(),
            calls: self.history.calls,
            previous: self.history.previous.as_ref(),
        }
    }
}

/// Decides one event by one table.
pub fn decide(question: &Question<'_>, table: &Table) -> Decision {
    let source = question.event.source.as_str();
    let facts = &question.reading.facts;
    match &question.reading.standing {
        Standing::Invalid(why) => {
            let record = record(question, Verdict::Invalid, Some(why.clone()));
            return parked(record, ParkCause::invalid(source));
        }
        Standing::Ignored(why) => {
            return settled(record(question, Verdict::Ignored, Some(why.clone())));
        }
        Standing::Usable => {}
    }
    let mapped = map::evaluate(table, &question.map_input());
    let by = |row: Option<RowRef>, verdict, why| DecisionRecord {
        table: Some(table.hash.to_string()),
        row,
        ..record(question, verdict, why)
    };
    match mapped {
        Mapped::Invalid { row, why } => parked(
            by(Some(row), Verdict::Invalid, Some(why)),
            ParkCause::invalid(source),
        ),
        Mapped::Unmapped => parked(
            by(None, Verdict::Unmapped, None),
            ParkCause::unmapped(source, &status_word(facts)),
        ),
        Mapped::Ignored { row, why } => settled(by(Some(row), Verdict::Ignored, Some(why))),
        Mapped::Parked { row, why } => parked(
            by(Some(row), Verdict::Parked, Some(why)),
            ParkCause::by_row(source, &status_word(facts)),
        ),
        Mapped::Wishes { row, wishes } => {
            plan(question, by(Some(row), Verdict::Matched, None), wishes)
        }
    }
}

/// The status as the vendor sends it, for a cause.
fn status_word(facts: &Facts) -> String {
    facts
        .status
        .as_ref()
        .map(systems::park_cause_status)
        .unwrap_or_default()
}

fn record(question: &Question<'_>, verdict: Verdict, why: Option<String>) -> DecisionRecord {
    DecisionRecord {
        verdict,
        why,
        table: None,
        row: None,
        targets: BTreeMap::new(),
        previous: None,
        decided_at: question.now,
    }
}

fn settled(record: DecisionRecord) -> Decision {
    Decision {
        record,
        cause: None,
        deliveries: Vec::new(),
        applied: None,
    }
}

fn parked(record: DecisionRecord, cause: ParkCause) -> Decision {
    Decision {
        cause: Some(cause),
        ..settled(record)
    }
}

/// The wishes of a matched row, weighed against the lead's past, target by target.
fn plan(question: &Question<'_>, mut record: DecisionRecord, wishes: Vec<Wish>) -> Decision {
    let facts = &question.reading.facts;
    let history = question.history;
    let occurred_at = facts
        .occurred_at
        .map(|at| at.min(question.event.received_at));
    let nothing = TargetHistory::default();
    let mut deliveries = Vec::new();
    let mut newest_words = None;
    for wish in wishes {
        let target_history = history.targets.get(&wish.target).unwrap_or(&nothing);
        let verdict = match &history.lead_id {
            None => TargetVerdict::Unlinked,
            Some(lead_id) => {
                let id = DeliveryId::new_at(question.now);
                let weighed = weigh(question, occurred_at, target_history, &wish)
                    .unwrap_or(TargetVerdict::Delivery { id });
                if weighed.is_applied() {
                    newest_words = Some((word(&wish, "category"), word(&wish, "outcome")));
                }
                if matches!(weighed, TargetVerdict::Delivery { .. }) {
                    deliveries.push(PlannedDelivery {
                        id,
                        withheld: question
                            .shadowed
                            .get(&wish.target)
                            .copied()
                            .unwrap_or(false),
                        target: wish.target.clone(),
                        lead_id: lead_id.clone(),
                        members: wish.members,
                        call: facts.call.clone(),
                        timestamp: occurred_at.unwrap_or(question.event.received_at),
                    });
                }
                weighed
            }
        };
        record.targets.insert(wish.target, verdict);
    }
    let unlinked = record
        .targets
        .values()
        .any(|v| *v == TargetVerdict::Unlinked);
    let applied_at: Vec<String> = record
        .targets
        .iter()
        .filter(|(_, verdict)| verdict.is_applied())
        .map(|(target, _)| target.clone())
        .collect();
    record.previous.clone_from(&history.previous);
    Decision {
        cause: unlinked.then(|| ParkCause::unlinked(&question.event.source)),
        applied: newest_words.map(|(category, outcome)| AppliedChange {
            occurred_at,
            targets: applied_at,
            previous: Previous {
                category,
                outcome,
                source: question.event.source.clone(),
                at: occurred_at.unwrap_or(question.event.received_at),
            },
        }),
        record,
        deliveries,
    }
}

/// The verdicts that stop a wish of a linked lead; `None`: it becomes a delivery.
fn weigh(
    question: &Question<'_>,
    occurred_at: Option<Timestamp>,
    target: &TargetHistory,
    wish: &Wish,
) -> Option<TargetVerdict> {
    // `echo` belongs here.
    if let Some(newest) = newer_than(question, occurred_at, target) {
        return Some(TargetVerdict::Stale { newest });
    }
    // `outranked` belongs here.
    let entry = target.has.as_ref()?;
    let facts = &question.reading.facts;
    let other_call = facts.call.is_some() && entry.call.is_some() && facts.call != entry.call;
    let same_members = wish
        .members
        .iter()
        .all(|(member, value)| entry.members.get(member) == Some(value));
    (!other_call && same_members).then_some(TargetVerdict::Unchanged {
        since: entry.delivery,
    })
}

/// The applied event that makes this one stale: newer by its source's own clock, or, for an event
/// that waited, recorded later by any source and applied at this target.
fn newer_than(
    question: &Question<'_>,
    occurred_at: Option<Timestamp>,
    target: &TargetHistory,
) -> Option<crate::event::Sequence> {
    let event = question.event;
    if let Some(applied) = question.history.applied.get(&event.source)
        && let (Some(ours), Some(theirs)) = (occurred_at, applied.occurred_at)
        && ours < theirs
    {
        return Some(applied.sequence);
    }
    target.applied.filter(|applied| *applied > event.sequence)
}

fn word(wish: &Wish, member: &str) -> Option<String> {
    wish.members
        .get(member)
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned)
}

/// The decision on an event whose source has no table any more.
pub fn without_table(question: &Question<'_>) -> Decision {
    let why = String::from("its source has no mapping");
    parked(
        record(question, Verdict::Invalid, Some(why)),
        ParkCause::invalid(&question.event.source),
    )
}

#[cfg(test)]
mod tests;
