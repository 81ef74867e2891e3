//! `plan`: what other tables would have made of the traffic that was recorded. Reads the store
//! beside a running bridge; writes nothing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Exit;
use super::config_file::refuse;
use crate::config::Config;
use crate::diagnostic::Finding;
use crate::event::EventId;
use crate::map::{self, Tables};
use crate::plan::{Comparison, Plan, Sides};
use crate::store::sqlite::SqliteStore;
use crate::store::{RecordedFrom, RecordedSpan, Store, StoreError};

mod report;
mod stream;

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The candidate tables: a directory like `mappings.dir`
    #[arg(long, value_name = "DIR")]
    pub mappings: PathBuf,
    /// Decide the last N recorded events
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub last: u64,
    /// Decide the events received within this time instead: 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "last")]
    pub since: Option<Duration>,
    /// Print the comparison as JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 if anything differs
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Serialize)]
struct Report {
    /// Directory and content hash.
    tables: Sides<TablesShown>,
    /// The recorded events begin before the first one decided here: leads begin without a past.
    begins_midway: bool,
    #[serde(flatten)]
    comparison: Comparison,
    /// Example's event → where a running bridge shows it.
    look_closer: Vec<Look>,
}

#[derive(Serialize)]
struct TablesShown {
    dir: PathBuf,
    hash: String,
}

#[derive(Serialize)]
struct Look {
    event: EventId,
    url: String,
}

/// 0 when compared; with `--exit-code` 1 when anything differs; 64 for bad tables; 69 without a
/// store.
pub async fn run(args: PlanArgs, config: Config) -> anyhow::Result<ExitCode> {
    let tables = match load_both(&args, &config) {
        Ok(tables) => tables,
        Err(findings) => return Ok(refuse(&findings)),
    };
    let store = match SqliteStore::open_for_reading(&config.store.path) {
        Ok(Some(store)) => Store::Sqlite(store),
        Ok(None) => {
            let path = config.store.path.display();
            eprintln!("error: there is no store at {path} (`store.url`): nothing was recorded yet");
            return Ok(Exit::Unavailable.into());
        }
        Err(error) => return Ok(unreadable(&config, &error)),
    };
    let shown = Sides {
        current: tables_shown(&config.mappings.dir, &tables.current),
        candidate: tables_shown(&args.mappings, &tables.candidate),
    };
    let since = args.since.map(|time| ago(Timestamp::now(), time));
    let from = since.map_or(RecordedFrom::Last(args.last), RecordedFrom::Since);
    let plan = Plan::new(&config, tables);
    let (span, plan) = match replay(&store, from, plan).await? {
        Ok(replayed) => replayed,
        Err(error) => return Ok(unreadable(&config, &error)),
    };
    let comparison = plan.finish(&config);
    // The process ends now: freeing what is remembered of every lead would only take time.
    std::mem::forget(plan);
    let differs = comparison.differs;
    let report = Report {
        tables: shown,
        begins_midway: span.is_some_and(|span| span.first.0 > 1),
        look_closer: look_closer(&comparison, &config),
        comparison,
    };
    if args.json {
        anstream::println!("{:#}", serde_json::to_value(&report)?);
    } else {
        report::print(&report);
    }
    let unmet = args.exit_code && differs;
    Ok(if unmet { Exit::Unmet } else { Exit::Fine }.into())
}

/// Both sets of tables, or every fault of either.
fn load_both(args: &PlanArgs, config: &Config) -> Result<Sides<Tables>, Vec<Finding>> {
    let wanted = config.mapping_kinds();
    let (current, mut findings) = map::load_dir(&config.mappings.dir, &wanted);
    let (candidate, of_candidate) = map::load_dir(&args.mappings, &wanted);
    findings.extend(of_candidate);
    match (current, candidate) {
        (Some(current), Some(candidate)) => Ok(Sides { current, candidate }),
        _ => Err(findings),
    }
}

async fn replay(
    store: &Store,
    from: RecordedFrom,
    plan: Plan,
) -> anyhow::Result<Result<(Option<RecordedSpan>, Plan), StoreError>> {
    let span = match store.recorded_span(from).await {
        Ok(Some(span)) => span,
        Ok(None) => return Ok(Ok((None, plan))),
        Err(error) => return Ok(Err(error)),
    };
    let since = match from {
        RecordedFrom::Since(since) => since,
        RecordedFrom::Last(_) => Timestamp::MIN,
    };
    let replayed = stream::decide_all(store, stream::Window { span, since }, plan).await?;
    Ok(replayed.map(|plan| (Some(span), plan)))
}

fn unreadable(config: &Config, error: &StoreError) -> ExitCode {
    let path = config.store.path.display();
    eprintln!("error: the store {path} cannot be read: {error}");
    Exit::Unavailable.into()
}

fn tables_shown(dir: &std::path::Path, tables: &Tables) -> TablesShown {
    TablesShown {
        dir: dir.to_owned(),
        hash: tables.hash.to_string(),
    }
}

/// One event by the admin API: the newest of its source before the place after it.
fn look_closer(comparison: &Comparison, config: &Config) -> Vec<Look> {
    let examples = comparison.examples.iter();
    examples
        .map(|example| Look {
            event: example.event,
            url: format!(
                "http://{}/api/v1/events?limit=1&cursor={}",
                config.admin.listen,
                example.sequence.0 + 1
            ),
        })
        .collect()
}

pub(super) fn ago(now: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time)
        .ok()
        .and_then(|time| now.checked_sub(time).ok())
        .unwrap_or(Timestamp::MIN)
}

/// A whole number and one of s, m, h, d, w.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || String::from("write a whole number and a unit: 30m, 12h, 7d, 2w");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let whole = number.checked_mul(seconds).filter(|whole| *whole > 0);
    whole.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        #[track_caller]
        fn check(text: &str, seconds: Option<u64>) {
            let parsed = parse_time(text).ok().map(|time| time.as_secs());
            assert_eq!(parsed, seconds, "{text}");
        }
        check("90s", Some(90));
        check("30m", Some(1800));
        check("12h", Some(43_200));
        check("7d", Some(604_800));
        check("2w", Some(1_209_600));
        for wrong in [
            "",
            "7",
            "d",
            "-7d",
            "7 d",
            "0d",
            "7y",
            "7dü",
            "99999999999999999999d",
        ] {
            check(wrong, None);
        }
    }
}
