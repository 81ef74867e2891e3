//! Recorded events, page by page, from the store into the plan. Memory does not grow with the
//! number of events: only a few pages are under way.

use std::collections::HashSet;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::decider::Rules;
use crate::event::{Event, Sequence};
use crate::lead::SystemId;
use crate::lead::identity::ids_of;
use crate::plan::{Plan, id_key};
use crate::store::{Decider, KnownLead, RecordedSpan, Store, StoreError, Undecided};

/// Events of one page.
const PAGE: usize = 500;
/// Pages between one step and the next.
const PAGES_AHEAD: usize = 3;
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

/// Decides every event of the window, in order. Fetching, parsing, looking up links and deciding
/// go on at once, each some pages ahead of the next.
pub(super) async fn decide_all(
    store: &Store,
    window: Window,
    plan: Plan,
) -> anyhow::Result<Result<Plan, StoreError>> {
    let (fetched, to_parse) = mpsc::channel(PAGES_AHEAD);
    let (parsed, to_link) = mpsc::channel(PAGES_AHEAD);
    let (linked, to_decide) = mpsc::channel(PAGES_AHEAD);
    let (spent, to_drop) = std::sync::mpsc::channel();
    let rules = plan.reader();
    let parsing = tokio::task::spawn_blocking(move || {
        parse_pages(&rules, window.since, to_parse, &parsed, &to_drop);
    });
    let deciding = tokio::task::spawn_blocking({
        let store = store.clone();
        move || decide_pages(to_decide, &store, plan, (window.span, spent))
    });
    let (fetched, linked) = tokio::join!(
        fetch_pages(store, window, fetched),
        link_pages(store, to_link, linked)
    );
    parsing.await.context("parsing failed")?;
    let decided = deciding.await.context("deciding failed")?;
    Ok(fetched.and(linked).and(decided))
}

// Whoever comes next may have failed and gone: then a step ends too, and the failure is told there.

async fn fetch_pages(
    store: &Store,
    window: Window,
    pages: mpsc::Sender<Vec<Event>>,
) -> Result<(), StoreError> {
    let mut after = Sequence(window.span.first.0 - 1);
    loop {
        let events = store.recorded(after, window.span.last, PAGE).await?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        after = last.sequence;
        if pages.send(events).await.is_err() {
            return Ok(());
        }
    }
}

/// Pages come back here to be dropped: memory is freed fastest by the thread that took it.
fn parse_pages(
    rules: &Rules,
    since: Timestamp,
    mut pages: mpsc::Receiver<Vec<Event>>,
    parsed: &mpsc::Sender<Vec<Undecided>>,
    to_drop: &std::sync::mpsc::Receiver<Vec<Undecided>>,
) {
    while let Some(events) = pages.blocking_recv() {
        to_drop.try_iter().for_each(drop);
        let events = events
            .into_iter()
            .filter(|event| event.received_at >= since)
            .map(|event| {
                let reading = rules.read(&event);
                Undecided { event, reading }
            })
            .collect();
        if parsed.blocking_send(events).is_err() {
            return;
        }
    }
}

/// Adds what the link table knows of the ids that no earlier page named.
async fn link_pages(
    store: &Store,
    mut parsed: mpsc::Receiver<Vec<Undecided>>,
    pages: mpsc::Sender<Page>,
) -> Result<(), StoreError> {
    let mut seen: HashSet<u128> = HashSet::new();
    while let Some(events) = parsed.recv().await {
        let ids: Vec<SystemId> = events
            .iter()
            .flat_map(|event| ids_of(&event.event.source, &event.reading.facts))
            .filter(|id| seen.insert(id_key(id)))
            .collect();
        let leads = store.known_leads(ids).await?;
        let named = leads.iter().flat_map(|lead| &lead.ids);
        seen.extend(named.map(id_key));
        if pages.send(Page { events, leads }).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn decide_pages(
    mut pages: mpsc::Receiver<Page>,
    store: &Store,
    mut plan: Plan,
    (span, spent): (RecordedSpan, std::sync::mpsc::Sender<Vec<Undecided>>),
) -> Result<Plan, StoreError> {
    let runtime = Handle::current();
    let mut recall = |sequence: Sequence| {
        let before = Sequence(sequence.0 - 1);
        let events = runtime.block_on(store.recorded(before, sequence, 1))?;
        Ok(events.into_iter().next())
    };
    let mut progress = Progress::start(span);
    while let Some(page) = pages.blocking_recv() {
        plan.know(page.leads);
        for event in &page.events {
            plan.decide(event, &mut recall)?;
        }
        if let Some(last) = page.events.last() {
            progress.show(last.event.sequence, plan.events());
        }
        // After the last page nobody is left to take it.
        let _ = spent.send(page.events);
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
