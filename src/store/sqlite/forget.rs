//! Retention: what is final and old goes, in bounded steps; links, leads and our entry ids stay.

use jiff::Timestamp;

use super::super::StoreError;
use super::super::rows::{parse_word, to_ms};
use super::SqliteStore;
use super::writer::Scope;
use crate::delivery::DeliveryState;

/// Events removed in one transaction.
const STEP: i64 = 256;

impl SqliteStore {
    pub async fn forget_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.write(move |scope| {
            // Ids sort by the time recorded, so their index finds what is old without a scan.
            let oldest_kept = uuid_floor(before);
            let events = scope
                .connection
                .prepare_cached(
                    "SELECT sequence FROM event WHERE id < ?1 AND state IN ('settled', 'discarded')
                     ORDER BY id LIMIT ?2",
                )?
                .query_map((oldest_kept, STEP), |row| row.get::<_, i64>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            for event in &events {
                scope.forget(*event)?;
            }
            if !events.is_empty() {
                let last_place = scope.next_sequence - 1;
                scope.set_fact("last_place", &last_place.to_string())?;
                scope.forget_unused_tables()?;
            }
            scope
                .connection
                .prepare_cached("DELETE FROM reject WHERE at < ?1")?
                .execute([to_ms(before)])?;
            Ok(events.len())
        })
        .await
    }
}

impl Scope {
    fn forget(&mut self, event: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "DELETE FROM attempt WHERE delivery IN (SELECT delivery FROM delivery WHERE event = ?1)",
            )?
            .execute([event])?;
        // The newest entry of a lead is what the target has, with the newest of its amends; entry
        // ids recognise our own.
        let gone = self
            .connection
            .prepare_cached(
                "DELETE FROM delivery WHERE event = ?1 AND entry_id IS NULL AND EXISTS
                   (SELECT 1 FROM delivery n WHERE n.lead = delivery.lead AND n.target = delivery.target
                    AND n.entry IS delivery.entry
                    AND n.delivery > delivery.delivery AND n.state = 'delivered')
                 RETURNING target, state",
            )?
            .query_map([event], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        for (target, state) in gone {
            let state = parse_word(&state, DeliveryState::parse, "a delivery state")?;
            self.count(&target, state, -1);
        }
        let table = self.table_named_by(event)?;
        self.count_use(table.as_deref(), -1);
        for statement in [
            "DELETE FROM event_dedupe WHERE sequence = ?1
               AND hash = (SELECT dedupe_hash FROM event WHERE sequence = ?1)",
            "DELETE FROM event_lead WHERE sequence = ?1
               AND hash = (SELECT lead_hash FROM event WHERE sequence = ?1)",
            "DELETE FROM event_body WHERE sequence = ?1",
            "DELETE FROM event WHERE sequence = ?1",
        ] {
            self.connection
                .prepare_cached(statement)?
                .execute([event])?;
        }
        Ok(())
    }
}

/// The smallest UUID v7 of the millisecond of `at`; times before 1970 count as 1970, as in ids.
pub(super) fn uuid_floor(at: Timestamp) -> [u8; 16] {
    let mut floor = [0; 16];
    floor[..6].copy_from_slice(&to_ms(at).max(0).to_be_bytes()[2..]);
    floor
}
