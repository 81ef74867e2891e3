//! A read that no delivery asked for: within the target's rate and concurrency, behind its gate,
//! pause and breaker, as every other call.

use std::time::Duration;

use bytes::Bytes;

use super::TargetWorker;
use super::authorize::{Asked, Purpose};
use super::health::Permission;
use super::judge::Answer;
use crate::clock::after;
use crate::delivery::CallKind;
use crate::systems::outbound::Request;

/// How often a target that may not be asked is looked at again: what opens it tells nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What came back.
pub struct Told {
    pub answer: Answer,
    /// Empty where none came.
    pub body: Bytes,
}

impl TargetWorker {
    /// Makes the call once the target may be asked; `None`: the bridge stops.
    pub async fn inquire(&self, request: &Request) -> Option<Told> {
        let slot = loop {
            self.open_before_stop().await?;
            let slot = self.slot().await?;
            if !self.limit_before_stop().await {
                return None;
            }
            // The waits may have been long.
            if self.is_open() {
                break slot;
            }
        };
        let purpose = Purpose {
            number: 0,
            call: CallKind::LookUp,
        };
        let Asked {
            answer,
            body,
            attempts,
        } = self.ask(purpose, request).await;
        drop(slot);
        for attempt in attempts {
            self.metrics.attempt(&self.config.name, attempt.result);
        }
        if let Some(until) = answer.gate() {
            let now = self.clock.now();
            self.health().saw_gate(until, &self.config.retry, now);
            self.save_health().await;
            self.woken.notify_one();
        }
        Some(Told { answer, body })
    }

    fn is_open(&self) -> bool {
        let permission = self.health().permission(self.clock.now());
        matches!(permission, Permission::Open { .. })
    }

    async fn open_before_stop(&self) -> Option<()> {
        while !self.is_open() {
            let look_at = after(self.clock.now(), LOOK_EVERY);
            tokio::select! {
                () = self.clock.sleep_until(look_at) => {}
                () = self.stop.cancelled() => return None,
            }
        }
        Some(())
    }
}
