//! What tells `resolve` that events of its source wait for a link: a mark in their order, from
//! which the store is to be looked through, which of them a person wants asked for whatever was
//! answered before, and a wake-up. It holds no events.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::decision::ParkCause;
use crate::event::Sequence;
use crate::store::Decided;

/// Nothing was noted.
const NOTHING: i64 = i64::MAX;
/// Events that a person wants asked for again; more than one step releases.
const MOST_WANTED: usize = 4096;

#[derive(Debug)]
pub struct Unlinked {
    source: String,
    cause: ParkCause,
    from: AtomicI64,
    wanted: Mutex<BTreeSet<Sequence>>,
    woken: Notify,
}

impl Unlinked {
    /// Everything that waits already counts as noted.
    pub fn of(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            cause: ParkCause::unlinked(source),
            from: AtomicI64::new(0),
            wanted: Mutex::default(),
            woken: Notify::new(),
        }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    fn waiting<'d>(&self, decided: &'d [Decided]) -> impl Iterator<Item = Sequence> + use<'_, 'd> {
        let waits = |event: &&Decided| {
            event.source == self.source && event.cause.as_ref() == Some(&self.cause)
        };
        decided.iter().filter(waits).map(|event| event.sequence)
    }

    /// A person released these: what still waits is to be asked for now.
    pub(super) fn want(&self, decided: &[Decided]) {
        let mut wanted = self.wanted();
        let room = MOST_WANTED.saturating_sub(wanted.len());
        wanted.extend(self.waiting(decided).take(room));
    }

    /// Whether a person wants this one asked for; it is said once.
    pub fn take_wanted(&self, event: Sequence) -> bool {
        self.wanted().remove(&event)
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeSet<Sequence>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, decided: &[Decided]) {
        let oldest = self.waiting(decided).map(|sequence| sequence.0);
        if let Some(oldest) = oldest.min() {
            self.from.fetch_min(oldest, Ordering::Relaxed);
            self.woken.notify_one();
        }
    }

    /// The oldest event noted since this was asked last.
    pub fn take(&self) -> Option<Sequence> {
        let from = self.from.swap(NOTHING, Ordering::Relaxed);
        (from != NOTHING).then_some(Sequence(from))
    }

    /// Returns once something was noted.
    pub async fn noted(&self) {
        self.woken.notified().await;
    }
}
