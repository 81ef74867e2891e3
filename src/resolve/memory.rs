//! What a resolver remembers of the leads that it asked for, bounded, and when it may ask again.
//! Time comes in. It outlives no restart: then what still waits is asked for once more.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::after;
use crate::config::RetryConfig;
use crate::deliver::schedule::{Jitter, delay};
use crate::event::Sequence;

/// Leads remembered; the oldest answers are forgotten first.
const MOST_LEADS: usize = 10_000;
/// Leads that may be waiting to be asked for again.
const MOST_AGAIN: usize = 256;
/// Failures of one lead while others were answered, after which it is its own fault.
const MOST_STRIKES: u32 = 8;

#[derive(Debug, Default)]
pub(super) struct Memory {
    leads: HashMap<String, Known>,
    /// Of answered leads: the order in which they were.
    order: BTreeMap<u64, String>,
    last_number: u64,
    /// Leads to be asked for again: when, and the event by which each came up.
    again: BTreeMap<(Timestamp, Sequence), String>,
    /// After a failure nobody is asked for until then.
    closed_until: Option<Timestamp>,
    /// In a row.
    failures: u32,
    /// Leads that were answered, ever.
    answers: u64,
}

#[derive(Debug)]
enum Known {
    /// Being asked for, or to be asked for again.
    Open {
        tries: u32,
        strikes: u32,
        answers: u64,
    },
    Answered {
        until: Timestamp,
        number: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Again,
    OftenEnough,
}

impl Memory {
    pub fn is_closed(&self, now: Timestamp) -> bool {
        self.closed_until.is_some_and(|until| now < until)
    }

    pub fn close_until(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// When there may be something to ask, if only time has to pass for it.
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        let closed = self.closed_until.filter(|until| now < *until);
        closed.or_else(|| self.again.keys().next().map(|(at, _)| *at))
    }

    /// So many are to be asked for again that no others are taken up.
    pub fn is_full(&self) -> bool {
        self.again.len() >= MOST_AGAIN
    }

    /// Whether there is no need to ask for it now.
    pub fn knows(&self, lead: &str, now: Timestamp) -> bool {
        match self.leads.get(lead) {
            Some(Known::Open { .. }) => true,
            Some(Known::Answered { until, .. }) => now < *until,
            None => false,
        }
    }

    pub fn asking(&mut self, lead: &str) {
        if !matches!(self.leads.get(lead), Some(Known::Open { .. })) {
            let open = Known::Open {
                tries: 0,
                strikes: 0,
                answers: self.answers,
            };
            self.put(lead, open);
        }
    }

    /// The target knows what to say of it: no need to ask before `until`.
    pub fn answered(&mut self, lead: &str, until: Timestamp) {
        self.failures = 0;
        self.answers += 1;
        self.leave_until(lead, until);
    }

    /// Not to be asked for before `until`, though nothing was answered.
    pub fn leave_until(&mut self, lead: &str, until: Timestamp) {
        self.last_number += 1;
        let number = self.last_number;
        self.put(lead, Known::Answered { until, number });
        self.order.insert(number, lead.to_owned());
        while self.leads.len() > MOST_LEADS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.leads.remove(&oldest);
        }
    }

    fn put(&mut self, lead: &str, known: Known) {
        if let Some(Known::Answered { number, .. }) = self.leads.insert(lead.to_owned(), known) {
            self.order.remove(&number);
        }
    }

    /// It is to be asked for again at `at`.
    pub fn again(&mut self, lead: &str, event: Sequence, at: Timestamp) {
        self.again.insert((at, event), lead.to_owned());
    }

    /// A lead whose turn has come again, and its event.
    pub fn take_again(&mut self, now: Timestamp) -> Option<(String, Sequence)> {
        let entry = self.again.first_entry()?;
        let (at, event) = *entry.key();
        (at <= now).then(|| (entry.remove(), event))
    }

    /// What was answered may have changed; whoever is being asked for stays so.
    pub fn doubt(&mut self, lead: &str) {
        if let Some(Known::Answered { number, .. }) = self.leads.get(lead) {
            self.order.remove(number);
            self.leads.remove(lead);
        }
    }

    /// It waits no longer.
    pub fn forget(&mut self, lead: &str) {
        self.leads.remove(lead);
    }

    /// Asking failed, and it was not the lead's fault alone, as far as is known: nobody is asked
    /// for a while, others are asked for first, and this one again later.
    pub fn failed(
        &mut self,
        lead: &str,
        event: Sequence,
        policy: &RetryConfig,
        now: Timestamp,
    ) -> (Duration, Asked) {
        // One caller: there is nobody to be spread from.
        const NO_DICE: Jitter = Jitter(0.5);
        self.failures = self.failures.saturating_add(1);
        self.close_until(after(now, delay(self.failures, policy, NO_DICE)));
        let answered = self.answers;
        let Some(Known::Open {
            tries,
            strikes,
            answers,
        }) = self.leads.get_mut(lead)
        else {
            return (Duration::ZERO, Asked::OftenEnough);
        };
        *tries = tries.saturating_add(1);
        // While nobody is answered, no lead is to blame.
        if *answers < answered {
            *answers = answered;
            *strikes += 1;
        }
        if *strikes >= MOST_STRIKES {
            return (Duration::ZERO, Asked::OftenEnough);
        }
        let wait = delay(*tries, policy, NO_DICE);
        self.again(lead, event, after(now, wait));
        (wait, Asked::Again)
    }
}

#[cfg(test)]
mod tests;
