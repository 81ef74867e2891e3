//! Forgetting a lead: its ids stand in the rows of failures, refusals and probes.

use super::Health;

impl Health {
    /// `is_forgotten`: of a lead's id at the target.
    pub fn forget_leads(&mut self, is_forgotten: &dyn Fn(&str) -> bool) {
        self.refused_row.retain(|lead| !is_forgotten(lead));
        self.held
            .retain(|held| !is_forgotten(&held.delivery.lead_id));
        self.recent.retain(|recent| !is_forgotten(&recent.lead_id));
        if let Some(pause) = &mut self.pause {
            pause.probed.retain(|lead| !is_forgotten(lead));
        }
        self.breaker.forget_leads(is_forgotten);
    }
}
