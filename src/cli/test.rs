//! `test`: runs the examples beside the tables and shows what is not as expected.
//!
//! `mappings/examples/<mapping>/<name>.json` is a payload, `<name>.expect.toml` what must become
//! of it. Reading and writing files happens here; what an example means is `examples`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::config_file::inspect_all;
use super::{Exit, GlobalArgs};
use crate::config::{self, Config, SourceConfig};
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::examples::{self, Actual, Difference, Expectation, Setting};
use crate::map::{self, RowRef, Table};

mod find;
mod report;

use find::Found;

/// What a blessed example takes for the id of a lead that its payload does not name.
const SOME_LEAD: &str = "lead_example";
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
        None => format!("error: no example `{name}`"),
    }
}

/// What examples are tried against.
struct Place {
    config: Config,
    /// By name; those that no source uses are added as examples ask for them.
    tables: BTreeMap<String, Arc<Table>>,
}

impl Place {
    /// Reads the tables that have examples and no source yet.
    fn take_in_unused_tables(&mut self, found: &[Found]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen = BTreeSet::new();
        for one in found {
            if self.tables.contains_key(&one.mapping) || !seen.insert(&one.mapping) {
                continue;
            }
            let path = self
                .config
                .mappings
                .dir
                .join(format!("{}.toml", one.mapping));
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let file = source_file(&path, text);
                    let (table, faults) = map::parse_table(&one.mapping, &file, None);
                    findings.extend(errors(faults));
                    self.tables
                        .extend(table.map(|table| (one.mapping.clone(), Arc::new(table))));
                }
                Err(_) => {
                    let folder = one.payload.parent().unwrap_or(&one.payload);
                    let message = format!(
                        "examples of a mapping that is not there: {}",
                        path.display()
                    );
                    findings.push(Finding::error(
                        &source_file(folder, String::new()),
                        0..0,
                        message,
                    ));
                }
            }
        }
        findings
    }

    /// Tries one example; the inner error is what is wrong with its files.
    fn try_out(&self, found: Found, bless: bool) -> anyhow::Result<Result<Tried, Vec<Finding>>> {
        let Some(table) = self.tables.get(&found.mapping).cloned() else {
            // Said once for all of them.
            return Ok(Err(Vec::new()));
        };
        let expectation = found.read_expectation()?;
        let payload = found.read_payload()?;
        let (before, expectation, payload) = match (expectation, payload) {
            (Ok(None), Ok(payload)) => (None, None, payload),
            (Ok(Some((file, expectation))), Ok(payload)) => {
                (Some(file), Some(expectation), payload)
            }
            (expectation, payload) => {
                let mut faults = expectation.err().unwrap_or_default();
                faults.extend(payload.err());
                return Ok(Err(faults));
            }
        };
        let source = match self.source_of(&found.mapping, &table, expectation.as_ref()) {
            Ok(source) => source,
            Err(why) => {
                let file = before.unwrap_or_else(|| source_file(&found.expectation, String::new()));
                return Ok(Err(vec![why.at(&file)]));
            }
        };
        let attempt = Attempt {
            table: &table,
            source: &source,
            payload: &payload,
        };
        let (actual, outcome) = match expectation {
            Some(expectation) => attempt.compare(expectation, before, bless),
            None => attempt.first_time(self.several_use(&found.mapping), bless),
        };
        if let Outcome::Blessed { text, .. } = &outcome {
            std::fs::write(&found.expectation, text)
                .with_context(|| format!("cannot write {}", found.expectation.display()))?;
        }
        Ok(Ok(Tried {
            found,
            table,
            actual,
            outcome,
        }))
    }

    fn sources_of(&self, mapping: &str) -> Vec<&SourceConfig> {
        let sources = self.config.sources.values();
        sources.filter(|source| source.mapping == mapping).collect()
    }

    fn several_use(&self, mapping: &str) -> bool {
        self.sources_of(mapping).len() > 1
    }

    /// The source that an example's payload comes from.
    fn source_of(
        &self,
        mapping: &str,
        table: &Table,
        expectation: Option<&Expectation>,
    ) -> Result<SourceConfig, NoSource> {
        let sources = self.sources_of(mapping);
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let named = expectation.and_then(|expectation| expectation.setting.source.as_deref());
        match (named, sources.as_slice()) {
            (Some(name), sources) => sources
                .iter()
                .find(|source| source.name == name)
                .map(|source| (*source).clone())
                .ok_or_else(|| NoSource::unknown(name, mapping, &names)),
            (None, []) => Ok(SourceConfig::unconfigured(mapping, table.kind)),
            // Without an expectation it is the first, which blessing then writes down.
            (None, [source]) => Ok((*source).clone()),
            (None, [source, ..]) if expectation.is_none() => Ok((*source).clone()),
            (None, _) => Err(NoSource::ambiguous(mapping, &names)),
        }
    }

    fn uncovered(&self, tried: &[Tried], only: &[String]) -> Vec<Uncovered> {
        let mut uncovered = Vec::new();
        for (mapping, table) in &self.tables {
            // Of a mapping that was not run as a whole nothing can be said.
            if !only.is_empty() && !only.contains(mapping) {
                continue;
            }
            let spoke = tried
                .iter()
                .filter(|tried| tried.found.mapping == *mapping)
                .filter_map(|tried| tried.actual.row.as_ref().map(|row| row.number))
                .collect();
            let rows = examples::uncovered(table, &spoke);
            uncovered.extend(rows.into_iter().map(|row| Uncovered {
                mapping: mapping.clone(),
                row: row.clone(),
            }));
        }
        uncovered
    }
}

/// Why it is not known which source a payload comes from.
struct NoSource {
    message: String,
    hint: String,
}

impl NoSource {
    fn unknown(name: &str, mapping: &str, names: &[&str]) -> Self {
        Self {
            message: format!("no source `{name}` uses the mapping `{mapping}`"),
            hint: match did_you_mean(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "take `source` out: no source uses it yet".to_owned(),
                None => format!("these do: {}", names.join(", ")),
            },
        }
    }

    fn ambiguous(mapping: &str, names: &[&str]) -> Self {
        let first = names.first().copied().unwrap_or_default();
        Self {
            message: format!(
                "several sources use the mapping `{mapping}`: {}",
                names.join(", ")
            ),
            hint: format!("name the one that sends this payload: source = \"{first}\""),
        }
    }

    fn at(self, file: &SourceFile) -> Finding {
        let start = file.text.find("source").unwrap_or(0);
        let end = file.text[start..]
            .find('\n')
            .map_or(file.text.len(), |length| start + length);
        Finding::error(file, start..end, self.message).hint(self.hint)
    }
}

/// A payload that is decided.
struct Attempt<'a> {
    table: &'a Table,
    source: &'a SourceConfig,
    payload: &'a Value,
}

impl Attempt<'_> {
    fn run(&self, setting: &Setting) -> Actual {
        examples::run(setting, self.source, self.table, self.payload)
    }

    fn compare(
        &self,
        expectation: Expectation,
        before: Option<SourceFile>,
        bless: bool,
    ) -> (Actual, Outcome) {
        let actual = self.run(&expectation.setting);
        let differed = examples::differences(&expectation.becomes, &actual);
        if differed.is_empty() {
            return (actual, Outcome::Holds);
        }
        if !bless {
            return (actual, Outcome::Differs(differed));
        }
        let before = before.as_ref().map(|file| &*file.text);
        let text = examples::blessed(before, &expectation.setting, &actual, self.table);
        (actual, Outcome::Blessed { text, differed })
    }

    /// A payload that nobody has said anything about yet.
    fn first_time(&self, name_source: bool, bless: bool) -> (Actual, Outcome) {
        let mut setting = Setting {
            source: name_source.then(|| self.source.name.clone()),
            ..Setting::default()
        };
        let mut actual = self.run(&setting);
        let concerns_tables = actual.row.is_some() || actual.verdict == "unmapped";
        if !actual.linked && concerns_tables {
            // What is of interest is what would be sent, now or once the row says so.
            setting.history.lead_id = Some(SOME_LEAD.to_owned());
            actual = self.run(&setting);
        }
        if !bless {
            return (actual, Outcome::Open);
        }
        let text = examples::blessed(None, &setting, &actual, self.table);
        let differed = Vec::new();
        (actual, Outcome::Blessed { text, differed })
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
