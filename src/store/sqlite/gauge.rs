//! What a scrape asks: bounded looks into an index, never a scan.

use jiff::Timestamp;
use rusqlite::Connection;

use super::super::rows::from_ms;
use super::super::{ParkedCount, StoreError};
use super::SqliteStore;

/// How far what is parked is counted.
const COUNTED_PARKED: i64 = 1000;
/// The newest events among which the newest of each source is looked for.
const NEWEST: i64 = 10_000;

impl SqliteStore {
    pub async fn count_parked(&self, causes: Vec<String>) -> Result<Vec<ParkedCount>, StoreError> {
        self.read(move |connection| {
            let counted = causes.into_iter().map(|cause| {
                let count = count(connection, &cause)?;
                Ok(ParkedCount { cause, count })
            });
            counted.collect()
        })
        .await
    }

    pub async fn newest_by_source(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT source, max(received_at) FROM
                   (SELECT source, received_at FROM event
                    WHERE sequence > (SELECT max(sequence) FROM event) - ?1)
                 GROUP BY source",
            )?;
            let rows = statement.query_map([NEWEST], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let newest = rows.map(|row| {
                let (source, at) = row?;
                Ok((source, from_ms(at)?))
            });
            newest.collect()
        })
        .await
    }
}

/// Events and deliveries parked for `cause`, whatever stands behind it.
fn count(connection: &Connection, cause: &str) -> Result<u64, StoreError> {
    // `unlinked:voice` itself, and `unmapped:voice:…`, but not `unlinked:voice2`.
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'parked' AND cause = ?1 LIMIT ?2))
              + (SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'parked'
                                       AND cause >= ?1 || ':' AND cause < ?1 || ';' LIMIT ?2))
              + (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'parked' AND cause = ?1 LIMIT ?2))
              + (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'parked'
                                       AND cause >= ?1 || ':' AND cause < ?1 || ';' LIMIT ?2))",
    )?;
    let found: i64 = statement.query_row((cause, COUNTED_PARKED), |row| row.get(0))?;
    Ok(u64::try_from(found.min(COUNTED_PARKED)).unwrap_or(0))
}
