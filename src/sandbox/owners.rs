//! Leads put there, and what the vendors' own people and campaigns do with them.
//!
//! For the demo, for tests and for the control interface. It is no API call: it stands in no
//! journal, no limit counts it and no fault hits it, but webhooks tell of it.

use serde_json::Value;

use super::{CapillaryLogin, Sandbox, State, System, capillary, leadping};
use crate::secret::Secret;
use jiff::Timestamp;

impl State {
    /// A lead in the words in which the system shows it; members that are left out get sensible
    /// values. Returns its id, or what is wrong.
    pub(super) fn put_lead(
        &mut self,
        system: System,
        lead: &Value,
        now: Timestamp,
    ) -> Result<String, String> {
        match system {
            System::Leadping => leadping::put_lead(&mut self.leadping, lead, now),
            System::Nlpearl => self.nlpearl.put(lead, now),
            System::Capillary => self.capillary.put(lead, now).map(|id| id.to_string()),
        }
    }

    pub(super) fn shown_lead(&self, system: System, id: &str) -> Option<Value> {
        match system {
            System::Leadping => leadping::lead_record(&self.leadping, id),
            System::Nlpearl => self.nlpearl.any(id),
            System::Capillary => self.capillary.lead(id),
        }
    }

    /// The system tells by webhook how the lead is now.
    pub(super) fn tell(&mut self, system: System, lead: &str, now: Timestamp) {
        if !self.outbox.has_receiver(system) {
            return;
        }
        if let Some(body) = self.webhook_body(system, lead, now) {
            self.outbox.fire(system, lead, &body, now);
        }
    }

    pub(super) fn campaign_sets(&mut self, lead: &str, status: i64, now: Timestamp) -> bool {
        let is_set = self.nlpearl.set_status(lead, status);
        if is_set {
            self.tell(System::Nlpearl, lead, now);
        }
        is_set
    }

    pub(super) fn staff_sets(
        &mut self,
        lead: &str,
        change: Value,
        now: Timestamp,
    ) -> Result<Value, String> {
        let shown = capillary::staff_sets(&mut self.capillary, lead, change, now)?;
        self.tell(System::Capillary, lead, now);
        Ok(shown)
    }
}

impl Sandbox {
    /// Puts a lead there, as the system shows it: for LeadPing a `GET /leads/{id}`, for NLPearl a
    /// lead with `pearlId` and, where v1 is used, `outboundId`, for Capillary a search result.
    /// Returns its id, or what is wrong with it.
    pub fn put_lead(&self, system: System, lead: &Value) -> Result<String, String> {
        let now = self.shared.clock.now();
        self.shared.state().put_lead(system, lead, now)
    }

    /// The lead as the system shows it now.
    pub fn lead_at(&self, system: System, id: &str) -> Option<Value> {
        self.shared.state().shown_lead(system, id)
    }

    /// The campaign itself gives its lead a status, any of the thirteen, and tells by webhook.
    /// False if there is no such lead or status.
    pub fn campaign_sets(&self, lead: &str, status: i64) -> bool {
        let now = self.shared.clock.now();
        let is_set = self.shared.state().campaign_sets(lead, status, now);
        self.shared.changed.notify_waiters();
        is_set
    }

    /// A person of the staff changes the lead's status, in the words of the API (`status`,
    /// `reasonId`, …), and Capillary tells by webhook. Returns the lead, or what is wrong.
    pub fn staff_sets(&self, lead: &str, change: Value) -> Result<Value, String> {
        let now = self.shared.clock.now();
        let shown = self.shared.state().staff_sets(lead, change, now);
        self.shared.changed.notify_waiters();
        shown
    }

    /// A reason that the organisation has, besides those it has from the start.
    pub fn add_reason(&self, id: i64, reason: &str) {
        self.shared.state().capillary.add_reason(id, reason);
    }

    /// A sub-status that the organisation has; false if there is no such status.
    pub fn add_sub_status(&self, status: &str, sub_status: &str) -> bool {
        let state = &mut *self.shared.state();
        state.capillary.add_sub_status(status, sub_status)
    }

    /// NLPearl's credential changes, `{AccountId}:{SecretKey}`.
    pub fn set_nlpearl_key(&self, key: Option<Secret>) {
        self.shared.state().nlpearl_key.secret = key;
    }

    /// Capillary's credentials change, and every token ends.
    pub fn set_capillary_login(&self, login: CapillaryLogin) {
        self.shared.state().capillary.credentials.set_login(login);
    }

    /// Every token that Capillary gave out ends now.
    pub fn revoke_capillary_tokens(&self) {
        self.shared.state().capillary.credentials.revoke_tokens();
    }
}
