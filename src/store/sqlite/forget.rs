//! Retention: what is final and old goes, in bounded steps; links, leads and our entry ids stay.

use jiff::Timestamp;

use super::super::StoreError;
use super::super::rows::to_ms;
use super::SqliteStore;

/// Events removed in one transaction.
const STEP: i64 = 256;

impl SqliteStore {
    pub async fn forget_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.write(move |scope| {
            let connection = &scope.connection;
            // Ids sort by the time recorded, so their index finds what is old without a scan.
            let oldest_kept = uuid_floor(before);
            let events = connection
                .prepare_cached(
                    "SELECT sequence FROM event WHERE id < ?1 AND state IN ('settled', 'discarded')
                     ORDER BY id LIMIT ?2",
                )?
                .query_map((oldest_kept, STEP), |row| row.get::<_, i64>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            for event in &events {
                for statement in [
                    "DELETE FROM attempt WHERE delivery IN (SELECT delivery FROM delivery WHERE event = ?1)",
                    // The newest entry of a lead is what the target has; entry ids recognise our own.
                    "DELETE FROM delivery WHERE event = ?1 AND entry_id IS NULL AND EXISTS
                       (SELECT 1 FROM delivery n WHERE n.lead = delivery.lead AND n.target = delivery.target
                        AND n.delivery > delivery.delivery AND n.state = 'delivered')",
                    "DELETE FROM event_body WHERE sequence = ?1",
                    "DELETE FROM event WHERE sequence = ?1",
                ] {
                    connection.prepare_cached(statement)?.execute([event])?;
                }
            }
            connection
                .prepare_cached("DELETE FROM reject WHERE at < ?1")?
                .execute([to_ms(before)])?;
            Ok(events.len())
        })
        .await
    }
}

/// The smallest UUID v7 of the millisecond of `at`.
fn uuid_floor(at: Timestamp) -> [u8; 16] {
    let mut floor = [0; 16];
    floor[..6].copy_from_slice(&to_ms(at).to_be_bytes()[2..]);
    floor
}
