//! What was recorded, read again in order and in pages, for those who decide it in memory.
//!
//! Every statement is bounded: a page, the newest N places, one index look-up per id.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::super::{KnownLead, LeadQuery, RecordedFrom, RecordedSpan, StoreError};
use super::SqliteStore;
use super::append::lead_hash;
use super::decide::select_events;
use super::forget::uuid_floor;
use super::history::Past;
use super::list::lead_condition;
use crate::decision::ParkCause;
use crate::event::{Event, Sequence};
use crate::lead::{LEADPING, SystemId};

/// Ids carry the time received; places are given at the commit. So many neighbours may differ.
const NEIGHBOURS: i64 = 256;

impl SqliteStore {
    pub async fn recorded_span(
        &self,
        from: RecordedFrom,
    ) -> Result<Option<RecordedSpan>, StoreError> {
        self.read(move |connection| {
            let newest: Option<i64> =
                connection.query_row("SELECT max(sequence) FROM event", [], |row| row.get(0))?;
            let first = match from {
                RecordedFrom::Last(count) => first_of_last(connection, count)?,
                RecordedFrom::Since(since) => first_since(connection, since)?,
            };
            Ok(first.zip(newest).map(|(first, last)| RecordedSpan {
                first: Sequence(first),
                last: Sequence(last),
            }))
        })
        .await
    }

    pub async fn recorded(
        &self,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            select_events(
                connection,
                "e.sequence > ?1 AND e.sequence <= ?2 ORDER BY e.sequence LIMIT ?3",
                (after.0, through.0, i64::try_from(limit).unwrap_or(i64::MAX)),
            )
        })
        .await
    }

    pub async fn unlinked(
        &self,
        source: String,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let cause = ParkCause::unlinked(&source);
        self.read(move |connection| {
            select_events(
                connection,
                "e.state = 'parked' AND e.cause = ?1 AND e.sequence > ?2
                 ORDER BY e.sequence LIMIT ?3",
                (
                    cause.as_str(),
                    after.0,
                    i64::try_from(limit).unwrap_or(i64::MAX),
                ),
            )
        })
        .await
    }

    pub async fn recorded_of(
        &self,
        lead: LeadQuery,
        through: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            let mut parameters = Vec::new();
            let of_lead = lead_condition(connection, &lead, &mut parameters)?;
            parameters.push(through.0.into());
            parameters.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
            let last = parameters.len();
            let condition = format!(
                "{of_lead} AND e.sequence <= ?{} ORDER BY e.sequence DESC LIMIT ?{last}",
                last - 1
            );
            let parameters = rusqlite::params_from_iter(parameters);
            let mut events = select_events(connection, &condition, parameters)?;
            events.reverse();
            Ok(events)
        })
        .await
    }

    pub async fn known_leads(&self, ids: Vec<SystemId>) -> Result<Vec<KnownLead>, StoreError> {
        self.read(move |connection| {
            // One transaction: else every look-up locks and unlocks the file.
            let reading = connection.unchecked_transaction()?;
            let past = Past(&reading);
            let mut found: Vec<KnownLead> = Vec::new();
            for id in ids {
                // Ids of one lead mostly come together.
                if found
                    .iter()
                    .rev()
                    .take(4)
                    .any(|lead| lead.ids.contains(&id))
                {
                    continue;
                }
                if let Some(lead) = past.lead_of(&id)? {
                    found.push(past.known_lead(lead)?);
                }
            }
            reading.finish()?;
            Ok(found)
        })
        .await
    }
}

/// Steps back over the primary key: exact although retention leaves gaps.
fn first_of_last(connection: &Connection, count: u64) -> Result<Option<i64>, StoreError> {
    let skipped = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
    let first = connection
        .prepare_cached("SELECT sequence FROM event ORDER BY sequence DESC LIMIT 1 OFFSET ?1")?
        .query_row([skipped], |row| row.get(0))
        .optional()?;
    match first {
        Some(first) => Ok(Some(first)),
        None => Ok(connection.query_row("SELECT min(sequence) FROM event", [], |row| row.get(0))?),
    }
}

/// Ids sort by the time received, so their index finds the place.
fn first_since(connection: &Connection, since: Timestamp) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT min(sequence) FROM
             (SELECT sequence FROM event WHERE id >= ?1 ORDER BY id LIMIT ?2)",
        )?
        .query_row((uuid_floor(since), NEIGHBOURS), |row| row.get(0))?)
}

/// The events that wait for a link of these ids, in the order recorded.
pub(super) fn waiting_for(
    connection: &Connection,
    ids: &[SystemId],
) -> Result<Vec<Event>, StoreError> {
    let mut waiting = Vec::new();
    for id in ids {
        // What names no id of its sender's is found by LeadPing's, whoever sent it.
        let source = (id.system != LEADPING).then_some(&id.system);
        waiting.extend(select_events(
            connection,
            "e.lead_hash = ?1 AND e.state = 'parked' AND e.cause GLOB 'unlinked:*'
             AND e.source = coalesce(?2, e.source)",
            (lead_hash(&id.system, &id.id), source),
        )?);
    }
    waiting.sort_by_key(|event| event.sequence);
    Ok(waiting)
}
