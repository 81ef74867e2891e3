//! House-keeping: what is too old goes, old counts are merged, a disk that could not be written is
//! tried again. All of it in short steps of the writer, and none of it in the way of webhooks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, after};
use crate::decider::Rules;
use crate::deliver::Ground;
use crate::store::{StepSize, Store, Sweep, SweepAt, Swept};
use crate::telemetry::damper::{Damper, Say};

/// How often retention looks for what is old, and a failed store is tried again.
const RETENTION_EVERY: Duration = Duration::from_secs(600);
/// How often counts for people are written down.
const SAVE_EVERY: Duration = Duration::from_secs(60);
const WRITE_TRY_EVERY: Duration = Duration::from_secs(1);
/// So long without a webhook, and the writer is retention's own.
const LULL: Duration = Duration::from_secs(1);
/// Between two steps while webhooks come in: so many times what the last one took, and at least so
/// long. The busier the writer, the longer a step took, and the rarer they are.
const BUSY_REST: u32 = 4;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Between two steps while none does: whoever settles a delivery gets in between anyway.
const QUIET_PAUSE: Duration = Duration::from_millis(1);
/// Between two steps of merging counts.
const MERGE_PAUSE: Duration = Duration::from_millis(50);

/// Retention, and the way back from a disk that could not be written.
pub(super) async fn keep_house(ground: Ground, retention: Duration) {
    let Ground {
        store, clock, stop, ..
    } = ground;
    let (damper, mut next_sweep) = (Damper::default(), clock.now());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WRITE_TRY_EVERY) => {}
        }
        if !store.is_writable()
            && let Err(error) = store.try_write().await
        {
            if let Say::Aloud { unsaid } = damper.ask("store", clock.now()) {
                tracing::error!(%error, unsaid, "the store still cannot write; webhooks are refused until it can, a try is made every second");
            }
            continue;
        }
        if clock.now() < next_sweep {
            continue;
        }
        next_sweep = after(clock.now(), RETENTION_EVERY);
        sweep(&store, before(&clock, retention), &stop).await;
        compact(&store, &clock, &stop).await;
    }
}

/// Writes down what is counted for people, also while a long sweep goes on.
pub(super) async fn keep_counts(ground: Ground, rules: Arc<Rules>) {
    loop {
        let next_save = after(ground.clock.now(), SAVE_EVERY);
        tokio::select! {
            () = ground.stop.cancelled() => return,
            () = ground.clock.sleep_until(next_save) => {}
        }
        save_hits(&rules, &ground.store).await;
    }
}

/// How often rows spoke, for after a restart.
pub(super) async fn save_hits(rules: &Rules, store: &Store) {
    if let Err(error) = rules.save_hits(store).await {
        tracing::warn!(%error, "how often rows spoke was not written down; it is tried again");
    }
}

fn before(clock: &Clock, retention: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(retention)
        .ok()
        .and_then(|retention| clock.now().checked_sub(retention).ok())
        .unwrap_or(Timestamp::MIN)
}

/// Removes what is too old, step by step, leaving the writer free in between.
async fn sweep(store: &Store, before: Timestamp, stop: &CancellationToken) {
    let begun = Instant::now();
    let (mut sweep, mut pace) = (Sweep::of(before), Pace::new(begun));
    let mut events = 0;
    while sweep.at != SweepAt::Done && !stop.is_cancelled() {
        let started = Instant::now();
        sweep.step = pace.step(started);
        let swept = match store.sweep(sweep).await {
            Ok(swept) => swept,
            Err(error) => {
                tracing::warn!(%error, "retention stopped half way; it goes on later");
                return;
            }
        };
        sweep.at = swept.next;
        events += swept.events;
        tokio::time::sleep(pace.rest(&swept, started, Instant::now())).await;
    }
    if events > 0 {
        let seconds = begun.elapsed().as_secs();
        tracing::info!(
            events,
            seconds,
            "what was older than the retention time is removed"
        );
    }
}

/// How fast the steps of one sweep follow each other.
struct Pace {
    /// The last event recorded that was seen.
    recorded: Option<i64>,
    /// When one was last seen to have come in.
    busy_at: Instant,
}

impl Pace {
    /// It begins as if webhooks were coming in.
    fn new(now: Instant) -> Self {
        Self {
            recorded: None,
            busy_at: now,
        }
    }

    fn is_quiet(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.busy_at) >= LULL
    }

    fn step(&self, now: Instant) -> StepSize {
        match self.is_quiet(now) {
            true => StepSize::Long,
            false => StepSize::Short,
        }
    }

    /// How long the writer is left alone after this step.
    fn rest(&mut self, swept: &Swept, started: Instant, now: Instant) -> Duration {
        if self.recorded.replace(swept.recorded) != Some(swept.recorded) {
            self.busy_at = now;
        }
        match self.is_quiet(now) {
            true => QUIET_PAUSE,
            false => (now.saturating_duration_since(started) * BUSY_REST).max(BUSY_PAUSE),
        }
    }
}

/// Merges counts of long ago, likewise.
async fn compact(store: &Store, clock: &Clock, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match store.compact_flow(clock.now()).await {
            Ok(false) => return,
            Ok(true) => tokio::time::sleep(MERGE_PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "old counts were not merged; it goes on later");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(recorded: i64) -> Swept {
        Swept {
            next: SweepAt::Done,
            events: 0,
            rows: 0,
            pages: 0,
            recorded,
        }
    }

    #[test]
    fn steps_are_short_and_rare_while_webhooks_come_in() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut pace = Pace::new(begun);
        for (event, ms) in (1..).zip([0, 600, 1200, 1800]) {
            assert_eq!(pace.step(at(ms)), StepSize::Short);
            let rest = pace.rest(&swept(event), at(ms), at(ms + 5));
            assert_eq!(rest, Duration::from_millis(20));
        }
        let rest = pace.rest(&swept(9), at(2000), at(2001));
        assert_eq!(rest, BUSY_PAUSE, "at least so long");
    }

    #[test]
    fn a_second_without_a_webhook_makes_them_long_and_one_webhook_short_again() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut pace = Pace::new(begun);
        pace.rest(&swept(7), at(0), at(5));
        let rest = pace.rest(&swept(7), at(500), at(505));
        assert_eq!(rest, Duration::from_millis(20), "not yet a second");
        assert_eq!(pace.step(at(1005)), StepSize::Long);
        assert_eq!(pace.rest(&swept(7), at(1005), at(1015)), QUIET_PAUSE);
        let rest = pace.rest(&swept(8), at(1016), at(1026));
        assert_eq!(rest, Duration::from_millis(40));
        assert_eq!(pace.step(at(1030)), StepSize::Short);
    }
}
