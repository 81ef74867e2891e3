//! Rows of one name: decisions, `plan` and examples show rows by it, and nobody could tell them apart.

use std::collections::HashMap;

use crate::diagnostic::{Finding, SourceFile};
use crate::map::row::Row;

/// `findings`: a row of which something is said as a whole is mostly a copy that was not meant to be.
pub fn check<'r>(
    file: &SourceFile,
    rows: impl Iterator<Item = &'r Row>,
    findings: &[Finding],
) -> Vec<Finding> {
    let mut lines: HashMap<&str, u32> = HashMap::new();
    let mut twins = Vec::new();
    for row in rows {
        let Some(name) = row.reference.name.as_deref() else {
            continue;
        };
        let first = *lines.entry(name).or_insert(row.reference.line);
        let is_told = findings.iter().any(|finding| finding.span == row.span);
        if first != row.reference.line && !is_told {
            let message = format!("the row in line {first} has the name `{name}` too");
            let hint = "rows are shown by their names: give each its own";
            twins.push(Finding::warning(file, row.span.clone(), message).hint(hint));
        }
    }
    twins
}
