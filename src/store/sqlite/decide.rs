//! Deciding inside the transaction that writes the decision: the lead's past cannot change between
//! being looked at and being written.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::super::rows::{from_ms, parse_uuid, parse_word, to_ms};
use super::super::{
    Again, Decided, Decider, Desk, Learnt, Leased, Linked, NamedLead, StoreError, Undecided,
};
use super::SqliteStore;
use super::recorded::waiting_for;
use super::stored::{StoredDecision, broken};
use super::writer::Scope;
use crate::decision::{Decision, PlannedDelivery};
use crate::delivery::{DeliveryId, DeliveryState, Lease};
use crate::event::{Event, EventId, EventKind, EventState, Facts, Reading, Sequence, Standing};
use crate::lead::identity::{self, Register, Subject, ids_of};
use crate::lead::{LeadKey, Only, SystemId};

/// Parked events decided again in one transaction.
const AGAIN_BATCH: i64 = 64;

impl SqliteStore {
    pub async fn undecided(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            select_events(
                connection,
                "e.state = 'received' ORDER BY e.sequence LIMIT ?1",
                [i64::try_from(limit).unwrap_or(i64::MAX)],
            )
        })
        .await
    }

    pub async fn decide(
        &self,
        batch: Vec<Undecided>,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        self.write(move |scope| {
            let mut sitting = Sitting::of(by.as_ref(), now);
            for event in &batch {
                // Handed over twice after an overflow: decided already.
                if event.event.sequence.0 <= scope.decided_through {
                    continue;
                }
                scope.decided_through = event.event.sequence.0;
                scope.decide_recorded(event, &mut sitting)?;
                sitting.decided_first();
            }
            Ok(sitting.decided)
        })
        .await
    }

    pub async fn park_undecidable(
        &self,
        event: Undecided,
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        self.write(move |scope| {
            let decision = broken(&event, now);
            scope.update_decision(&event, &decision)?;
            scope.decided_through = scope.decided_through.max(event.event.sequence.0);
            Ok(vec![Decided::of(&event.event, &decision, Vec::new())])
        })
        .await
    }

    pub async fn decide_again(
        &self,
        again: Again,
        after: Sequence,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<(Vec<Decided>, Option<Sequence>), StoreError> {
        let Again::Classes(classes) = again;
        self.write(move |scope| {
            let condition = classes
                .iter()
                .map(|class| format!("e.cause GLOB '{class}:*'"))
                .collect::<Vec<_>>()
                .join(" OR ");
            let events = select_events(
                &scope.connection,
                &format!(
                    "e.state = 'parked' AND ({condition}) AND e.sequence > ?1 ORDER BY e.sequence LIMIT ?2"
                ),
                (after.0, AGAIN_BATCH),
            )?;
            let last = events.last().map(|event| event.sequence);
            let mut sitting = Sitting::of(by.as_ref(), now);
            for event in events {
                scope.decide_recorded(&read_again(event, by.as_ref()), &mut sitting)?;
            }
            Ok((sitting.decided, last))
        })
        .await
    }

    pub async fn learn_lead(
        &self,
        named: NamedLead,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Linked, StoreError> {
        self.write(move |scope| {
            let NamedLead { ids, pearl_id } = &named;
            let subject = identity::resolve(scope, ids, pearl_id.as_deref())?;
            let mut learnt = match subject.learnt.is_empty() {
                true => Learnt::Known,
                false => Learnt::New,
            };
            for id in ids {
                if scope.lead_of(id)? != subject.lead {
                    learnt = Learnt::Contradicts;
                }
            }
            // Links show the campaign, and it may be new where the id is not.
            if let (Some(own), Some(lead)) = (ids.first(), subject.lead) {
                scope.point(own, lead, pearl_id.as_deref())?;
            }
            let decided = scope.decide_what_waited(&subject.state.ids, by.as_ref(), now)?;
            Ok(Linked {
                learnt,
                moved_from: None,
                decided,
            })
        })
        .await
    }
}

/// One transaction's deciding: who judges, when, and what came of it.
pub(super) struct Sitting<'a> {
    by: &'a dyn Decider,
    pub(super) now: Timestamp,
    /// Who gives leave to send at once.
    desk: Option<&'a dyn Desk>,
    pub(super) decided: Vec<Decided>,
    pub(super) leased: Vec<Leased>,
    /// The parked delivery that its event is decided again for.
    pub(super) released: Option<Released>,
}

/// A parked delivery on its way back.
pub(super) struct Released {
    pub(super) event: Sequence,
    pub(super) row: i64,
    pub(super) slot: String,
    pub(super) keeps_id: Option<DeliveryId>,
    pub(super) only: Only,
}

impl<'a> Sitting<'a> {
    pub(super) fn of(by: &'a dyn Decider, now: Timestamp) -> Self {
        Self {
            by,
            now,
            desk: None,
            decided: Vec::new(),
            leased: Vec::new(),
            released: None,
        }
    }

    pub(super) fn at(desk: &'a dyn Desk, by: &'a dyn Decider, now: Timestamp) -> Self {
        Self {
            desk: Some(desk),
            ..Self::of(by, now)
        }
    }

    /// The event decided last had not been decided before.
    fn decided_first(&mut self) {
        if let Some(own) = self.decided.last_mut() {
            own.is_first = true;
        }
    }
}

/// Reads a recorded body again; a panic in that must not end the writer.
pub(super) fn read_again(event: Event, by: &dyn Decider) -> Undecided {
    let read = catch_unwind(AssertUnwindSafe(|| by.read(&event)));
    let reading = read.unwrap_or_else(|_| {
        tracing::error!(event.id = %event.id, "reading this event failed inside the bridge; please report it");
        let standing = Standing::Invalid(String::from("reading failed inside the bridge"));
        let facts = Facts::default();
        Reading { facts, standing }
    });
    Undecided { event, reading }
}

/// Events with their bodies; `condition` continues `WHERE` and may order and limit.
pub(super) fn select_events(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Event>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT e.id, e.sequence, e.source, e.forced_kind, e.received_at, b.body
         FROM event e JOIN event_body b ON b.sequence = e.sequence WHERE {condition}"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let forced: Option<String> = row.get(3)?;
        events.push(Event {
            id: EventId(parse_uuid(row.get_ref(0)?.as_blob().unwrap_or_default())?),
            sequence: Sequence(row.get(1)?),
            source: row.get(2)?,
            forced_kind: forced
                .map(|word| parse_word(&word, EventKind::parse, "an event kind"))
                .transpose()?,
            received_at: from_ms(row.get(4)?)?,
            body: row.get::<_, Vec<u8>>(5)?.into(),
        });
    }
    Ok(events)
}

impl Scope {
    /// Decides an event that is about to be inserted; the decision goes into its row.
    pub(super) fn decide_new(
        &mut self,
        event: &Undecided,
        sitting: &mut Sitting<'_>,
    ) -> Result<StoredDecision, StoreError> {
        let decision = self.decide_one(event, sitting)?;
        sitting.decided_first();
        self.count_use(decision.record.table.as_deref(), 1);
        let flow_key = self.count_event(event, &decision)?;
        StoredDecision::of(&decision, flow_key)
    }

    fn decide_recorded(
        &mut self,
        event: &Undecided,
        sitting: &mut Sitting<'_>,
    ) -> Result<(), StoreError> {
        let decision = self.decide_one(event, sitting)?;
        self.update_decision(event, &decision)
    }

    /// Decides one event and writes everything that follows from it but its own row; first what
    /// waited for a link that it teaches.
    pub(super) fn decide_one(
        &mut self,
        event: &Undecided,
        sitting: &mut Sitting<'_>,
    ) -> Result<Decision, StoreError> {
        let mut subject = identity::meet(self, &event.event.source, &event.reading.facts)?;
        if !subject.learnt.is_empty() {
            let own = event.event.sequence;
            self.decide_waiting(&subject.learnt, Some(own), sitting)?;
            if let Some(lead) = subject.lead {
                subject.state = self.load_lead(lead)?;
            }
        }
        self.decide_for(event, subject, sitting)
    }

    fn decide_for(
        &mut self,
        event: &Undecided,
        mut subject: Subject,
        sitting: &mut Sitting<'_>,
    ) -> Result<Decision, StoreError> {
        let (by, now) = (sitting.by, sitting.now);
        let released = sitting.released.as_ref();
        let released = released.filter(|released| released.is_of(event.event.sequence));
        let mut history = self
            .past()
            .history(event, subject.lead, &subject.state, by)?;
        history.only = released.map(|released| released.only.clone());
        let judged = catch_unwind(AssertUnwindSafe(|| by.decide(event, &history, now)));
        let mut decision = judged.unwrap_or_else(|_| {
            tracing::error!(event.id = %event.event.id, "deciding this event failed inside the bridge; parked as invalid, please report it");
            broken(event, now)
        });
        if let Some(released) = released {
            released.name(&mut decision);
        }
        if let Some(change) = &decision.applied {
            let own = &event.event;
            Arc::make_mut(&mut subject.state).apply(&own.source, own.sequence, change);
            if subject.lead.is_none() {
                let ids = ids_of(&own.source, &event.reading.facts);
                subject = identity::adopt(self, subject, &ids)?;
            }
            self.save_lead(subject.lead, &subject.state)?;
        }
        self.revise(&decision.revisions, event.event.sequence, now)?;
        let mut targets = Vec::new();
        for delivery in &decision.deliveries {
            let lead = subject
                .lead
                .ok_or_else(|| StoreError::Corrupt(String::from("a delivery without a lead")))?;
            let back = released.filter(|released| released.slot == delivery.slot());
            let inserted = match back {
                Some(released) => self.revive(released.row, delivery, lead, sitting)?,
                None => self.insert_delivery(event, delivery, lead, sitting)?,
            };
            match inserted {
                Inserted::Waits => {}
                Inserted::Head => targets.push(delivery.target.clone()),
                Inserted::Leased(leased) => sitting.leased.push(*leased),
            }
        }
        sitting
            .decided
            .push(Decided::of(&event.event, &decision, targets));
        Ok(decision)
    }

    pub(super) fn update_decision(
        &mut self,
        event: &Undecided,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        let flow_key = self.recount_event(event, decision)?;
        let stored = self.decided_again(event.event.sequence.0, decision, flow_key)?;
        let before = self.table_named_by(event.event.sequence.0)?;
        self.count_use(before.as_deref(), -1);
        self.count_use(decision.record.table.as_deref(), 1);
        self.connection
            .prepare_cached(
                "UPDATE event SET state = ?2, cause = ?3, decision = ?4, flow_key = ?5 WHERE sequence = ?1",
            )?
            .execute((
                event.event.sequence.0,
                stored.state.as_str(),
                stored.cause,
                stored.text,
                stored.flow_key,
            ))?;
        if stored.state == EventState::Settled {
            self.reopen_event(event.event.sequence.0)?;
        }
        Ok(())
    }

    /// A delivery with nothing of its lead before it is leased at once if its target gives leave.
    fn insert_delivery(
        &mut self,
        event: &Undecided,
        delivery: &PlannedDelivery,
        lead: LeadKey,
        sitting: &Sitting<'_>,
    ) -> Result<Inserted, StoreError> {
        let now = sitting.now;
        let waiting = self.has_head(lead, &delivery.target)?;
        let head = !waiting && !delivery.withheld;
        let leave = sitting
            .desk
            .filter(|_| head)
            .and_then(|desk| desk.leave(&delivery.target));
        let state = match (delivery.withheld, &leave) {
            (true, _) => DeliveryState::Withheld,
            (false, None) => DeliveryState::Due,
            (false, Some(_)) => DeliveryState::InFlight,
        };
        let token = leave.as_ref().map(|_| self.new_token());
        self.connection
            .prepare_cached(
                "INSERT INTO delivery (id, event, lead, target, lead_id, members, call, timestamp,
                                       received_at, state, head, due_at, settled_at, token,
                                       leased_at, attempts, source, entry, has_clock)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                         (SELECT delivery FROM delivery WHERE id = ?18), ?19)",
            )?
            .execute(rusqlite::params![
                delivery.id.0.as_bytes(),
                event.event.sequence.0,
                lead.0,
                delivery.target,
                delivery.lead_id,
                serde_json::to_string(&delivery.members)?,
                delivery.call,
                to_ms(delivery.timestamp),
                to_ms(event.event.received_at),
                state.as_str(),
                head,
                to_ms(now),
                delivery.withheld.then(|| to_ms(now)),
                token,
                token.map(|_| to_ms(now)),
                i64::from(leave.is_some()),
                event.event.source,
                delivery
                    .amends
                    .as_ref()
                    .map(|amended| *amended.entry.0.as_bytes()),
                event.reading.facts.occurred_at.is_some(),
            ])?;
        self.count(&delivery.target, state, 1);
        let (Some(leave), Some(token)) = (leave, token) else {
            return Ok(if head {
                Inserted::Head
            } else {
                Inserted::Waits
            });
        };
        let row = self.connection.last_insert_rowid();
        let lease = first_lease(event, delivery, lead, (row, token, now));
        Ok(Inserted::Leased(Box::new(Leased { lease, leave })))
    }

    /// Decides what waited for a link of these ids, which were just learnt otherwise than from an
    /// event.
    pub(super) fn decide_what_waited(
        &mut self,
        ids: &[SystemId],
        by: &dyn Decider,
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        let mut sitting = Sitting::of(by, now);
        self.decide_waiting(ids, None, &mut sitting)?;
        Ok(sitting.decided)
    }

    /// Decides again, in the order recorded, what waited for a link of these ids.
    fn decide_waiting(
        &mut self,
        ids: &[SystemId],
        not: Option<Sequence>,
        sitting: &mut Sitting<'_>,
    ) -> Result<(), StoreError> {
        let waiting = waiting_for(&self.connection, ids)?.into_iter();
        for event in waiting.filter(|event| Some(event.sequence) != not) {
            let event = read_again(event, sitting.by);
            let facts = &event.reading.facts;
            let ids = ids_of(&event.event.source, facts);
            let subject = identity::meet_again(self, &ids, facts)?;
            let decision = self.decide_for(&event, subject, sitting)?;
            self.update_decision(&event, &decision)?;
        }
        Ok(())
    }
}

/// What a new delivery waits for.
pub(super) enum Inserted {
    /// An earlier one of its lead; or it is withheld.
    Waits,
    /// Nothing: it can be taken.
    Head,
    Leased(Box<Leased>),
}

/// The lease of a delivery that is tried as soon as it is there.
fn first_lease(
    event: &Undecided,
    delivery: &PlannedDelivery,
    lead: LeadKey,
    (row, token, now): (i64, i64, Timestamp),
) -> Lease {
    Lease {
        row,
        token,
        id: delivery.id,
        event: event.event.id,
        sequence: event.event.sequence,
        lead,
        lead_id: delivery.lead_id.clone(),
        target: delivery.target.clone(),
        members: delivery.members.clone(),
        is_amend: delivery.amends.is_some(),
        timestamp: delivery.timestamp,
        received_at: event.event.received_at,
        attempt: 1,
        fate_unknown: false,
        look_only: false,
        patience: None,
        leased_at: now,
    }
}
