//! `plan`: what other tables would have made of the traffic that was recorded. Reads the store
//! beside a running bridge; writes nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::config_file::refuse;
use super::input::{of_store, open_store};
use super::{DEFAULT_CONFIG, Exit, GlobalArgs};
use crate::config::Config;
use crate::diagnostic::Finding;
use crate::event::EventId;
use crate::map::{self, Tables};
use crate::plan::{Comparison, Plan, Sides};
use crate::review::{self, Work};
use crate::store::RecordedFrom;

mod progress;
mod report;

use progress::ProgressLine;

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
    /// For each example, where to look closer.
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
    /// The command that tells its story by both sets of tables.
    explain: String,
    /// Where a running bridge shows what it became.
    url: String,
}

/// 0 when compared; with `--exit-code` 1 when anything differs; 64 for bad tables; 69 without a
/// store.
pub async fn run(args: PlanArgs, config: Config, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let tables = match load_both(&args.mappings, &config) {
        Ok(tables) => tables,
        Err(findings) => return Ok(refuse(&findings)),
    };
    let Some(store) = open_store(&config)? else {
        let path = config.store.path.display();
        return Err(Exit::Unavailable.because(format!(
            "there is no store at {path} (`store.url`): nothing was recorded yet; run this where the bridge runs, or on a copy of its store"
        )));
    };
    let shown = Sides {
        current: tables_shown(&config.mappings.dir, &tables.current),
        candidate: tables_shown(&args.mappings, &tables.candidate),
    };
    let since = args.since.map(|time| ago(Timestamp::now(), time));
    let from = since.map_or(RecordedFrom::Last(args.last), RecordedFrom::Since);
    let progress = ProgressLine::start();
    let work = Work {
        on_progress: progress.shower(),
        stop: CancellationToken::new(),
    };
    let planned = review::plan(&store, from, Plan::new(&config, tables), work).await;
    progress.end();
    let planned = planned.map_err(|error| of_store(&config, error))?;
    let comparison = planned.plan.finish(&config);
    // The process ends now: freeing what is remembered of every lead would only take time.
    std::mem::forget(planned.plan);
    let differs = comparison.differs;
    let report = Report {
        tables: shown,
        begins_midway: planned.begins_midway,
        look_closer: look_closer(&comparison, &config, (&args.mappings, global)),
        comparison,
    };
    if args.json {
        println!("{:#}", serde_json::to_value(&report)?);
    } else {
        report::print(&report);
    }
    let unmet = args.exit_code && differs;
    Ok(if unmet { Exit::Unmet } else { Exit::Fine }.into())
}

/// Both sets of tables, or every fault of either.
pub(super) fn load_both(candidate: &Path, config: &Config) -> Result<Sides<Tables>, Vec<Finding>> {
    let wanted = config.mapping_kinds();
    let (current, mut findings) = map::load_dir(&config.mappings.dir, &wanted);
    let (candidate, of_candidate) = map::load_dir(candidate, &wanted);
    findings.extend(of_candidate);
    match (current, candidate) {
        (Some(current), Some(candidate)) => Ok(Sides { current, candidate }),
        _ => Err(findings),
    }
}

fn tables_shown(dir: &Path, tables: &Tables) -> TablesShown {
    TablesShown {
        dir: dir.to_owned(),
        hash: tables.hash.to_string(),
    }
}

fn look_closer(
    comparison: &Comparison,
    config: &Config,
    (candidate, global): (&Path, &GlobalArgs),
) -> Vec<Look> {
    let examples = comparison.examples.iter();
    let options = match global.config == Path::new(DEFAULT_CONFIG) {
        true => String::new(),
        false => format!(" --config {}", quoted(&global.config)),
    };
    examples
        .map(|example| Look {
            event: example.event,
            explain: format!(
                "leadping-bridge explain{options} --mappings {} --event {}",
                quoted(candidate),
                example.event
            ),
            url: format!(
                "http://{}/api/v1/events/{}",
                config.admin.listen, example.event
            ),
        })
        .collect()
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    match !path.is_empty() && path.bytes().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
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
    fn a_path_is_one_word_to_a_shell() {
        #[track_caller]
        fn check(path: &str, expected: &str) {
            assert_eq!(quoted(Path::new(path)), expected);
        }
        check("friday/mappings", "friday/mappings");
        check("my tables", "'my tables'");
        check("it's; rm", "'it'\\''s; rm'");
        check("", "''");
    }

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
