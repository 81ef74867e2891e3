//! Leasing and settling deliveries. No transaction is open during a call: the lease's token is.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::super::rows::{from_ms, parse_uuid, to_ms};
use super::super::{KnownEntries, Outcome, Settlement, StoreError, TakeDue, Takeable, Taken};
use super::SqliteStore;
use super::writer::Scope;
use crate::decision::ParkCause;
use crate::delivery::{Attempt, CallKind, DeliveryId, DeliveryState, Lease, Patience};
use crate::event::{EventId, Sequence};
use crate::lead::LeadKey;

/// How far what is ready is counted.
const COUNTED_READY: i64 = 64;
const LEASED: &str = "SELECT delivery, id, event, lead, lead_id, members, timestamp, received_at, \
     attempts, fate_unknown, patience_since, patience_lost_ms, entry, \
     (SELECT id FROM event WHERE sequence = delivery.event) FROM delivery WHERE delivery = ?1";

impl SqliteStore {
    pub async fn take_due(&self, take: TakeDue) -> Result<Taken, StoreError> {
        self.write(move |scope| scope.take_due(&take)).await
    }

    pub async fn settle(&self, settlement: Settlement) -> Result<Option<Timestamp>, StoreError> {
        self.write(move |scope| scope.settle(&settlement)).await
    }

    pub async fn known_entries(
        &self,
        lead: LeadKey,
        target: String,
    ) -> Result<KnownEntries, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT entry_id FROM delivery WHERE lead = ?1 AND target = ?2
                 AND entry_id IS NOT NULL ORDER BY delivery DESC LIMIT 1000",
            )?;
            let ids = statement
                .query_map((lead.0, target), |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(KnownEntries { ids })
        })
        .await
    }

    pub async fn recover_leases(
        &self,
        target: String,
        leased_before: Timestamp,
        lookup_after: Duration,
    ) -> Result<usize, StoreError> {
        self.write(move |scope| scope.recover_leases(&target, leased_before, lookup_after))
            .await
    }
}

/// The lease that a due row becomes under `token`.
fn lease(row: &Row<'_>, token: i64, take: &TakeDue) -> Result<Lease, StoreError> {
    let patience: Option<i64> = row.get(10)?;
    Ok(Lease {
        row: row.get(0)?,
        token,
        id: DeliveryId(parse_uuid(row.get_ref(1)?.as_blob().unwrap_or_default())?),
        event: EventId(parse_uuid(row.get_ref(13)?.as_blob().unwrap_or_default())?),
        sequence: Sequence(row.get(2)?),
        lead: LeadKey(row.get(3)?),
        lead_id: row.get(4)?,
        target: take.target.clone(),
        members: serde_json::from_str(row.get_ref(5)?.as_str().unwrap_or_default())?,
        timestamp: from_ms(row.get(6)?)?,
        received_at: from_ms(row.get(7)?)?,
        attempt: row.get::<_, u32>(8)?.saturating_add(1),
        fate_unknown: row.get(9)?,
        look_only: take.look_only,
        is_amend: row.get::<_, Option<i64>>(12)?.is_some(),
        patience: match patience {
            Some(since) => Some(Patience {
                since: from_ms(since)?,
                lost_ms_then: row.get::<_, Option<i64>>(11)?.unwrap_or(0),
            }),
            None => None,
        },
        leased_at: take.now,
    })
}

impl Scope {
    fn take_due(&mut self, take: &TakeDue) -> Result<Taken, StoreError> {
        let now = to_ms(take.now);
        let rows = self.choose(take, now)?;
        let mut leases = Vec::with_capacity(rows.len());
        for row in rows {
            let token = self.new_token();
            let found = self
                .connection
                .prepare_cached(LEASED)?
                .query_row([row], |found| Ok(lease(found, token, take)))?;
            match found {
                Ok(lease) => leases.push(lease),
                // One damaged row must not stop its target.
                Err(error) => {
                    self.park_damaged(row, &take.target, &error)?;
                    continue;
                }
            }
            self.connection
                .prepare_cached(
                    "UPDATE delivery SET state = 'in_flight', token = ?2, leased_at = ?3,
                            attempts = attempts + 1 WHERE delivery = ?1",
                )?
                .execute((row, token, now))?;
        }
        let taken = i64::try_from(leases.len()).unwrap_or(i64::MAX);
        self.count(&take.target, DeliveryState::Due, -taken);
        self.count(&take.target, DeliveryState::InFlight, taken);
        Ok(Taken {
            leases,
            left: self.takeable(take, now)?,
        })
    }

    fn takeable(&self, take: &TakeDue, now: i64) -> Result<Takeable, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT due_at FROM delivery WHERE target = ?1 AND state = 'due' AND head = 1
             AND held_status IS NULL AND (NOT ?2 OR fate_unknown = 1)
             ORDER BY due_at, delivery LIMIT ?3",
        )?;
        let mut rows = statement.query((&take.target, take.look_only, COUNTED_READY))?;
        let mut takeable = Takeable::default();
        while let Some(row) = rows.next()? {
            let due_at: i64 = row.get(0)?;
            if takeable.next_at.is_none() {
                takeable.next_at = Some(from_ms(due_at)?);
            }
            if due_at > now {
                break;
            }
            takeable.ready += 1;
        }
        Ok(takeable)
    }

    fn choose(&self, take: &TakeDue, now: i64) -> Result<Vec<i64>, StoreError> {
        let limit = i64::try_from(take.limit).unwrap_or(i64::MAX);
        if let Some(not) = &take.probe_not {
            let not = serde_json::to_string(not)?;
            return Ok(self
                .connection
                .prepare_cached(
                    "SELECT delivery FROM delivery WHERE target = ?1 AND state = 'due' AND head = 1
                     AND held_status IS NULL AND lead_id NOT IN (SELECT value FROM json_each(?2))
                     AND (NOT ?4 OR fate_unknown = 1) AND (fate_unknown = 0 OR due_at <= ?5)
                     ORDER BY delivery LIMIT ?3",
                )?
                .query_map((&take.target, not, limit, take.look_only, now), |row| {
                    row.get(0)
                })?
                .collect::<Result<_, _>>()?);
        }
        Ok(self
            .connection
            .prepare_cached(
                "SELECT delivery FROM delivery WHERE target = ?1 AND state = 'due' AND head = 1
                 AND held_status IS NULL AND due_at <= ?2 AND (NOT ?4 OR fate_unknown = 1)
                 ORDER BY due_at, delivery LIMIT ?3",
            )?
            .query_map((&take.target, now, limit, take.look_only), |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    fn settle(&mut self, settlement: &Settlement) -> Result<Option<Timestamp>, StoreError> {
        let now = to_ms(settlement.at);
        let (state, cause, entry_id) = match &settlement.outcome {
            Outcome::Delivered { entry_id } => (DeliveryState::Delivered, None, entry_id.clone()),
            Outcome::Retry { .. } | Outcome::Held { .. } => (DeliveryState::Due, None, None),
            Outcome::Parked(cause) => (DeliveryState::Parked, Some(cause), None),
            Outcome::Withheld => (DeliveryState::Withheld, None, None),
            Outcome::Superseded => (DeliveryState::Superseded, None, None),
        };
        let (due_at, fate_unknown, patience, held) = match &settlement.outcome {
            Outcome::Retry {
                at,
                fate_unknown,
                patience,
            } => (Some(to_ms(*at)), *fate_unknown, *patience, None),
            Outcome::Held {
                http_status,
                fate_unknown,
            } => (None, *fate_unknown, None, Some(*http_status)),
            _ => (None, false, None, None),
        };
        let leased = self
            .connection
            .prepare_cached(
                "SELECT event, lead, target, received_at FROM delivery WHERE delivery = ?1 AND token = ?2",
            )?
            .query_row((settlement.row, settlement.token), |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })
            .optional()?;
        let (event, lead, target, received_at) = leased.ok_or(StoreError::LeaseLost)?;
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, cause = ?3, entry_id = ?4, due_at = coalesce(?5, due_at),
                        fate_unknown = ?6, patience_since = coalesce(?7, patience_since),
                        patience_lost_ms = coalesce(?8, patience_lost_ms), held_status = ?9,
                        settled_at = CASE WHEN ?2 = 'due' THEN NULL ELSE ?10 END,
                        head = CASE WHEN ?2 = 'due' THEN head ELSE 0 END, token = NULL, leased_at = NULL
                 WHERE delivery = ?1",
            )?
            .execute(rusqlite::params![
                settlement.row,
                state.as_str(),
                cause.map(ParkCause::as_str),
                entry_id,
                due_at,
                fate_unknown,
                patience.map(|patience| to_ms(patience.since)),
                patience.map(|patience| patience.lost_ms_then),
                held,
                now,
            ])?;
        for attempt in &settlement.attempts {
            self.insert_attempt(settlement.row, attempt)?;
        }
        self.moved(&target, DeliveryState::InFlight, state);
        if state == DeliveryState::Delivered {
            self.count_delivered(&target, received_at, now)?;
        }
        if state == DeliveryState::Due {
            return due_at.map(from_ms).transpose();
        }
        self.settle_event(event)?;
        self.promote(lead, &target)
    }

    pub(super) fn insert_attempt(&self, row: i64, attempt: &Attempt) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO attempt (delivery, number, call, request, http_status, result, started_at, duration_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute((
                row,
                attempt.number,
                attempt.call.as_str(),
                &attempt.request,
                attempt.http_status,
                attempt.result,
                to_ms(attempt.started_at),
                attempt.duration_ms,
            ))?;
        Ok(())
    }

    /// The lead's next delivery to this target becomes the head, unless there is one; returns when
    /// it is due.
    pub(super) fn promote(
        &mut self,
        lead: i64,
        target: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let waiting: Option<(i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT delivery, due_at FROM delivery INDEXED BY delivery_waiting
                 WHERE lead = ?1 AND target = ?2 AND state = 'due' AND head = 0
                 ORDER BY delivery LIMIT 1",
            )?
            .query_row((lead, target), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((delivery, due_at)) = waiting else {
            return Ok(None);
        };
        if self.has_head(LeadKey(lead), target)? {
            return Ok(None);
        }
        self.connection
            .prepare_cached("UPDATE delivery SET head = 1 WHERE delivery = ?1")?
            .execute([delivery])?;
        Ok(Some(from_ms(due_at)?))
    }

    /// Whether a delivery of the lead to this target is due, held or in flight.
    pub(super) fn has_head(&self, lead: LeadKey, target: &str) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_head
                 WHERE lead = ?1 AND target = ?2 AND head = 1)",
            )?
            .query_row((lead.0, target), |row| row.get(0))?)
    }

    /// A row that cannot be read is parked for a person, and its lead goes on.
    fn park_damaged(
        &mut self,
        row: i64,
        target: &str,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        tracing::error!(%error, target.name = target, delivery.row = row, "this delivery cannot be read; parked, please report it");
        let lead: i64 = self
            .connection
            .prepare_cached("SELECT lead FROM delivery WHERE delivery = ?1")?
            .query_row([row], |row| row.get(0))?;
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = 'parked', cause = ?2, head = 0 WHERE delivery = ?1",
            )?
            .execute((row, ParkCause::unsure(target).as_str()))?;
        self.moved(target, DeliveryState::Due, DeliveryState::Parked);
        self.promote(lead, target)?;
        Ok(())
    }

    /// An event is settled when all its deliveries are final.
    pub(super) fn settle_event(&mut self, event: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE event SET state = 'settled' WHERE sequence = ?1 AND state = 'decided'
                 AND NOT EXISTS (SELECT 1 FROM delivery WHERE event = ?1
                                 AND (state = 'due' OR state = 'in_flight' OR state = 'parked'))",
            )?
            .execute([event])?;
        Ok(())
    }

    /// An event that was decided again is not settled while an earlier delivery of it is not final.
    pub(super) fn reopen_event(&mut self, event: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE event SET state = 'decided' WHERE sequence = ?1 AND state = 'settled'
                 AND EXISTS (SELECT 1 FROM delivery WHERE event = ?1
                             AND (state = 'due' OR state = 'in_flight' OR state = 'parked'))",
            )?
            .execute([event])?;
        Ok(())
    }

    fn recover_leases(
        &mut self,
        target: &str,
        leased_before: Timestamp,
        lookup_after: Duration,
    ) -> Result<usize, StoreError> {
        let wait = i64::try_from(lookup_after.as_millis()).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(
            "SELECT delivery, attempts, leased_at FROM delivery
             WHERE target = ?1 AND state = 'in_flight' AND leased_at < ?2",
        )?;
        let interrupted = statement
            .query_map((target, to_ms(leased_before)), |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, u32>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        for (row, number, leased_at) in &interrupted {
            self.connection
                .prepare_cached(
                    "UPDATE delivery SET state = 'due', token = NULL, leased_at = NULL,
                            fate_unknown = 1, due_at = ?2 WHERE delivery = ?1",
                )?
                .execute((row, leased_at.saturating_add(wait)))?;
            self.insert_attempt(
                *row,
                &Attempt {
                    number: *number,
                    call: CallKind::Interrupted,
                    request: String::new(),
                    http_status: None,
                    result: "the process ended during the call",
                    started_at: from_ms(*leased_at)?,
                    duration_ms: 0,
                },
            )?;
            self.moved(target, DeliveryState::InFlight, DeliveryState::Due);
        }
        Ok(interrupted.len())
    }
}
