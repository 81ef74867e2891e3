//! Looks at the rows of a table together: statuses that no row covers, statuses that are covered
//! only under conditions, rows that can never match. All of it warnings.

use std::ops::Range;

use crate::config::SourceKind;
use crate::diagnostic::{Finding, SourceFile};
use crate::event::{EventKind, Status};
use crate::map::row::{Row, When};
use crate::systems;

/// Warnings about a table without errors.
pub fn check(
    file: &SourceFile,
    kind: SourceKind,
    kind_span: Range<usize>,
    rows: &[Row],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for status in systems::known_statuses(kind) {
        findings.extend(uncovered(file, kind, &kind_span, (&status, rows)));
    }
    for (index, row) in rows.iter().enumerate() {
        findings.extend(impossible(kind, row).map(|why| {
            Finding::warning(
                file,
                row.span.clone(),
                format!("row can never match: {why}"),
            )
        }));
        if let Some(earlier) = shadowing(kind, &rows[..index], row) {
            let message = format!(
                "row can never match: the row in line {} takes all of it",
                earlier.reference.line
            );
            let hint = "put the more special row first, or take one of them out";
            findings.push(Finding::warning(file, row.span.clone(), message).hint(hint));
        }
    }
    findings
}

fn uncovered(
    file: &SourceFile,
    kind: SourceKind,
    kind_span: &Range<usize>,
    (status, rows): (&Status, &[Row]),
) -> Option<Finding> {
    let open: Vec<EventKind> = systems::kinds_of(kind, status)
        .iter()
        .copied()
        .filter(|event| {
            !rows
                .iter()
                .any(|row| row.takes(Some(status), *event) && row.is_unconditional())
        })
        .collect();
    if open.is_empty() {
        return None;
    }
    let label = systems::status_label(kind, status);
    let touching = rows
        .iter()
        .rfind(|row| open.iter().any(|event| row.takes(Some(status), *event)));
    let webhooks = open
        .iter()
        .map(|event| event.as_str())
        .collect::<Vec<_>>()
        .join(" and ");
    let (span, message) = match touching {
        Some(row) => (
            row.span.clone(),
            format!("status {label} is covered only under conditions ({webhooks} webhooks)"),
        ),
        None => (
            kind_span.clone(),
            format!("no row covers status {label} ({webhooks} webhooks)"),
        ),
    };
    let hint = "such events are parked as unmapped until a row takes them";
    Some(Finding::warning(file, span, message).hint(hint))
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
        _ => None,
    }
}

/// The last of the earlier rows that together leave nothing for this one.
fn shadowing<'r>(kind: SourceKind, earlier: &'r [Row], row: &Row) -> Option<&'r Row> {
    let statuses: Vec<Option<&Status>> = match &row.statuses {
        None => vec![None],
        Some(statuses) => statuses.iter().map(Some).collect(),
    };
    let mut last = None;
    for status in statuses {
        let kinds = match status {
            Some(status) => systems::kinds_of(kind, status),
            None => systems::kinds_sent(kind),
        };
        for event in kinds.iter().filter(|event| row.takes(status, **event)) {
            let taker = earlier
                .iter()
                .find(|earlier| earlier.takes(status, *event) && earlier.asks_no_more_than(row))?;
            last = last.max(Some(taker.reference.number));
        }
    }
    earlier
        .iter()
        .find(|earlier| Some(earlier.reference.number) == last)
}

impl Row {
    /// Whether events of this status and kind come to the row; no status means every status.
    fn takes(&self, status: Option<&Status>, event: EventKind) -> bool {
        let by_status = match (&self.statuses, status) {
            (None, _) => true,
            (Some(statuses), Some(status)) => statuses.contains(status),
            (Some(_), None) => false,
        };
        by_status && self.on.is_none_or(|on| on == event)
    }

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
