//! Whose refusal is it? Reads a lead's history and rules over what is held.

use jiff::Timestamp;

use super::TargetWorker;
use super::authorize::{Asked, Purpose};
use super::health::HeldRuling;
use super::schedule::{Jitter, delay};
use crate::clock::after;
use crate::decision::ParkCause;
use crate::delivery::CallKind;
use crate::store::{HeldDelivery, HeldFate, StoreError};
use crate::systems::outbound;
use crate::telemetry::damper::Say;

impl TargetWorker {
    /// Reads the history of `lead_id` and acts on what that says about the held deliveries.
    pub(super) async fn read_and_rule(&self, lead_id: String) {
        let request = outbound::read(&self.config.system, &lead_id);
        let purpose = Purpose {
            number: 0,
            call: CallKind::LookUp,
        };
        let Asked {
            answer, attempts, ..
        } = self.ask(purpose, &request).await;
        for attempt in attempts {
            self.metrics.attempt(&self.config.name, attempt.result);
        }
        let now = self.clock.now();
        let was_paused = self.health().pause.is_some();
        if let Some(until) = answer.gate() {
            self.health().saw_gate(until, &self.config.retry, now);
        }
        let ruling = self.health().saw_read(&lead_id, answer.status(), now);
        if was_paused && self.health().pause.is_none() {
            tracing::info!(target.name = %self.config.name, "`{}` answers again; deliveries go on", self.config.name);
            self.wake(1);
        }
        self.carry_out(ruling, now).await;
    }

    /// Has a refused delivery wait for a ruling; during a pause it is due again at once.
    pub(super) async fn hold_refused(&self, held: HeldDelivery, now: Timestamp) {
        if self.health().hold(held.clone()) {
            return;
        }
        if let Err(error) = self.release(&[held], HeldFate::DueAt(now), now).await {
            tracing::error!(target.name = %self.config.name, %error, "a held delivery cannot be released; the next start does it");
        }
    }

    pub(super) async fn settle_unanswerable(&self, now: Timestamp) {
        let ruling = self.health().unanswerable(now);
        self.carry_out(ruling, now).await;
    }

    async fn carry_out(&self, ruling: HeldRuling, now: Timestamp) {
        let name = &self.config.name;
        let result = match ruling {
            HeldRuling::Nothing => Ok(()),
            HeldRuling::Own(held) => {
                for delivery in &held {
                    let cause = ParkCause::refused(name, delivery.http_status);
                    self.metrics.parking(cause.as_str());
                    if let Say::Aloud { unsaid } = self.damper.ask("own", now) {
                        tracing::warn!(target.name = %name, lead.id = %delivery.lead_id, http.status = delivery.http_status, unsaid, "`{name}` works but refuses one lead's delivery with {}; parked as its own fault", delivery.http_status);
                    }
                }
                self.release(&held, HeldFate::Own, now).await
            }
            HeldRuling::DueNow(held) => {
                let status = self.health().pause.as_ref().map(|pause| pause.http_status);
                tracing::error!(target.name = %name, http.status = status, "`{name}` refuses everything; it is paused and probed, nothing is lost. Check its credential and base_url");
                self.release(&held, HeldFate::DueAt(now), now).await
            }
            HeldRuling::Backoff(held) => {
                let mut result = Ok(());
                for delivery in &held {
                    let wait = delay(
                        delivery.attempts,
                        &self.config.retry,
                        Jitter(super::roll_dice()),
                    );
                    let fate = HeldFate::DueAt(after(now, wait));
                    result = result.and(
                        self.release(std::slice::from_ref(delivery), fate, now)
                            .await,
                    );
                }
                result
            }
        };
        if let Err(error) = result {
            tracing::error!(target.name = %name, %error, "held deliveries cannot be released; the next start does it");
        }
        self.save_health().await;
        self.wake(1);
    }

    async fn release(
        &self,
        held: &[HeldDelivery],
        fate: HeldFate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = held.iter().map(|delivery| delivery.row).collect();
        self.store
            .release_held(&self.config.name, rows, fate, now)
            .await
    }
}
