//! Tries examples: finds the table and the source of each, has it decided, and compares or blesses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;

use super::find::Found;
use super::{Outcome, Tried, Uncovered, errors, source_file};
use crate::config::{Config, SourceConfig};
use crate::decide::Policy;
use crate::diagnostic::{Finding, SourceFile, did_you_mean};
use crate::examples::{self, Actual, Expectation, Setting};
use crate::map::{self, Table};
use crate::systems;

/// What a blessed example takes for the id of a lead that its payload does not name.
const SOME_LEAD: &str = "lead_example";

/// What examples are tried against.
pub(super) struct Place {
    pub(super) config: Config,
    /// By name; those that no source uses are added as examples ask for them.
    pub(super) tables: BTreeMap<String, Arc<Table>>,
}

impl Place {
    /// Reads the tables that have examples and no source yet.
    pub(super) fn take_in_unused_tables(&mut self, found: &[Found]) -> Vec<Finding> {
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
    pub(super) fn try_out(
        &self,
        found: Found,
        bless: bool,
    ) -> anyhow::Result<Result<Tried, Vec<Finding>>> {
        let Some(table) = self.tables.get(&found.mapping).cloned() else {
            // Said once for all of them.
            return Ok(Err(Vec::new()));
        };
        let expectation = found.read_expectation()?;
        let payload = found.read_payload(self.config.server.max_body_bytes)?;
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
        let policy = Policy {
            decide: self.config.decide.clone(),
            ..Policy::default()
        };
        let attempt = Attempt {
            table: &table,
            source: &source,
            payload: &payload,
            policy: &policy,
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
            (None, []) if !systems::has_vocabulary(table.kind) => {
                Err(NoSource::undescribed(mapping))
            }
            (None, []) => Ok(SourceConfig::unconfigured(mapping, table.kind)),
            // Without an expectation it is the first, which blessing then writes down.
            (None, [source]) => Ok((*source).clone()),
            (None, [source, ..]) if expectation.is_none() => Ok((*source).clone()),
            (None, _) => Err(NoSource::ambiguous(mapping, &names)),
        }
    }

    pub(super) fn uncovered(&self, tried: &[Tried], only: &[String]) -> Vec<Uncovered> {
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

    fn undescribed(mapping: &str) -> Self {
        Self {
            message: format!(
                "no source uses the mapping `{mapping}`, so nothing says what its payloads mean"
            ),
            hint: format!("add one of kind generic to the config, with [sources.{mapping}.fields]"),
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
    policy: &'a Policy,
}

impl Attempt<'_> {
    fn run(&self, setting: &Setting) -> Actual {
        examples::run(setting, self.source, self.table, self.payload, self.policy)
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
