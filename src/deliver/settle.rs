//! Settling a try: the target's health has its say, then the store writes everything down.

use jiff::Timestamp;

use super::attempt::{End, Tried};
use super::judge::{Retry, Verdict, Weight};
use super::schedule::{Jitter, is_exhausted, next_try};
use super::{STORE_PAUSE, TargetWorker, roll_dice};
use crate::clock::after;
use crate::decision::ParkCause;
use crate::delivery::{Lease, Patience};
use crate::store::{HeldDelivery, Outcome, Settlement, StoreError};
use crate::telemetry::damper::Say;

impl TargetWorker {
    /// `tried` is `None` where the try panicked.
    pub(super) async fn settle_tried(&self, lease: Lease, tried: Option<Tried>) {
        let now = self.clock.now();
        let (attempts, end) = match tried {
            Some(tried) => (tried.attempts, tried.end),
            None => {
                tracing::error!(delivery.id = %lease.id, "a call failed inside the bridge; it is looked up before it is sent again, please report it");
                (Vec::new(), unknown(&lease, now, self))
            }
        };
        for attempt in &attempts {
            self.metrics.attempt(&self.config.name, attempt.result);
        }
        let (outcome, save) = self.outcome(&lease, end, now);
        self.traces.tried((&lease, &attempts), word(&outcome), now);
        if let Outcome::Parked(cause) = &outcome {
            self.metrics.parking(cause.as_str());
        }
        if matches!(outcome, Outcome::Delivered { .. }) {
            let lag = crate::clock::until(lease.received_at, now);
            self.metrics.delivered(&self.config.name, lag);
        }
        self.say(&lease, (&outcome, attempts.last()), now);
        let held = match &outcome {
            Outcome::Held { http_status, .. } => Some(HeldDelivery {
                row: lease.row,
                lead_id: lease.lead_id.clone(),
                http_status: *http_status,
                attempts: lease.attempt,
            }),
            _ => None,
        };
        let settlement = Settlement {
            row: lease.row,
            token: lease.token,
            attempts,
            outcome,
            at: now,
        };
        self.write_down(&lease, settlement).await;
        if let Some(held) = held {
            // Only what is on disk as held can be ruled over.
            self.hold_refused(held, now).await;
        }
        if save {
            self.save_health().await;
        }
    }

    /// What the delivery becomes, and whether the target's health must be saved.
    fn outcome(&self, lease: &Lease, end: End, now: Timestamp) -> (Outcome, bool) {
        match end {
            End::Parked(cause) => (Outcome::Parked(cause), false),
            End::NotSent => (Outcome::Withheld, false),
            End::Outdated => (Outcome::Superseded, false),
            End::Gone { http_status } => {
                let save = self.health().saw_working(now);
                let cause = ParkCause::refused(&self.config.name, http_status);
                (Outcome::Parked(cause), save)
            }
            End::Found { entry_id } => {
                let save = self.health().saw_found(&lease.lead_id, now);
                (Outcome::Delivered { entry_id }, save)
            }
            End::Unread(error) => {
                if let Say::Aloud { unsaid } = self.damper.ask("unread", now) {
                    tracing::error!(delivery.id = %lease.id, target.name = %lease.target, %error, unsaid, "this try needs the store; tried again");
                }
                let retry = Outcome::Retry {
                    at: after(now, STORE_PAUSE),
                    fate_unknown: lease.fate_unknown,
                    patience: lease.patience,
                };
                (retry, false)
            }
            End::Judged {
                verdict,
                fate_unknown,
            } => match verdict {
                Verdict::Delivered { entry_id } => {
                    let save = self.health().saw_accepted(&lease.lead_id, now);
                    (Outcome::Delivered { entry_id }, save)
                }
                Verdict::Refused { http_status } => {
                    let save = self.health().saw_working(now);
                    let cause = ParkCause::refused(&self.config.name, http_status);
                    (Outcome::Parked(cause), save)
                }
                Verdict::Retry(retry) => self.retry(lease, &retry, now),
                Verdict::Hold { http_status } => self.hold(lease, http_status, fate_unknown, now),
            },
        }
    }

    fn retry(&self, lease: &Lease, retry: &Retry, now: Timestamp) -> (Outcome, bool) {
        let mut health = self.health();
        let was_open = health.breaker.open.is_some();
        let policies = (&self.config.breaker, &self.config.retry);
        let save = health.saw_retry(&lease.lead_id, retry, policies, now);
        if !was_open && health.breaker.open.is_some() {
            tracing::error!(target.name = %self.config.name, "`{}` fails for several leads; its breaker is open, one delivery at a time is tried", self.config.name);
        }
        if let Some(gate) = health
            .gate
            .as_ref()
            .filter(|gate| gate.is_long && retry.gate.is_some())
        {
            tracing::error!(target.name = %self.config.name, until = %gate.until, "`{}` asked to wait longer than retry_after_max_seconds; it is paused until then", self.config.name);
        }
        let lost_ms = health.lost_ms(now);
        drop(health);
        let patience = lease.patience.unwrap_or(Patience {
            since: now,
            lost_ms_then: lost_ms,
        });
        // What may have happened is looked up before it is given up; a look-up is given up itself.
        // An amend that arrived after all did no harm.
        let may_give_up = !retry.fate_unknown || retry.weight == Weight::Nothing || lease.is_amend;
        if may_give_up && is_exhausted(&patience, lost_ms, &self.config.retry, now) {
            return (
                Outcome::Parked(ParkCause::exhausted(&self.config.name)),
                save,
            );
        }
        let outcome = Outcome::Retry {
            at: retry.at,
            fate_unknown: retry.fate_unknown,
            patience: Some(patience),
        };
        (outcome, save)
    }

    fn hold(
        &self,
        lease: &Lease,
        http_status: u16,
        fate_unknown: bool,
        now: Timestamp,
    ) -> (Outcome, bool) {
        if self.health().saw_refusal(&lease.lead_id, now) {
            return (
                Outcome::Held {
                    http_status,
                    fate_unknown,
                },
                true,
            );
        }
        let at = next_try(
            lease.attempt,
            &self.config.retry,
            Jitter(roll_dice()),
            now,
            None,
        );
        let outcome = Outcome::Retry {
            at,
            fate_unknown,
            patience: lease.patience,
        };
        (outcome, true)
    }

    /// Settles, again and again while the store cannot write: the answer is known only here.
    async fn write_down(&self, lease: &Lease, settlement: Settlement) {
        loop {
            match self.store.settle(settlement.clone()).await {
                Ok(Some(due_at)) => return self.note_due(due_at),
                Ok(None) => return,
                Err(StoreError::LeaseLost | StoreError::Corrupt(_) | StoreError::NotFound) => {
                    tracing::error!(delivery.id = %lease.id, "this delivery's lease was gone when its answer came");
                    return;
                }
                Err(error) => {
                    if let Say::Aloud { unsaid } = self.damper.ask("settle", self.clock.now()) {
                        tracing::error!(delivery.id = %lease.id, target.name = %lease.target, %error, unsaid, "an answer cannot be written down; trying again");
                    }
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// A delivery is due at `due_at`.
    fn note_due(&self, due_at: Timestamp) {
        {
            let mut work = self.work();
            if due_at <= self.clock.now() {
                work.ready += 1;
            }
            work.next_at = Some(work.next_at.map_or(due_at, |at| at.min(due_at)));
        }
        self.woken.notify_one();
    }

    pub(super) async fn try_save_health(&self) -> Result<(), StoreError> {
        let health = serde_json::to_string(&*self.health())?;
        self.store.save_health(&self.config.name, health).await
    }

    /// Nothing in memory or in the saved health names these leads any more.
    pub async fn forget_leads(&self, is_forgotten: &(dyn Fn(&str) -> bool + Sync)) {
        self.health().forget_leads(is_forgotten);
        self.save_health().await;
    }

    pub(super) async fn save_health(&self) {
        if let Err(error) = self.try_save_health().await
            && let Say::Aloud { unsaid } = self.damper.ask("health", self.clock.now())
        {
            tracing::error!(target.name = %self.config.name, %error, unsaid, "the target's health cannot be saved; a restart would forget it");
        }
    }
}

/// How a try ended, in one word.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Retry { .. } => "retry",
        Outcome::Held { .. } => "held",
        Outcome::Parked(_) => "parked",
        Outcome::Withheld => "withheld",
        Outcome::Superseded => "superseded",
    }
}

/// The end of a try of which nothing is known.
fn unknown(lease: &Lease, now: Timestamp, worker: &TargetWorker) -> End {
    let floor = after(now, worker.config.lookup_after);
    let at = next_try(
        lease.attempt,
        &worker.config.retry,
        Jitter(roll_dice()),
        now,
        Some(floor),
    );
    End::Judged {
        verdict: Verdict::Retry(Retry {
            at,
            fate_unknown: true,
            gate: None,
            weight: Weight::Nothing,
        }),
        fate_unknown: true,
    }
}
