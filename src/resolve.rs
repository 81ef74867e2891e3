//! Resolving: events that wait as `unlinked` have a vendor asked, once per lead, whose lead it is.
//!
//! One task per source that is configured so. It reads from the store what waits, asks through the
//! target's worker (whose rate limit, gate, pause and breaker hold for it too), and hands what it
//! learns to the decider as a link like any other: that decides what waited, in order. It decides
//! nothing, holds up nobody, and what it was doing at a stop is begun anew at the next start.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, after};
use crate::config::{Config, ResolveBy, SourceConfig, TargetSystem};
use crate::decider::{Request, Unlinked};
use crate::deliver::judge::{Answer, Class};
use crate::deliver::{Ground, TargetWorker, Told};
use crate::event::{Event, Sequence};
use crate::store::{Learnt, NamedLead, Store};
use crate::systems;
use crate::systems::nlpearl::resolve::{Inquiry, Named, Question};
use crate::telemetry::metrics::Metrics;

mod memory;

use memory::{Asked, Memory};

/// Leads asked for at once; the target's own concurrency holds too.
const AT_ONCE: usize = 4;
/// Events read from the store in one go.
const PAGE: usize = 64;
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Asks for the leads of one source.
pub struct Resolver {
    source: SourceConfig,
    nothing_for: Duration,
    asker: Arc<Asker>,
    unlinked: Arc<Unlinked>,
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    decider: mpsc::Sender<Request>,
    stop: CancellationToken,
}

/// What makes the calls for one lead.
struct Asker {
    inquiry: Inquiry,
    worker: Arc<TargetWorker>,
}

/// A lead of the source that is to be asked for.
#[derive(Debug, Clone)]
struct Lead {
    id: String,
    /// The event by which it came up.
    event: Sequence,
    questions: Vec<Question>,
}

/// How asking for one lead ended.
enum Ended {
    /// One for each campaign that it is in.
    Known(Vec<Named>),
    /// The target knows no such lead, or refuses this one.
    Nothing(&'static str),
    /// The target, or the way to it, is at fault: to be asked again.
    Failed(String),
    Stopped,
}

impl Resolver {
    /// `None`: the source asks nobody.
    pub fn of(
        config: &Config,
        source: &str,
        (ground, workers): (&Ground, &[Arc<TargetWorker>]),
        (unlinked, decider): (&[Arc<Unlinked>], &mpsc::Sender<Request>),
    ) -> Option<Self> {
        let source = config.sources.get(source)?;
        let resolve = source.resolve.as_ref()?;
        let target = config.targets.get(&resolve.target)?;
        let TargetSystem::Nlpearl(target) = &target.system else {
            return None;
        };
        let speaker = match &resolve.by {
            ResolveBy::Id => source,
            ResolveBy::ExternalId { through, .. } => config.sources.get(through)?,
        };
        let worker = workers
            .iter()
            .find(|worker| worker.name() == resolve.target)?;
        let unlinked = unlinked
            .iter()
            .find(|unlinked| unlinked.source() == source.name)?;
        let inquiry = Inquiry::new(&source.name, resolve, target, speaker);
        Some(Self {
            source: source.clone(),
            nothing_for: resolve.nothing_for,
            asker: Arc::new(Asker {
                inquiry,
                worker: worker.clone(),
            }),
            unlinked: unlinked.clone(),
            store: ground.store.clone(),
            clock: ground.clock.clone(),
            metrics: ground.metrics.clone(),
            decider: decider.clone(),
            stop: ground.stop.clone(),
        })
    }

    /// Runs until stopped; a call under way then is only a read, and is dropped.
    pub async fn run(self) {
        let mut round = Round::default();
        let mut asks: JoinSet<(Lead, Ended)> = JoinSet::new();
        loop {
            while asks.len() < AT_ONCE
                && let Some(lead) = self.next(&mut round).await
            {
                let asker = self.asker.clone();
                asks.spawn(async move {
                    let ended = asker.ask(&lead).await;
                    (lead, ended)
                });
            }
            let again_at = round.memory.next_at(self.clock.now());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some(done) = asks.join_next() => match done {
                    Ok((lead, ended)) => self.learn(lead, ended, &mut round).await,
                    Err(error) => tracing::error!(source.name = %self.source.name, %error, "asking for a lead failed inside the bridge; please report it"),
                },
                () = self.unlinked.noted() => {}
                () = self.clock.sleep_until(again_at.unwrap_or_default()),
                    if again_at.is_some() && asks.len() < AT_ONCE => {}
            }
        }
    }

    /// The next lead to be asked for now, if there is one: first those whose turn has come again.
    async fn next(&self, round: &mut Round) -> Option<Lead> {
        let now = self.clock.now();
        if round.memory.is_closed(now) {
            return None;
        }
        while let Some((id, event)) = round.memory.take_again(now) {
            match self.waiting(event).await {
                Some(lead) => return Some(lead),
                None => round.memory.forget(&id),
            }
        }
        if round.memory.is_full() {
            return None;
        }
        loop {
            if let Some(from) = self.unlinked.take() {
                round.look_from(from);
            }
            if round.waiting.is_empty() && !round.is_through {
                self.look(round).await;
            }
            let event = round.waiting.pop_front()?;
            round.looked = event.sequence;
            let Some(lead) = self.lead_of(&event) else {
                continue;
            };
            if self.unlinked.take_wanted(event.sequence) {
                round.memory.doubt(&lead.id);
            }
            if round.memory.knows(&lead.id, now) {
                continue;
            }
            if lead.questions.is_empty() {
                self.told("unaddressable");
                tracing::warn!(event.id = %event.id, source.name = %self.source.name, "whose lead event {} is about cannot be asked: its pearl is not known, or has no outbound id in the configuration", event.id);
                round
                    .memory
                    .leave_until(&lead.id, after(now, self.nothing_for));
                continue;
            }
            round.memory.asking(&lead.id);
            return Some(lead);
        }
    }

    /// Reads the next page of what waits.
    async fn look(&self, round: &mut Round) {
        let page = self.store.unlinked(&self.source.name, round.looked, PAGE);
        match page.await {
            Ok(page) => {
                round.is_through = page.len() < PAGE;
                round.waiting = page.into();
            }
            Err(error) => {
                tracing::warn!(source.name = %self.source.name, %error, "what waits for a link cannot be read; trying again");
                round
                    .memory
                    .close_until(after(self.clock.now(), STORE_PAUSE));
            }
        }
    }

    /// The lead of this event, if it still waits.
    async fn waiting(&self, event: Sequence) -> Option<Lead> {
        let before = Sequence(event.0 - 1);
        let found = self.store.unlinked(&self.source.name, before, 1).await;
        let found = found.ok()?.into_iter().next()?;
        self.lead_of(&found).filter(|lead| lead.event == event)
    }

    fn lead_of(&self, event: &Event) -> Option<Lead> {
        let facts = systems::read_recorded(&self.source, event.forced_kind, &event.body).facts;
        Some(Lead {
            questions: self.asker.inquiry.questions(&facts),
            id: facts.source_lead_id?,
            event: event.sequence,
        })
    }

    async fn learn(&self, lead: Lead, ended: Ended, round: &mut Round) {
        let now = self.clock.now();
        let until = after(now, self.nothing_for);
        match ended {
            Ended::Stopped => {}
            Ended::Nothing(word) => {
                self.told(word);
                round.memory.answered(&lead.id, until);
            }
            Ended::Known(found) => match self.teach(found).await {
                Some(word) => {
                    self.told(word);
                    round.memory.answered(&lead.id, until);
                }
                None => round
                    .memory
                    .again(&lead.id, lead.event, after(now, STORE_PAUSE)),
            },
            Ended::Failed(why) => {
                self.told("failed");
                let policy = &self.asker.worker.config().retry;
                let (wait, asked) = round.memory.failed(&lead.id, lead.event, policy, now);
                match asked {
                    Asked::Again => {
                        tracing::warn!(source.name = %self.source.name, target.name = %self.asker.worker.name(), wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "asking for the lead of a waiting event failed: {why}; it is asked for again");
                    }
                    Asked::OftenEnough => {
                        self.told("given_up");
                        tracing::warn!(source.name = %self.source.name, target.name = %self.asker.worker.name(), "asking for one lead always fails: {why}; its events wait, and its next one has it asked for again");
                        round.memory.leave_until(&lead.id, until);
                    }
                }
            }
        }
    }

    /// Has the decider learn it, which decides what waited; the word for what came of it.
    async fn teach(&self, found: Vec<Named>) -> Option<&'static str> {
        let mut word = "tied";
        for named in found {
            let is_at_leadping = named.is_at_leadping();
            let named = NamedLead {
                ids: named.ids,
                pearl_id: Some(named.pearl_id),
            };
            let (reply, learnt) = oneshot::channel();
            let request = Request::LearnLead { named, reply };
            // An error: the decider is stopping, and so is this.
            self.decider.send(request).await.ok()?;
            if learnt.await.ok()?.ok()? == Learnt::Contradicts {
                tracing::warn!(source.name = %self.source.name, target.name = %self.asker.worker.name(), "the target names an id of a lead that LeadPing knows as another one; that id stays where it is");
                return Some("contradicts");
            }
            if is_at_leadping {
                word = "linked";
            }
        }
        Some(word)
    }

    fn told(&self, result: &'static str) {
        self.metrics.resolve(&self.source.name, result);
    }
}

impl Asker {
    /// Asks each question until one is answered with a LeadPing id.
    async fn ask(&self, lead: &Lead) -> Ended {
        let mut known = Vec::new();
        let mut word = "nothing";
        for question in &lead.questions {
            let Some(Told { answer, body }) = self.worker.inquire(&question.request).await else {
                return Ended::Stopped;
            };
            match &answer {
                _ if answer.is_accepted() => {
                    match self.inquiry.read(&lead.id, &question.pearl_id, &body) {
                        Ok(named) => known.extend(named),
                        Err(why) => {
                            return Ended::Failed(format!("its answer was not usable: {why}"));
                        }
                    }
                    if known.iter().any(Named::is_at_leadping) {
                        break;
                    }
                }
                Answer::Status {
                    status: 404 | 410, ..
                } => {}
                Answer::Status {
                    class: Class::Own, ..
                } => word = "refused",
                Answer::Status { status, .. } => {
                    return Ended::Failed(format!("it answered {status}"));
                }
                Answer::Unreachable | Answer::Silence => {
                    return Ended::Failed(String::from("it did not answer"));
                }
            }
        }
        match known.is_empty() {
            true => Ended::Nothing(word),
            false => Ended::Known(known),
        }
    }
}

/// How far one run has come.
struct Round {
    memory: Memory,
    /// Events up to here were looked at.
    looked: Sequence,
    /// Nothing more waited when that was looked at last.
    is_through: bool,
    waiting: VecDeque<Event>,
}

impl Round {
    /// Something that waits was noted, perhaps one that was parked for another cause before.
    fn look_from(&mut self, from: Sequence) {
        self.is_through = false;
        if from <= self.looked {
            self.looked = Sequence(from.0 - 1);
            self.waiting.clear();
        }
    }
}

impl Default for Round {
    fn default() -> Self {
        Self {
            memory: Memory::default(),
            looked: Sequence(0),
            is_through: true,
            waiting: VecDeque::new(),
        }
    }
}
