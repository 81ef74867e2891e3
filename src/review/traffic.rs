//! Recorded events, page by page, from the store into a plan. Memory does not grow with the
//! number of events: only a few pages are under way.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ReviewError;

use crate::decider::Rules;
use crate::event::{Event, Sequence};
use crate::lead::SystemId;
use crate::lead::identity::ids_of;
use crate::plan::{Plan, id_key};
use crate::store::{Decider, KnownLead, RecordedFrom, RecordedSpan, Store, StoreError, Undecided};

/// Events of one page.
const PAGE: usize = 500;
/// Pages between one step and the next.
const PAGES_AHEAD: usize = 3;

/// How far a plan has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub events: i64,
    /// Of the span, in percent.
    pub percent: i64,
}

/// How a plan is watched and ended.
pub struct Work {
    /// Called after every page of events, from a thread of its own.
    pub on_progress: Box<dyn Fn(Progress) + Send>,
    pub stop: CancellationToken,
}

/// A plan that was carried out.
pub struct Planned {
    /// What was decided; [`Plan::finish`] compares.
    pub plan: Plan,
    /// Events had been recorded before the first one that was decided: leads began without a past.
    pub begins_midway: bool,
}

/// Decides the recorded events again, both ways.
pub async fn plan(
    store: &Store,
    from: RecordedFrom,
    plan: Plan,
    work: Work,
) -> Result<Planned, ReviewError> {
    let Some(span) = store.recorded_span(from).await? else {
        let begins_midway = false;
        return Ok(Planned {
            plan,
            begins_midway,
        });
    };
    let since = match from {
        RecordedFrom::Since(since) => since,
        RecordedFrom::Last(_) => Timestamp::MIN,
    };
    let stop = work.stop.clone();
    let plan = decide_all(store, Window { span, since }, plan, work).await?;
    if stop.is_cancelled() {
        return Err(ReviewError::Cancelled);
    }
    Ok(Planned {
        plan,
        begins_midway: span.first.0 > 1,
    })
}

/// Which events: those of the span that were received no earlier than `since`.
#[derive(Debug, Clone, Copy)]
struct Window {
    span: RecordedSpan,
    since: Timestamp,
}

/// Events, read, and the leads that they are the first to name.
struct Page {
    events: Vec<Undecided>,
    leads: Vec<KnownLead>,
}

/// Decides every event of the window, in order. Fetching, parsing, looking up links and deciding
/// go on at once, each some pages ahead of the next.
async fn decide_all(
    store: &Store,
    window: Window,
    plan: Plan,
    work: Work,
) -> Result<Plan, ReviewError> {
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
        move || decide_pages(to_decide, &store, plan, (window.span, spent), &work)
    });
    let (fetched, linked) = tokio::join!(
        fetch_pages(store, window, fetched),
        link_pages(store, to_link, linked)
    );
    let failed = |error: tokio::task::JoinError| ReviewError::Failed(error.to_string());
    parsing.await.map_err(failed)?;
    let decided = deciding.await.map_err(failed)?;
    Ok(fetched.and(linked).and(decided)?)
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
    work: &Work,
) -> Result<Plan, StoreError> {
    let runtime = Handle::current();
    let mut recall = |sequence: Sequence| {
        let before = Sequence(sequence.0 - 1);
        let events = runtime.block_on(store.recorded(before, sequence, 1))?;
        Ok(events.into_iter().next())
    };
    while let Some(page) = pages.blocking_recv() {
        if work.stop.is_cancelled() {
            break;
        }
        plan.know(page.leads);
        for event in &page.events {
            plan.decide(event, &mut recall)?;
        }
        if let Some(last) = page.events.last() {
            (work.on_progress)(Progress {
                events: plan.events(),
                percent: percent(span, last.event.sequence),
            });
        }
        // After the last page nobody is left to take it.
        let _ = spent.send(page.events);
    }
    Ok(plan)
}

fn percent(span: RecordedSpan, at: Sequence) -> i64 {
    let all = (span.last.0 - span.first.0 + 1).max(1);
    (at.0 - span.first.0 + 1) * 100 / all
}
