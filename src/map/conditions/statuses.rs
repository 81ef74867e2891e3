//! Comparisons of `event.status` with a written-out value, where the vendor names its statuses. Its
//! pages are not all that it sends: what they do not name is possible, and only may be a slip.

use minijinja::Value;

use super::Doubt;
use crate::config::SourceKind;
use crate::diagnostic::did_you_mean;
use crate::event::Status;
use crate::map::lint::{Claim, Relation};
use crate::map::row::{Row, When};
use crate::systems;

/// Why the status is never this value, or what was probably meant instead.
pub(super) fn doubt(
    (kind, row): (SourceKind, &Row),
    claim: &Claim,
    constant: &Value,
) -> Option<Doubt> {
    let status = match (constant.as_str(), kind) {
        (Some(text), _) => systems::parse_status(kind, text),
        (None, SourceKind::Nlpearl) => Status::Number(constant.as_i64()?),
        (None, _) => {
            let problem = String::from("`event.status` is text, not a number");
            return Some(Doubt::sure(problem, None));
        }
    };
    // As it is written here, and as an event has it.
    if let Some(doubt) = never_so_written(constant, &status) {
        return Some(doubt);
    }
    if claim.relation == Relation::Ordered {
        let is_mixed = matches!(status, Status::Name(_)) && kind == SourceKind::Nlpearl;
        return is_mixed.then(|| {
            let problem = String::from("`event.status` is a number, not text");
            Doubt::sure(problem, None)
        });
    }
    if systems::known_statuses(kind).contains(&status) || is_outright(row, claim) {
        return None;
    }
    let unsure = |hint| Doubt {
        problem: format!(
            "`{status}` is not a status that {} documents",
            systems::vendor(kind)
        ),
        hint,
        is_sure: false,
    };
    match &status {
        Status::Number(_) => Some(unsure(None)),
        Status::Name(name) => {
            let near = did_you_mean(name, systems::status_names(kind))?;
            Some(unsure(Some(match systems::parse_status(kind, near) {
                Status::Number(number) => format!("write `{near}` as its number: {number}"),
                Status::Name(name) => format!("did you mean `{name}`?"),
            })))
        }
    }
}

/// The row names a status in this way and asks no more: whoever wrote it knows that the vendor
/// sends it. It is what the advice for an unknown status says.
fn is_outright(row: &Row, claim: &Claim) -> bool {
    let is_all = |when: &When| {
        let said = when.text.get(claim.range.clone());
        said.is_some_and(|said| said.trim() == when.text.trim())
    };
    row.statuses.is_none()
        && claim.relation == Relation::Equals
        && claim.constants.len() == 1
        && row.when.as_ref().is_some_and(is_all)
}

/// Events have a status in one form only.
fn never_so_written(constant: &Value, status: &Status) -> Option<Doubt> {
    let text = constant.as_str()?;
    match status {
        Status::Number(number) => Some(Doubt::sure(
            String::from("`event.status` is a number, not text"),
            Some(format!("write its number: {number}")),
        )),
        Status::Name(name) if name != text => Some(Doubt::sure(
            format!("`event.status` is never `{text}`"),
            Some(format!("did you mean `{name}`?")),
        )),
        Status::Name(_) => None,
    }
}
