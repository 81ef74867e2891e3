//! How many conditions one event may have to try: each is bounded, and so is their number, or a
//! table that keeps all other limits could still stall the daemon. Pure.

use std::collections::HashMap;

use crate::diagnostic::{Finding, SourceFile};
use crate::event::{EventKind, Status};
use crate::map::row::Row;

/// Rows with `when` that an event of one status and kind may come to.
const MAX_CONDITIONS: usize = 64;

/// Templates in one row.
const MAX_TEMPLATES: usize = 64;

/// The rows that fill in too many templates.
pub fn too_many_templates<'r>(
    file: &SourceFile,
    rows: impl Iterator<Item = &'r Row>,
) -> Vec<Finding> {
    rows.filter(|row| row.templates() > MAX_TEMPLATES)
        .map(|row| {
            let message = format!("the row fills in more than {MAX_TEMPLATES} templates");
            Finding::error(file, row.span.clone(), message)
        })
        .collect()
}

/// Whether these rows of one status and kind are too many to be tried for one event.
pub fn is_over<'r>(rows: impl Iterator<Item = &'r Row>) -> bool {
    rows.filter(|row| row.when.is_some())
        .nth(MAX_CONDITIONS)
        .is_some()
}

/// The first row with which it becomes too many.
pub fn check<'r>(file: &SourceFile, rows: impl Iterator<Item = &'r Row>) -> Option<Finding> {
    let mut burdens: HashMap<(Option<&Status>, EventKind), usize> = HashMap::new();
    // Rows for every status, by kind: they come on top of each status' own.
    let mut everywhere = [0; EventKind::ALL.len()];
    for row in rows.filter(|row| row.when.is_some()) {
        let kinds = EventKind::ALL.into_iter().enumerate();
        for (place, kind) in kinds.filter(|(_, kind)| row.on.is_none_or(|on| on == *kind)) {
            let heaviest = match &row.statuses {
                None => {
                    everywhere[place] += 1;
                    let own = burdens.iter().filter(|((_, of), _)| *of == kind);
                    own.map(|(_, count)| *count).max().unwrap_or(0)
                }
                Some(statuses) => statuses
                    .iter()
                    .map(|status| {
                        let count = burdens.entry((Some(status), kind)).or_default();
                        *count += 1;
                        *count
                    })
                    .max()
                    .unwrap_or(0),
            };
            if heaviest + everywhere[place] > MAX_CONDITIONS {
                let message = format!(
                    "with this row one event may have to try more than {MAX_CONDITIONS} conditions"
                );
                let hint = "let rows differ by status, sub_status, reason_id or `on` where they can: only `when` costs time";
                return Some(Finding::error(file, row.span.clone(), message).hint(hint));
            }
        }
    }
    None
}
