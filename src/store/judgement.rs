//! What the store asks of those who decide: a pure judgement inside its transaction, and leave to
//! send what comes of it. Interfaces alone; they are kept by `decider`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Undecided;
use crate::decision::{Decision, FOR_A_PLACE, ParkCause};
use crate::delivery::{Lease, Leave};
use crate::event::{Event, EventId, Reading, Sequence};
use crate::lead::LeadHistory;

/// The pure judgement that the store calls inside its transaction.
pub trait Decider: Send + Sync {
    /// Reads a recorded body again.
    fn read(&self, event: &Event) -> Reading;
    /// Decides by the lead's past.
    fn decide(&self, event: &Undecided, history: &LeadHistory, now: Timestamp) -> Decision;
    /// Whether withheld deliveries count as what the target has.
    fn is_shadowed(&self, target: &str) -> bool;
    /// The target whose own changes this source reports, and how long an echo is awaited.
    fn echoes_of(&self, _source: &str) -> Option<(&str, Duration)> {
        None
    }
}

/// The decider at the writer's side: what is appended is decided in the same transaction, if
/// everything before it is decided.
pub trait Desk: Send + Sync {
    /// The rules and the time of one transaction.
    fn sit(&self) -> (Arc<dyn Decider>, Timestamp);
    /// Leave to make one call to `target` at once; without it the delivery waits in the store.
    /// Must not wait.
    fn leave(&self, target: &str) -> Option<Leave>;
    /// All of this is on disk.
    fn announce(&self, decided: Vec<Decided>, leased: Vec<Leased>);
}

/// A delivery leased in the transaction that decided it.
#[derive(Debug)]
pub struct Leased {
    pub lease: Lease,
    pub leave: Leave,
}

/// What came of deciding one event.
#[derive(Debug, Clone)]
pub struct Decided {
    pub event: EventId,
    pub sequence: Sequence,
    /// It had not been decided before.
    pub is_first: bool,
    pub at: Timestamp,
    pub source: String,
    pub words: Vec<&'static str>,
    /// The number of the row that spoke.
    pub row: Option<u32>,
    pub cause: Option<ParkCause>,
    /// Targets that now have one more delivery to take, one entry per delivery; not those whose
    /// delivery was leased at once.
    pub targets: Vec<String>,
    /// Target → calls that this decision made unnecessary.
    pub saved_calls: Vec<(String, usize)>,
    /// The target whose echo was awaited when something else came.
    pub near_miss: Option<String>,
}

impl Decided {
    /// What a person does about it.
    pub fn suggestion(&self, cause: &ParkCause) -> String {
        let is = |word| self.words.contains(&word);
        match cause.class() == "unlinked" && is("absent") && !is("unlinked") {
            true => String::from(FOR_A_PLACE),
            false => cause.suggestion(),
        }
    }

    pub fn of(event: &Event, decision: &Decision, targets: Vec<String>) -> Self {
        Self {
            event: event.id,
            sequence: event.sequence,
            is_first: false,
            at: decision.record.decided_at,
            source: event.source.clone(),
            words: decision.record.words(),
            row: decision.record.row.as_ref().map(|row| row.number),
            targets,
            saved_calls: decision
                .record
                .saved_calls()
                .map(|(target, calls)| (target.to_owned(), calls))
                .collect(),
            near_miss: decision.record.near_miss.clone(),
            cause: decision.cause.clone(),
        }
    }
}

impl Decided {
    /// Of an event that was parked: it waits no longer, or part of it goes on.
    pub fn moved(&self) -> bool {
        self.cause.is_none() || !self.targets.is_empty()
    }
}
