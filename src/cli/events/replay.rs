//! `events replay`: recorded events decided again against the lead as it is now. Without `--start`
//! it only says what that would do; started, it shows how far it is, and Ctrl-C cancels it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use crate::admin::{Forecast, ReplayBody, told};
use crate::cli::Exit;
use crate::cli::admin_api::AdminApi;
use crate::cli::plan::{ago, parse_time};
use crate::decider::{ReplayProgress, ReplayState};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const PATH: &str = "events/replay";

#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    which: Which,
    /// Only this source's events
    #[arg(long, conflicts_with_all = ["id", "lead", "progress", "cancel"])]
    source: Option<String>,
    /// Received before so long ago: 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with_all = ["id", "lead", "progress", "cancel"])]
    until: Option<Duration>,
    /// The most of each target's rate that it may use, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    share: u8,
    /// Do it; otherwise it is only forecast
    #[arg(long, conflicts_with_all = ["progress", "cancel"])]
    start: bool,
    /// Print the forecast, or what came of it, as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// These events
    #[arg(long, value_name = "ID", num_args = 1..)]
    id: Vec<String>,
    /// Every event of this lead: any of its ids
    #[arg(long, value_name = "ID")]
    lead: Option<String>,
    /// Events received within this time: 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Duration>,
    /// Show how far the newest replay is
    #[arg(long)]
    progress: bool,
    /// Cancel the one that is running; what is due already is sent
    #[arg(long)]
    cancel: bool,
}

/// Exit 0 when done, 1 when refused or not finished, 69 when the bridge is not reachable.
pub async fn run(api: &AdminApi, args: ReplayArgs) -> anyhow::Result<ExitCode> {
    if args.which.progress || args.which.cancel {
        let answer = match args.which.progress {
            true => api.get(PATH, &[]).await?,
            false => api.send(Method::DELETE, PATH, &json!({})).await?,
        };
        return match answer {
            Ok(progress) => show(&progress, args.json),
            Err(unanswered) => Ok(unanswered.into()),
        };
    }
    if let (Some(since), Some(until)) = (args.which.since, args.until)
        && until >= since
    {
        let why = "--until is as long ago as --since, or longer: --since is where it begins, --until where it ends, such as `--since 1d --until 2h`";
        return Err(Exit::WrongUsage.because(why));
    }
    let now = Timestamp::now();
    let body = ReplayBody {
        ids: args.which.id,
        lead: args.which.lead,
        source: args.source,
        since: args.which.since.map(|time| ago(now, time)),
        until: args.until.map(|time| ago(now, time)),
        share: Some(args.share),
        start: args.start,
    };
    let forecast: Forecast = match api.send(Method::POST, PATH, &body).await? {
        Ok(forecast) => forecast,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json && !forecast.started {
        println!("{:#}", serde_json::to_value(&forecast)?);
        return Ok(ExitCode::SUCCESS);
    }
    if !args.json {
        print_forecast(&forecast);
    }
    if !forecast.started {
        if !args.start {
            println!("nothing is sent yet: --start does it");
        }
        return Ok(ExitCode::SUCCESS);
    }
    match watch(api).await? {
        Ok(progress) => {
            let shown = show(&progress, args.json)?;
            Ok(match progress.state {
                ReplayState::Finished => shown,
                _ => Exit::Unmet.into(),
            })
        }
        Err(code) => Ok(code),
    }
}

/// Until it has ended, by itself or by Ctrl-C.
async fn watch(api: &AdminApi) -> anyhow::Result<Result<ReplayProgress, ExitCode>> {
    let mut told = 0;
    loop {
        let progress: ReplayProgress = match api.get(PATH, &[]).await? {
            Ok(progress) => progress,
            Err(unanswered) => return Ok(Err(unanswered.into())),
        };
        if progress.state != ReplayState::Running {
            return Ok(Ok(progress));
        }
        if progress.events_done > told {
            told = progress.events_done;
            eprintln!("{told} of {} events", progress.events);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                let cancelled = api.send(Method::DELETE, PATH, &json!({})).await?;
                return Ok(cancelled.map_err(ExitCode::from));
            }
        }
    }
}

fn print_forecast(forecast: &Forecast) {
    println!("{} events: {}", forecast.events, told(&forecast.results));
    for (target, calls) in &forecast.calls {
        println!("    {target}: {calls} calls");
    }
    if !forecast.calls.is_empty() {
        println!(
            "    about {} s at {} % of the rate",
            forecast.duration_seconds, forecast.share
        );
    }
}

fn show(progress: &ReplayProgress, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        println!("{:#}", serde_json::to_value(progress)?);
        return Ok(ExitCode::SUCCESS);
    }
    let state = match progress.state {
        ReplayState::None => {
            println!("no replay yet");
            return Ok(ExitCode::SUCCESS);
        }
        ReplayState::Running => "running",
        ReplayState::Finished => "finished",
        ReplayState::Cancelled => "cancelled",
        ReplayState::Failed => "failed; see the bridge's log",
    };
    println!(
        "{state}: {} of {} events: {}",
        progress.events_done,
        progress.events,
        told(&progress.results)
    );
    Ok(ExitCode::SUCCESS)
}
