//! Looks at the rows of a table together: statuses that no row covers, statuses that are covered
//! only under conditions, rows that can never match. All of it warnings.
//!
//! Sound rows are judged even while others have faults. A row with a fault counts as covering
//! whatever it names, and is judged only once it is mended.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::config::SourceKind;
use crate::diagnostic::{Finding, SourceFile};
use crate::event::{EventKind, Status};
use crate::map::burden;
use crate::map::lint::Logic;
use crate::map::possible::{World, guard_of};
use crate::map::reader::RowRead;
use crate::map::row::{Row, When};
use crate::systems;

/// Rows with conditions of one status up to which they are held against each other.
const MAX_EARLIER: usize = 16;

/// Different statuses up to which rows are held against each other.
const MAX_STATUSES: usize = 1_000;

/// What is looked at.
pub struct Coverage<'t> {
    pub file: &'t SourceFile,
    pub kind: SourceKind,
    pub kind_span: Range<usize>,
    pub rows: &'t [RowRead],
    /// The text could be read only in part: rows may be missing.
    pub is_partial: bool,
}

/// The rows that events of a status may come to, in the order of the file.
struct Index<'t> {
    by_status: HashMap<&'t Status, Vec<usize>>,
    of_any_status: Vec<usize>,
}

impl<'t> Index<'t> {
    fn new(rows: &'t [RowRead]) -> Self {
        let mut index = Self {
            by_status: HashMap::new(),
            of_any_status: Vec::new(),
        };
        for (at, read) in rows.iter().enumerate() {
            match &read.row.statuses {
                None => index.of_any_status.push(at),
                Some(statuses) => {
                    for status in statuses {
                        index.by_status.entry(status).or_default().push(at);
                    }
                }
            }
        }
        index
    }

    /// No status: rows that take every one.
    fn candidates(&self, status: Option<&Status>) -> Vec<usize> {
        let named = status.and_then(|status| self.by_status.get(status));
        let mut all = named.cloned().unwrap_or_default();
        all.extend(&self.of_any_status);
        all.sort_unstable();
        all
    }
}

impl Coverage<'_> {
    /// Every warning.
    pub fn check(&self) -> Vec<Finding> {
        let index = Index::new(self.rows);
        let mut findings = Vec::new();
        if !self.is_partial {
            findings.extend(self.uncovered(&index));
        }
        if index.by_status.len() > MAX_STATUSES {
            return findings;
        }
        let mut cells = HashMap::new();
        for (at, read) in self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, read)| read.is_sound)
        {
            if let Some(why) = impossible(self.kind, &read.row) {
                let message = format!("row can never match: {why}");
                findings.push(Finding::warning(self.file, read.row.span.clone(), message));
            } else {
                findings.extend(self.shadowed(&index, &mut cells, at));
            }
        }
        findings
    }

    fn world(&self, status: Option<&Status>, event: EventKind) -> World<'static> {
        World {
            kind: self.kind,
            statuses: status.map(|status| vec![status.clone()]),
            on: Some(event),
            sources: None,
        }
    }

    /// The rows that take events of this status and kind.
    fn takers<'s>(
        &'s self,
        index: &Index<'_>,
        (status, event): (Option<&Status>, EventKind),
    ) -> Vec<&'s RowRead> {
        index
            .candidates(status)
            .into_iter()
            .map(|at| &self.rows[at])
            .filter(|read| read.row.on.is_none_or(|on| on == event))
            .collect()
    }

    /// One warning for all statuses without a row, one for each that has rows with conditions only.
    fn uncovered(&self, index: &Index<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut bare: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for status in systems::known_statuses(self.kind) {
            let (open, touching) = self.open_for(index, &status);
            if open.is_empty() {
                continue;
            }
            let label = systems::status_label(self.kind, &status);
            let webhooks = format!("({} webhooks)", open.join(" and "));
            match touching {
                Some(read) => {
                    let message =
                        format!("status {label} is covered only under conditions {webhooks}");
                    findings.push(Finding::warning(self.file, read.row.span.clone(), message));
                }
                None => bare.entry(webhooks).or_default().push(label),
            }
        }
        for (webhooks, labels) in bare {
            let noun = if labels.len() == 1 {
                "status"
            } else {
                "statuses"
            };
            let message = format!("no row covers {noun} {} {webhooks}", labels.join(", "));
            findings.push(Finding::warning(self.file, self.kind_span.clone(), message));
        }
        let hint = "such events are parked as unmapped until a row takes them";
        let hinted = findings.into_iter().map(|finding| finding.hint(hint));
        hinted.collect()
    }

    /// The kinds of webhook in which a status may find no row, and the last row that takes some.
    fn open_for(
        &self,
        index: &Index<'_>,
        status: &Status,
    ) -> (Vec<&'static str>, Option<&RowRead>) {
        let mut open = Vec::new();
        let mut touching: Option<&RowRead> = None;
        for event in systems::kinds_of(self.kind, status) {
            let takers = self.takers(index, (Some(status), *event));
            if burden::is_over(takers.iter().map(|read| &read.row)) {
                continue;
            }
            let covers = |read: &&RowRead| !read.is_sound || read.row.is_unconditional();
            if takers.iter().any(covers) {
                continue;
            }
            let rest = takers.iter().map(|read| guard_of(&read.row).negated());
            let rest = Logic::All(rest.collect());
            let world = self.world(Some(status), *event);
            if world.allows(&rest) {
                open.push(event.as_str());
                let number = |read: &&RowRead| read.row.reference.number;
                // A condition on another status takes nothing of this one.
                let takes_some = |read: &&&RowRead| world.allows(&guard_of(&read.row));
                let last = takers.iter().rev().find(takes_some).copied();
                touching = touching.into_iter().chain(last).max_by_key(number);
            }
        }
        (open, touching)
    }

    /// That earlier rows leave nothing for this one.
    fn shadowed<'s>(
        &'s self,
        index: &Index<'_>,
        cells: &mut HashMap<(Option<&'s Status>, EventKind), Vec<&'s RowRead>>,
        at: usize,
    ) -> Option<Finding> {
        let row = &self.rows[at].row;
        let statuses: Vec<Option<&Status>> = match &row.statuses {
            None => vec![None],
            Some(statuses) => statuses.iter().map(Some).collect(),
        };
        let mut shadows: Vec<u32> = Vec::new();
        for status in statuses {
            // A vendor may send a status where its pages do not name it.
            for event in systems::kinds_sent(self.kind)
                .iter()
                .filter(|event| row.on.is_none_or(|on| on == **event))
            {
                let takers = cells
                    .entry((status, *event))
                    .or_insert_with(|| self.takers(index, (status, *event)));
                let number = row.reference.number;
                let before = takers.partition_point(|read| read.row.reference.number < number);
                let world = self.world(status, *event);
                shadows.extend(shadowing(&world, &takers[..before], row)?);
            }
        }
        shadows.sort_unstable();
        shadows.dedup();
        let message = match shadows.as_slice() {
            [] => return None,
            [line] => format!("row can never match: the row in line {line} takes all of it"),
            [lines @ .., last] => {
                let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
                format!(
                    "row can never match: the rows in lines {} and {last} together take all of it",
                    lines.join(", ")
                )
            }
        };
        let hint = "put the more special row first, or take one of them out";
        Some(Finding::warning(self.file, row.span.clone(), message).hint(hint))
    }
}

/// The lines of the earlier rows that leave nothing of a status and kind; none at all: `None`.
fn shadowing(world: &World<'_>, earlier: &[&RowRead], row: &Row) -> Option<Vec<u32>> {
    // What is refused for their number is not weighed.
    if burden::is_over(earlier.iter().map(|read| &read.row)) {
        return None;
    }
    let sound = || earlier.iter().filter(|read| read.is_sound);
    let line = |read: &&&RowRead| vec![read.row.reference.line];
    // Mostly one row alone takes all, and mostly without a condition.
    if let Some(taker) = sound().find(|read| read.row.is_unconditional()) {
        return Some(line(&taker));
    }
    if let Some(taker) = sound().find(|read| read.row.asks_no_more_than(row)) {
        return Some(line(&taker));
    }
    if sound().nth(MAX_EARLIER).is_some() {
        return None;
    }
    let own = guard_of(row);
    let leaves_nothing = |guards: Vec<Logic>| {
        let mut all = vec![own.clone()];
        all.extend(guards);
        !world.allows(&Logic::All(all))
    };
    // What is impossible by itself is told with its condition.
    if leaves_nothing(Vec::new()) {
        return None;
    }
    let alone = |read: &&&RowRead| leaves_nothing(vec![guard_of(&read.row).negated()]);
    if let Some(taker) = sound().find(alone) {
        return Some(line(&taker));
    }
    // Those that this row cannot do without to be shadowed.
    let mut takers: Vec<&&RowRead> = sound().collect();
    let guards = |takers: &[&&RowRead]| {
        takers
            .iter()
            .map(|read| guard_of(&read.row).negated())
            .collect()
    };
    if !leaves_nothing(guards(&takers)) {
        return None;
    }
    for read in sound() {
        let others: Vec<&&RowRead> = takers
            .iter()
            .copied()
            .filter(|other| other.row.reference != read.row.reference)
            .collect();
        if leaves_nothing(guards(&others)) {
            takers = others;
        }
    }
    Some(takers.iter().map(|read| read.row.reference.line).collect())
}

/// Why no event of this kind of source can have what the row asks for.
fn impossible(kind: SourceKind, row: &Row) -> Option<String> {
    let lacks = |what: &str| Some(format!("{} sends no {what}", systems::vendor(kind)));
    match kind {
        SourceKind::Nlpearl if !row.sub_statuses.is_empty() => lacks("sub-status"),
        SourceKind::Nlpearl | SourceKind::Leadping if !row.reason_ids.is_empty() => {
            lacks("reason id")
        }
        SourceKind::Capillary | SourceKind::Leadping if row.on == Some(EventKind::Call) => {
            lacks("calls")
        }
        _ => never_in_its_kind(kind, row),
    }
}

/// `on` names a kind of webhook in which none of the statuses comes.
fn never_in_its_kind(kind: SourceKind, row: &Row) -> Option<String> {
    let (on, statuses) = (row.on?, row.statuses.as_ref()?);
    let comes = |status: &Status| systems::kinds_of(kind, status).contains(&on);
    if statuses.is_empty() || statuses.iter().any(comes) {
        return None;
    }
    let labels: Vec<String> = statuses
        .iter()
        .map(|status| systems::status_label(kind, status))
        .collect();
    Some(format!(
        "{} sends {} in no {} webhook",
        systems::vendor(kind),
        labels.join(", "),
        on.as_str()
    ))
}

impl Row {
    fn real_condition(&self) -> Option<&When> {
        self.when.as_ref().filter(|when| !when.is_always_true)
    }

    fn is_unconditional(&self) -> bool {
        self.real_condition().is_none()
            && self.sub_statuses.is_empty()
            && self.reason_ids.is_empty()
    }

    /// Whether everything that meets the other row's conditions meets this row's too.
    fn asks_no_more_than(&self, other: &Self) -> bool {
        fn within<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|item| wide.contains(item)))
        }
        let when = match (self.real_condition(), other.real_condition()) {
            (None, _) => true,
            (Some(own), Some(others)) => own.text.trim() == others.text.trim(),
            (Some(_), None) => false,
        };
        when && within(&self.sub_statuses, &other.sub_statuses)
            && within(&self.reason_ids, &other.reason_ids)
    }
}
