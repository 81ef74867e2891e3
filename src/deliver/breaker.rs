//! The breaker: opens when several leads fail in a row, closes on the first answer. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::after;
use crate::config::BreakerConfig;

/// Failures in a row, or an open breaker; saved with the target's health.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    failures: u32,
    /// Different leads of the row, counted no further than the threshold needs.
    leads: Vec<String>,
    pub open: Option<OpenBreaker>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBreaker {
    pub since: Timestamp,
    pub probe_at: Timestamp,
    interval_ms: u64,
    /// Leads probed since it opened: each probe takes another.
    pub probed: Vec<String>,
}

/// Probed leads remembered; then the oldest may be probed again.
const PROBED: usize = 16;

impl Breaker {
    /// A write failed. Returns whether the breaker has just opened.
    pub fn failed(&mut self, lead: &str, config: &BreakerConfig, now: Timestamp) -> bool {
        if self.open.is_some() {
            self.probe_ended(lead, config, now);
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let enough = usize::try_from(config.leads).unwrap_or(usize::MAX);
        if self.leads.len() < enough && !self.leads.iter().any(|known| known == lead) {
            self.leads.push(lead.to_owned());
        }
        if self.failures < config.failures || self.leads.len() < enough {
            return false;
        }
        self.open = Some(OpenBreaker {
            since: now,
            probe_at: after(now, config.probe_initial),
            interval_ms: u64::try_from(config.probe_initial.as_millis()).unwrap_or(u64::MAX),
            probed: Vec::new(),
        });
        true
    }

    pub fn forget_leads(&mut self, is_forgotten: &dyn Fn(&str) -> bool) {
        self.leads.retain(|lead| !is_forgotten(lead));
        if let Some(open) = &mut self.open {
            open.probed.retain(|lead| !is_forgotten(lead));
        }
    }

    /// A try ended that did not close it: the next probe comes later and takes another lead.
    pub fn probe_ended(&mut self, lead: &str, config: &BreakerConfig, now: Timestamp) {
        // Calls that were under way when it opened say nothing new.
        let Some(open) = self.open.as_mut().filter(|open| now >= open.probe_at) else {
            return;
        };
        let next = Duration::from_millis(open.interval_ms)
            .saturating_mul(2)
            .min(config.probe_max);
        open.interval_ms = u64::try_from(next.as_millis()).unwrap_or(u64::MAX);
        open.probe_at = after(now, next);
        open.probed.push(lead.to_owned());
        if open.probed.len() > PROBED {
            open.probed.remove(0);
        }
    }

    /// A write was answered in another way. Returns whether this closed the breaker.
    pub fn answered(&mut self) -> bool {
        let was_open = self.open.is_some();
        if was_open || self.failures > 0 {
            *self = Self::default();
        }
        was_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig {
        failures: 5,
        leads: 3,
        probe_initial: Duration::from_secs(1),
        probe_max: Duration::from_secs(60),
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[track_caller]
    fn check(leads: &[&str], opens: bool) {
        let mut breaker = Breaker::default();
        for lead in leads {
            breaker.failed(lead, &CONFIG, at(0));
        }
        assert_eq!(breaker.open.is_some(), opens);
    }

    #[test]
    fn it_opens_after_five_failures_on_three_leads() {
        check(&["a", "b", "c", "a"], false);
        check(&["a", "b", "a", "b", "a", "b", "a"], false);
        check(&["a", "b", "c", "a", "b"], true);
    }

    #[test]
    fn an_answer_ends_the_row_and_closes_it() {
        let mut breaker = Breaker::default();
        for lead in ["a", "b", "c", "d"] {
            breaker.failed(lead, &CONFIG, at(0));
        }
        assert!(!breaker.answered());
        assert!(!breaker.failed("e", &CONFIG, at(0)));
        for lead in ["a", "b", "c", "d"] {
            breaker.failed(lead, &CONFIG, at(0));
        }
        assert!(breaker.open.is_some());
        assert!(breaker.answered());
    }

    #[test]
    fn probes_come_after_one_second_doubling_to_sixty() {
        let mut breaker = Breaker::default();
        for lead in ["a", "b", "c", "d", "e"] {
            breaker.failed(lead, &CONFIG, at(0));
        }
        let mut waits = Vec::new();
        let mut now = at(0);
        for _ in 0..8 {
            let open = breaker.open.clone().unwrap();
            waits.push((open.probe_at.as_millisecond() - now.as_millisecond()) / 1000);
            now = open.probe_at;
            breaker.failed("f", &CONFIG, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
