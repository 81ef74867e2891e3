//! A loaded, checked mapping file, indexed by status; and the set of all of them.
//!
//! `load` reads the files. A set with one error is no set at all, so that a bad table never
//! replaces a good one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::SourceKind;
use crate::diagnostic::{Finding, SourceFile};
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
    /// As it was read.
    pub text: Arc<str>,
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
            text: text.into(),
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
    reader::read(name, file, kind, None)
}
