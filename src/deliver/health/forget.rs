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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::HeldDelivery;

    #[test]
    fn a_forgotten_lead_stands_nowhere_and_others_stay() {
        let at = "2026-08-01T12:00:00Z";
        let row = json!(["lead_gone", "lead_here"]);
        let mut health: Health = serde_json::from_value(json!({
            "refused_row": row,
            "pause": { "http_status": 401, "since": at, "probe_at": at, "interval_ms": 5,
                       "reads_prove_nothing": false, "next_is_read": true, "probed": row },
            "breaker": { "failures": 2, "leads": row,
                         "open": { "since": at, "probe_at": at, "interval_ms": 5, "probed": row } },
        }))
        .unwrap();
        let held = |lead_id: &str| HeldDelivery {
            row: 1,
            lead_id: lead_id.to_owned(),
            http_status: 404,
            attempts: 1,
        };
        let recent = ["lead_gone", "lead_here"].map(str::to_owned).to_vec();
        health.remember(vec![held("lead_gone"), held("lead_here")], recent);
        health.forget_leads(&|lead| lead == "lead_gone");
        let whole = format!("{health:?}");
        assert!(!whole.contains("lead_gone"), "{whole}");
        assert_eq!(whole.matches("lead_here").count(), 6, "{whole}");
    }
}
