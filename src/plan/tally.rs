//! What is counted while two decisions on every event go by. Bounded: causes, ends and examples
//! have a most, whatever senders send.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::lines::Lines;
use super::terminal::Terminals;
use super::{Sides, words};
use crate::decision::{Decision, PlannedDelivery};
use crate::event::{Event, EventId, Reading, Sequence};
use crate::systems::outbound;

/// Different keys counted; what comes later is counted together.
pub(super) const MOST_KEYS: usize = 1000;
const OTHERS: &str = "(others)";
/// Examples shown.
pub(super) const EXAMPLES: usize = 10;

/// How often each key came, for a bounded number of keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<String, i64>);

impl Counts {
    pub(super) fn add(&mut self, key: &str, weight: i64) {
        if let Some(count) = self.0.get_mut(key) {
            *count += weight;
            if *count == 0 {
                self.0.remove(key);
            }
            return;
        }
        let key = if self.0.len() < MOST_KEYS {
            key
        } else {
            OTHERS
        };
        *self.0.entry(key.to_owned()).or_default() += weight;
    }

    pub fn sum(&self) -> i64 {
        self.0.values().sum()
    }
}

/// What one side made of all events.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SideTotals {
    /// The words of `decisions_total{decision}`: one per target, else the event's own.
    pub decisions: Counts,
    /// Cause → events.
    pub parked: Counts,
    /// Target → calls.
    pub calls: Counts,
}

/// An event that is decided differently.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    pub event: EventId,
    #[serde(skip)]
    pub sequence: Sequence,
    pub source: String,
    /// The lead's id at that source, else at LeadPing.
    pub lead: Option<String>,
    #[serde(serialize_with = "crate::store::rows::timestamp")]
    pub received_at: Timestamp,
    pub before: String,
    pub after: String,
}

/// Two decisions on one event, with the rows that made them.
pub(super) struct Pair<'a> {
    pub(super) event: &'a Event,
    pub(super) reading: &'a Reading,
    pub(super) mapping: &'a str,
    pub(super) decisions: Sides<&'a Decision>,
    pub(super) differs: bool,
}

/// Whether a pair is counted, or a count is taken back because the event is decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    In,
    Out,
}

impl Count {
    pub(super) fn weight(self) -> i64 {
        match self {
            Self::In => 1,
            Self::Out => -1,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) events: i64,
    pub(super) differ: i64,
    pub(super) sides: Sides<SideTotals>,
    /// By the candidate's cause.
    pub(super) newly_parked: Counts,
    /// By the current cause.
    pub(super) released: Counts,
    /// `before → after`.
    pub(super) parked_otherwise: Counts,
    pub(super) received: Option<(Timestamp, Timestamp)>,
    pub(super) terminals: Terminals,
    examples: Examples,
}

impl Tally {
    pub(super) fn new(terminal_categories: &[String]) -> Self {
        Self {
            terminals: Terminals::of(terminal_categories),
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, pair: &Pair<'_>, lines: &mut Lines, count: Count) {
        let weight = count.weight();
        let Sides { current, candidate } = pair.decisions;
        self.events += weight;
        self.note_time(pair.event.received_at);
        add_side(&mut self.sides.current, current, weight);
        add_side(&mut self.sides.candidate, candidate, weight);
        self.terminals.count(&pair.decisions, count);
        let places = lines.places(pair.mapping, &pair.decisions);
        if let Some(places) = &places {
            lines.lines[places.current].events.current += weight;
            lines.lines[places.candidate].events.candidate += weight;
        }
        if !pair.differs {
            return;
        }
        self.differ += weight;
        if let Some(places) = &places {
            lines.lines[places.current].differ += weight;
            if places.candidate != places.current {
                lines.lines[places.candidate].differ += weight;
            }
        }
        self.count_parking(current, candidate, weight);
        match count {
            Count::In => self.examples.offer(pair, places.unwrap_or_default()),
            Count::Out => self.examples.withdraw(pair.event.sequence),
        }
    }

    fn count_parking(&mut self, current: &Decision, candidate: &Decision, weight: i64) {
        match (&current.cause, &candidate.cause) {
            (None, Some(cause)) => self.newly_parked.add(cause.as_str(), weight),
            (Some(cause), None) => self.released.add(cause.as_str(), weight),
            (Some(before), Some(after)) if before != after => self
                .parked_otherwise
                .add(&format!("{before} → {after}"), weight),
            _ => {}
        }
    }

    fn note_time(&mut self, at: Timestamp) {
        let (first, last) = self.received.unwrap_or((at, at));
        self.received = Some((first.min(at), last.max(at)));
    }

    pub(super) fn examples(&self) -> Vec<Example> {
        self.examples.chosen()
    }
}

fn add_side(side: &mut SideTotals, decision: &Decision, weight: i64) {
    for word in decision.record.words() {
        side.decisions.add(word, weight);
    }
    if let Some(cause) = &decision.cause {
        side.parked.add(cause.as_str(), weight);
    }
    for delivery in &decision.deliveries {
        let calls = outbound::calls_of(&delivery.members);
        side.calls.add(&delivery.target, weight * calls);
    }
}

/// The first of each kind of difference, then the first of all.
#[derive(Debug, Default)]
struct Examples {
    kinds: Vec<(Kind, Example)>,
    more: Vec<Example>,
}

/// Lines and words of both sides.
type Kind = (Sides<usize>, Sides<Option<&'static str>>);

impl Examples {
    fn offer(&mut self, pair: &Pair<'_>, places: Sides<usize>) {
        if self.kinds.len() >= EXAMPLES {
            return;
        }
        let word = |decision: &Decision| decision.record.words().first().copied();
        let words = Sides {
            current: word(pair.decisions.current),
            candidate: word(pair.decisions.candidate),
        };
        let kind = (places, words);
        if self.kinds.iter().all(|(known, _)| *known != kind) {
            self.kinds.push((kind, example(pair)));
        } else if self.more.len() < EXAMPLES {
            self.more.push(example(pair));
        }
    }

    fn withdraw(&mut self, event: Sequence) {
        self.kinds.retain(|(_, known)| known.sequence != event);
        self.more.retain(|known| known.sequence != event);
    }

    fn chosen(&self) -> Vec<Example> {
        let kinds = self.kinds.iter().map(|(_, example)| example);
        let mut chosen: Vec<Example> = kinds.chain(&self.more).take(EXAMPLES).cloned().collect();
        chosen.sort_by_key(|example| example.sequence);
        chosen
    }
}

fn example(pair: &Pair<'_>) -> Example {
    let facts = &pair.reading.facts;
    let Sides { current, candidate } = pair.decisions;
    let (mut before, mut after) = (words::of_decision(current), words::of_decision(candidate));
    if before == after {
        let members = differing_members(current, candidate).join(", ");
        before.push_str(" as it is");
        after.push_str(&match members.as_str() {
            "" => String::from(" in another way (`final`, or what is amended)"),
            members => format!(" with other {members}"),
        });
    }
    Example {
        event: pair.event.id,
        sequence: pair.event.sequence,
        source: pair.event.source.clone(),
        lead: facts.source_lead_id.clone().or(facts.lead_id.clone()),
        received_at: pair.event.received_at,
        before,
        after,
    }
}

fn differing_members(current: &Decision, candidate: &Decision) -> Vec<String> {
    let pairs = current.deliveries.iter().filter_map(|left| {
        let same_slot = |right: &&PlannedDelivery| right.slot() == left.slot();
        Some((left, candidate.deliveries.iter().find(same_slot)?))
    });
    let mut differing: Vec<String> = pairs
        .flat_map(|(left, right)| words::differing(&left.members, &right.members))
        .map(str::to_owned)
        .collect();
    differing.sort();
    differing.dedup();
    differing
}
