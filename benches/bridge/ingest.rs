//! (a) Durable ingest: webhooks that a row ignores, in turn against the bridge and against the
//! bare handler, so that what the machine does meanwhile hits both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::bare::Bare;
use crate::daemon::{Daemon, Place};
use crate::disk::{self, Syncs};
use crate::load::{Drive, drive};
use crate::report::{Bound, Report};
use crate::scrape::{self, Scrape};
use crate::spread::Spread;
use crate::webhook::{Batch, IGNORED, Sender, Webhook, yesterday_ms};

/// Few leads, each with many events.
const LEADS: usize = 1000;
/// More than one round can send.
const MOST_PER_SECOND: f64 = 60_000.0;

struct Line {
    name: &'static str,
    connections: usize,
    leads: usize,
    /// Bounds hold for it.
    judged: bool,
}

const LINES: [Line; 4] = [
    line("1 connection", 1, LEADS, false),
    line("64 connections", 64, LEADS, true),
    line("256 connections", 256, LEADS, false),
    line("64 connections, every lead another", 64, usize::MAX, false),
];

const fn line(name: &'static str, connections: usize, leads: usize, judged: bool) -> Line {
    Line {
        name,
        connections,
        leads,
        judged,
    }
}

/// Returns the highest peak of memory, MiB.
pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<f64> {
    println!("\n(a) durable ingest, rows that ignore");
    let mut peak: f64 = 0.0;
    for line in &LINES {
        peak = peak.max(measure(line, scale, report).await?);
    }
    Ok(peak)
}

/// What the rounds of one line gave.
#[derive(Default)]
struct Rounds {
    ours_per_second: Vec<f64>,
    bare_per_second: Vec<f64>,
    /// The plain file's.
    file_per_second: Vec<f64>,
    ack_ms: Vec<f64>,
    recorded: usize,
    /// Until everything recorded was decided as well.
    busy: Duration,
}

async fn measure(line: &Line, scale: &Scale, report: &mut Report) -> anyhow::Result<f64> {
    let place = Place::make(crate::NOWHERE)?;
    let syncs = disk::measure(place.path(), scale.disk)?;
    let daemon = Daemon::start(&place)?;
    let bare = Bare::start()?;
    let keeping = Bare::start_keeping(&place.path().join("journal"))?;
    let mut sender = Sender::new();
    let mut rounds = Rounds::default();
    let before = Scrape::of(daemon.admin).await?;
    for _ in 0..scale.rounds {
        let batch = Arc::new(ignored(
            &mut sender,
            line.leads,
            rounds.recorded,
            scale.round,
        ));
        rounds
            .turn(&batch, line, scale, (&daemon, &bare, &keeping))
            .await?;
    }
    let after = Scrape::of(daemon.admin).await?;
    rounds.report(line, &syncs, report);
    let rows = (after.rows() - before.rows()) / rounds.recorded as f64;
    report.show("  rows written per event", format!("{rows:.2}"));
    let commit = after.commit_ms_since(&before);
    report.show("  group commit, mean", format!("{commit:.2} ms"));
    let memory = daemon.memory()?;
    report.show("  peak memory", format!("{:.1} MiB", memory.peak));
    daemon.stop()?;
    Ok(memory.peak)
}

/// More webhooks than a round can send, numbered on from `first`.
pub fn ignored(sender: &mut Sender, leads: usize, first: usize, round: Duration) -> Batch {
    let most = (MOST_PER_SECOND * round.as_secs_f64()) as usize;
    let yesterday = yesterday_ms();
    sender.batch((first..first + most).map(|number| Webhook {
        lead: number % leads,
        status: IGNORED,
        occurred_at_ms: yesterday + number as i64,
    }))
}

impl Rounds {
    /// First the bridge, then, once it is at rest, the bare handler, then the plain file.
    async fn turn(
        &mut self,
        batch: &Arc<Batch>,
        line: &Line,
        scale: &Scale,
        (daemon, bare, keeping): (&Daemon, &Bare, &Bare),
    ) -> anyhow::Result<()> {
        let to_bridge = Drive {
            address: daemon.webhooks,
            connections: line.connections,
            during: scale.round,
            again: false,
        };
        let begun = Instant::now();
        let driven = drive(batch, to_bridge).await?;
        self.recorded += driven.accepted;
        scrape::wait_for(daemon.admin, Scrape::decided, self.recorded).await?;
        self.busy += begun.elapsed();
        self.ours_per_second.push(driven.per_second());
        self.ack_ms.extend(driven.ack_ms);
        let to_bare = Drive {
            address: bare.address,
            again: true,
            ..to_bridge
        };
        let driven = drive(batch, to_bare).await?;
        self.bare_per_second.push(driven.per_second());
        let to_file = Drive {
            address: keeping.address,
            ..to_bare
        };
        let driven = drive(batch, to_file).await?;
        self.file_per_second.push(driven.per_second());
        Ok(())
    }

    fn report(&self, line: &Line, syncs: &Syncs, report: &mut Report) {
        let median = |rates: &[f64]| Spread::of(rates.iter().copied()).median();
        let (ours, bare) = (median(&self.ours_per_second), median(&self.bare_per_second));
        let file = median(&self.file_per_second);
        let pairs = self.ours_per_second.iter().zip(&self.bare_per_second);
        let ratio = Spread::of(pairs.map(|(ours, bare)| ours / bare)).median();
        let acks = Spread::of(self.ack_ms.iter().copied());
        let p99 = acks.percentile(0.99);
        let name = format!("ingest, {}", line.name);
        report.show(name, format!("{ours:.0} webhooks/s"));
        report.show("  bare handler beside it", format!("{bare:.0} requests/s"));
        let file = format!("{file:.0} requests/s ({:.2} of bare)", file / bare);
        report.show("  plain durable file beside it", file);
        if line.judged {
            let (must, aim) = (0.30, 0.40);
            let bound = Bound::AtLeast { must, aim };
            report.judge("  ratio to the bare handler", (ratio, ""), bound);
            let (must, aim) = (12.0, 12.0);
            report.judge("  ack p99", (p99, "ms"), Bound::AtMost { must, aim });
        } else {
            report.show("  ratio to the bare handler", format!("{ratio:.2}"));
            report.show("  ack p99", format!("{p99:.2} ms"));
        }
        report.show("  ack p50", format!("{:.2} ms", acks.median()));
        let of_disk = ours / syncs.per_second;
        let disk = format!("{of_disk:.1} (disk: {:.0} syncs/s)", syncs.per_second);
        report.show("  webhooks per sync of the disk", disk);
        let decided = self.recorded as f64 / self.busy.as_secs_f64();
        report.show("  recorded and decided", format!("{decided:.0} webhooks/s"));
    }
}

/// What the bare handler does at this many connections, once.
pub async fn bare_rate(bare: &Bare, connections: usize, during: Duration) -> anyhow::Result<f64> {
    let batch = ignored(&mut Sender::new(), LEADS, 0, Duration::from_millis(500));
    let to_bare = Drive {
        address: bare.address,
        connections,
        during,
        again: true,
    };
    Ok(drive(&Arc::new(batch), to_bare).await?.per_second())
}
