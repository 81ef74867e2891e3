//! Time, passed in: the machine's clock, or one that a test moves by hand.
//!
//! Loops that wait take a [`Clock`]; pure code takes a `Timestamp`.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Where "now" comes from and how waiting is done.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    /// Stands still until it is advanced.
    Manual(ManualClock),
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(clock) => *clock.now.borrow(),
        }
    }

    /// Returns once `now()` has reached `when`.
    pub async fn sleep_until(&self, when: Timestamp) {
        match self {
            Self::System => loop {
                let left = until(Timestamp::now(), when);
                if left.is_zero() {
                    return;
                }
                // The wall clock may jump: never sleep past a minute without looking again.
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            },
            Self::Manual(clock) => {
                let mut seen = clock.now.subscribe();
                // The sender lives in `self`, so this waits or succeeds.
                let _ = seen.wait_for(|now| *now >= when).await;
            }
        }
    }
}

/// The time from `now` to `when`; zero if it has passed.
pub fn until(now: Timestamp, when: Timestamp) -> Duration {
    Duration::try_from(when.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// `at` + `duration`, at most the end of time.
pub fn after(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| at.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            now: Arc::new(watch::Sender::new(now)),
        }
    }

    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = after(*now, by));
    }
}
