//! How often the decider's task has come by: a watchdog sees from it that it has not stopped.

use tokio::sync::watch;

#[derive(Debug)]
pub struct Heartbeat(watch::Sender<u64>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Heartbeat {
    pub(super) fn beat(&self) {
        self.0.send_modify(|beats| *beats += 1);
    }

    pub fn beats(&self) -> u64 {
        *self.0.borrow()
    }

    /// Returns once there were more beats than `seen`; how many.
    pub async fn beyond(&self, seen: u64) -> u64 {
        let mut beats = self.0.subscribe();
        // The sender lives in `self`, so this waits or succeeds.
        beats
            .wait_for(|beats| *beats > seen)
            .await
            .map_or(seen, |beats| *beats)
    }
}
