//! The rows of both sets of tables side by side: a row is the same row if its name is, or, without
//! a name, if it matches the same.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::Sides;
use crate::decision::{Decision, Verdict};
use crate::map::{Row, RowRef, Table, Tables};
use crate::systems;

/// How an event came to its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Row,
    /// Unmapped.
    NoRow,
    /// The body is invalid or not for us.
    NotAsked,
}

/// One row before and after, with the events that it decided.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub mapping: String,
    pub kind: LineKind,
    /// The row's name, or what it matches.
    pub label: String,
    /// Where it stands; absent on the side that lacks it.
    pub row: Sides<Option<RowRef>>,
    pub events: Sides<i64>,
    /// Events of this row, on either side, that are decided differently.
    pub differ: i64,
}

/// All lines, and how to find the one of a decision.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    by_mapping: HashMap<String, Places>,
}

#[derive(Debug, Clone, Default)]
struct Places {
    /// Row number - 1 → line.
    rows: Sides<Vec<usize>>,
    no_row: usize,
    not_asked: usize,
}

impl Lines {
    pub(super) fn of(tables: &Sides<&Tables>) -> Self {
        let mut lines = Self::default();
        let names = tables.current.tables.keys();
        let mut names: Vec<&String> = names.chain(tables.candidate.tables.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            lines.add_mapping(
                name,
                &Sides {
                    current: tables.current.get(name).map(AsRef::as_ref),
                    candidate: tables.candidate.get(name).map(AsRef::as_ref),
                },
            );
        }
        lines
    }

    fn add_mapping(&mut self, mapping: &str, tables: &Sides<Option<&Table>>) {
        let keyed = Sides {
            current: tables.current.map(keyed_rows).unwrap_or_default(),
            candidate: tables.candidate.map(keyed_rows).unwrap_or_default(),
        };
        let mut places = Places::default();
        let mut known: BTreeMap<&(String, usize), usize> = BTreeMap::new();
        // In the candidate's order, so that the list reads like the new file; what is gone last.
        for (key, row) in &keyed.candidate {
            let mut line = new_line(mapping, LineKind::Row, &key.0);
            line.row.candidate = Some(row.reference.clone());
            known.insert(key, self.lines.len());
            places.rows.candidate.push(self.lines.len());
            self.lines.push(line);
        }
        for (key, row) in &keyed.current {
            let place = *known.entry(key).or_insert_with(|| {
                self.lines.push(new_line(mapping, LineKind::Row, &key.0));
                self.lines.len() - 1
            });
            self.lines[place].row.current = Some(row.reference.clone());
            places.rows.current.push(place);
        }
        places.no_row = self.lines.len();
        self.lines
            .push(new_line(mapping, LineKind::NoRow, "no row matches"));
        places.not_asked = self.lines.len();
        let not_asked = "no row asked: invalid or not for us";
        self.lines
            .push(new_line(mapping, LineKind::NotAsked, not_asked));
        self.by_mapping.insert(mapping.to_owned(), places);
    }

    /// The line of each side's decision; `None`: the event's source has no mapping any more.
    pub(super) fn places(
        &self,
        mapping: &str,
        decisions: &Sides<&Decision>,
    ) -> Option<Sides<usize>> {
        let places = self.by_mapping.get(mapping)?;
        Some(Sides {
            current: places.of(&places.rows.current, decisions.current),
            candidate: places.of(&places.rows.candidate, decisions.candidate),
        })
    }
}

impl Places {
    fn of(&self, rows: &[usize], decision: &Decision) -> usize {
        let record = &decision.record;
        match &record.row {
            Some(row) => usize::try_from(row.number)
                .ok()
                .and_then(|number| rows.get(number.checked_sub(1)?))
                .copied()
                .unwrap_or(self.not_asked),
            None if record.verdict == Verdict::Unmapped => self.no_row,
            None => self.not_asked,
        }
    }
}

fn new_line(mapping: &str, kind: LineKind, label: &str) -> Line {
    Line {
        mapping: mapping.to_owned(),
        kind,
        label: label.to_owned(),
        row: Sides::default(),
        events: Sides::default(),
        differ: 0,
    }
}

/// Each row with what it is recognised by: its label, and how many of that label stand before it.
fn keyed_rows(table: &Table) -> Vec<((String, usize), &Row)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    table
        .rows()
        .iter()
        .map(|row| {
            let label = label(table, row);
            let before = seen.entry(label.clone()).or_default();
            let key = (label, *before);
            *before += 1;
            (key, row)
        })
        .collect()
}

/// The row's name, or what it matches: `70 (VoiceMailLeft), call, when lead.calls >= 3`.
fn label(table: &Table, row: &Row) -> String {
    if let Some(name) = &row.reference.name {
        return name.clone();
    }
    let mut parts = Vec::new();
    match &row.statuses {
        None => parts.push(String::from("any status")),
        Some(statuses) => parts.extend(
            statuses
                .iter()
                .map(|status| systems::status_label(table.kind, status)),
        ),
    }
    parts.extend(row.on.map(|kind| kind.as_str().to_owned()));
    parts.extend(row.sub_statuses.iter().cloned());
    parts.extend(row.reason_ids.iter().map(|id| format!("reason {id}")));
    parts.extend(row.when.iter().map(|when| format!("when {}", when.text)));
    parts.join(", ")
}
