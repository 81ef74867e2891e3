//! A pause that a person asked for. Unlike one of the target's own doing it has no end by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Health;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub since: Timestamp,
    /// The name of the token that was shown.
    pub by: String,
}

impl Health {
    /// Nothing is sent from now on. Whoever stopped it first stays named.
    pub fn stop(&mut self, by: &str, now: Timestamp) {
        if self.stopped.is_some() {
            return;
        }
        self.roll(now, |health| {
            let by = by.to_owned();
            health.stopped = Some(Stopped { since: now, by });
        });
    }

    /// Goes on. Where the target itself is paused or fails, it is probed at once; a gate stays.
    pub fn go_on(&mut self, now: Timestamp) {
        self.roll(now, |health| health.stopped = None);
        if let Some(pause) = &mut self.pause {
            pause.probe_at = pause.probe_at.min(now);
        }
        if let Some(open) = &mut self.breaker.open {
            open.probe_at = open.probe_at.min(now);
        }
    }
}
