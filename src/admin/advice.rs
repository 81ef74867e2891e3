//! What a person does about what waits: with the status as its sender spells it, and, where no row
//! takes it, with the row to paste.

use serde::Serialize;

use super::Admin;
use crate::decision::FOR_A_PLACE;
use crate::event::{Facts, Sequence};
use crate::map::offer;
use crate::store::{Decider as _, ParkedReasons, ParkedRow, StoreError};

/// What waits for one cause, and what to do about it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ParkedCause {
    #[serde(flatten)]
    pub parked: ParkedRow,
    /// For a status that no row takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<RowToPaste>,
    /// Of `invalid`, which stands for many reasons, and of what waits for more than LeadPing's id: those
    /// that are met most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<ParkedReasons>,
}

/// A row that takes the oldest event of a cause.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RowToPaste {
    /// The table's file, in the directory of the tables.
    pub file: String,
    /// In TOML, to be put at the end of the file, and to be looked at first.
    pub text: String,
}

/// Says more of each cause that is about a status or stands for many reasons; one short look into the
/// store for each.
pub async fn advise(
    admin: &Admin,
    parked: impl IntoIterator<Item = ParkedRow>,
) -> Result<Vec<ParkedCause>, StoreError> {
    let mut advised = Vec::new();
    for mut parked in parked {
        let mut row = None;
        let class = parked.cause.class().to_owned();
        let class = class.as_str();
        let is_unmapped = class == "unmapped";
        if let Some(first) = parked.first_event.filter(|_| is_unmapped || class == "row")
            && let Some((source, facts)) = facts_of(admin, first).await?
        {
            let status = facts.status.as_ref().map(offer::in_toml);
            parked.suggestion = parked.cause.suggestion_for(status.as_deref());
            row = is_unmapped
                .then(|| row_for(admin, &source, &facts))
                .flatten();
            let status = facts.status.as_ref().filter(|_| is_unmapped);
            if let Some(instead) = status.and_then(|status| offer::instead(status, &source)) {
                parked.suggestion = instead;
            }
        }
        let reasons = match class {
            "invalid" | "unlinked" if parked.events > 0 => {
                Some(admin.store.parked_reasons(parked.cause.clone()).await?)
            }
            _ => None,
        };
        // Only what waits for a place has a reason besides its cause.
        let reasons = reasons.filter(|reasons| class == "invalid" || !reasons.most.is_empty());
        if let Some(reasons) = reasons.as_ref().filter(|_| class == "unlinked") {
            let for_a_place: i64 = reasons.most.iter().map(|reason| reason.events).sum();
            parked.suggestion = match for_a_place == reasons.newest {
                true => String::from(FOR_A_PLACE),
                false => format!("{}; others: {FOR_A_PLACE}", parked.suggestion),
            };
        }
        advised.push(ParkedCause {
            parked,
            row,
            reasons,
        });
    }
    Ok(advised)
}

async fn facts_of(admin: &Admin, event: Sequence) -> Result<Option<(String, Facts)>, StoreError> {
    let before = Sequence(event.0 - 1);
    let recorded = admin.store.recorded(before, event, 1).await?;
    Ok(recorded
        .first()
        .map(|event| (event.source.clone(), admin.rules.read(event).facts)))
}

fn row_for(admin: &Admin, source: &str, facts: &Facts) -> Option<RowToPaste> {
    let mapping = &admin.rules.source(source)?.mapping;
    let tables = admin.rules.tables();
    Some(RowToPaste {
        file: format!("{mapping}.toml"),
        text: offer::offer(tables.get(mapping)?, facts)?,
    })
}
