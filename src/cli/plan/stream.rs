//! Recorded events, page by page, from the store into the plan: one side reads and parses, the
//! other decides, with a few pages between them. Memory does not grow with the number of events.

use std::collections::HashSet;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::event::{Event, Sequence};
use crate::lead::SystemId;
use crate::lead::identity::ids_of;
use crate::plan::{Plan, id_key};
use crate::store::{Decider, KnownLead, RecordedSpan, Store, StoreError, Undecided};

/// Events of one page.
const PAGE: usize = 500;
/// Pages between reading and deciding.
const PAGES_AHEAD: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Which events: those of the span that were received no earlier than `since`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) span: RecordedSpan,
    pub(super) since: Timestamp,
}

/// Events, read, and the leads that they are the first to name.
struct Page {
    events: Vec<Undecided>,
    leads: Vec<KnownLead>,
}

/// Decides every event of the window, in order.
pub(super) async fn decide_all(
    store: &Store,
    window: Window,
    plan: Plan,
) -> anyhow::Result<Result<Plan, StoreError>> {
    let (pages, coming) = mpsc::channel(PAGES_AHEAD);
    let reader = Reader {
        store: store.clone(),
        rules: plan.reader(),
        seen: HashSet::new(),
        window,
    };
    let store = store.clone();
    let deciding = tokio::task::spawn_blocking(move || decide_pages(coming, &store, plan, window));
    let read = reader.read_all(pages).await?;
    let decided = deciding.await.context("deciding failed")?;
    Ok(read.and(decided))
}

struct Reader {
    store: Store,
    rules: std::sync::Arc<crate::decider::Rules>,
    /// Ids looked up in the link table, by their key.
    seen: HashSet<u128>,
    window: Window,
}

impl Reader {
    async fn read_all(
        mut self,
        pages: mpsc::Sender<Page>,
    ) -> anyhow::Result<Result<(), StoreError>> {
        let span = self.window.span;
        let mut after = Sequence(span.first.0 - 1);
        loop {
            let events = match self.store.recorded(after, span.last, PAGE).await {
                Ok(events) => events,
                Err(error) => return Ok(Err(error)),
            };
            let Some(last) = events.last() else {
                return Ok(Ok(()));
            };
            after = last.sequence;
            let (reader, events) = tokio::task::spawn_blocking(move || self.read(events))
                .await
                .context("reading failed")?;
            self = reader;
            let ids = self.unseen(&events);
            let leads = match self.store.known_leads(ids).await {
                Ok(leads) => leads,
                Err(error) => return Ok(Err(error)),
            };
            let named = leads.iter().flat_map(|lead| &lead.ids);
            self.seen.extend(named.map(id_key));
            // Whoever decides has failed, and says so itself.
            if pages.send(Page { events, leads }).await.is_err() {
                return Ok(Ok(()));
            }
        }
    }

    fn read(self, events: Vec<Event>) -> (Self, Vec<Undecided>) {
        let since = self.window.since;
        let events = events
            .into_iter()
            .filter(|event| event.received_at >= since)
            .map(|event| {
                let (parsed, reading) = self.rules.read(&event);
                Undecided {
                    event,
                    parsed,
                    reading,
                }
            })
            .collect();
        (self, events)
    }

    /// The ids that no earlier page named.
    fn unseen(&mut self, events: &[Undecided]) -> Vec<SystemId> {
        events
            .iter()
            .flat_map(|event| ids_of(&event.event.source, &event.reading.facts))
            .filter(|id| self.seen.insert(id_key(id)))
            .collect()
    }
}

fn decide_pages(
    mut pages: mpsc::Receiver<Page>,
    store: &Store,
    mut plan: Plan,
    window: Window,
) -> Result<Plan, StoreError> {
    let runtime = Handle::current();
    let mut recall = |sequence: Sequence| {
        let before = Sequence(sequence.0 - 1);
        let events = runtime.block_on(store.recorded(before, sequence, 1))?;
        Ok(events.into_iter().next())
    };
    let mut progress = Progress::start(window.span);
    while let Some(page) = pages.blocking_recv() {
        plan.know(page.leads);
        for event in &page.events {
            plan.decide(event, &mut recall)?;
        }
        if let Some(last) = page.events.last() {
            progress.show(last.event.sequence, plan.events());
        }
    }
    progress.end();
    Ok(plan)
}

/// One line on a terminal, written over itself; nothing anywhere else.
struct Progress {
    span: RecordedSpan,
    is_shown: bool,
    next: Instant,
}

impl Progress {
    fn start(span: RecordedSpan) -> Self {
        Self {
            span,
            is_shown: std::io::stderr().is_terminal(),
            next: Instant::now() + PROGRESS_EVERY,
        }
    }

    fn show(&mut self, at: Sequence, events: i64) {
        if !self.is_shown || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + PROGRESS_EVERY;
        let all = (self.span.last.0 - self.span.first.0 + 1).max(1);
        let percent = (at.0 - self.span.first.0 + 1) * 100 / all;
        // Without a reader of stderr the work goes on.
        let _ = write!(std::io::stderr(), "\r{events} events decided, {percent} % ");
    }

    fn end(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
