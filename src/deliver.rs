//! Delivering: permit → limit → take due → call → judge → settle, one worker per target.
//!
//! `health`, `breaker`, `judge`, `schedule` and `limit` decide and are pure; this loop and
//! `attempt` do; `record` does it for LeadPing's record of a lead. The next try of everything is in the store, never in a sleeping task. A worker
//! never touches another target's.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, after};
use crate::config::{TargetConfig, TargetMode};
use crate::delivery::{Lease, Leave};
use crate::store::{Leased, Store, StoreError, TakeDue, Takeable};
use crate::telemetry::damper::{Damper, Say};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

mod amend;
mod attempt;
mod authorize;
pub mod breaker;
pub mod call;
pub mod credential;
pub mod health;
mod inquire;
pub mod judge;
pub mod limit;
mod record;
mod refusal;
mod say;
pub mod schedule;
mod settle;
mod stopping;

pub use inquire::Told;

use call::Caller;
use health::{Health, Permission};
use limit::Limit;

/// Deliveries taken in one go.
const MAX_TAKE: usize = 64;
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Everything that delivers to one target.
pub struct TargetWorker {
    config: TargetConfig,
    store: Store,
    clock: Clock,
    caller: Caller,
    limit: Limit,
    slots: Arc<Semaphore>,
    health: Mutex<Health>,
    work: Mutex<Takeable>,
    /// What is ready is being looked up.
    taking: AtomicBool,
    woken: Notify,
    calls: TaskTracker,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
    traces: Traces,
    damper: Damper,
}

/// What a worker needs from outside.
#[derive(Clone)]
pub struct Ground {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub traces: Traces,
    pub stop: CancellationToken,
}

impl TargetWorker {
    /// Takes up where the last run ended: interrupted tries, health, held refusals.
    pub async fn start(config: TargetConfig, ground: Ground) -> anyhow::Result<Arc<Self>> {
        let Ground {
            store,
            clock,
            metrics,
            traces,
            stop,
        } = ground;
        let now = clock.now();
        let interrupted = store
            .recover_leases(
                &config.name,
                // The store is ours alone: whatever is under lease was interrupted, also if the
                // clock has been set back since.
                Timestamp::MAX,
                config.lookup_after,
            )
            .await?;
        if interrupted > 0 {
            tracing::warn!(target.name = %config.name, interrupted, "calls were interrupted by the last stop; each is looked up before it is sent again");
        }
        if config.mode == TargetMode::Shadow {
            let withheld = store.withhold_due(&config.name, now).await?;
            tracing::info!(target.name = %config.name, withheld, "target is in shadow mode; what was due is withheld");
        }
        let memory = store.target_memory(&config.name).await?;
        let mut health: Health = memory
            .health
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| StoreError::Corrupt(String::from("a target's health")))?
            .unwrap_or_default();
        health.remember(memory.held, memory.recent_leads);
        Ok(Arc::new(Self {
            caller: Caller::new(&config)?,
            limit: Limit::empty(config.rate_limit, &clock),
            slots: Arc::new(Semaphore::new(config.concurrency)),
            health: Mutex::new(health),
            // Look once: the store may hold work from before.
            work: Mutex::new(Takeable {
                ready: 1,
                next_at: Some(now),
            }),
            taking: AtomicBool::new(false),
            woken: Notify::new(),
            calls: TaskTracker::new(),
            config,
            store,
            clock,
            metrics,
            traces,
            damper: Damper::default(),
            stop,
        }))
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn config(&self) -> &TargetConfig {
        &self.config
    }

    /// A copy of the target's health, for the API.
    pub fn health_now(&self) -> Health {
        self.health().clone()
    }

    /// Calls made within the last period of its rate limit, about.
    pub fn spent_now(&self) -> u32 {
        self.limit.spent()
    }

    /// Calls under way.
    pub fn calls_now(&self) -> usize {
        let free = self.slots.available_permits();
        self.config.concurrency.saturating_sub(free)
    }

    pub fn reload_credential(&self) {
        self.caller.credential().reload();
    }

    /// `more` deliveries can be taken now.
    pub fn wake(&self, more: usize) {
        let now = self.clock.now();
        {
            let mut work = self.work();
            work.ready += more;
            work.next_at = Some(work.next_at.map_or(now, |at| at.min(now)));
        }
        self.woken.notify_one();
    }

    /// Leave to send one delivery at once, where nothing is before it. Never waits.
    pub fn leave(&self) -> Option<Leave> {
        if self.stop.is_cancelled() || self.config.mode == TargetMode::Shadow {
            return None;
        }
        // Counted before the looks below, so that a stop in between waits for the call.
        let counted = self.calls.token();
        let now = self.clock.now();
        let is_behind = self.work().next_at.is_some_and(|at| at <= now);
        if is_behind || self.taking.load(Ordering::Relaxed) {
            return None;
        }
        let permission = self.health().permission(now);
        if !matches!(permission, Permission::Open { .. }) {
            return None;
        }
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        self.limit.take().ok()?;
        Some(Leave::new(slot, counted))
    }

    /// Sends what was leased with leave.
    pub fn send(self: &Arc<Self>, leased: Leased) {
        let Leased { lease, leave } = leased;
        let worker = self.clone();
        self.calls.spawn(async move {
            worker.carry(lease).await;
            drop(leave);
            worker.woken.notify_one();
        });
    }

    /// Runs until stopped; then waits for the calls under way, at most `grace`.
    pub async fn run(self: Arc<Self>, grace: Duration) {
        while !self.stop.is_cancelled() {
            self.step().await;
        }
        self.calls.close();
        if tokio::time::timeout(grace, self.calls.wait())
            .await
            .is_err()
        {
            tracing::warn!(target.name = %self.config.name, "calls were still under way at the end of the grace period; the next start looks them up");
        }
    }

    async fn step(self: &Arc<Self>) {
        let now = self.clock.now();
        let permission = self.health().permission(now);
        match permission.clone() {
            Permission::Wait { until } => self.wait(until).await,
            Permission::Unanswerable => self.settle_unanswerable(now).await,
            Permission::JudgeRead { lead_id } | Permission::ProbeRead { lead_id } => {
                if self.limit_while(&permission).await {
                    self.caller.credential().reload();
                    self.health().begin_read(self.clock.now());
                    let worker = self.clone();
                    self.calls
                        .spawn(async move { worker.read_and_rule(lead_id).await });
                }
            }
            Permission::ProbeDelivery { not } => self.probe(&permission, not).await,
            Permission::Open { until } => {
                let next_at = self.work().next_at;
                match next_at {
                    Some(at) if at <= now => self.take_and_send().await,
                    next_at => {
                        let first = [until, next_at].into_iter().flatten().min();
                        self.wait(first).await;
                    }
                }
            }
        }
    }

    /// Until `until`, a wake-up, or the stop.
    async fn wait(&self, until: Option<Timestamp>) {
        let timer = async {
            match until {
                Some(until) => self.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            () = self.woken.notified() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// One call of the rate limit; `false` if the stop came first.
    async fn limit_before_stop(&self) -> bool {
        tokio::select! {
            () = self.wait_for_limit() => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// The same, unless the wait for it was long enough for something else to be right.
    async fn limit_while(&self, permission: &Permission) -> bool {
        self.limit_before_stop().await && self.health().permission(self.clock.now()) == *permission
    }

    async fn wait_for_limit(&self) {
        loop {
            // Read first: a clock that moves on in between must not lengthen the wait.
            let now = self.clock.now();
            let Err(wait) = self.limit.take() else {
                return;
            };
            // At least a millisecond: a test clock moves in steps.
            let wait = wait.max(Duration::from_millis(1));
            self.clock.sleep_until(after(now, wait)).await;
        }
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            slot = self.slots.clone().acquire_owned() => slot.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    /// Permit first, then limit, then work: a lease never ages in a queue.
    async fn take_and_send(self: &Arc<Self>) {
        let Some(slot) = self.slot().await else {
            return;
        };
        if !self.limit_before_stop().await {
            return;
        }
        // The wait may have been long: look again whether sending is still allowed.
        if !matches!(
            self.health().permission(self.clock.now()),
            Permission::Open { .. }
        ) {
            return;
        }
        let mut slots = vec![slot];
        let ready = self.work().ready.clamp(1, MAX_TAKE);
        while slots.len() < ready
            && let Ok(slot) = self.slots.clone().try_acquire_owned()
            && self.limit.take().is_ok()
        {
            slots.push(slot);
        }
        self.take(slots, None).await;
    }

    async fn probe(self: &Arc<Self>, permission: &Permission, not: Vec<String>) {
        let Some(slot) = self.slot().await else {
            return;
        };
        if !self.limit_while(permission).await {
            return;
        }
        self.caller.credential().reload();
        self.health().busy = true;
        let is_round_over = !not.is_empty();
        let mut taken = self.take(vec![slot], Some(not)).await;
        if taken == 0
            && is_round_over
            && let Some(slot) = self.slot().await
        {
            // Every lead was probed once; a probe left out would lengthen the pause.
            self.health().begin_probe_round();
            taken = self.take(vec![slot], Some(Vec::new())).await;
        }
        if taken == 0 {
            let mut health = self.health();
            health.busy = false;
            health.probe_found_nothing(self.clock.now());
        }
    }

    /// Takes one delivery per slot and sends each; returns how many.
    async fn take(
        self: &Arc<Self>,
        slots: Vec<OwnedSemaphorePermit>,
        probe_not: Option<Vec<String>>,
    ) -> usize {
        let is_probe = probe_not.is_some();
        let take = TakeDue {
            target: self.config.name.clone(),
            limit: slots.len(),
            now: self.clock.now(),
            probe_not,
            look_only: self.config.mode == TargetMode::Shadow,
        };
        // What is woken from now on is not in this answer.
        *self.work() = Takeable::default();
        self.taking.store(true, Ordering::Relaxed);
        let taken = self.store.take_due(take).await;
        self.taking.store(false, Ordering::Relaxed);
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                if let Say::Aloud { unsaid } = self.damper.ask("take", self.clock.now()) {
                    tracing::error!(target.name = %self.config.name, %error, unsaid, "nothing can be taken from the store; trying again");
                }
                self.wake(1);
                tokio::time::sleep(STORE_PAUSE).await;
                return 0;
            }
        };
        self.note_left(taken.left);
        let count = taken.leases.len();
        for (lease, slot) in taken.leases.into_iter().zip(slots) {
            let worker = self.clone();
            self.calls.spawn(async move {
                worker.carry(lease).await;
                if is_probe {
                    worker.health().busy = false;
                }
                drop(slot);
                worker.woken.notify_one();
            });
        }
        count
    }

    fn note_left(&self, left: Takeable) {
        let mut work = self.work();
        work.ready += left.ready;
        work.next_at = [work.next_at, left.next_at].into_iter().flatten().min();
    }

    /// One lease from call to settlement; a panic inside is a try of unknown fate.
    async fn carry(&self, lease: Lease) {
        let tried = AssertUnwindSafe(self.try_delivery(&lease))
            .catch_unwind()
            .await;
        self.settle_tried(lease, tried.ok()).await;
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // A panic while holding it left whole values: every change is an assignment.
        self.health
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Takeable> {
        self.work
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A die roll from 0 to 1, for jitter only.
fn roll_dice() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    let top = u32::try_from(bits >> 32).unwrap_or(0);
    f64::from(top) / f64::from(u32::MAX)
}
