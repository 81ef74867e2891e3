//! Reading for people: rows of events, what is parked, what a target has before it. Bounded pages only.

use std::collections::BTreeMap;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::rows::{from_ms, parse_uuid, parse_word};
use super::super::{
    DeliveryRow, EventRow, LeadQuery, ParkedReason, ParkedReasons, ParkedRow, StoreError, TargetRow,
};
use super::SqliteStore;
use super::append::lead_hash;
use crate::decision::ParkCause;
use crate::delivery::{DeliveryId, DeliveryState};
use crate::event::{EventId, EventState, Sequence};
use crate::lead::{LEADPING, LeadState, SystemId};

/// The most rows of one page.
pub(super) const MAX_PAGE: u32 = 1000;
/// The reasons of so many parked events are counted, and so many reasons told.
const REASONS_OF: u32 = 200;
const MOST_REASONS: usize = 3;
/// In characters.
const LONGEST_REASON: u32 = 300;

impl SqliteStore {
    pub async fn parked_after(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ParkedRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT cause, sum(events), sum(deliveries), min(oldest), min(first) FROM (
                    SELECT cause, events, 0 AS deliveries, first,
                           (SELECT received_at FROM event WHERE sequence = first) AS oldest
                    FROM (SELECT cause, count(*) AS events, min(sequence) AS first
                          FROM event WHERE state = 'parked' AND cause > ?2 GROUP BY cause)
                    UNION ALL
                    SELECT cause, 0, deliveries, NULL,
                           (SELECT received_at FROM delivery WHERE delivery = first)
                    FROM (SELECT cause, count(*) AS deliveries, min(delivery) AS first
                          FROM delivery WHERE state = 'parked' AND cause > ?2 GROUP BY cause))
                 GROUP BY cause ORDER BY cause LIMIT ?1",
            )?;
            let rows = statement
                .query_map(
                    (limit.clamp(1, MAX_PAGE), after.unwrap_or_default()),
                    |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, i64>(1)?,
                            row.get::<_, i64>(2)?,
                            row.get::<_, i64>(3)?,
                            row.get::<_, Option<i64>>(4)?,
                        ))
                    },
                )?
                .collect::<Result<Vec<_>, _>>()?;
            rows.into_iter()
                .map(|(cause, events, deliveries, oldest, first)| {
                    let cause = ParkCause::from_stored(cause);
                    Ok(ParkedRow {
                        suggestion: cause.suggestion(),
                        cause,
                        events,
                        deliveries,
                        oldest_at: from_ms(oldest)?,
                        first_event: first.map(Sequence),
                    })
                })
                .collect()
        })
        .await
    }

    pub async fn parked_reasons(&self, cause: ParkCause) -> Result<ParkedReasons, StoreError> {
        self.read(move |connection| {
            // The index of what is parked gives the newest without a look at the others.
            let mut statement = connection.prepare_cached(
                "SELECT substr(coalesce(json_extract(decision, '$.why'), ''), 1, ?3), count(*)
                 FROM (SELECT decision FROM event WHERE state = 'parked' AND cause = ?1
                       ORDER BY sequence DESC LIMIT ?2)
                 GROUP BY 1 ORDER BY 2 DESC, 1",
            )?;
            let counted = statement
                .query_map((cause.as_str(), REASONS_OF, LONGEST_REASON), |row| {
                    Ok(ParkedReason {
                        why: row.get(0)?,
                        events: row.get(1)?,
                    })
                })?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(ParkedReasons {
                newest: counted.iter().map(|reason| reason.events).sum(),
                most: counted
                    .into_iter()
                    .filter(|reason| !reason.why.is_empty())
                    .take(MOST_REASONS)
                    .collect(),
            })
        })
        .await
    }

    pub async fn targets(&self) -> Result<Vec<TargetRow>, StoreError> {
        self.read(|connection| {
            let mut counts: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
            let mut statement = connection.prepare_cached("SELECT target, state, count FROM tally")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                counts.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
            }
            counts
                .into_iter()
                .map(|(name, deliveries)| {
                    let oldest: Option<i64> = connection
                        .prepare_cached(
                            "SELECT received_at FROM delivery WHERE delivery =
                             (SELECT min(delivery) FROM delivery WHERE target = ?1 AND state = 'due')",
                        )?
                        .query_map([&name], |row| row.get(0))?
                        .next()
                        .transpose()?;
                    Ok(TargetRow {
                        oldest_due_at: oldest.map(from_ms).transpose()?,
                        name,
                        deliveries,
                    })
                })
                .collect()
        })
        .await
    }
}

/// Events newest first, from `from`: `event e`, or that by one of its indexes; `condition` is about
/// `e`.
pub(super) fn event_rows(
    connection: &Connection,
    (from, condition): (&str, &str),
    mut parameters: Vec<SqlValue>,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    parameters.push(i64::from(limit).into());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT e.sequence, e.id, e.source, e.source_lead_id, e.received_at, e.state, e.cause,
                e.duplicates, e.decision,
                (SELECT json_extract(l.state, '$.ids') FROM link k JOIN lead l ON l.lead = k.lead
                 WHERE k.system = e.source AND k.id = e.source_lead_id)
         FROM {from} WHERE {condition} ORDER BY e.sequence DESC LIMIT ?{}",
        parameters.len()
    ))?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event_row(connection, row)?);
    }
    Ok(events)
}

/// Events of every id of the leads that `query` names, in any source.
pub(super) fn lead_condition(
    connection: &Connection,
    query: &LeadQuery,
    parameters: &mut Vec<SqlValue>,
) -> Result<String, StoreError> {
    let named = query
        .sources
        .iter()
        .map(|source| SystemId::new(source, &query.id));
    let mut ids: Vec<SystemId> = named.collect();
    ids.push(SystemId::new(LEADPING, &query.id));
    let mut linked = connection.prepare_cached(
        "SELECT l.state FROM link k JOIN lead l ON l.lead = k.lead WHERE k.system = ?1 AND k.id = ?2",
    )?;
    let systems = query.sources.iter().map(String::as_str);
    for system in systems.chain([LEADPING]) {
        let state: Option<String> = linked
            .query_row((system, &query.id), |row| row.get(0))
            .optional()?;
        if let Some(state) = state {
            let state: LeadState = serde_json::from_str(&state)?;
            ids.extend(state.ids);
        }
    }
    Ok(hash_condition(&ids, parameters))
}

/// Events of the leads with these ids.
pub(super) fn hash_condition(ids: &[SystemId], parameters: &mut Vec<SqlValue>) -> String {
    let mut places = Vec::new();
    for id in ids {
        parameters.push(lead_hash(&id.system, &id.id).into());
        places.push(format!("?{}", parameters.len()));
    }
    let hashes = places.join(", ");
    // The newest events are in no key table yet.
    format!(
        "e.sequence IN (SELECT sequence FROM event_lead WHERE hash IN ({hashes}) UNION
           SELECT sequence FROM event WHERE lead_hash IN ({hashes}) AND sequence >
             coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'indexed_through'), 0))"
    )
}

fn event_row(connection: &Connection, row: &Row<'_>) -> Result<EventRow, StoreError> {
    let sequence: i64 = row.get(0)?;
    let decision: Option<String> = row.get(8)?;
    let ids: Option<String> = row.get(9)?;
    let ids: Vec<SystemId> = match ids {
        Some(text) => serde_json::from_str(&text)?,
        None => Vec::new(),
    };
    let deliveries = list_deliveries(connection, sequence)?;
    Ok(EventRow {
        id: EventId(parse_uuid(row.get_ref(1)?.as_blob().unwrap_or_default())?),
        sequence: Sequence(sequence),
        source: row.get(2)?,
        source_lead_id: row.get(3)?,
        // Elsewhere it is an address.
        lead_id: deliveries
            .iter()
            .find(|delivery| delivery.target == LEADPING)
            .map(|delivery| delivery.lead_id.clone())
            .or_else(|| {
                ids.into_iter()
                    .find(|id| id.system == LEADPING)
                    .map(|id| id.id)
            }),
        received_at: from_ms(row.get(4)?)?,
        state: parse_word(
            row.get_ref(5)?.as_str().unwrap_or_default(),
            EventState::parse,
            "an event state",
        )?,
        cause: row.get::<_, Option<String>>(6)?.map(ParkCause::from_stored),
        duplicates: row.get(7)?,
        decision: decision.as_deref().map(serde_json::from_str).transpose()?,
        deliveries,
    })
}

fn list_deliveries(connection: &Connection, event: i64) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.id, d.target, d.lead_id, d.state, json_extract(d.members, '$.category'),
                json_extract(d.members, '$.outcome'), d.cause, d.held_status, d.attempts, d.entry_id,
                d.settled_at, d.due_at, a.http_status, a.result, a.duration_ms,
                d.gave_way_to
         FROM delivery d LEFT JOIN attempt a
              ON a.attempt = (SELECT max(attempt) FROM attempt WHERE delivery = d.delivery)
         WHERE d.event = ?1 ORDER BY d.delivery LIMIT 100",
    )?;
    let mut rows = statement.query([event])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let settled_at: Option<i64> = row.get(10)?;
        deliveries.push(DeliveryRow {
            id: DeliveryId(parse_uuid(row.get_ref(0)?.as_blob().unwrap_or_default())?),
            target: row.get(1)?,
            lead_id: row.get(2)?,
            state: parse_word(
                row.get_ref(3)?.as_str().unwrap_or_default(),
                DeliveryState::parse,
                "a delivery state",
            )?,
            category: row.get(4)?,
            outcome: row.get(5)?,
            cause: row.get::<_, Option<String>>(6)?.map(ParkCause::from_stored),
            held_http_status: row.get(7)?,
            attempts: row.get(8)?,
            entry_id: row.get(9)?,
            gave_way_to: row.get::<_, Option<i64>>(15)?.map(Sequence),
            settled_at: settled_at.map(from_ms).transpose()?,
            due_at: from_ms(row.get(11)?)?,
            last_http_status: row.get(12)?,
            last_result: row.get(13)?,
            last_duration_ms: row.get(14)?,
            tries: Vec::new(),
        });
    }
    Ok(deliveries)
}
