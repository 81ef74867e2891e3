//! `test`: runs the examples beside the tables and shows what is not as expected.
//!
//! `mappings/examples/<mapping>/<name>.json` is a payload, `<name>.expect.toml` what must become
//! of it. Reading and writing files happens here; what an example means is `examples`'s.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::config_file::inspect_all;
use super::{Exit, GlobalArgs};
use crate::config;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::examples::{Actual, Difference};
use crate::map::{RowRef, Table};

mod attempt;
mod find;
mod report;

use attempt::Place;
use find::Found;

const WRONG_USAGE: u8 = 2;

#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only these: all of a mapping (`voice`) or one example (`voice/voicemail-lead`)
    #[arg(value_name = "EXAMPLE")]
    pub only: Vec<String>,
    /// Let rows that no example covers fail too, with exit code 1
    #[arg(long)]
    pub strict: bool,
    /// Write what is decided now as the expectation: of payloads that have none, and of those
    /// that differ; then review what was written
    #[arg(long)]
    pub bless: bool,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
}

/// One example and how it went.
struct Tried {
    found: Found,
    /// The row's file, for people to jump to.
    table: Arc<Table>,
    actual: Actual,
    outcome: Outcome,
}

enum Outcome {
    Holds,
    Differs(Vec<Difference>),
    /// The payload has no expectation.
    Open,
    /// Written just now: the text, and what differed if it was there before.
    Blessed {
        text: String,
        differed: Vec<Difference>,
    },
}

/// A row that spoke in no example.
struct Uncovered {
    mapping: String,
    row: RowRef,
}

/// Everything there is to say.
#[derive(Default)]
struct Results {
    /// The directory of the tables.
    dir: PathBuf,
    tried: Vec<Tried>,
    uncovered: Vec<Uncovered>,
    findings: Vec<Finding>,
}

/// 0 when all hold; 1 when one differs or a payload has no expectation; 2 when no such example is
/// there; 64 for a fault in config, tables or examples.
pub async fn run(args: TestArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let (config, tables, findings) = inspect_all(&global.config, config::process_environment());
    let (Some(config), Some(tables)) = (config, tables) else {
        let results = Results {
            findings: errors(findings),
            ..Results::default()
        };
        report::print(&results, args.json)?;
        return Ok(Exit::BadConfig.into());
    };
    let mut place = Place {
        config,
        tables: tables.tables,
    };
    let (found, mut findings) = find::examples_in(&place.config.mappings.dir)?;
    if let Some(unknown) = args.only.iter().find(|name| !names_any(name, &found)) {
        eprintln!("{}", no_such_example(unknown, &found));
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    findings.extend(place.take_in_unused_tables(&found));
    findings.retain(|finding| args.only.is_empty() || concerns(finding, &args.only, &place));
    let mut tried = Vec::new();
    for found in found {
        if args.only.is_empty() || args.only.iter().any(|name| found.is_named(name)) {
            match place.try_out(found, args.bless)? {
                Ok(one) => tried.push(one),
                Err(faults) => findings.extend(faults),
            }
        }
    }
    let results = Results {
        uncovered: place.uncovered(&tried, &args.only),
        dir: place.config.mappings.dir,
        tried,
        findings,
    };
    report::print(&results, args.json)?;
    Ok(verdict(&results, args.strict).into())
}

fn verdict(results: &Results, strict: bool) -> Exit {
    let unmet = |tried: &Tried| matches!(tried.outcome, Outcome::Differs(_) | Outcome::Open);
    if !results.findings.is_empty() {
        Exit::BadConfig
    } else if results.tried.iter().any(unmet) || (strict && !results.uncovered.is_empty()) {
        Exit::Unmet
    } else {
        Exit::Fine
    }
}

/// Warnings are `check`'s to show.
fn errors(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

fn names_any(name: &str, found: &[Found]) -> bool {
    found.iter().any(|found| found.is_named(name))
}

/// Whether a fault lies in a mapping that was asked for.
fn concerns(finding: &Finding, only: &[String], place: &Place) -> bool {
    let examples = place.config.mappings.dir.join(find::FOLDER);
    only.iter().any(|name| {
        let mapping = name.split('/').next().unwrap_or_default();
        finding.file.path.starts_with(examples.join(mapping))
    })
}

fn no_such_example(name: &str, found: &[Found]) -> String {
    let full: Vec<String> = found.iter().map(Found::full_name).collect();
    let mappings: BTreeSet<&str> = found.iter().map(|found| found.mapping.as_str()).collect();
    let known = full.iter().map(String::as_str).chain(mappings);
    match did_you_mean(name, known) {
        Some(near) => format!("error: no example `{name}`; did you mean `{near}`?"),
        None => format!("error: no example `{name}`; without a name all of them are run"),
    }
}

fn source_file(path: &Path, text: String) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.into(),
    }
}

/// The text of a file, if it is there.
fn read_if_there(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
