//! (c) Calls per second with the rate limit out of the way: a backlog let go at once, then
//! webhooks and calls at the same time. Several events per lead, so that order means something.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::bare::Bare;
use crate::daemon::{Daemon, Place};
use crate::ingest::bare_rate;
use crate::load::{Drive, drive};
use crate::report::{Bound, Report};
use crate::scrape::{self, Scrape};
use crate::stub::Stub;
use crate::webhook::{Batch, MAPPED, Sender, Webhook, yesterday_ms};

/// A multiple of this divides every number of leads: one lead's webhooks share a connection.
pub const CONNECTIONS: usize = 64;
pub const EVENTS_PER_LEAD: usize = 5;
const BOUND: Bound = Bound::AtLeast {
    must: 0.12,
    aim: 0.25,
};

/// Returns the peak of memory, MiB.
pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<f64> {
    println!("\n(c) calls per second, 64 at once");
    let stub = Stub::start(false).await?;
    let place = Place::make(stub.address)?;
    let daemon = Daemon::start(&place)?;
    let bare = Bare::start()?;
    let bare_before = bare_rate(&bare, CONNECTIONS, scale.round).await?;
    let mut sender = Sender::new();
    let first = Arc::new(changes(&mut sender, 0..scale.leads, 0..EVENTS_PER_LEAD));
    let second = EVENTS_PER_LEAD..2 * EVENTS_PER_LEAD;
    let second = Arc::new(changes(&mut sender, 0..scale.leads, second));

    send_all(&first, &daemon).await?;
    let before = scrape::wait_for(daemon.admin, Scrape::decided, first.len()).await?;
    let opened = Instant::now();
    stub.open();
    let arrivals = stub.arrivals(first.len()).await?;
    let drained = since(opened, arrivals.last());
    let between = scrape::wait_for(daemon.admin, Scrape::delivered, first.len()).await?;

    let begun = Instant::now();
    send_all(&second, &daemon).await?;
    let both = first.len() + second.len();
    let arrivals = stub.arrivals(both).await?;
    let flooded = since(begun, arrivals.last());
    let after = scrape::wait_for(daemon.admin, Scrape::delivered, both).await?;

    let bare = f64::midpoint(
        bare_before,
        bare_rate(&bare, CONNECTIONS, scale.round).await?,
    );
    let backlog_rate = first.len() as f64 / drained.as_secs_f64();
    report.show(
        "calls, from a backlog",
        format!("{backlog_rate:.0} calls/s"),
    );
    report.show("  bare handler beside it", format!("{bare:.0} requests/s"));
    report.judge(
        "  ratio to the bare handler",
        (backlog_rate / bare, ""),
        BOUND,
    );
    let rows = (between.rows() - before.rows()) / first.len() as f64;
    report.show(
        "  rows written per call (lease, settle)",
        format!("{rows:.2}"),
    );
    let commit = between.commit_ms_since(&before);
    report.show("  group commit, mean", format!("{commit:.2} ms"));
    let flood_rate = second.len() as f64 / flooded.as_secs_f64();
    report.show(
        "calls, while webhooks come in",
        format!("{flood_rate:.0} calls/s"),
    );
    report.judge(
        "  ratio to the bare handler",
        (flood_rate / bare, ""),
        BOUND,
    );
    let rows = (after.rows() - between.rows()) / second.len() as f64;
    report.show("  rows written per delivered event", format!("{rows:.2}"));
    let memory = daemon.memory()?;
    report.show("  peak memory", format!("{:.1} MiB", memory.peak));
    stub.report_faults(both, report);
    daemon.stop()?;
    Ok(memory.peak)
}

fn since(begun: Instant, last: Option<&(String, Instant)>) -> Duration {
    last.map_or(Duration::MAX, |(_, at)| *at - begun)
}

/// For every lead in turn its next change; `turns` numbers the changes of each.
pub fn changes(sender: &mut Sender, leads: Range<usize>, turns: Range<usize>) -> Batch {
    assert_eq!(
        leads.len() % CONNECTIONS,
        0,
        "else a lead changes connections"
    );
    let yesterday = yesterday_ms();
    sender.batch(turns.flat_map(|turn| {
        leads.clone().map(move |lead| Webhook {
            lead,
            status: MAPPED[turn % MAPPED.len()],
            occurred_at_ms: yesterday + 1000 * turn as i64,
        })
    }))
}

/// Sends a whole batch.
pub async fn send_all(batch: &Arc<Batch>, daemon: &Daemon) -> anyhow::Result<()> {
    let all = Drive {
        address: daemon.webhooks,
        connections: CONNECTIONS,
        during: Duration::MAX,
        again: false,
    };
    drive(batch, all).await?;
    Ok(())
}
