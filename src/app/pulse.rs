//! Whether the parts that everything depends on still turn: the store's writer and the decider.
//!
//! A disk that cannot be written is no reason to restart: the writer answers then, too, and the
//! decider tries again. What is reported here is a thread or a task that stands still.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::decider::{Heartbeat, Request};
use crate::store::Store;

/// Asks, for a watchdog.
pub struct Pulse {
    store: Store,
    decider: mpsc::Sender<Request>,
    heart: Arc<Heartbeat>,
    beats_seen: Mutex<u64>,
}

impl Pulse {
    pub(super) fn of(
        store: &Store,
        decider: &mpsc::Sender<Request>,
        heart: Arc<Heartbeat>,
    ) -> Self {
        Self {
            store: store.clone(),
            decider: decider.clone(),
            beats_seen: Mutex::new(heart.beats()),
            heart,
        }
    }

    /// The part that has not moved `within` that time; `None` if all have.
    pub async fn still(&self, within: Duration) -> Option<&'static str> {
        // A full queue means that it has work; its beats tell whether it does it.
        let _ = self.decider.try_send(Request::Beat);
        let (writer, decider) = tokio::join!(
            tokio::time::timeout(within, self.store.try_write()),
            tokio::time::timeout(within, self.heart.beyond(self.seen())),
        );
        // That it cannot write is an answer, too.
        if writer.is_err() {
            return Some("the store's writer");
        }
        let Ok(beats) = decider else {
            return Some("the decider");
        };
        *self
            .beats_seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = beats;
        None
    }

    fn seen(&self) -> u64 {
        *self
            .beats_seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
