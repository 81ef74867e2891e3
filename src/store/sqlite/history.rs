//! A lead's past: which lead an event is about, what later decisions see of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::super::{Decider, KnownLead, Peeked, StoreError, Undecided};
use super::SqliteStore;
use super::decide::read_again;
use super::recorded::waiting_for;
use super::writer::Scope;
use crate::delivery::Slot;
use crate::lead::identity::{self, Register, ids_of};
use crate::lead::{ForeseenKeys, LeadHistory, LeadKey, LeadState, SystemId, TargetHistory};

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
            for slot in state.slots() {
                let named = Slot::parse(slot);
                let own_writes = match echoes {
                    // No webhook tells of a record.
                    Some((echoing, window)) if echoing == named.target && !named.is_record => {
                        self.own_writes((lead, named), window, own)?
                    }
                    _ => Vec::new(),
                };
                targets.insert(
                    slot.to_owned(),
                    TargetHistory {
                        applied: state.targets.get(slot).copied(),
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
    pub async fn peek(&self, event: Undecided, by: Arc<dyn Decider>) -> Result<Peeked, StoreError> {
        self.read(move |connection| {
            // One transaction: what is read is of one moment.
            let reading = connection.unchecked_transaction()?;
            let peeked = peek(&reading, event, by.as_ref())?;
            reading.finish()?;
            Ok(peeked)
        })
        .await
    }
}

/// What deciding this event now would see, as if it had just been recorded, and what would be
/// decided before it.
fn peek(connection: &Connection, event: Undecided, by: &dyn Decider) -> Result<Peeked, StoreError> {
    let past = Past(connection);
    let mut foreseen = Foreseen::over(connection);
    let mut subject = identity::meet(&mut foreseen, &event.event.source, &event.reading.facts)?;
    let mut decided_first = Vec::new();
    if !subject.learnt.is_empty() {
        let waiting = waiting_for(connection, &subject.learnt)?.into_iter();
        for waiting in waiting.filter(|waiting| waiting.sequence != event.event.sequence) {
            let waiting = read_again(waiting, by);
            let facts = &waiting.reading.facts;
            let ids = ids_of(&waiting.event.source, facts);
            let subject = identity::meet_again(&mut foreseen, &ids, facts)?;
            let history = past.history(&waiting, subject.lead, &subject.state, by)?;
            decided_first.push((waiting, history));
        }
        if let Some(lead) = subject.lead {
            subject.state = foreseen.load_lead(lead)?;
        }
    }
    let history = past.history(&event, subject.lead, &subject.state, by)?;
    Ok(Peeked {
        event,
        history,
        decided_first,
    })
}

/// What deciding this event now would see, as if it had just been recorded.
pub(super) fn peek_history(
    connection: &Connection,
    event: &Undecided,
    by: &dyn Decider,
) -> Result<LeadHistory, StoreError> {
    let mut foreseen = Foreseen::over(connection);
    let facts = &event.reading.facts;
    let subject = identity::meet(&mut foreseen, &event.event.source, facts)?;
    Past(connection).history(event, subject.lead, &subject.state, by)
}

/// Leads and links as an event would leave them: what it teaches stays in memory.
struct Foreseen<'a> {
    past: Past<'a>,
    links: HashMap<SystemId, LeadKey>,
    leads: HashMap<LeadKey, Arc<LeadState>>,
    gone: HashSet<LeadKey>,
    made: ForeseenKeys,
}

impl<'a> Foreseen<'a> {
    fn over(connection: &'a Connection) -> Self {
        Self {
            past: Past(connection),
            links: HashMap::new(),
            leads: HashMap::new(),
            gone: HashSet::new(),
            made: ForeseenKeys::default(),
        }
    }
}

impl Register for Foreseen<'_> {
    type Error = StoreError;

    fn lead_of(&mut self, id: &SystemId) -> Result<Option<LeadKey>, StoreError> {
        match self.links.get(id) {
            Some(lead) => Ok(Some(*lead)),
            None => self.past.lead_of(id),
        }
    }

    fn load_lead(&mut self, lead: LeadKey) -> Result<Arc<LeadState>, StoreError> {
        match self.leads.get(&lead) {
            Some(state) => Ok(state.clone()),
            None if self.gone.contains(&lead) => Ok(Arc::default()),
            None => self.past.load_lead(lead).map(Arc::new),
        }
    }

    fn save_lead(
        &mut self,
        lead: Option<LeadKey>,
        state: &Arc<LeadState>,
    ) -> Result<LeadKey, StoreError> {
        let lead = lead.unwrap_or_else(|| self.made.make());
        self.leads.insert(lead, state.clone());
        Ok(lead)
    }

    fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        _pearl_id: Option<&str>,
    ) -> Result<(), StoreError> {
        self.links.insert(id.clone(), lead);
        Ok(())
    }

    fn absorb(&mut self, gone: LeadKey, _stays: LeadKey) -> Result<(), StoreError> {
        self.leads.remove(&gone);
        self.gone.insert(gone);
        Ok(())
    }
}

impl Scope {
    pub(super) fn past(&self) -> Past<'_> {
        Past(&self.connection)
    }
}
