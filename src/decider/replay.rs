//! The replay under way: one at a time, in steps between what comes in, never faster than its share
//! of a target's rate. Its progress is on a board that the admin API reads, and after each step in
//! the store: the next start goes on from there. A step that was not noted is done again, which
//! changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::after;
use crate::store::{ReplayOf, ReplaySpan, ReplayStep, Store, StoreError};

/// How long it waits where a target it writes to takes nothing.
const CLOSED_PAUSE: Duration = Duration::from_secs(1);

/// What is to be replayed, and how fast.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplayOrder {
    pub of: ReplayOf,
    pub span: ReplaySpan,
    /// Of each target's rate, in percent.
    pub share: u8,
    /// As the board gave it.
    pub number: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// There was none.
    #[default]
    None,
    Running,
    Finished,
    Cancelled,
    /// The store failed; see the log.
    Failed,
}

/// How far the newest replay is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReplayProgress {
    pub state: ReplayState,
    /// Events gone through, of so many.
    pub events_done: u64,
    pub events: u64,
    pub share: u8,
    /// What became of how many.
    pub results: BTreeMap<String, u64>,
    /// Target → calls made due.
    pub calls: BTreeMap<String, u64>,
}

/// Shared between the decider, who writes it, and the admin API.
#[derive(Debug, Default)]
pub struct ReplayBoard(Mutex<Newest>);

/// The newest replay as the store keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    order: ReplayOrder,
    progress: ReplayProgress,
}

/// The newest replay and its number: a step of an older one finds another.
#[derive(Debug, Default)]
struct Newest {
    number: u64,
    order: Option<ReplayOrder>,
    progress: ReplayProgress,
}

impl ReplayBoard {
    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn progress(&self) -> ReplayProgress {
        self.lock().progress.clone()
    }

    /// Of this replay, while it runs.
    fn running(&self, number: u64) -> Option<ReplayProgress> {
        let newest = self.lock();
        let runs = newest.number == number && newest.progress.state == ReplayState::Running;
        runs.then(|| newest.progress.clone())
    }

    /// The number of a new replay, unless one is running.
    pub fn begin(&self, share: u8, events: u64) -> Option<u64> {
        let mut newest = self.lock();
        if newest.progress.state == ReplayState::Running {
            return None;
        }
        newest.number += 1;
        newest.progress = ReplayProgress {
            state: ReplayState::Running,
            events,
            share,
            ..ReplayProgress::default()
        };
        Some(newest.number)
    }

    /// What a start finds in the store.
    fn restore(&self, kept: &Kept) {
        let mut newest = self.lock();
        newest.number = kept.order.number;
        newest.order = Some(kept.order.clone());
        newest.progress = kept.progress.clone();
    }

    /// What is left to do of the replay of that number is now this.
    pub fn note(&self, order: &ReplayOrder) {
        let mut newest = self.lock();
        if newest.number == order.number {
            newest.order = Some(order.clone());
        }
    }

    /// Keeps how far the newest replay is for the next start; again if it was ended meanwhile.
    pub async fn keep(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            let (order, progress) = {
                let newest = self.lock();
                (newest.order.clone(), newest.progress.clone())
            };
            let Some(order) = order else { return Ok(()) };
            let state = progress.state;
            let text = serde_json::to_string(&Kept { order, progress })?;
            store.keep_replay(text).await?;
            if self.progress().state == state {
                return Ok(());
            }
        }
    }

    /// No further step is begun. Whether one was running.
    pub fn end(&self, as_state: ReplayState) -> bool {
        let progress = &mut self.lock().progress;
        let was_running = progress.state == ReplayState::Running;
        if was_running {
            progress.state = as_state;
        }
        was_running
    }

    fn take_in(&self, step: &ReplayStep) {
        let progress = &mut self.lock().progress;
        for (result, count) in &step.results {
            *progress.results.entry((*result).to_owned()).or_default() += count;
            progress.events_done += count;
        }
        for (target, count) in &step.calls {
            *progress.calls.entry(target.clone()).or_default() += count;
        }
    }
}

struct Replaying {
    order: ReplayOrder,
    next_at: Timestamp,
}

/// What the decider has of replays.
pub struct Replays {
    board: Arc<ReplayBoard>,
    running: Option<Replaying>,
}

impl Replays {
    /// Goes on where the last run of the bridge was.
    pub async fn load(store: &Store, now: Timestamp) -> Self {
        let mut replays = Self {
            board: Arc::default(),
            running: None,
        };
        match kept(store).await {
            Ok(None) => {}
            Ok(Some(kept)) => {
                replays.board.restore(&kept);
                if kept.progress.state == ReplayState::Running {
                    tracing::info!(events_done = kept.progress.events_done, "a replay goes on");
                    replays.begin(kept.order, now);
                }
            }
            Err(error) => {
                tracing::error!(%error, "how far the last replay was cannot be read; start it again if it had not finished");
            }
        }
        replays
    }

    pub fn board(&self) -> &Arc<ReplayBoard> {
        &self.board
    }

    pub(super) fn begin(&mut self, order: ReplayOrder, now: Timestamp) {
        self.running = Some(Replaying {
            order,
            next_at: now,
        });
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.running.as_ref().map(|running| running.next_at)
    }
}

async fn kept(store: &Store) -> Result<Option<Kept>, StoreError> {
    match store.kept_replay().await? {
        Some(text) => Ok(serde_json::from_str(&text)?),
        None => Ok(None),
    }
}

impl super::DeciderTask {
    /// One step; what follows it waits until its calls fit into the share.
    pub(super) async fn replay_some(&mut self) {
        let Some(mut replaying) = self.replays.running.take() else {
            return;
        };
        let Some(progress) = self.replays.board.running(replaying.order.number) else {
            return;
        };
        let now = self.ground.clock.now();
        if progress
            .calls
            .keys()
            .any(|target| !self.desk.is_open(target, now))
        {
            replaying.next_at = after(now, CLOSED_PAUSE);
            self.replays.running = Some(replaying);
            return;
        }
        let ReplayOrder {
            of, span, share, ..
        } = &replaying.order;
        let by = self.desk.rules.snapshot();
        let step = match self.ground.store.replay(of.clone(), *span, by, now).await {
            Ok(step) => step,
            Err(error) => {
                tracing::error!(%error, "the replay stopped half way");
                self.replays.board.end(ReplayState::Failed);
                return;
            }
        };
        self.desk.tell(&step.decided);
        self.replays.board.take_in(&step);
        let calls = step.calls.iter();
        let wait = calls
            .map(|(target, count)| self.desk.time_for(target, *count, *share))
            .max();
        match step.next {
            Some(next) => replaying.order.span.after = next,
            None => {
                self.replays.board.end(ReplayState::Finished);
                tracing::info!("the replay is finished");
            }
        }
        self.replays.board.note(&replaying.order);
        if let Err(error) = self.replays.board.keep(&self.ground.store).await {
            tracing::warn!(%error, "how far the replay is could not be noted; a restart would do its last steps again");
        }
        if step.next.is_some() {
            replaying.next_at = after(now, wait.unwrap_or_default());
            self.replays.running = Some(replaying);
        }
    }
}
