//! One lead's timeline, read in one transaction: the lead, what targets have of it, a page of its
//! events with every try of their deliveries.

use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;

use super::super::rows::from_ms;
use super::super::{
    AttemptRow, EventRow, LeadCard, LeadFound, LeadPage, LeadTimeline, StoreError, TargetHas,
};
use super::SqliteStore;
use super::decide::select_events;
use super::history::Past;
use super::list::{event_rows, hash_condition};
use crate::delivery::{DeliveryId, Slot};
use crate::event::{Event, Sequence};
use crate::lead::{EntryState, LeadKey, LeadState, SystemId, TargetHistory};

/// The most events of one page; each brings its body along.
const MAX_PAGE: u32 = 200;
/// Tries of one delivery that are shown, the newest.
const MAX_TRIES: u32 = 50;

impl SqliteStore {
    pub async fn lead_timeline(&self, page: LeadPage) -> Result<LeadFound, StoreError> {
        self.read(move |connection| {
            let reading = connection.unchecked_transaction()?;
            let found = find(&reading, &page)?;
            reading.finish()?;
            Ok(found)
        })
        .await
    }
}

fn find(connection: &Connection, page: &LeadPage) -> Result<LeadFound, StoreError> {
    let past = Past(connection);
    let mut named: Vec<(LeadKey, SystemId)> = Vec::new();
    for id in &page.ids {
        if let Some(lead) = past.lead_of(id)?
            && named.iter().all(|(known, _)| *known != lead)
        {
            named.push((lead, id.clone()));
        }
    }
    let (card, ids) = match named.as_slice() {
        // Nobody tied it to anything: its events may be there all the same.
        [] => (LeadCard::default(), page.ids.clone()),
        [(lead, _)] => {
            let state = past.load_lead(*lead)?;
            (card(&past, *lead, &state, page)?, state.ids)
        }
        _ => {
            let ids = named.into_iter().map(|(_, id)| id).collect();
            return Ok(LeadFound::Several(ids));
        }
    };
    let (events, next) = events(connection, &ids, page)?;
    if card.ids.is_empty() && events.is_empty() && page.before.is_none() {
        return Err(StoreError::NotFound);
    }
    Ok(LeadFound::One(Box::new(LeadTimeline {
        lead: card,
        events,
        next,
    })))
}

fn card(
    past: &Past<'_>,
    lead: LeadKey,
    state: &LeadState,
    page: &LeadPage,
) -> Result<LeadCard, StoreError> {
    let mut has = Vec::new();
    for name in state.slots() {
        let slot = Slot::parse(name);
        let shadowed = page.shadowed.iter().any(|name| name == slot.target);
        let entries = past.entries(lead, slot, shadowed)?;
        let history = TargetHistory {
            entries,
            course: state.course(name),
            ..TargetHistory::default()
        };
        has.push(what_it_has(slot, &history));
    }
    Ok(LeadCard {
        lead_id: state.lead_id().map(str::to_owned),
        ids: state.ids.clone(),
        pearls: state.pearls.clone(),
        calls: state.calls.len(),
        previous: state.previous.clone(),
        has,
    })
}

fn what_it_has(slot: Slot<'_>, history: &TargetHistory) -> TargetHas {
    let entry = history.has();
    let told = history.reported().filter(|_| entry.is_none());
    let words = entry.map(|entry| entry.words(slot.target));
    let words = words.or_else(|| told.map(|report| report.words.clone()));
    let words = words.unwrap_or_default();
    TargetHas {
        target: slot.target.to_owned(),
        address: slot.lead_id.map(str::to_owned),
        is_record: slot.is_record,
        state: match entry.map(|entry| entry.state) {
            Some(EntryState::There) => "there",
            Some(EntryState::OnItsWay) => "on_its_way",
            Some(EntryState::Unsent) => "unsent",
            Some(EntryState::Absent) | None if told.is_some() => "told",
            Some(EntryState::Absent) | None => "nothing",
        },
        category: words.category,
        outcome: words.outcome,
        members: entry.map_or_else(Vec::new, |entry| entry.members.keys().cloned().collect()),
        delivery: entry.map(|entry| entry.delivery),
        entry_id: entry.and_then(|entry| entry.entry_id.clone()),
        source: entry
            .map(|entry| &entry.source)
            .or_else(|| told.map(|report| &report.source))
            .cloned(),
        at: entry
            .map(|entry| entry.timestamp)
            .or_else(|| told?.occurred_at),
    }
}

type Told = (Vec<(EventRow, Event)>, Option<Sequence>);

fn events(connection: &Connection, ids: &[SystemId], page: &LeadPage) -> Result<Told, StoreError> {
    let limit = page.limit.clamp(1, MAX_PAGE);
    let mut parameters: Vec<SqlValue> = Vec::new();
    let mut condition = hash_condition(ids, &mut parameters);
    if let Some(before) = page.before {
        parameters.push(before.0.into());
        condition.push_str(&format!(" AND e.sequence < ?{}", parameters.len()));
    }
    let rows = event_rows(connection, ("event e", &condition), parameters, limit)?;
    let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|row| row.sequence);
    let mut told = Vec::with_capacity(rows.len());
    for mut row in rows {
        for delivery in &mut row.deliveries {
            delivery.tries = tries(connection, delivery.id)?;
        }
        let recorded = select_events(connection, "e.sequence = ?1", [row.sequence.0])?;
        let recorded = recorded
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::Corrupt(format!("event {} has no body", row.id)))?;
        told.push((row, recorded));
    }
    Ok((told, next))
}

/// The newest tries of a delivery, oldest first.
pub(super) fn tries(
    connection: &Connection,
    delivery: DeliveryId,
) -> Result<Vec<AttemptRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, call, request, http_status, result, started_at, duration_ms FROM attempt
         WHERE delivery = (SELECT delivery FROM delivery WHERE id = ?1)
         ORDER BY attempt DESC LIMIT ?2",
    )?;
    let mut rows = statement.query((delivery.0.as_bytes(), MAX_TRIES))?;
    let mut tries = Vec::new();
    while let Some(row) = rows.next()? {
        tries.push(AttemptRow {
            number: row.get(0)?,
            call: row.get(1)?,
            request: row.get(2)?,
            http_status: row.get(3)?,
            result: row.get(4)?,
            started_at: from_ms(row.get(5)?)?,
            duration_ms: row.get(6)?,
        });
    }
    tries.reverse();
    Ok(tries)
}
