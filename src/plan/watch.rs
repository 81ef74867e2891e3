//! One event of a replay whose story is wanted: told by `explain` at the moment it is decided, with
//! the past that it then has.

use std::sync::Arc;

use super::Sides;
use crate::config::Config;
use crate::decider::Rules;
use crate::event::{Event, EventId};
use crate::explain::{self, Explanation};
use crate::lead::LeadHistory;
use crate::store::Undecided;

#[derive(Debug)]
pub(super) struct Watch {
    event: EventId,
    config: Arc<Config>,
    /// The newest telling: an event that waits is decided twice.
    told: Sides<Option<Explanation>>,
}

impl Watch {
    pub(super) fn of(event: EventId, config: Arc<Config>) -> Self {
        Self {
            event,
            config,
            told: Sides::default(),
        }
    }

    pub(super) fn is_of(&self, event: &Event) -> bool {
        event.id == self.event
    }

    pub(super) fn tell_current(&mut self, rules: &Rules, event: &Undecided, history: &LeadHistory) {
        self.told.current = Some(self.explain(rules, event, history));
    }

    pub(super) fn tell_candidate(
        &mut self,
        rules: &Rules,
        event: &Undecided,
        history: &LeadHistory,
    ) {
        self.told.candidate = Some(self.explain(rules, event, history));
    }

    fn explain(&self, rules: &Rules, event: &Undecided, history: &LeadHistory) -> Explanation {
        let now = event.event.received_at;
        rules.ask((event, history), now, |question, table| {
            explain::explain(question, table, &self.config)
        })
    }

    pub(super) fn told(self) -> Option<Sides<Explanation>> {
        Some(Sides {
            current: self.told.current?,
            candidate: self.told.candidate?,
        })
    }
}
