//! Links: which ids of which systems are one lead, kept for `lead::identity`, which knows how that
//! is learnt. Only leads and links are written here.

use std::sync::Arc;

use super::super::StoreError;
use super::writer::Scope;
use crate::lead::identity::Register;
use crate::lead::{LeadKey, LeadState, SystemId};

impl Register for Scope {
    type Error = StoreError;

    fn lead_of(&mut self, id: &SystemId) -> Result<Option<LeadKey>, StoreError> {
        if let Some(known) = self.known.lead_of(id) {
            return Ok(Some(known));
        }
        let found = self.past().lead_of(id)?;
        if let Some(lead) = found {
            self.known.learn_link(id, lead);
        }
        Ok(found)
    }

    fn load_lead(&mut self, lead: LeadKey) -> Result<Arc<LeadState>, StoreError> {
        if let Some(state) = self.known.lead(lead) {
            return Ok(state.clone());
        }
        let state = Arc::new(self.past().load_lead(lead)?);
        self.known.learn_lead(lead, &state);
        Ok(state)
    }

    fn save_lead(
        &mut self,
        lead: Option<LeadKey>,
        state: &Arc<LeadState>,
    ) -> Result<LeadKey, StoreError> {
        let text = serde_json::to_string(&**state)?;
        self.connection
            .prepare_cached(
                "INSERT INTO lead (lead, state) VALUES (?1, ?2)
                 ON CONFLICT (lead) DO UPDATE SET state = excluded.state",
            )?
            .execute((lead.map(|lead| lead.0), text))?;
        let lead = lead.unwrap_or_else(|| LeadKey(self.connection.last_insert_rowid()));
        self.known.learn_lead(lead, state);
        Ok(lead)
    }

    fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        pearl_id: Option<&str>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO link (system, id, lead, pearl_id) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (system, id) DO UPDATE
                 SET lead = excluded.lead, pearl_id = coalesce(excluded.pearl_id, pearl_id)",
            )?
            .execute((&id.system, &id.id, lead.0, pearl_id))?;
        self.known.learn_link(id, lead);
        Ok(())
    }

    fn absorb(&mut self, gone: LeadKey, stays: LeadKey) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM lead WHERE lead = ?1")?
            .execute([gone.0])?;
        self.connection
            .prepare_cached("UPDATE delivery SET lead = ?2 WHERE lead = ?1")?
            .execute((gone.0, stays.0))?;
        // One call of a lead and target at a time: what is on its way goes first, else the oldest.
        self.connection
            .prepare_cached(
                "UPDATE delivery SET head = 0 WHERE lead = ?1 AND head = 1 AND state = 'due'
                 AND EXISTS (SELECT 1 FROM delivery first INDEXED BY delivery_head
                             WHERE first.lead = ?1 AND first.target = delivery.target
                             AND first.head = 1 AND first.delivery <> delivery.delivery
                             AND (first.state = 'in_flight' OR first.delivery < delivery.delivery))",
            )?
            .execute([stays.0])?;
        self.known.forget_lead(gone);
        Ok(())
    }
}
