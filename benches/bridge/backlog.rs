//! (d) What a backlog costs: memory idle and with very many undelivered events, the start on that
//! store, and deciding one more event beside them. LeadPing holds its answers back throughout.

use std::sync::Arc;
use std::time::Duration;

use crate::Scale;
use crate::daemon::{Daemon, Place};
use crate::decide;
use crate::delivery::{CONNECTIONS, EVENTS_PER_LEAD, changes, send_all};
use crate::memory::Memory;
use crate::report::{Bound, Report};
use crate::scrape::{self, Scrape};
use crate::spread::Spread;
use crate::stub::Stub;
use crate::webhook::Sender;

/// Until a fresh process has stopped to allocate.
const SETTLE: Duration = Duration::from_secs(2);
/// Each step's leads begin so far behind the last one's.
const LEADS_BETWEEN: usize = 1_000_000;
const STARTS: usize = 5;

/// Returns the peak of memory while the backlog came in, MiB.
pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<f64> {
    println!("\n(d) memory, start and deciding, by backlog");
    let stub = Stub::start(false).await?;
    let place = Place::make(stub.address)?;
    let (idle, start_ms) = start_and_rest(&place).await?;
    let (must, aim) = (25.0, 25.0);
    let resident = (idle.resident, "MiB");
    report.judge("resident, idle", resident, Bound::AtMost { must, aim });
    let (must, aim) = (100.0, 100.0);
    let first_answer = (start_ms, "ms");
    report.judge(
        "first answer, empty store",
        first_answer,
        Bound::AtMost { must, aim },
    );

    let mut sender = Sender::new();
    let mut peak: f64 = 0.0;
    let mut undelivered = 0;
    let mut decide_us = Vec::new();
    for (step, backlog) in scale.backlogs.into_iter().enumerate() {
        // Every step has leads of its own, so that each event is a change of its lead.
        let daemon = Daemon::start(&place)?;
        let more = backlog - undelivered;
        let leads = (more / EVENTS_PER_LEAD).next_multiple_of(CONNECTIONS);
        let first = step * LEADS_BETWEEN;
        let batch = changes(&mut sender, first..first + leads, 0..EVENTS_PER_LEAD);
        let batch = Arc::new(batch);
        send_all(&batch, &daemon).await?;
        scrape::wait_for(daemon.admin, Scrape::decided, batch.len()).await?;
        peak = peak.max(daemon.memory()?.peak);
        daemon.stop()?;
        undelivered += batch.len();
        let cost = decide::measure(&place, &mut sender, scale.decided).await?;
        undelivered += cost.events;
        report.show(
            format!("deciding beside {backlog} undelivered"),
            format!("{:.0} µs an event", cost.us_per_event),
        );
        decide_us.push(cost.us_per_event);
    }
    let grown = decide_us
        .last()
        .zip(decide_us.first())
        .map(|(last, first)| last / first);
    let (must, aim) = (1.5, 1.2);
    report.judge(
        "  most against fewest",
        (grown.unwrap_or(f64::NAN), ""),
        Bound::AtMost { must, aim },
    );
    let (full, start_ms) = start_and_rest(&place).await?;
    report.show(
        format!("resident, {undelivered} undelivered"),
        format!("{:.2} MiB", full.resident),
    );
    let (must, aim) = (30.0, 30.0);
    let more = (full.resident - idle.resident, "MiB");
    report.judge("  more than idle", more, Bound::AtMost { must, aim });
    let (must, aim) = (1000.0, 1000.0);
    let first_answer = (start_ms, "ms");
    report.judge(
        "first answer, that store",
        first_answer,
        Bound::AtMost { must, aim },
    );
    Ok(peak)
}

/// Memory after a start and a rest, and the time to the first answer: the median of several.
async fn start_and_rest(place: &Place) -> anyhow::Result<(Memory, f64)> {
    let mut times = Vec::new();
    for _ in 1..STARTS {
        let daemon = Daemon::start(place)?;
        times.push(daemon.answered_after.as_secs_f64() * 1000.0);
        daemon.stop()?;
    }
    let daemon = Daemon::start(place)?;
    times.push(daemon.answered_after.as_secs_f64() * 1000.0);
    tokio::time::sleep(SETTLE).await;
    let memory = daemon.memory()?;
    daemon.stop()?;
    Ok((memory, Spread::of(times).median()))
}
