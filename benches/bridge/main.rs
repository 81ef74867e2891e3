//! `make bench`: what the bridge costs, side by side with a bare handler and the disk, in one run.
//!
//! ```text
//! cargo bench --bench bridge                        everything, about 3 minutes
//! cargo bench --bench bridge -- --quick             everything, short: figures mean little
//! cargo bench --bench bridge -- ingest              one part: ingest latency delivery backlog
//! cargo bench --bench bridge -- retention           only when asked for: it makes a million events first
//! cargo bench --bench bridge -- pages               likewise: a month of a million webhooks, then each page
//! ```
//!
//! The bridge is the real binary with its store on the disk that holds the build; so is the bare
//! handler a process of its own. Everything stays on loopback. It prints each figure as it comes
//! and one table at the end; a missed bound is shown, not punished, because a busy machine misses
//! bounds too. What speed does not excuse (an event lost, twice or out of order) exits 1.

mod backlog;
mod bare;
mod daemon;
mod decide;
mod delivery;
mod disk;
mod ingest;
mod journal;
mod latency;
mod load;
mod memory;
mod month;
mod pages;
mod report;
mod retention;
mod scrape;
mod spread;
mod stub;
mod webhook;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use report::{Bound, Report};

/// Where nobody listens: a LeadPing that is never called.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// How long and how much.
pub struct Scale {
    pub rounds: usize,
    pub round: Duration,
    pub disk: Duration,
    /// Of the steady pace.
    pub paced: Duration,
    /// Of the calls, each with several events.
    pub leads: usize,
    /// How many undelivered events there are, step by step.
    pub backlogs: [usize; 3],
    /// Batches decided beside each of them.
    pub decided: usize,
    /// Events that retention removes.
    pub old: usize,
    /// Events beside which pages are asked for, and how often each is.
    pub month: usize,
    pub asked: usize,
}

const FULL: Scale = Scale {
    rounds: 3,
    round: Duration::from_millis(2000),
    disk: Duration::from_millis(1000),
    paced: Duration::from_secs(8),
    leads: 6400,
    backlogs: [1_000, 100_000, 200_000],
    decided: 12,
    old: 1_000_000,
    month: 1_000_000,
    asked: 51,
};

const QUICK: Scale = Scale {
    rounds: 1,
    round: Duration::from_millis(700),
    disk: Duration::from_millis(200),
    paced: Duration::from_secs(2),
    leads: 640,
    backlogs: [1_000, 5_000, 10_000],
    decided: 4,
    old: 50_000,
    month: 20_000,
    asked: 11,
};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if let Some((bare::ROLE, file)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest.first()))
    {
        bare::serve(file.map(Path::new))?;
        return Ok(ExitCode::SUCCESS);
    }
    // `cargo bench` says so; `cargo test --all-targets` only wants to know that it starts.
    if !has("--bench") {
        println!("run it with: cargo bench --bench bridge");
        return Ok(ExitCode::SUCCESS);
    }
    let scale = if has("--quick") { QUICK } else { FULL };
    let parts: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut report = Report::default();
    runtime.block_on(run(&parts, &scale, &mut report))?;
    report.print();
    Ok(ExitCode::from(u8::from(report.has_faults())))
}

async fn run(parts: &[&str], scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    let wants = |part: &str| parts.is_empty() || parts.contains(&part);
    let mut peak: f64 = 0.0;
    if wants("ingest") {
        peak = peak.max(ingest::run(scale, report).await?);
    }
    if wants("latency") {
        latency::run(scale, report).await?;
    }
    if wants("delivery") {
        peak = peak.max(delivery::run(scale, report).await?);
    }
    if wants("backlog") {
        peak = peak.max(backlog::run(scale, report).await?);
    }
    if parts.contains(&"retention") {
        retention::run(scale, report).await?;
    }
    if parts.contains(&"pages") {
        pages::run(scale, report).await?;
    }
    if parts
        .iter()
        .all(|part| ["retention", "pages"].contains(part))
        && !parts.is_empty()
    {
        return Ok(());
    }
    let (must, aim) = (96.0, 96.0);
    let bound = Bound::AtMost { must, aim };
    report.judge("peak memory of all load runs", (peak, "MiB"), bound);
    Ok(())
}
