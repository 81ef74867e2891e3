//! What is remembered of a target: its health, what is held, whom it answered last.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::super::rows::to_ms;
use super::super::{HeldDelivery, HeldFate, Latency, StoreError, TargetMemory};
use super::SqliteStore;
use super::writer::Scope;
use crate::decision::ParkCause;
use crate::delivery::DeliveryState;

/// Leads written last whose history may be read to judge a refusal.
const RECENT_LEADS: usize = 10;
/// Rows withheld in one transaction.
const WITHHOLD_BATCH: i64 = 256;

impl SqliteStore {
    pub async fn release_held(
        &self,
        target: String,
        rows: Vec<i64>,
        fate: HeldFate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |scope| {
            for row in &rows {
                match fate {
                    HeldFate::Own => scope.park_held(&target, *row, now)?,
                    HeldFate::DueAt(at) => {
                        scope
                            .connection
                            .prepare_cached(
                                "UPDATE delivery SET held_status = NULL, due_at = ?2
                                 WHERE delivery = ?1 AND held_status IS NOT NULL",
                            )?
                            .execute((row, to_ms(at)))?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    pub async fn target_memory(&self, target: String) -> Result<TargetMemory, StoreError> {
        self.read(move |connection| {
            let health = connection
                .query_row("SELECT health FROM target WHERE name = ?1", [&target], |row| row.get(0))
                .optional()?;
            let held = connection
                .prepare_cached(
                    "SELECT delivery, lead_id, held_status, attempts FROM delivery
                     WHERE target = ?1 AND held_status IS NOT NULL ORDER BY delivery",
                )?
                .query_map([&target], |row| {
                    Ok(HeldDelivery {
                        row: row.get(0)?,
                        lead_id: row.get(1)?,
                        http_status: row.get(2)?,
                        attempts: row.get(3)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            // The newest tries, of which the successful ones name the leads.
            let mut statement = connection.prepare_cached(
                "SELECT d.lead_id FROM (SELECT delivery FROM attempt ORDER BY attempt DESC LIMIT 1000) a
                 JOIN delivery d ON d.delivery = a.delivery
                 WHERE d.target = ?1 AND d.state = 'delivered'",
            )?;
            let mut rows = statement.query([&target])?;
            let mut recent_leads: Vec<String> = Vec::new();
            while let Some(row) = rows.next()? {
                let lead: String = row.get(0)?;
                if !recent_leads.contains(&lead) {
                    recent_leads.push(lead);
                }
                if recent_leads.len() == RECENT_LEADS {
                    break;
                }
            }
            Ok(TargetMemory {
                health,
                held,
                recent_leads,
            })
        })
        .await
    }

    pub async fn latency(&self, target: String) -> Result<Option<Latency>, StoreError> {
        self.read(move |connection| {
            let durations_ms = connection
                .prepare_cached(
                    "SELECT a.duration_ms FROM (SELECT delivery, http_status, duration_ms FROM attempt
                                                ORDER BY attempt DESC LIMIT 1000) a
                     JOIN delivery d ON d.delivery = a.delivery
                     WHERE d.target = ?1 AND a.http_status IS NOT NULL LIMIT 100",
                )?
                .query_map([&target], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(Latency::of(durations_ms))
        })
        .await
    }

    pub async fn save_health(&self, target: String, health: String) -> Result<(), StoreError> {
        self.write(move |scope| {
            scope
                .connection
                .prepare_cached(
                    "INSERT INTO target (name, health) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET health = excluded.health",
                )?
                .execute((&target, &health))?;
            Ok(())
        })
        .await
    }

    pub async fn withhold_due(&self, target: String, now: Timestamp) -> Result<usize, StoreError> {
        let mut withheld = 0;
        loop {
            let target = target.clone();
            let step = self
                .write(move |scope| scope.withhold_some(&target, now))
                .await?;
            withheld += step;
            if step == 0 {
                return Ok(withheld);
            }
        }
    }
}

impl Scope {
    fn park_held(&mut self, target: &str, row: i64, now: Timestamp) -> Result<(), StoreError> {
        let held: Option<(u16, i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT held_status, lead, event FROM delivery WHERE delivery = ?1 AND held_status IS NOT NULL",
            )?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((http_status, lead, event)) = held else {
            return Ok(());
        };
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = 'parked', cause = ?2, held_status = NULL, head = 0,
                        settled_at = ?3 WHERE delivery = ?1",
            )?
            .execute((
                row,
                ParkCause::refused(target, http_status).as_str(),
                to_ms(now),
            ))?;
        self.moved(target, DeliveryState::Due, DeliveryState::Parked);
        self.promote(lead, target)?;
        self.settle_event(event)
    }

    fn withhold_some(&mut self, target: &str, now: Timestamp) -> Result<usize, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE delivery SET state = 'withheld', head = 0, held_status = NULL, settled_at = ?2
             WHERE delivery IN (SELECT delivery FROM delivery WHERE target = ?1 AND state = 'due'
                                AND fate_unknown = 0 ORDER BY delivery LIMIT ?3)
             RETURNING event, lead",
        )?;
        let rows = statement
            .query_map((target, to_ms(now), WITHHOLD_BATCH), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        for (event, lead) in &rows {
            self.moved(target, DeliveryState::Due, DeliveryState::Withheld);
            self.promote(*lead, target)?;
            self.settle_event(*event)?;
        }
        Ok(rows.len())
    }
}
