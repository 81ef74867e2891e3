//! What a target has of a lead: the sets that were decided, each with what amended it since, and
//! where it stands. Read from the deliveries themselves; nothing is kept twice.

use rusqlite::Row;

use super::super::StoreError;
use super::super::rows::{from_ms, parse_uuid, parse_word};
use super::history::Past;
use crate::delivery::{DeliveryId, DeliveryState, Slot};
use crate::event::Sequence;
use crate::lead::{Entry, EntryState, LeadKey, MAX_ENTRIES};

/// Deliveries of a lead to a target that are looked at, newest first: twice [`MAX_ENTRIES`], so that
/// amends do not push entries out.
const LOOKED_AT: i64 = 32;

/// One delivery, as far as entries are made of it.
struct Found {
    row: i64,
    /// The set that it amends.
    entry: Option<i64>,
    id: DeliveryId,
    /// As it stands in the row: most are never looked into.
    members: String,
    call: Option<String>,
    source: String,
    event: Sequence,
    state: EntryState,
    entry_id: Option<String>,
    timestamp: i64,
    has_clock: bool,
    settled_at: Option<i64>,
    /// When its own echo was received.
    heard_at: Option<i64>,
}

impl Past<'_> {
    /// Newest first. In shadow mode what is withheld counts as being there.
    pub(super) fn entries(
        &self,
        lead: LeadKey,
        slot: Slot<'_>,
        shadowed: bool,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut statement = self.0.prepare_cached(
            r#"SELECT delivery, entry, id, members, call, source, event, state, fate_unknown, gone,
                    entry_id, timestamp, settled_at, has_clock,
                    (SELECT received_at FROM event WHERE sequence = echoed_by)
             FROM delivery WHERE lead = ?1 AND target = ?2
             AND (?4 IS NULL OR lead_id = ?4) AND (members LIKE '{"lead":%') = ?5
             ORDER BY delivery DESC LIMIT ?3"#,
        )?;
        let mut rows =
            statement.query((lead.0, slot.target, LOOKED_AT, slot.lead_id, slot.is_record))?;
        let mut amends: Vec<Found> = Vec::new();
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let found = found(row, shadowed)?;
            if found.entry.is_some() {
                amends.push(found);
            } else if entries.len() < MAX_ENTRIES {
                let newest = amends.iter().filter(|amend| amend.entry == Some(found.row));
                entries.push(entry(&found, newest)?);
            }
        }
        Ok(entries)
    }
}

/// `amends`: newest first. Each carries all members of the entry; one that was parked says nothing.
fn entry<'f>(
    set: &Found,
    amends: impl Iterator<Item = &'f Found> + Clone,
) -> Result<Entry, StoreError> {
    let newest = amends
        .clone()
        .find(|amend| amend.state != EntryState::Absent);
    let call = set
        .call
        .as_ref()
        .or_else(|| amends.filter_map(|amend| amend.call.as_ref()).last());
    Ok(Entry {
        delivery: set.id,
        event: set.event,
        source: set.source.clone(),
        members: serde_json::from_str(&newest.unwrap_or(set).members)?,
        call: call.cloned(),
        timestamp: from_ms(set.timestamp)?,
        has_clock: set.has_clock,
        entry_id: set.entry_id.clone(),
        // What comes back has arrived, whether its answer came or not.
        state: match (set.state, set.heard_at) {
            (EntryState::OnItsWay, Some(_)) => EntryState::There,
            (state, _) => state,
        },
        there_since: [set.settled_at, set.heard_at]
            .into_iter()
            .flatten()
            .min()
            .map(from_ms)
            .transpose()?,
    })
}

fn found(row: &Row<'_>, shadowed: bool) -> Result<Found, StoreError> {
    let state = row.get_ref(7)?.as_str().unwrap_or_default();
    let state = parse_word(state, DeliveryState::parse, "a delivery state")?;
    let (fate_unknown, gone): (bool, bool) = (row.get(8)?, row.get(9)?);
    Ok(Found {
        row: row.get(0)?,
        entry: row.get(1)?,
        id: DeliveryId(parse_uuid(row.get_ref(2)?.as_blob().unwrap_or_default())?),
        members: row.get(3)?,
        call: row.get(4)?,
        source: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        event: Sequence(row.get(6)?),
        state: match state {
            _ if gone => EntryState::Absent,
            DeliveryState::Delivered => EntryState::There,
            DeliveryState::InFlight => EntryState::OnItsWay,
            DeliveryState::Due if fate_unknown => EntryState::OnItsWay,
            DeliveryState::Due => EntryState::Unsent,
            DeliveryState::Withheld if shadowed => EntryState::There,
            DeliveryState::Withheld
            | DeliveryState::Parked
            | DeliveryState::Superseded
            | DeliveryState::Discarded => EntryState::Absent,
        },
        entry_id: row.get(10)?,
        timestamp: row.get(11)?,
        settled_at: row.get(12)?,
        has_clock: row.get(13)?,
        heard_at: row.get(14)?,
    })
}
