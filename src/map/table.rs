//! A loaded, checked mapping file, indexed by status; and the set of all of them.
//!
//! [`load_dir`] is the only reading of files here. A set with one error is no set at all, so
//! that a bad table never replaces a good one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::SourceKind;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::event::Status;
use crate::map::Mapped;
use crate::map::context::{Context, MapInput};
use crate::map::reader;
use crate::map::row::{Mismatch, Row};

/// Names one version of a table, or of all of them: the first 16 hex digits of SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableHash(pub String);

impl TableHash {
    fn of(content: &[u8]) -> Self {
        let digest = Sha256::digest(content);
        Self(data_encoding::HEXLOWER.encode(&digest[..8]))
    }
}

impl fmt::Display for TableHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One mapping.
#[derive(Debug)]
pub struct Table {
    pub name: String,
    pub kind: SourceKind,
    pub hash: TableHash,
    rows: Vec<Row>,
    /// Rows that name a status, in the order of the file.
    by_status: HashMap<Status, Vec<usize>>,
    /// Rows that match every status.
    of_any_status: Vec<usize>,
}

/// All mappings that the sources use, by name.
#[derive(Debug, Clone)]
pub struct Tables {
    pub tables: BTreeMap<String, Arc<Table>>,
    pub hash: TableHash,
}

impl Tables {
    pub fn new(tables: BTreeMap<String, Arc<Table>>) -> Self {
        let content: String = tables
            .iter()
            .map(|(name, table)| format!("{name}={}\n", table.hash))
            .collect();
        Self {
            tables,
            hash: TableHash::of(content.as_bytes()),
        }
    }

    pub fn get(&self, mapping: &str) -> Option<&Arc<Table>> {
        self.tables.get(mapping)
    }
}

impl Table {
    pub(super) fn new(name: &str, kind: SourceKind, text: &str, rows: Vec<Row>) -> Self {
        let mut by_status: HashMap<Status, Vec<usize>> = HashMap::new();
        let mut of_any_status = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            match &row.statuses {
                None => of_any_status.push(index),
                Some(statuses) => {
                    for status in statuses {
                        by_status.entry(status.clone()).or_default().push(index);
                    }
                }
            }
        }
        Self {
            name: name.to_owned(),
            kind,
            hash: TableHash::of(text.as_bytes()),
            rows,
            by_status,
            of_any_status,
        }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that may match this status, in the order of the file.
    fn candidates(&self, status: Option<&Status>) -> impl Iterator<Item = &Row> {
        let named = status
            .and_then(|status| self.by_status.get(status))
            .map_or(&[][..], Vec::as_slice);
        let mut named = named.iter().copied().peekable();
        let mut any = self.of_any_status.iter().copied().peekable();
        std::iter::from_fn(move || match (named.peek(), any.peek()) {
            (Some(left), Some(right)) if left < right => named.next(),
            (_, Some(_)) => any.next(),
            (_, None) => named.next(),
        })
        .map(|index| &self.rows[index])
    }
}

/// What became of a row of the event's status when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Considered {
    Mismatch(Mismatch),
    ConditionFalse,
    ConditionFailed,
    Matched,
}

/// What a table says about one event.
pub fn evaluate(table: &Table, input: &MapInput<'_>) -> Mapped {
    evaluate_noting(table, input, &mut |_, _| {})
}

/// The same, with a note on every row that was looked at; for those who ask why.
pub fn evaluate_noting(
    table: &Table,
    input: &MapInput<'_>,
    note: &mut dyn FnMut(&Row, Considered),
) -> Mapped {
    let context = Context::new(input);
    for row in table.candidates(input.facts.status.as_ref()) {
        if let Some(mismatch) = row.mismatch(input.facts) {
            note(row, Considered::Mismatch(mismatch));
            continue;
        }
        match row.when.as_ref().map(|when| when.condition.holds(&context)) {
            Some(Ok(false)) => note(row, Considered::ConditionFalse),
            Some(Err(why)) => {
                note(row, Considered::ConditionFailed);
                return row.invalid(&format!("condition `when` {why}"));
            }
            Some(Ok(true)) | None => {
                note(row, Considered::Matched);
                return row.apply(&context);
            }
        }
    }
    Mapped::Unmapped
}

/// Reads one table; `kind` is that of the sources that use it, if any does.
pub fn parse_table(
    name: &str,
    file: &SourceFile,
    kind: Option<SourceKind>,
) -> (Option<Table>, Vec<Finding>) {
    reader::read(name, file, kind)
}

/// Reads every wanted mapping of a directory, and looks at the other tables that lie there.
///
/// Every fault of every file at once; no tables if there is an error among them.
pub fn load_dir(
    dir: &Path,
    wanted: &BTreeMap<String, SourceKind>,
) -> (Option<Tables>, Vec<Finding>) {
    let mut findings = Vec::new();
    let present = match names_in(dir) {
        Ok(names) => names,
        Err(error) => {
            let file = unread(dir);
            let message = format!("cannot be read: {}", error.kind());
            let hint = "`mappings.dir` names the directory of the tables";
            return (None, vec![Finding::error(&file, 0..0, message).hint(hint)]);
        }
    };
    let mut tables = BTreeMap::new();
    for (name, kind) in wanted {
        let path = dir.join(format!("{name}.toml"));
        let (table, found) = match std::fs::read_to_string(&path) {
            Ok(text) => parse_table(name, &source_file(&path, text), Some(*kind)),
            Err(error) => (None, vec![unreadable(&path, name, &error, &present)]),
        };
        findings.extend(found);
        tables.extend(table.map(|table| (name.clone(), Arc::new(table))));
    }
    for name in present.iter().filter(|name| !wanted.contains_key(*name)) {
        let path = dir.join(format!("{name}.toml"));
        if let Ok(text) = std::fs::read_to_string(&path)
            && reader::looks_like_a_mapping(&text)
        {
            findings.extend(parse_table(name, &source_file(&path, text), None).1);
        }
    }
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    ((!failed).then(|| Tables::new(tables)), findings)
}

/// The names of the `*.toml` files of a directory, sorted.
fn names_in(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            // Editors leave such files behind for a moment.
            && !stem.starts_with('.')
        {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn source_file(path: &Path, text: String) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.into(),
    }
}

fn unread(path: &Path) -> SourceFile {
    source_file(path, String::new())
}

fn unreadable(path: &Path, name: &str, error: &std::io::Error, present: &[String]) -> Finding {
    let file = unread(path);
    if error.kind() != std::io::ErrorKind::NotFound {
        return Finding::error(&file, 0..0, format!("cannot be read: {}", error.kind()));
    }
    let finding = Finding::error(
        &file,
        0..0,
        format!("no such file, but a source uses the mapping `{name}`"),
    );
    match did_you_mean(name, present.iter().map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}
