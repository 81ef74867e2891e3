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
use crate::delivery::{self, DeliveryId, Slot};
use crate::event::{Event, Facts, Reading, Standing};
use crate::lead::{LeadHistory, Previous, TargetHistory};
use crate::map::{self, MapInput, Mapped, RowRef, Table, Wish};
use crate::systems;
use crate::systems::place::{Addresses, Ids, Place};

/// Everything a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub event: &'a Event,
    pub reading: &'a Reading,
    pub history: &'a LeadHistory,
    /// Target name → in shadow mode.
    pub shadowed: &'a BTreeMap<String, bool>,
    /// Configured target's name → where it keeps its leads.
    pub places: &'a BTreeMap<String, Place>,
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

    /// What addresses the lead at the targets.
    fn ids(&self) -> Ids<'_> {
        Ids {
            leadping: self.history.lead_id.as_deref(),
            others: &self.history.ids,
            pearls: &self.history.pearls,
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

/// What the wishes of one row come to.
#[derive(Default)]
struct Weighed {
    targets: BTreeMap<String, TargetVerdict>,
    deliveries: Vec<PlannedDelivery>,
    /// Slots in which the event was applied.
    applied: Vec<String>,
    /// Category and outcome, if the event was applied to the disposition.
    words: Option<(Option<String>, Option<String>)>,
    cause: Option<ParkCause>,
}

/// The wishes of a matched row, weighed against the lead's past, target by target.
fn plan(question: &Question<'_>, record: DecisionRecord, wishes: Vec<Wish>) -> Decision {
    let facts = &question.reading.facts;
    let occurred_at = facts
        .occurred_at
        .map(|at| at.min(question.event.received_at));
    let mut weighed = Weighed::default();
    for wish in wishes {
        weigh_at_target(question, occurred_at, wish, &mut weighed);
    }
    let at = occurred_at.unwrap_or(question.event.received_at);
    let previous = weighed.words.map(|(category, outcome)| Previous {
        category,
        outcome,
        source: question.event.source.clone(),
        at,
    });
    Decision {
        cause: weighed.cause,
        applied: (!weighed.applied.is_empty()).then_some(AppliedChange {
            occurred_at,
            targets: weighed.applied,
            previous,
        }),
        record: DecisionRecord {
            targets: weighed.targets,
            previous: question.history.previous.clone(),
            ..record
        },
        deliveries: weighed.deliveries,
    }
}

/// One wish, at every address that the lead has at its target.
fn weigh_at_target(
    question: &Question<'_>,
    occurred_at: Option<Timestamp>,
    wish: Wish,
    weighed: &mut Weighed,
) {
    let source = &question.event.source;
    let nowhere = |weighed: &mut Weighed, verdict, cause: Option<ParkCause>| {
        // Two wishes at LeadPing, its disposition and its record, are nowhere together.
        weighed.targets.insert(wish.target.clone(), verdict);
        weighed.cause = weighed.cause.take().or(cause);
    };
    let addresses = match question.places.get(&wish.target) {
        None => return nowhere(weighed, TargetVerdict::Off, None),
        Some(place) => place.addresses(&question.ids()),
    };
    let addresses = match addresses {
        Addresses::At(addresses) => addresses,
        Addresses::Unlinked => {
            let cause = ParkCause::unlinked(source);
            return nowhere(weighed, TargetVerdict::Unlinked, Some(cause));
        }
        Addresses::Absent => {
            let cause = wish.required.then(|| ParkCause::unlinked(source));
            return nowhere(weighed, TargetVerdict::Absent, cause);
        }
        Addresses::Unaddressable(why) => {
            let cause = ParkCause::invalid(source);
            return nowhere(weighed, TargetVerdict::Invalid { why }, Some(cause));
        }
    };
    let is_one = addresses.len() == 1;
    for address in addresses {
        let slot = delivery::slot(&wish.target, &address, &wish.members);
        let verdict = weigh(question, occurred_at, &slot, &wish).unwrap_or_else(|| {
            let id = DeliveryId::new_at(question.now);
            weighed
                .deliveries
                .push(delivery_of(question, occurred_at, (id, &address), &wish));
            TargetVerdict::Delivery { id }
        });
        let named = Slot::parse(&slot);
        if verdict.is_applied() {
            if named.lead_id.is_none() && !named.is_record {
                weighed.words = Some((word(&wish, "category"), word(&wish, "outcome")));
            }
            weighed.applied.push(slot.clone());
        }
        let key = if is_one && named.lead_id.is_some() {
            wish.target.clone()
        } else {
            slot
        };
        weighed.targets.insert(key, verdict);
    }
}

fn delivery_of(
    question: &Question<'_>,
    occurred_at: Option<Timestamp>,
    (id, address): (DeliveryId, &str),
    wish: &Wish,
) -> PlannedDelivery {
    PlannedDelivery {
        id,
        withheld: question
            .shadowed
            .get(&wish.target)
            .copied()
            .unwrap_or(false),
        target: wish.target.clone(),
        lead_id: address.to_owned(),
        members: wish.members.clone(),
        call: question.reading.facts.call.clone(),
        timestamp: occurred_at.unwrap_or(question.event.received_at),
    }
}

/// The verdicts that stop a wish of a linked lead; `None`: it becomes a delivery.
fn weigh(
    question: &Question<'_>,
    occurred_at: Option<Timestamp>,
    slot: &str,
    wish: &Wish,
) -> Option<TargetVerdict> {
    let nothing = TargetHistory::default();
    let target = question.history.targets.get(slot).unwrap_or(&nothing);
    // `echo` belongs here.
    if let Some(newest) = newer_than(question, occurred_at, target) {
        return Some(TargetVerdict::Stale { newest });
    }
    // `outranked` belongs here.
    let entry = target.has.as_ref()?;
    let facts = &question.reading.facts;
    // Only LeadPing keeps a history of calls; elsewhere a state is a state.
    let named = Slot::parse(slot);
    let other_call = named.lead_id.is_none()
        && !named.is_record
        && facts.call.is_some()
        && entry.call.is_some()
        && facts.call != entry.call;
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
