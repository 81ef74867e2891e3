//! (f) What people and Prometheus look at, beside a month of very many events: each page and list
//! asked for again and again, from the real binary.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::daemon::{Daemon, Place};
use crate::month;
use crate::report::{Bound, Report};
use crate::spread::Spread;
use crate::stub::Stub;

const PAGE: Bound = Bound::AtMost {
    must: 100.0,
    aim: 50.0,
};
const SCRAPE: Bound = Bound::AtMost {
    must: 5.0,
    aim: 5.0,
};
/// Until what the start left to do is done.
const SETTLE: Duration = Duration::from_secs(5);

/// Name, path. Filters that match nothing, and a source that is silent, are the hard ones.
const LOOKS: [(&str, &str); 22] = [
    ("flow, last hour", "/?span=1h"),
    ("flow, last 24 hours", "/"),
    ("flow, last 7 days", "/?span=7d"),
    ("flow, last 30 days", "/?span=30d"),
    ("flow, last 90 days", "/?span=90d"),
    ("a lead", "/leads/lead_7"),
    ("a lead that nobody knows", "/api/v1/events?lead=nobody"),
    ("parked", "/parked"),
    ("parked, one cause", "/parked?cause=unmapped:many:u7"),
    ("events", "/events"),
    ("events, settled", "/events?state=settled"),
    ("events, parked", "/events?state=parked"),
    ("events, decided: none", "/events?state=decided"),
    ("events, received: none", "/events?state=received"),
    ("events, discarded: none", "/events?state=discarded"),
    ("events, a source", "/events?source=many"),
    ("events, a silent source", "/events?source=crm"),
    (
        "events, both filters",
        "/events?source=many&state=discarded",
    ),
    ("list, a lead", "/api/v1/events?lead=lead_7"),
    ("list, a cause", "/api/v1/events?cause=unmapped:many:u7"),
    ("tables", "/tables"),
    ("targets", "/targets"),
];

pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    println!("\n(f) pages beside {} events of a month", scale.month);
    let stub = Stub::start(true).await?;
    let place = Place::make(stub.address)?;
    month::add_source(&place)?;
    let begun = Instant::now();
    month::live_through(&place, scale.month).await?;
    let seconds = begun.elapsed().as_secs_f64();
    report.show("lived through in", format!("{seconds:.0} s"));
    let daemon = Daemon::start(&place)?;
    let started = daemon.answered_after.as_secs_f64() * 1000.0;
    report.show("first answer, that store", format!("{started:.0} ms"));
    tokio::time::sleep(SETTLE).await;
    for (name, path) in LOOKS {
        let taken = ask(daemon.admin, path, scale.asked).await?;
        report.judge(format!("  {name}, median"), (taken.median(), "ms"), PAGE);
    }
    let taken = ask(daemon.admin, "/metrics", scale.asked).await?;
    report.judge("  scrape, median", (taken.median(), "ms"), SCRAPE);
    daemon.stop()
}

async fn ask(admin: SocketAddr, path: &str, times: usize) -> anyhow::Result<Spread> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let answer = client.get(format!("http://{admin}{path}")).send().await?;
        answer.error_for_status()?.bytes().await?;
        taken.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Spread::of(taken))
}
