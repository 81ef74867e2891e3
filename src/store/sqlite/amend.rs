//! An amend on its way out: which entry it is of, what that entry's id is, and what becomes of it
//! where the set that was to make the entry did not get there.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::super::rows::{from_ms, parse_uuid, parse_word};
use super::super::{AmendedEntry, Amending, StoreError};
use super::SqliteStore;
use crate::delivery::{DeliveryId, DeliveryState};

/// The set behind an amend, as it stands now.
struct Behind {
    set: i64,
    entry: AmendedEntry,
    is_there: bool,
}

impl SqliteStore {
    pub async fn amending(&self, row: i64, token: i64) -> Result<Amending, StoreError> {
        let behind = self
            .read(move |connection| behind(connection, row, token))
            .await?;
        match behind {
            Some(behind) if behind.is_there => Ok(Amending::Entry(behind.entry)),
            behind => {
                let set = behind.map(|behind| behind.set);
                self.resolve_amend((row, token), set).await
            }
        }
    }

    /// The set is not at the target: the detail becomes a set itself, if nothing newer was decided
    /// for the lead, and takes over what else was to amend that set.
    async fn resolve_amend(
        &self,
        (row, token): (i64, i64),
        set: Option<i64>,
    ) -> Result<Amending, StoreError> {
        self.write(move |scope| {
            let is_outdated: Option<bool> = scope
                .connection
                .prepare_cached(
                    r#"SELECT EXISTS (SELECT 1 FROM delivery n
                             WHERE n.lead = d.lead AND n.target = d.target AND n.entry IS NULL
                             AND n.delivery > coalesce(?3, 0) AND n.members NOT LIKE '{"lead":%')
                     FROM delivery d WHERE d.delivery = ?1 AND d.token = ?2"#,
                )?
                .query_row((row, token, set), |found| found.get(0))
                .optional()?;
            if is_outdated.ok_or(StoreError::LeaseLost)? {
                return Ok(Amending::Outdated);
            }
            scope
                .connection
                .prepare_cached("UPDATE delivery SET entry = NULL WHERE delivery = ?1")?
                .execute([row])?;
            scope
                .connection
                .prepare_cached(
                    "UPDATE delivery SET entry = ?1 WHERE entry = ?2 AND delivery > ?1",
                )?
                .execute((row, set))?;
            Ok(Amending::BecameSet)
        })
        .await
    }

    pub async fn learn_entry(&self, set: i64, entry_id: String) -> Result<(), StoreError> {
        self.write(move |scope| {
            scope
                .connection
                .prepare_cached("UPDATE delivery SET entry_id = ?2 WHERE delivery = ?1")?
                .execute((set, &entry_id))?;
            Ok(())
        })
        .await
    }

    pub async fn mark_gone(&self, set: i64) -> Result<(), StoreError> {
        self.write(move |scope| {
            scope
                .connection
                .prepare_cached("UPDATE delivery SET gone = 1 WHERE delivery = ?1")?
                .execute([set])?;
            Ok(())
        })
        .await
    }
}

fn behind(connection: &Connection, row: i64, token: i64) -> Result<Option<Behind>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT s.delivery, s.id, s.entry_id, s.timestamp, s.state, s.gone
             FROM delivery d JOIN delivery s ON s.delivery = d.entry
             WHERE d.delivery = ?1 AND d.token = ?2",
        )?
        .query_row((row, token), |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, String>(4)?,
                row.get::<_, bool>(5)?,
            ))
        })
        .optional()?;
    let Some((set, id, entry_id, timestamp, state, gone)) = found else {
        return Ok(None);
    };
    let state = parse_word(&state, DeliveryState::parse, "a delivery state")?;
    let timestamp: Timestamp = from_ms(timestamp)?;
    Ok(Some(Behind {
        set,
        entry: AmendedEntry {
            set,
            delivery: DeliveryId(parse_uuid(&id)?),
            entry_id,
            timestamp,
        },
        is_there: state == DeliveryState::Delivered && !gone,
    }))
}
