//! The desk at the writer's side: what comes in is decided in the transaction that records it, and
//! what can be sent at once is leased in it. One commit lies between a webhook and its call.
//!
//! It lends rules and leave to the store's writer and passes on what came of it; it decides nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Rules, Unlinked};
use crate::clock::Clock;
use crate::decision::ParkCause;
use crate::deliver::TargetWorker;
use crate::delivery::Leave;
use crate::store::{Decided, Decider, Desk, Leased, StoreError};
use crate::telemetry::damper::{Damper, Say};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::{DecidedSpan, Traces};

pub struct WriterDesk {
    pub rules: Arc<Rules>,
    pub workers: Vec<Arc<TargetWorker>>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// One for each source that asks for links.
    pub unlinked: Vec<Arc<Unlinked>>,
    pub traces: Traces,
    pub damper: Damper,
}

impl Desk for WriterDesk {
    fn sit(&self) -> (Arc<dyn Decider>, Timestamp) {
        (self.rules.snapshot(), self.clock.now())
    }

    fn leave(&self, target: &str) -> Option<Leave> {
        self.worker(target)?.leave()
    }

    fn announce(&self, decided: Vec<Decided>, leased: Vec<Leased>) {
        for leased in leased {
            match self.worker(&leased.lease.target) {
                Some(worker) => worker.send(leased),
                None => {
                    tracing::error!(delivery.id = %leased.lease.id, "a delivery was leased for a target that is not there; the next start looks it up");
                }
            }
        }
        self.tell(&decided);
    }
}

impl WriterDesk {
    fn worker(&self, target: &str) -> Option<&Arc<TargetWorker>> {
        self.workers.iter().find(|worker| worker.name() == target)
    }

    /// `target` has one more delivery to take.
    pub(super) fn wake(&self, target: &str) {
        if let Some(worker) = self.worker(target) {
            worker.wake(1);
        }
    }

    /// Whether nothing keeps `target` from being written to.
    pub(super) fn is_open(&self, target: &str, now: Timestamp) -> bool {
        self.worker(target).is_none_or(|worker| {
            let health = worker.health_now();
            let gated = health.gate.is_some_and(|gate| now < gate.until);
            let is_stopped = health.stopped.is_some() || health.pause.is_some();
            !gated && !is_stopped && health.breaker.open.is_none()
        })
    }

    /// How long so many calls to `target` take at a share of its rate.
    pub(super) fn time_for(&self, target: &str, calls: u64, share: u8) -> Duration {
        self.worker(target).map_or(Duration::ZERO, |worker| {
            worker.config().rate_limit.time_for(calls, share)
        })
    }

    /// Tells those who ask for links what now waits for one.
    /// A person released these.
    pub(super) fn want_asked(&self, decided: &[Decided]) {
        for unlinked in &self.unlinked {
            unlinked.want(decided);
        }
    }

    pub(super) fn note_unlinked(&self, decided: &[Decided]) {
        for unlinked in &self.unlinked {
            unlinked.note(decided);
        }
    }

    /// As [`WriterDesk::tell`], of what waited: what stays parked was reported when it was parked.
    pub(super) fn tell_moved(&self, decided: &[Decided]) {
        let moved = decided.iter().filter(|event| event.moved());
        self.tell(&moved.cloned().collect::<Vec<_>>());
    }

    /// The store cannot be written or read; it is tried every second.
    pub(super) fn say_undecidable(&self, error: &StoreError) {
        if let Say::Aloud { unsaid } = self.damper.ask("undecidable", self.clock.now()) {
            tracing::error!(%error, unsaid, "recorded events cannot be decided; they are on disk, trying again");
        }
    }

    fn say_parked(&self, event: &Decided, cause: &ParkCause) {
        let (id, source) = (event.event, &event.source);
        match self.damper.ask(cause.as_str(), self.clock.now()) {
            Say::Aloud { unsaid } => {
                tracing::warn!(event.id = %id, source.name = %source, unsaid, "event {id} is parked as `{cause}`: {}", event.suggestion(cause));
            }
            Say::Quietly => {
                tracing::debug!(event.id = %id, source.name = %source, "event {id} is parked as `{cause}`");
            }
        }
    }

    fn trace(&self, event: &Decided) {
        if self.traces.wants(event.event) {
            let span = DecidedSpan {
                event: event.event,
                source: &event.source,
                words: &event.words,
                cause: event.cause.as_ref().map(ParkCause::as_str),
                is_first: event.is_first,
                decided_at: event.at,
            };
            self.traces.decided(&span, self.clock.now());
        }
    }

    /// Counts and logs what was decided, and wakes who has work now.
    pub(super) fn tell(&self, decided: &[Decided]) {
        self.rules.count_hits(decided);
        self.note_unlinked(decided);
        for event in decided {
            for word in &event.words {
                self.metrics.decision(&event.source, word);
            }
            for (target, calls) in &event.saved_calls {
                self.metrics.superseded(target, *calls);
            }
            if let Some(target) = &event.near_miss {
                self.metrics.echo_near_miss(target);
            }
            self.trace(event);
            if let Some(cause) = &event.cause {
                self.metrics.parking(cause.as_str());
                self.say_parked(event, cause);
            }
        }
        for worker in &self.workers {
            let more = decided
                .iter()
                .flat_map(|event| &event.targets)
                .filter(|target| *target == worker.name())
                .count();
            if more > 0 {
                worker.wake(more);
            }
        }
    }
}
