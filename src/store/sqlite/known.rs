//! What the writer looked up lately: leads arrive in bursts, so most look-ups are of the same few.
//!
//! Right because there is one writer: every change goes through here, and a rollback forgets all.

use std::sync::Arc;

use foldhash::HashMap;

use crate::lead::{LeadKey, LeadState, SystemId};

/// Leads and links kept; past it all are forgotten and looked up anew.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Known {
    links: HashMap<SystemId, LeadKey>,
    leads: HashMap<LeadKey, Arc<LeadState>>,
}

impl Known {
    pub(super) fn lead_of(&self, id: &SystemId) -> Option<LeadKey> {
        self.links.get(id).copied()
    }

    pub(super) fn lead(&self, lead: LeadKey) -> Option<&Arc<LeadState>> {
        self.leads.get(&lead)
    }

    pub(super) fn learn_link(&mut self, id: &SystemId, lead: LeadKey) {
        if self.links.len() >= MOST {
            self.links.clear();
        }
        self.links.insert(id.clone(), lead);
    }

    pub(super) fn learn_lead(&mut self, lead: LeadKey, state: &Arc<LeadState>) {
        if self.leads.len() >= MOST {
            self.leads.clear();
        }
        self.leads.insert(lead, state.clone());
    }

    pub(super) fn forget_lead(&mut self, lead: LeadKey) {
        self.leads.remove(&lead);
    }

    pub(super) fn forget_all(&mut self) {
        self.links.clear();
        self.leads.clear();
    }
}
