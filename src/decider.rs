//! The decider: the rules in force, and the task that has everything decided that was not decided
//! as it came in, in the order recorded.
//!
//! The store's writer decides at the `desk` what it appends. This task does the rest: what an
//! interrupted run left, what the writer could not decide, what a link or new tables release. It
//! never decides anything itself: that is `decide`, called inside the store's transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, SourceConfig, TargetMode};
use crate::decide::{self, Policy, Question, Reported};
use crate::decision::Decision;
use crate::deliver::Ground;
use crate::event::{Event, Facts, Reading, Sequence, Standing};
use crate::lead::LeadHistory;
use crate::map::{Table, Tables};
use crate::store::{
    Again, Decided, Decider, Freed, Learnt, Linked, NamedLead, NewLink, Parked, ParkedAction,
    StoreError, Undecided,
};
use crate::systems;
use crate::systems::place::Place;

use hits::Hits;

mod desk;
mod hits;
mod heartbeat;
mod refused;
mod replay;
mod unlinked;

pub use desk::WriterDesk;
pub use heartbeat::Heartbeat;
pub use hits::RowHits;
pub use refused::RefusedTables;
pub use replay::{ReplayBoard, ReplayOrder, ReplayProgress, ReplayState, Replays};
pub use unlinked::Unlinked;

/// Events decided in one transaction.
const BATCH: usize = 256;
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The rules in force: sources and tables, one immutable snapshot per decision.
pub struct Rules {
    sources: BTreeMap<String, Arc<SourceConfig>>,
    shadowed: BTreeMap<String, bool>,
    places: BTreeMap<String, Place>,
    policy: Policy,
    tables: ArcSwap<Tables>,
    hits: Hits,
    refused: ArcSwapOption<RefusedTables>,
}

impl Rules {
    pub fn new(config: &Config, tables: Tables) -> Self {
        Self {
            sources: config
                .sources
                .iter()
                .map(|(name, source)| (name.clone(), Arc::new(source.clone())))
                .collect(),
            shadowed: config
                .targets
                .iter()
                .map(|(name, target)| (name.clone(), target.mode == TargetMode::Shadow))
                .collect(),
            places: config
                .targets
                .iter()
                .map(|(name, target)| {
                    let place = Place::of(&target.system, config.sources.iter());
                    (name.clone(), place)
                })
                .collect(),
            policy: Policy {
                decide: config.decide.clone(),
                reports: reports(config),
            },
            tables: ArcSwap::from_pointee(tables),
            hits: Hits::default(),
            refused: ArcSwapOption::empty(),
        }
    }

    pub fn tables(&self) -> Arc<Tables> {
        self.tables.load_full()
    }

    pub fn source(&self, name: &str) -> Option<&Arc<SourceConfig>> {
        self.sources.get(name)
    }

    pub fn sources(&self) -> impl Iterator<Item = &Arc<SourceConfig>> {
        self.sources.values()
    }

    /// Target name → in shadow mode.
    pub fn shadowed(&self) -> &BTreeMap<String, bool> {
        &self.shadowed
    }

    /// Target name → where it keeps its leads.
    pub fn places(&self) -> &BTreeMap<String, Place> {
        &self.places
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// From now on these are in force.
    pub fn replace_tables(&self, tables: Tables) {
        self.tables.store(Arc::new(tables));
        self.refused.store(None);
    }

    /// The tables that were read last, if they could not take the place of those in force.
    pub fn refused(&self) -> Option<Arc<RefusedTables>> {
        self.refused.load_full()
    }

    /// Notes what was read last; what was noted before.
    pub fn refuse(&self, refused: Option<RefusedTables>) -> Option<Arc<RefusedTables>> {
        self.refused.swap(refused.map(Arc::new))
    }

    /// The question that deciding this event is, put to whoever answers it, with the table that
    /// its source has: to decide it, or to tell how it is decided.
    pub fn ask<T>(
        &self,
        (event, history): (&Undecided, &LeadHistory),
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>, Option<&Table>) -> T,
    ) -> T {
        self.ask_by(&self.tables.load(), (event, history), now, answer)
    }

    fn ask_by<T>(
        &self,
        tables: &Tables,
        (event, history): (&Undecided, &LeadHistory),
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>, Option<&Table>) -> T,
    ) -> T {
        let question = Question {
            event: &event.event,
            reading: &event.reading,
            history,
            shadowed: &self.shadowed,
            places: &self.places,
            policy: &self.policy,
            now,
        };
        let table = self
            .sources
            .get(&event.event.source)
            .and_then(|source| tables.get(&source.mapping));
        answer(&question, table.map(AsRef::as_ref))
    }

    /// The rules as they are now, for one transaction: all of its events, and its second try if it
    /// is rolled back, see the same tables.
    pub fn snapshot(self: &Arc<Self>) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            tables: self.tables(),
            rules: self.clone(),
        })
    }
}

/// Which sources report what a target's own system does: those of the same vendor.
fn reports(config: &Config) -> BTreeMap<String, Reported> {
    let mut reports = BTreeMap::new();
    for source in config.sources.values() {
        // A target bears its vendor's name.
        if let Some(target) = config.targets.get(source.kind.as_str()) {
            let reported = Reported {
                target: target.name.clone(),
                kind: source.kind.as_str(),
            };
            reports.insert(source.name.clone(), reported);
        }
    }
    reports
}

/// Rules that do not change any more.
pub struct Snapshot {
    rules: Arc<Rules>,
    tables: Arc<Tables>,
}

impl Snapshot {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// As [`Rules::ask`].
    pub fn ask<T>(
        &self,
        (event, history): (&Undecided, &LeadHistory),
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>, Option<&Table>) -> T,
    ) -> T {
        let known = (event, history);
        self.rules.ask_by(&self.tables, known, now, answer)
    }
}

/// Rules that nobody replaces, as `plan` has them.
impl Decider for Rules {
    fn read(&self, event: &Event) -> Reading {
        match self.sources.get(&event.source) {
            Some(source) => systems::read_recorded(source, event.forced_kind, &event.body),
            None => Reading {
                facts: Facts::default(),
                standing: Standing::Invalid(String::from("its source is no longer configured")),
            },
        }
    }

    fn decide(&self, event: &Undecided, history: &LeadHistory, now: Timestamp) -> Decision {
        self.ask((event, history), now, decide::decide_by)
    }

    fn is_shadowed(&self, target: &str) -> bool {
        self.shadowed.get(target).copied().unwrap_or(false)
    }

    fn echoes_of(&self, source: &str) -> Option<(&str, Duration)> {
        let reported = self.policy.reports.get(source)?;
        Some((&reported.target, self.policy.decide.echo_window))
    }
}

impl Decider for Snapshot {
    fn read(&self, event: &Event) -> Reading {
        self.rules.read(event)
    }

    fn decide(&self, event: &Undecided, history: &LeadHistory, now: Timestamp) -> Decision {
        self.ask((event, history), now, decide::decide_by)
    }

    fn is_shadowed(&self, target: &str) -> bool {
        self.rules.is_shadowed(target)
    }

    fn echoes_of(&self, source: &str) -> Option<(&str, Duration)> {
        self.rules.echoes_of(source)
    }
}

/// What the decider is asked to do besides deciding what comes in.
pub enum Request {
    /// At most as many as one transaction should hold.
    SetLinks {
        links: Vec<NewLink>,
        reply: oneshot::Sender<Result<Vec<Linked>, StoreError>>,
    },
    /// A lead's ids, as somebody who was asked named them.
    LearnLead {
        named: NamedLead,
        reply: oneshot::Sender<Result<Learnt, StoreError>>,
    },
    /// One step of what a person does about the parked.
    FreeParked {
        parked: Parked,
        action: ParkedAction,
        reply: oneshot::Sender<Result<Freed, StoreError>>,
    },
    /// Begun on the board already.
    Replay(ReplayOrder),
    /// The tables changed: decide again what they may now cover.
    TablesChanged,
    /// Come by, so that the heart beats.
    Beat,
}

pub struct DeciderTask {
    pub desk: Arc<WriterDesk>,
    pub handed: mpsc::Receiver<Undecided>,
    pub requests: mpsc::Receiver<Request>,
    pub ground: Ground,
    pub replays: Replays,
    pub heart: Arc<Heartbeat>,
}

impl DeciderTask {
    /// Runs until stopped. What is not decided by then is on disk and decided at the next start.
    pub async fn run(mut self) {
        let mut last = self.catch_up(Sequence(0)).await;
        let mut batch = Vec::with_capacity(BATCH);
        // How far parked events have been decided again, while that is under way.
        let mut again_after = None;
        loop {
            self.heart.beat();
            let replay_at = self.replays.next_at();
            tokio::select! {
                biased;
                () = self.ground.stop.cancelled() => return,
                Some(request) = self.requests.recv() => match request {
                    Request::SetLinks { links, reply } => self.set_links(links, reply).await,
                    Request::LearnLead { named, reply } => {
                        // Whoever asked may have gone; the lead stays known.
                        let _ = reply.send(self.learn_lead(named).await);
                    }
                    Request::FreeParked { parked, action, reply } => {
                        // Whoever asked may have gone; what was done stays done.
                        let _ = reply.send(self.free_parked(parked, action).await);
                    }
                    Request::Replay(order) => {
                        self.replays.begin(order, self.ground.clock.now());
                    }
                    Request::TablesChanged => again_after = Some(Sequence(0)),
                    Request::Beat => {}
                },
                received = self.handed.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                    last = self.decide_handed(std::mem::take(&mut batch), last).await;
                }
                () = self.ground.clock.sleep_until(replay_at.unwrap_or_default()), if replay_at.is_some() => {
                    self.replay_some().await;
                }
                () = std::future::ready(()), if again_after.is_some() => {}
            }
            // One step by turns: what comes in does not wait for the parked ones, and never
            // ending traffic does not keep them.
            if let Some(after) = again_after {
                again_after = self.decide_some_again(after).await;
            }
        }
    }

    /// Decides a batch; a gap in it means that the hand-over overflowed.
    async fn decide_handed(&mut self, batch: Vec<Undecided>, last: Sequence) -> Sequence {
        let mut expected = last.0 + 1;
        for event in batch.iter().filter(|event| event.event.sequence > last) {
            if event.event.sequence.0 != expected {
                return self.catch_up(last).await;
            }
            expected += 1;
        }
        match self
            .ground
            .store
            .decide(batch, self.desk.rules.snapshot(), self.ground.clock.now())
            .await
        {
            Ok(decided) => {
                self.desk.tell(&decided);
                // What the hand-over had no room for shows as a gap only if something follows it.
                if self.handed.is_empty() {
                    return self.catch_up(Sequence(expected - 1)).await;
                }
                Sequence(expected - 1)
            }
            Err(error) => {
                self.desk.say_undecidable(&error);
                tokio::time::sleep(STORE_PAUSE).await;
                self.catch_up(last).await
            }
        }
    }

    /// Reads the store until nothing is left undecided.
    async fn catch_up(&mut self, mut last: Sequence) -> Sequence {
        while !self.ground.stop.is_cancelled() {
            self.heart.beat();
            match self.decide_stored().await {
                Ok(None) => break,
                Ok(Some(newest)) => last = newest,
                Err(error) => {
                    self.desk.say_undecidable(&error);
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
        last
    }

    /// Decides the oldest undecided events; the newest of them, if there were any.
    async fn decide_stored(&mut self) -> Result<Option<Sequence>, StoreError> {
        let events = self.ground.store.undecided(BATCH).await?;
        let Some(newest) = events.last().map(|event| event.sequence) else {
            return Ok(None);
        };
        let rules = self.desk.rules.snapshot();
        let batch: Vec<Undecided> = events
            .into_iter()
            .map(|event| {
                let reading = rules.read(&event);
                Undecided { event, reading }
            })
            .collect();
        let now = self.ground.clock.now();
        match self
            .ground
            .store
            .decide(batch.clone(), rules.clone(), now)
            .await
        {
            Ok(decided) => self.desk.tell(&decided),
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            // One event, or what the store holds for its lead, is at fault: each on its own.
            Err(_) => self.decide_each(batch).await?,
        }
        Ok(Some(newest))
    }

    async fn decide_each(&mut self, batch: Vec<Undecided>) -> Result<(), StoreError> {
        for event in batch {
            let now = self.ground.clock.now();
            let alone = vec![event.clone()];
            let decided = match self
                .ground
                .store
                .decide(alone, self.desk.rules.snapshot(), now)
                .await
            {
                Ok(decided) => decided,
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(event.id = %event.event.id, %error, "this event cannot be decided; parked, please report it");
                    self.ground.store.park_undecidable(event, now).await?
                }
            };
            self.desk.tell(&decided);
        }
        Ok(())
    }

    async fn set_links(
        &mut self,
        links: Vec<NewLink>,
        reply: oneshot::Sender<Result<Vec<Linked>, StoreError>>,
    ) {
        let result = self
            .ground
            .store
            .set_links(links, self.desk.rules.snapshot(), self.ground.clock.now())
            .await;
        for linked in result.iter().flatten() {
            self.desk.tell_moved(&linked.decided);
        }
        let _ = reply.send(result);
    }

    async fn learn_lead(&mut self, named: NamedLead) -> Result<Learnt, StoreError> {
        let (by, now) = (self.desk.rules.snapshot(), self.ground.clock.now());
        let linked = self.ground.store.learn_lead(named, by, now).await?;
        self.desk.tell_moved(&linked.decided);
        Ok(linked.learnt)
    }

    async fn free_parked(
        &mut self,
        parked: Parked,
        action: ParkedAction,
    ) -> Result<Freed, StoreError> {
        let (by, now) = (self.desk.rules.snapshot(), self.ground.clock.now());
        let freed = self
            .ground
            .store
            .free_parked(parked, action, by, now)
            .await?;
        self.desk.want_asked(&freed.decided);
        self.desk.tell(&freed.decided);
        for target in &freed.woken {
            self.desk.wake(target);
        }
        tracing::info!(
            ?action,
            parked = freed.results.len(),
            "a person saw to what was parked"
        );
        Ok(freed)
    }

    /// One bounded step through the parked events, in order; `None` when that was the last.
    async fn decide_some_again(&mut self, after: Sequence) -> Option<Sequence> {
        let again = Again::Classes(vec!["unmapped", "invalid", "row"]);
        let step = self.ground.store.decide_again(
            again,
            after,
            self.desk.rules.snapshot(),
            self.ground.clock.now(),
        );
        match step.await {
            Ok((decided, last)) => {
                self.desk.note_unlinked(&decided);
                // What stays parked was reported when it was parked.
                let moved: Vec<Decided> = decided
                    .into_iter()
                    .filter(|event| event.cause.is_none())
                    .collect();
                self.desk.tell(&moved);
                last
            }
            Err(error) => {
                tracing::error!(%error, "parked events cannot be decided again; the next reload tries it");
                None
            }
        }
    }
}
