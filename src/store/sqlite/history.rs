//! A lead's past: which lead an event is about, what later decisions see of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Map, Value};

use super::super::rows::parse_uuid;
use super::super::{Decider, KnownLead, StoreError, Undecided};
use super::SqliteStore;
use super::writer::Scope;
use crate::delivery::{DeliveryId, Slot};
use crate::lead::identity::ids_of;
use crate::lead::{Entry, LEADPING, LeadHistory, LeadKey, LeadState, SystemId, TargetHistory};

/// Looks at leads on any connection; writes nothing.
pub(super) struct Past<'a>(pub(super) &'a Connection);

impl Past<'_> {
    pub(super) fn lead_of(&self, id: &SystemId) -> Result<Option<LeadKey>, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT lead FROM link WHERE system = ?1 AND id = ?2")?
            .query_row((&id.system, &id.id), |row| row.get(0).map(LeadKey))
            .optional()?)
    }

    pub(super) fn load_lead(&self, lead: LeadKey) -> Result<LeadState, StoreError> {
        let text: String = self
            .0
            .prepare_cached("SELECT state FROM lead WHERE lead = ?1")?
            .query_row([lead.0], |row| row.get(0))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Its ids alone, which are the smaller part of its state.
    pub(super) fn known_lead(&self, lead: LeadKey) -> Result<KnownLead, StoreError> {
        #[derive(serde::Deserialize)]
        struct Ids {
            ids: Vec<SystemId>,
            #[serde(default)]
            pearls: BTreeMap<String, String>,
        }
        let text: String = self
            .0
            .prepare_cached("SELECT state FROM lead WHERE lead = ?1")?
            .query_row([lead.0], |row| row.get(0))?;
        let Ids { ids, pearls } = serde_json::from_str(&text)?;
        Ok(KnownLead { lead, ids, pearls })
    }

    /// What a decision may see.
    pub(super) fn history(
        &self,
        event: &Undecided,
        lead: Option<LeadKey>,
        state: &LeadState,
        by: &dyn Decider,
    ) -> Result<LeadHistory, StoreError> {
        let mut targets = BTreeMap::new();
        if let Some(lead) = lead {
            for (slot, applied) in &state.targets {
                let named = Slot::parse(slot);
                let has = self.entry(lead, named, by.is_shadowed(named.target))?;
                targets.insert(
                    slot.clone(),
                    TargetHistory {
                        applied: Some(*applied),
                        has,
                    },
                );
            }
        }
        Ok(LeadHistory {
            previous: state.previous.clone(),
            applied: state.applied.clone(),
            targets,
            ..LeadHistory::of_state(state, &event.event.source, &event.reading.facts)
        })
    }

    /// The newest delivery that is at the target or on its way.
    fn entry(
        &self,
        lead: LeadKey,
        slot: Slot<'_>,
        shadowed: bool,
    ) -> Result<Option<Entry>, StoreError> {
        let row = self
            .0
            .prepare_cached(
                r#"SELECT id, members, call FROM delivery WHERE lead = ?1 AND target = ?2
                 AND (state = 'due' OR state = 'in_flight' OR state = 'delivered' OR (?3 AND state = 'withheld'))
                 AND (?4 IS NULL OR lead_id = ?4) AND (members LIKE '{"lead":%') = ?5
                 ORDER BY delivery DESC LIMIT 1"#,
            )?
            .query_row((lead.0, slot.target, shadowed, slot.lead_id, slot.is_record), |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .optional()?;
        let Some((id, members, call)) = row else {
            return Ok(None);
        };
        let members: Map<String, Value> = serde_json::from_str(&members)?;
        Ok(Some(Entry {
            delivery: DeliveryId(parse_uuid(&id)?),
            members,
            call,
        }))
    }
}

impl SqliteStore {
    pub async fn peek_history(
        &self,
        event: Undecided,
        by: Arc<dyn Decider>,
    ) -> Result<LeadHistory, StoreError> {
        self.read(move |connection| peek_history(connection, &event, by.as_ref()))
            .await
    }
}

/// What deciding this event now would see, as if it had just been recorded.
pub(super) fn peek_history(
    connection: &Connection,
    event: &Undecided,
    by: &dyn Decider,
) -> Result<LeadHistory, StoreError> {
    let past = Past(connection);
    let ids = ids_of(&event.event.source, &event.reading.facts);
    let named = ids.iter().find(|id| id.system == LEADPING);
    let mut lead = None;
    for id in named.into_iter().chain(&ids) {
        lead = lead.or(past.lead_of(id)?);
    }
    let mut state = lead
        .map(|lead| past.load_lead(lead))
        .transpose()?
        .unwrap_or_default();
    state.learn_calls(&event.reading.facts.calls);
    past.history(event, lead, &state, by)
}

impl Scope {
    pub(super) fn past(&self) -> Past<'_> {
        Past(&self.connection)
    }
}
