//! (b) From a webhook sent to its call received, at a steady pace, each of a lead of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Scale;
use crate::daemon::{Daemon, Place};
use crate::disk;
use crate::load::Wire;
use crate::report::{Bound, Report};
use crate::scrape::Scrape;
use crate::spread::Spread;
use crate::stub::Stub;
use crate::webhook::{Batch, MAPPED, Sender, Webhook, yesterday_ms};

const EVERY: Duration = Duration::from_millis(20);
/// So many that a late answer delays no later webhook.
const CONNECTIONS: usize = 16;

pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    println!("\n(b) webhook sent → call received, 50 per second");
    let stub = Stub::start(true).await?;
    let place = Place::make(stub.address)?;
    let syncs = disk::measure(place.path(), scale.disk)?;
    let daemon = Daemon::start(&place)?;
    let count = (scale.paced.as_secs_f64() / EVERY.as_secs_f64()) as usize;
    let yesterday = yesterday_ms();
    let batch = Sender::new().batch((0..count).map(|lead| Webhook {
        lead,
        status: MAPPED[lead % MAPPED.len()],
        occurred_at_ms: yesterday,
    }));
    let before = Scrape::of(daemon.admin).await?;
    let sent = send_paced(Arc::new(batch), &daemon).await?;
    let arrivals = stub.arrivals(count).await?;
    let after = Scrape::of(daemon.admin).await?;
    let arrived: HashMap<String, Instant> = arrivals.into_iter().collect();
    let lags = Spread::of(sent.iter().filter_map(|(lead, sent)| {
        let arrived = arrived.get(&format!("lead_{lead}"))?;
        Some((*arrived - *sent).as_secs_f64() * 1000.0)
    }));
    let (must, aim) = (2.0, 1.0);
    let p50 = (lags.median(), "ms");
    report.judge("webhook → call, p50", p50, Bound::AtMost { must, aim });
    let (must, aim) = (25.0, 5.0);
    let p99 = (lags.percentile(0.99), "ms");
    report.judge("webhook → call, p99", p99, Bound::AtMost { must, aim });
    report.show(
        "  worst",
        format!("{:.2} ms of {}", lags.worst(), lags.len()),
    );
    let commit = after.commit_ms_since(&before);
    report.show("  group commit, mean", format!("{commit:.2} ms"));
    let disk = format!(
        "p50 {:.2} p99 {:.2} ms",
        syncs.ms.median(),
        syncs.ms.percentile(0.99)
    );
    report.show("  one sync of the disk", disk);
    report.show("  p50 in commits", format!("{:.1}", lags.median() / commit));
    stub.report_faults(count, report);
    daemon.stop()
}

/// Sends each at its time, whatever became of the one before; returns when each went out.
async fn send_paced(batch: Arc<Batch>, daemon: &Daemon) -> anyhow::Result<Vec<(usize, Instant)>> {
    let mut tasks = JoinSet::new();
    let mut wires = Vec::new();
    for _ in 0..CONNECTIONS {
        wires.push(Wire::connect(daemon.webhooks).await?);
    }
    let started = tokio::time::Instant::now() + EVERY;
    for (first, mut wire) in wires.into_iter().enumerate() {
        let batch = Arc::clone(&batch);
        tasks.spawn(async move {
            let mut sent = Vec::new();
            for number in (first..batch.len()).step_by(CONNECTIONS) {
                let due = started + EVERY * u32::try_from(number)?;
                tokio::time::sleep_until(due).await;
                sent.push((number, Instant::now()));
                wire.ask(batch.request(number)).await?;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = Vec::new();
    while let Some(some) = tasks.join_next().await {
        sent.extend(some??);
    }
    Ok(sent)
}
