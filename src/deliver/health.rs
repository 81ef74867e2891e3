//! A target's health: gate, pause, breaker, held refusals, lost time. Pure; it survives restarts.
//!
//! [`Health::permission`] says what the delivery loop may do now; the `saw_*` functions take what
//! happened. The loop does the calls and writes down what it is told.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::breaker::Breaker;
use super::judge::{Class, Retry, Weight, class};
use crate::clock::after;
use crate::config::{BreakerConfig, RetryConfig};
use crate::store::HeldDelivery;

/// Leads written last that may be read to judge a refusal.
const RECENT_LEADS: usize = 10;
/// Different leads refused at once, with nobody to ask, that pause the target.
const HELD_LEADS: usize = 3;
/// Different leads refused in a row, though reads work, that pause the target.
const REFUSED_LEADS: usize = 10;
const JUDGE_EVERY: Duration = Duration::from_secs(10);
const PROBE_FIRST: Duration = Duration::from_secs(5);
const PROBE_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Health {
    #[serde(default)]
    pub gate: Option<Gate>,
    #[serde(default)]
    pub pause: Option<Pause>,
    #[serde(default)]
    pub breaker: Breaker,
    /// Somebody holds it: nothing is sent, probes neither, until somebody lets it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Time so far that counts towards nobody's patience, in milliseconds.
    #[serde(default)]
    lost_ms: i64,
    #[serde(default)]
    lost_since: Option<Timestamp>,
    /// The last attempt failed and no write has worked since.
    #[serde(default)]
    failing: bool,
    /// Leads refused in a row though reads worked.
    #[serde(default)]
    refused_row: Vec<String>,
    #[serde(skip)]
    held: Vec<Held>,
    #[serde(skip)]
    recent: VecDeque<Recent>,
    #[serde(skip)]
    judged_at: Option<Timestamp>,
    /// A judging read or a probe is under way.
    #[serde(skip)]
    pub busy: bool,
}

/// `Retry-After`: nothing is sent before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub until: Timestamp,
    /// Longer than `retry_after_max_seconds`: shown as paused.
    pub is_long: bool,
}

/// The target refuses everybody: only probes are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub http_status: u16,
    pub since: Timestamp,
    pub probe_at: Timestamp,
    interval_ms: u64,
    /// The read works although writes are refused: only a write can show that it is over.
    reads_prove_nothing: bool,
    next_is_read: bool,
    /// Leads probed since the pause began.
    probed: Vec<String>,
}

#[derive(Debug, Clone)]
struct Held {
    delivery: HeldDelivery,
    /// The read under way, or the last one, began after this was held.
    is_asked: bool,
}

impl Held {
    fn unasked(delivery: HeldDelivery) -> Self {
        Self {
            delivery,
            is_asked: false,
        }
    }
}

#[derive(Debug, Clone)]
struct Recent {
    lead_id: String,
    read_refused: bool,
}

/// What the delivery loop may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// Take due work; look again at `until` even if nothing else happens.
    Open { until: Option<Timestamp> },
    /// Nothing before then, or before something happens.
    Wait { until: Option<Timestamp> },
    /// Take one delivery of a lead that is not among these.
    ProbeDelivery { not: Vec<String> },
    /// Read this lead's history as a probe.
    ProbeRead { lead_id: String },
    /// Read this lead's history to learn whose refusal it was.
    JudgeRead { lead_id: String },
    /// There is nobody to ask: settle the held ones.
    Unanswerable,
}

/// What becomes of held deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldRuling {
    Own(Vec<HeldDelivery>),
    /// The target is paused; they are due again.
    DueNow(Vec<HeldDelivery>),
    /// Nobody could be asked: due again on backoff.
    Backoff(Vec<HeldDelivery>),
    Nothing,
}

impl Health {
    /// Takes up what the store remembers.
    pub fn remember(&mut self, held: Vec<HeldDelivery>, recent: Vec<String>) {
        self.held = held.into_iter().map(Held::unasked).collect();
        self.recent = recent
            .into_iter()
            .take(RECENT_LEADS)
            .map(|lead_id| Recent {
                lead_id,
                read_refused: false,
            })
            .collect();
    }

    pub fn permission(&self, now: Timestamp) -> Permission {
        if self.stopped.is_some() {
            return Permission::Wait { until: None };
        }
        if let Some(gate) = self.gate.as_ref().filter(|gate| now < gate.until) {
            return Permission::Wait {
                until: Some(gate.until),
            };
        }
        if let Some(pause) = &self.pause {
            return self.while_paused(pause, now);
        }
        if let Some(open) = &self.breaker.open {
            return if self.busy || now < open.probe_at {
                Permission::Wait {
                    until: (!self.busy).then_some(open.probe_at),
                }
            } else {
                Permission::ProbeDelivery {
                    not: open.probed.clone(),
                }
            };
        }
        self.while_open(now)
    }

    fn while_paused(&self, pause: &Pause, now: Timestamp) -> Permission {
        if self.busy || now < pause.probe_at {
            return Permission::Wait {
                until: (!self.busy).then_some(pause.probe_at),
            };
        }
        let readable = || {
            let others = self
                .recent
                .iter()
                .filter(|lead| !pause.probed.contains(&lead.lead_id));
            // A lead whose read was refused may be gone; with a dead credential all of them were.
            let trusted = others.clone().filter(|lead| !lead.read_refused);
            trusted
                .chain(others)
                .chain(&self.recent)
                .next()
                .map(|lead| lead.lead_id.clone())
        };
        match readable().filter(|_| pause.next_is_read && !pause.reads_prove_nothing) {
            Some(lead_id) => Permission::ProbeRead { lead_id },
            None => Permission::ProbeDelivery {
                not: pause.probed.clone(),
            },
        }
    }

    fn while_open(&self, now: Timestamp) -> Permission {
        if self.held.is_empty() {
            return Permission::Open { until: None };
        }
        let full = self.held_leads().len() >= HELD_LEADS;
        let readable = self.readable_lead();
        // Nobody to ask and three refused: that is answer enough.
        let now_or_paced = if full && readable.is_none() {
            now
        } else {
            self.judged_at
                .map_or(now, |at| after(at, JUDGE_EVERY).max(now))
        };
        if self.busy || now < now_or_paced {
            let until = (!self.busy).then_some(now_or_paced);
            return if full {
                Permission::Wait { until }
            } else {
                Permission::Open { until }
            };
        }
        match readable {
            Some(lead_id) => Permission::JudgeRead { lead_id },
            None => Permission::Unanswerable,
        }
    }

    fn held_leads(&self) -> Vec<&str> {
        let mut leads: Vec<&str> = self
            .held
            .iter()
            .map(|held| held.delivery.lead_id.as_str())
            .collect();
        leads.sort_unstable();
        leads.dedup();
        leads
    }

    /// The lead last written successfully that is neither held nor refused to be read.
    fn readable_lead(&self) -> Option<String> {
        let held = self.held_leads();
        self.recent
            .iter()
            .find(|lead| !lead.read_refused && !held.contains(&lead.lead_id.as_str()))
            .map(|lead| lead.lead_id.clone())
    }

    /// A write worked. Returns whether that changed what must be saved.
    pub fn saw_accepted(&mut self, lead_id: &str, now: Timestamp) -> bool {
        self.remember_lead(lead_id);
        self.saw_working(now)
    }

    /// A look-up found that an earlier write had worked. That ends a pause, but look-ups neither
    /// count for the breaker nor close it. Returns whether that changed what must be saved.
    pub fn saw_found(&mut self, lead_id: &str, now: Timestamp) -> bool {
        self.remember_lead(lead_id);
        let was_paused = self.pause.is_some();
        if was_paused {
            self.roll(now, |health| health.pause = None);
        }
        was_paused
    }

    /// `lead_id` is the lead last written.
    fn remember_lead(&mut self, lead_id: &str) {
        match self.recent.iter().position(|lead| lead.lead_id == lead_id) {
            Some(0) if !self.recent[0].read_refused => {}
            position => {
                position.map(|position| self.recent.remove(position));
                self.recent.truncate(RECENT_LEADS - 1);
                self.recent.push_front(Recent {
                    lead_id: lead_id.to_owned(),
                    read_refused: false,
                });
            }
        }
    }

    /// A write got an answer that shows the target at work (accepted, or refused for its own
    /// fault). Returns whether that changed what must be saved.
    pub fn saw_working(&mut self, now: Timestamp) -> bool {
        let quiet = !self.failing && self.pause.is_none() && self.refused_row.is_empty();
        if self.breaker.answered() || !quiet {
            self.roll(now, |health| {
                health.failing = false;
                health.pause = None;
                health.refused_row.clear();
            });
            return true;
        }
        false
    }

    /// A write has to be tried again.
    pub fn saw_retry(
        &mut self,
        lead_id: &str,
        retry: &Retry,
        policies: (&BreakerConfig, &RetryConfig),
        now: Timestamp,
    ) -> bool {
        let (breaker, policy) = policies;
        self.roll(now, |health| {
            health.failing |= retry.weight != Weight::Nothing;
            if let Some(until) = retry.gate {
                health.close_gate(until, policy, now);
            }
            match retry.weight {
                Weight::Failure => {
                    health.breaker.failed(lead_id, breaker, now);
                }
                Weight::Answer => {
                    health.breaker.answered();
                }
                Weight::Nothing => health.breaker.probe_ended(lead_id, breaker, now),
            }
            health.probe_failed(lead_id, now);
        });
        true
    }

    /// The answer to a judging or probing read asks the whole target to wait.
    pub fn saw_gate(&mut self, until: Timestamp, policy: &RetryConfig, now: Timestamp) {
        self.roll(now, |health| health.close_gate(until, policy, now));
    }

    fn close_gate(&mut self, until: Timestamp, policy: &RetryConfig, now: Timestamp) {
        let is_long = until > after(now, policy.retry_after_max);
        if self.gate.as_ref().is_none_or(|gate| gate.until < until) {
            self.gate = Some(Gate { until, is_long });
        }
    }

    /// A write or look-up was refused, and it is not clear whose fault that is. Returns whether it
    /// is to be held; while the target is paused it is the probe's answer, and due again.
    pub fn saw_refusal(&mut self, lead_id: &str, now: Timestamp) -> bool {
        self.breaker.answered();
        if self.pause.is_some() {
            self.roll(now, |health| health.probe_failed(lead_id, now));
            return false;
        }
        true
    }

    /// The refusal is on disk as held. True if it waits for a ruling; false if the target was
    /// paused meanwhile, which is the ruling.
    pub fn hold(&mut self, delivery: HeldDelivery) -> bool {
        let waits = self.pause.is_none();
        if waits {
            self.held.push(Held::unasked(delivery));
        }
        waits
    }

    /// A read for judging or probing began.
    pub fn begin_read(&mut self, now: Timestamp) {
        self.busy = true;
        self.judged_at = Some(now);
        for held in &mut self.held {
            held.is_asked = true;
        }
    }

    /// The read of `lead_id` was answered (`None`: no answer).
    pub fn saw_read(&mut self, lead_id: &str, status: Option<u16>, now: Timestamp) -> HeldRuling {
        self.busy = false;
        match status.map(class) {
            Some(Class::Accepted | Class::Own) => self.read_works(now),
            Some(Class::Whose) => {
                for lead in self
                    .recent
                    .iter_mut()
                    .filter(|lead| lead.lead_id == lead_id)
                {
                    lead.read_refused = true;
                }
                if self.pause.is_some() {
                    self.roll(now, |health| health.probe_failed(lead_id, now));
                    return HeldRuling::Nothing;
                }
                self.pause_for(status.unwrap_or_default(), false, now)
            }
            Some(Class::Busy) | None => {
                self.roll(now, |health| health.probe_failed(lead_id, now));
                HeldRuling::Nothing
            }
        }
    }

    fn read_works(&mut self, now: Timestamp) -> HeldRuling {
        if self.pause.is_some() {
            self.roll(now, |health| health.pause = None);
            return HeldRuling::Nothing;
        }
        let (before, since): (Vec<Held>, Vec<Held>) =
            self.held.drain(..).partition(|held| held.is_asked);
        self.held = since;
        for held in &before {
            if !self.refused_row.contains(&held.delivery.lead_id) {
                self.refused_row.push(held.delivery.lead_id.clone());
            }
        }
        if self.refused_row.len() >= REFUSED_LEADS {
            let status = before.last().map_or(0, |held| held.delivery.http_status);
            self.held.extend(before);
            return self.pause_for(status, true, now);
        }
        HeldRuling::Own(before.into_iter().map(|held| held.delivery).collect())
    }

    /// Nobody could be asked whose refusal it was.
    pub fn unanswerable(&mut self, now: Timestamp) -> HeldRuling {
        self.judged_at = Some(now);
        if self.held_leads().len() >= HELD_LEADS {
            let status = self.held.last().map_or(0, |held| held.delivery.http_status);
            return self.pause_for(status, false, now);
        }
        HeldRuling::Backoff(self.held.drain(..).map(|held| held.delivery).collect())
    }

    fn pause_for(
        &mut self,
        http_status: u16,
        reads_prove_nothing: bool,
        now: Timestamp,
    ) -> HeldRuling {
        self.roll(now, |health| {
            health.refused_row.clear();
            health.pause = Some(Pause {
                http_status,
                since: now,
                probe_at: after(now, PROBE_FIRST),
                interval_ms: u64::try_from(PROBE_FIRST.as_millis()).unwrap_or(u64::MAX),
                reads_prove_nothing,
                next_is_read: true,
                probed: Vec::new(),
            });
        });
        HeldRuling::DueNow(self.held.drain(..).map(|held| held.delivery).collect())
    }

    /// The next probe comes later, is of the other kind, and of another lead.
    fn probe_failed(&mut self, lead_id: &str, now: Timestamp) {
        if let Some(pause) = self.pause.as_mut().filter(|pause| now >= pause.probe_at) {
            let next = Duration::from_millis(pause.interval_ms)
                .saturating_mul(2)
                .min(PROBE_MAX);
            pause.interval_ms = u64::try_from(next.as_millis()).unwrap_or(u64::MAX);
            pause.probe_at = after(now, next);
            pause.next_is_read = !pause.next_is_read;
            pause.probed.push(lead_id.to_owned());
            if pause.probed.len() > RECENT_LEADS {
                pause.probed.remove(0);
            }
        }
    }

    /// Every lead with something due was probed: all may be probed again.
    pub fn begin_probe_round(&mut self) {
        if let Some(pause) = &mut self.pause {
            pause.probed.clear();
        } else if let Some(open) = &mut self.breaker.open {
            open.probed.clear();
        }
    }

    /// A probe found nothing to send: look again later.
    pub fn probe_found_nothing(&mut self, now: Timestamp) {
        if let Some(pause) = &mut self.pause {
            pause.next_is_read = true;
            pause.probed.clear();
            pause.probe_at = after(now, Duration::from_millis(pause.interval_ms));
        } else if let Some(open) = &mut self.breaker.open {
            open.probed.clear();
            open.probe_at = after(now, Duration::from_secs(1));
        }
    }

    /// Time lost so far, in milliseconds.
    pub fn lost_ms(&self, now: Timestamp) -> i64 {
        self.lost_since.map_or(self.lost_ms, |since| {
            let end = if self.is_blocked_by_more_than_a_gate() {
                now
            } else {
                self.gate.as_ref().map_or(now, |gate| gate.until.min(now))
            };
            let lost = end.as_millisecond().saturating_sub(since.as_millisecond());
            self.lost_ms.saturating_add(lost.max(0))
        })
    }

    fn is_blocked_by_more_than_a_gate(&self) -> bool {
        let stops = self.stopped.is_some() || self.pause.is_some();
        stops || self.breaker.open.is_some() || self.failing
    }

    /// Changes the state and keeps the account of lost time right.
    fn roll(&mut self, now: Timestamp, change: impl FnOnce(&mut Self)) {
        self.lost_ms = self.lost_ms(now);
        change(self);
        self.gate = self.gate.take().filter(|gate| now < gate.until);
        let blocked = self.is_blocked_by_more_than_a_gate() || self.gate.is_some();
        self.lost_since = blocked.then_some(now);
    }
}

mod forget;
mod stopped;

pub use stopped::Stopped;

#[cfg(test)]
mod tests;
