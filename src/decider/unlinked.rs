//! What tells `resolve` that events of its source wait for a link: a mark in their order, from
//! which the store is to be looked through, and a wake-up. It holds no events.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::decision::ParkCause;
use crate::event::Sequence;
use crate::store::Decided;

/// Nothing was noted.
const NOTHING: i64 = i64::MAX;

#[derive(Debug)]
pub struct Unlinked {
    source: String,
    cause: ParkCause,
    from: AtomicI64,
    woken: Notify,
}

impl Unlinked {
    /// Everything that waits already counts as noted.
    pub fn of(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            cause: ParkCause::unlinked(source),
            from: AtomicI64::new(0),
            woken: Notify::new(),
        }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn note(&self, decided: &[Decided]) {
        let waits = |event: &&Decided| {
            event.source == self.source && event.cause.as_ref() == Some(&self.cause)
        };
        let oldest = decided.iter().filter(waits).map(|event| event.sequence.0);
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
