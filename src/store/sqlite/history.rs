//! A lead's past: which lead an event is about, what later decisions see of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::super::{Decider, KnownLead, StoreError, Undecided};
use super::SqliteStore;
use super::writer::Scope;
use crate::delivery::Slot;
use crate::lead::identity::ids_of;
use crate::lead::{LEADPING, LeadHistory, LeadKey, LeadState, SystemId, TargetHistory};

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
        Ok(serde_json::from_str(&self.state_of(lead)?)?)
    }

    /// Its ids alone, which are the smaller part of its state.
    pub(super) fn known_lead(&self, lead: LeadKey) -> Result<KnownLead, StoreError> {
        #[derive(serde::Deserialize)]
        struct Ids {
            ids: Vec<SystemId>,
            #[serde(default)]
            pearls: BTreeMap<String, String>,
        }
        let Ids { ids, pearls } = serde_json::from_str(&self.state_of(lead)?)?;
        Ok(KnownLead { lead, ids, pearls })
    }

    fn state_of(&self, lead: LeadKey) -> Result<String, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT state FROM lead WHERE lead = ?1")?
            .query_row([lead.0], |row| row.get(0))?)
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
        let echoes = by.echoes_of(&event.event.source);
        let own = (event.event.sequence, event.event.received_at);
        if let Some(lead) = lead {
            for (slot, applied) in &state.targets {
                let named = Slot::parse(slot);
                let own_writes = match echoes {
                    // No webhook tells of a record.
                    Some((echoing, window)) if echoing == named.target && !named.is_record => {
                        self.own_writes((lead, named), window, own)?
                    }
                    _ => Vec::new(),
                };
                targets.insert(
                    slot.clone(),
                    TargetHistory {
                        applied: Some(*applied),
                        entries: self.entries(lead, named, by.is_shadowed(named.target))?,
                        course: state.course(slot),
                        own_writes,
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
