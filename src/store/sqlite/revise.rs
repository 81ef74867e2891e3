//! What a decision changes about deliveries that were decided before, in its own transaction.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::super::StoreError;
use super::super::rows::to_ms;
use super::writer::Scope;
use crate::decision::Revision;
use crate::delivery::{DeliveryId, DeliveryState};
use crate::event::Sequence;

/// An unsent set, and with it what was to amend it.
const SET_AND_AMENDS: &str = "(delivery = ?1 OR entry = ?1)";
/// What was to amend it alone.
const AMENDS: &str = "entry = ?1";

impl Scope {
    /// `by`: the event that was decided.
    pub(super) fn revise(
        &mut self,
        revisions: &[Revision],
        by: Sequence,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for revision in revisions {
            match revision {
                Revision::Call { entry, call } => {
                    self.connection
                        .prepare_cached(
                            "UPDATE delivery SET call = ?2 WHERE id = ?1 AND call IS NULL",
                        )?
                        .execute((entry.0.as_bytes(), call))?;
                }
                Revision::Fold { into, members } => {
                    let members = serde_json::to_string(members)?;
                    self.connection
                        .prepare_cached("UPDATE delivery SET members = ?2 WHERE id = ?1")?
                        .execute((into.0.as_bytes(), &members))?;
                    // An amend that waits behind it would say less, and what is not sent is cleared.
                    self.connection
                        .prepare_cached(
                            "UPDATE delivery SET members = ?2 WHERE state = 'due'
                             AND entry = (SELECT delivery FROM delivery WHERE id = ?1)",
                        )?
                        .execute((into.0.as_bytes(), &members))?;
                }
                Revision::Supersede { delivery } => {
                    self.supersede((*delivery, SET_AND_AMENDS), (by, now))?;
                }
                Revision::SupersedeAmends { entry } => {
                    self.supersede((*entry, AMENDS), (by, now))?;
                }
                Revision::Echoed { delivery } => self.mark_echoed(*delivery, by)?,
            }
        }
        Ok(())
    }

    /// What is unsent of a set, `which` of it, gives way to this event.
    fn supersede(
        &mut self,
        (delivery, which): (DeliveryId, &str),
        (by, now): (Sequence, Timestamp),
    ) -> Result<(), StoreError> {
        let set: Option<i64> = self
            .connection
            .prepare_cached("SELECT delivery FROM delivery WHERE id = ?1")?
            .query_row([delivery.0.as_bytes()], |row| row.get(0))
            .optional()?;
        let Some(set) = set else {
            return Ok(());
        };
        let given_way = self
            .connection
            .prepare_cached(&format!(
                "UPDATE delivery SET state = 'superseded', head = 0, held_status = NULL,
                        settled_at = ?2, gave_way_to = ?3
                 WHERE {which} AND state = 'due' AND fate_unknown = 0
                 RETURNING event, lead, target",
            ))?
            .query_map((set, to_ms(now), by.0), |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, String>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        for (event, lead, target) in given_way {
            self.moved(&target, DeliveryState::Due, DeliveryState::Superseded);
            self.settle_event(event)?;
            self.promote(lead, &target)?;
        }
        Ok(())
    }
}
