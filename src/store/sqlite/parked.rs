//! Releasing and discarding what is parked. A released event is decided again now, by the same path
//! as every other; a released delivery has its event decided again for its own place alone, and
//! goes on as itself: its attempts stay with it, and its id marks what may already be there.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};
use uuid::Uuid;

use super::super::rows::{parse_uuid, to_ms};
use super::super::{
    Decider, Freed, FreedTo, Parked, ParkedAction, ParkedPlace, StoreError, Undecided,
};
use super::SqliteStore;
use super::decide::{Inserted, Released, Sitting, read_again, select_events};
use super::writer::Scope;
use crate::decision::{Decision, DecisionRecord, ParkCause, PlannedDelivery};
use crate::delivery::{DeliveryId, DeliveryState, Slot, slot};
use crate::event::{EventId, Sequence};
use crate::lead::{LeadKey, Only};

/// Parked things handled in one transaction.
const STEP: usize = 64;

/// A parked delivery, as far as its release has to know.
#[derive(Debug)]
pub(super) struct Waiting {
    row: i64,
    id: DeliveryId,
    event: i64,
    lead: i64,
    pub(super) target: String,
    slot: String,
    cause: ParkCause,
}

const WAITING: &str = "SELECT delivery, id, event, lead, target, lead_id, members, cause \
     FROM delivery WHERE state = 'parked'";

impl SqliteStore {
    pub async fn free_parked(
        &self,
        parked: Parked,
        action: ParkedAction,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Freed, StoreError> {
        self.write(move |scope| {
            let mut freed = Freed::default();
            let (events, deliveries) = scope.choose_parked(&parked, &mut freed)?;
            for event in events {
                scope.free_event(event, action, (by.as_ref(), now), &mut freed)?;
            }
            for row in deliveries {
                // One before it may have taken it along.
                if let Some(waiting) = scope.waiting(row)? {
                    scope.free_delivery(&waiting, action, (by.as_ref(), now), &mut freed)?;
                }
            }
            Ok(freed)
        })
        .await
    }
}

impl Scope {
    /// Rows of events and of deliveries, in order.
    fn choose_parked(
        &self,
        parked: &Parked,
        freed: &mut Freed,
    ) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
        let one = |statement: &str, id: Uuid| -> Result<Vec<i64>, StoreError> {
            let mut statement = self.connection.prepare_cached(statement)?;
            Ok(vec![
                statement.query_row([id.as_bytes()], |row| row.get(0))?,
            ])
        };
        let (cause, after) = match parked {
            Parked::Event(id) => {
                let event = "SELECT sequence FROM event WHERE id = ?1 AND state = 'parked'";
                return match one(event, id.0) {
                    Err(StoreError::NotFound) => Ok((Vec::new(), self.left_behind_by(*id)?)),
                    found => Ok((found?, Vec::new())),
                };
            }
            Parked::Delivery(id) => {
                let delivery = "SELECT delivery FROM delivery WHERE id = ?1 AND state = 'parked'";
                return Ok((Vec::new(), one(delivery, id.0)?));
            }
            Parked::Cause { cause, after } => (cause, after),
        };
        let rows = |statement: &str, after: i64, limit: usize| -> Result<Vec<i64>, StoreError> {
            Ok(self
                .connection
                .prepare_cached(statement)?
                .query_map(
                    (
                        cause.as_str(),
                        after,
                        i64::try_from(limit).unwrap_or(i64::MAX),
                    ),
                    |row| row.get(0),
                )?
                .collect::<Result<_, _>>()?)
        };
        let events = rows(
            "SELECT sequence FROM event WHERE state = 'parked' AND cause = ?1 AND sequence > ?2
             ORDER BY sequence LIMIT ?3",
            after.event,
            STEP,
        )?;
        let deliveries = rows(
            "SELECT delivery FROM delivery WHERE state = 'parked' AND cause = ?1 AND delivery > ?2
             ORDER BY delivery LIMIT ?3",
            after.delivery,
            STEP - events.len(),
        )?;
        if events.len() + deliveries.len() == STEP {
            freed.next = Some(ParkedPlace {
                event: events.last().copied().unwrap_or(after.event),
                delivery: deliveries.last().copied().unwrap_or(after.delivery),
            });
        }
        Ok((events, deliveries))
    }

    /// The parked deliveries of an event that itself went on.
    fn left_behind_by(&self, event: EventId) -> Result<Vec<i64>, StoreError> {
        let deliveries: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT delivery FROM delivery
                 WHERE event = (SELECT sequence FROM event WHERE id = ?1) AND state = 'parked'
                 ORDER BY delivery",
            )?
            .query_map([event.0.as_bytes()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if deliveries.is_empty() {
            return Err(StoreError::NotFound);
        }
        Ok(deliveries)
    }

    fn free_event(
        &mut self,
        sequence: i64,
        action: ParkedAction,
        (by, now): (&dyn Decider, Timestamp),
        freed: &mut Freed,
    ) -> Result<(), StoreError> {
        if action == ParkedAction::Discard {
            freed.results.push(FreedTo::Discarded);
            return self.discard_event(sequence, now);
        }
        let event = self.recorded_event(sequence, by)?;
        let mut sitting = Sitting::of(by, now);
        let decision = self.decide_one(&event, &mut sitting)?;
        self.update_decision(&event, &decision)?;
        self.supersede_parked_of(sequence, now)?;
        freed.results.push(went_to(&decision));
        freed.decided.append(&mut sitting.decided);
        Ok(())
    }

    pub(super) fn free_delivery(
        &mut self,
        waiting: &Waiting,
        action: ParkedAction,
        (by, now): (&dyn Decider, Timestamp),
        freed: &mut Freed,
    ) -> Result<(), StoreError> {
        if action == ParkedAction::Discard {
            freed.results.push(FreedTo::Discarded);
            return self.end_parked(waiting, DeliveryState::Discarded, now);
        }
        if self.has_newer(waiting)? {
            freed.results.push(FreedTo::Superseded);
            return self.end_parked(waiting, DeliveryState::Superseded, now);
        }
        if action == ParkedAction::ReleaseAsIs {
            let withheld = by.is_shadowed(&waiting.target);
            if self.make_due(waiting, (LeadKey(waiting.lead), withheld), now)? {
                freed.woken.push(waiting.target.clone());
            }
            freed.results.push(match withheld {
                true => FreedTo::Withheld,
                false => FreedTo::Due,
            });
            return Ok(());
        }
        let event = match self.recorded_event(waiting.event, by) {
            // Nothing is left to decide by; it can still be sent as it is, or discarded.
            Err(StoreError::NotFound) => {
                freed.results.push(FreedTo::Parked);
                return Ok(());
            }
            event => event?,
        };
        let mut sitting = Sitting::of(by, now);
        sitting.released = Some(Released {
            event: event.event.sequence,
            row: waiting.row,
            slot: waiting.slot.clone(),
            // Perhaps it is there already, under this id; after `unsure` a look-up tells nothing.
            keeps_id: (waiting.cause.class() != "unsure").then_some(waiting.id),
            only: Only::of(Slot::parse(&waiting.slot)),
        });
        let decision = self.decide_one(&event, &mut sitting)?;
        self.update_part(&event, decision.clone(), (&waiting.slot, now))?;
        let goes_on = decision
            .deliveries
            .iter()
            .any(|it| it.slot() == waiting.slot);
        if !goes_on {
            self.end_parked(waiting, DeliveryState::Superseded, now)?;
        }
        freed.results.push(match went_to(&decision) {
            // Nothing of it is left to be sent.
            FreedTo::Settled => FreedTo::Superseded,
            other => other,
        });
        freed.decided.append(&mut sitting.decided);
        Ok(())
    }

    fn recorded_event(&self, sequence: i64, by: &dyn Decider) -> Result<Undecided, StoreError> {
        let events = select_events(&self.connection, "e.sequence = ?1", [sequence])?;
        let event = events.into_iter().next().ok_or(StoreError::NotFound)?;
        Ok(read_again(event, by))
    }

    /// The delivery that is planned is the one released: the same row, due again.
    pub(super) fn revive(
        &mut self,
        row: i64,
        delivery: &PlannedDelivery,
        lead: LeadKey,
        sitting: &Sitting<'_>,
    ) -> Result<Inserted, StoreError> {
        let Some(waiting) = self.waiting(row)? else {
            return Ok(Inserted::Waits);
        };
        self.connection
            .prepare_cached(
                "UPDATE delivery SET id = ?2, lead_id = ?3, members = ?4, call = ?5, timestamp = ?6,
                        entry = (SELECT delivery FROM delivery WHERE id = ?7) WHERE delivery = ?1",
            )?
            .execute(rusqlite::params![
                row,
                delivery.id.0.as_bytes(),
                delivery.lead_id,
                serde_json::to_string(&delivery.members)?,
                delivery.call,
                to_ms(delivery.timestamp),
                delivery
                    .amends
                    .as_ref()
                    .map(|amended| *amended.entry.0.as_bytes()),
            ])?;
        let is_head = self.make_due(&waiting, (lead, delivery.withheld), sitting.now)?;
        Ok(match is_head {
            true => Inserted::Head,
            false => Inserted::Waits,
        })
    }

    /// Whether it can be taken now. What failed for long may have arrived: it is looked up first.
    fn make_due(
        &mut self,
        waiting: &Waiting,
        (lead, withheld): (LeadKey, bool),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_head = !withheld && !self.has_head(lead, &waiting.target)?;
        let state = match withheld {
            true => DeliveryState::Withheld,
            false => DeliveryState::Due,
        };
        let fate_unknown = !withheld && waiting.cause.class() == "exhausted";
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, cause = NULL, lead = ?3, head = ?4, due_at = ?5,
                        settled_at = ?6, fate_unknown = ?7, patience_since = NULL,
                        patience_lost_ms = NULL WHERE delivery = ?1",
            )?
            .execute(rusqlite::params![
                waiting.row,
                state.as_str(),
                lead.0,
                is_head,
                to_ms(now),
                withheld.then(|| to_ms(now)),
                fate_unknown,
            ])?;
        self.moved(&waiting.target, DeliveryState::Parked, state);
        if withheld {
            self.settle_event(waiting.event)?;
        }
        Ok(is_head)
    }

    fn end_parked(
        &mut self,
        waiting: &Waiting,
        to: DeliveryState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, cause = NULL, settled_at = ?3 WHERE delivery = ?1",
            )?
            .execute((waiting.row, to.as_str(), to_ms(now)))?;
        self.moved(&waiting.target, DeliveryState::Parked, to);
        self.settle_event(waiting.event)
    }

    /// With all that waits of it; what is under way is finished.
    fn discard_event(&mut self, sequence: i64, now: Timestamp) -> Result<(), StoreError> {
        for waiting in self.waiting_of(sequence)? {
            self.end_parked(&waiting, DeliveryState::Discarded, now)?;
        }
        self.recount_discarded(sequence)?;
        self.connection
            .prepare_cached(
                "UPDATE event SET cause = NULL, state = CASE WHEN EXISTS
                   (SELECT 1 FROM delivery WHERE event = ?1 AND (state = 'due' OR state = 'in_flight'))
                 THEN 'decided' ELSE 'discarded' END WHERE sequence = ?1",
            )?
            .execute([sequence])?;
        Ok(())
    }

    /// What an event decided anew says in the place of what is parked of it.
    pub(super) fn supersede_parked_of(
        &mut self,
        sequence: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for waiting in self.waiting_of(sequence)? {
            if self.has_newer(&waiting)? {
                self.end_parked(&waiting, DeliveryState::Superseded, now)?;
            }
        }
        Ok(())
    }

    /// Whether anything newer was decided for its lead in its place.
    fn has_newer(&self, waiting: &Waiting) -> Result<bool, StoreError> {
        let place = Slot::parse(&waiting.slot);
        Ok(self
            .connection
            .prepare_cached(
                r#"SELECT EXISTS (SELECT 1 FROM delivery WHERE lead = ?1 AND target = ?2
                   AND delivery > ?3 AND (?4 IS NULL OR lead_id = ?4)
                   AND (members LIKE '{"lead":%') = ?5)"#,
            )?
            .query_row(
                (
                    waiting.lead,
                    place.target,
                    waiting.row,
                    place.lead_id,
                    place.is_record,
                ),
                |row| row.get(0),
            )?)
    }

    fn waiting(&self, row: i64) -> Result<Option<Waiting>, StoreError> {
        self.connection
            .prepare_cached(&format!("{WAITING} AND delivery = ?1"))?
            .query_row([row], |found| Ok(waiting(found)))
            .optional()?
            .transpose()
    }

    pub(super) fn waiting_of(&self, event: i64) -> Result<Vec<Waiting>, StoreError> {
        self.connection
            .prepare_cached(&format!("{WAITING} AND event = ?1 ORDER BY delivery"))?
            .query_map([event], |found| Ok(waiting(found)))?
            .map(|found| found?)
            .collect()
    }

    /// Writes down a decision that is only about one place: what was decided for the others stays,
    /// and what the event waits for there.
    fn update_part(
        &mut self,
        event: &Undecided,
        mut decision: Decision,
        (slot, now): (&str, Timestamp),
    ) -> Result<(), StoreError> {
        let sequence = event.event.sequence.0;
        let (cause, text): (Option<String>, Option<String>) = self
            .connection
            .prepare_cached("SELECT cause, decision FROM event WHERE sequence = ?1")?
            .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(text) = text {
            let before: DecisionRecord = serde_json::from_str(&text)?;
            let place = Slot::parse(slot);
            for (key, verdict) in before.targets {
                let of = Slot::parse(&key);
                let is_elsewhere = of.lead_id.is_some() && of.lead_id != place.lead_id;
                if (of.target, of.is_record) != (place.target, place.is_record) || is_elsewhere {
                    decision.record.targets.entry(key).or_insert(verdict);
                }
            }
        }
        decision.record.decided_at = now;
        decision.cause = decision.cause.or(cause.map(ParkCause::from_stored));
        self.update_decision(event, &decision)
    }
}

fn waiting(row: &Row<'_>) -> Result<Waiting, StoreError> {
    let (target, lead_id): (String, String) = (row.get(4)?, row.get(5)?);
    // A damaged one is parked too, and can be discarded.
    let members = serde_json::from_str(row.get_ref(6)?.as_str().unwrap_or_default());
    let members = members.unwrap_or_default();
    Ok(Waiting {
        row: row.get(0)?,
        id: DeliveryId(parse_uuid(row.get_ref(1)?.as_blob().unwrap_or_default())?),
        event: row.get(2)?,
        lead: row.get(3)?,
        slot: slot(&target, &lead_id, &members),
        target,
        cause: ParkCause::from_stored(row.get(7)?),
    })
}

pub(super) fn went_to(decision: &Decision) -> FreedTo {
    let mut deliveries = decision.deliveries.iter();
    match (&decision.cause, decision.deliveries.is_empty()) {
        (Some(_), true) => FreedTo::Parked,
        (None, true) => FreedTo::Settled,
        (_, false) if deliveries.all(|delivery| delivery.withheld) => FreedTo::Withheld,
        (_, false) => FreedTo::Due,
    }
}

impl Released {
    /// Whether this is the decision that was asked for, not one of what waited for its link.
    pub(super) fn is_of(&self, event: Sequence) -> bool {
        self.event == event
    }

    /// The planned delivery is the released one, and is called as it was.
    pub(super) fn name(&self, decision: &mut Decision) {
        let Some(keeps) = self.keeps_id else { return };
        let planned = decision.deliveries.iter_mut();
        for delivery in planned.filter(|delivery| delivery.slot() == self.slot) {
            decision.record.rename_delivery(delivery.id, keeps);
            delivery.id = keeps;
        }
    }
}
