//! Planning: recorded events, decided again with the tables in force and with candidate tables →
//! what would differ. Pure: events come in, in the order recorded; a comparison goes out.
//!
//! Nothing here decides by itself. Bodies are read and events are decided by the daemon's own
//! rules, leads are found and taught by `lead::identity` and `LeadState`; a planned delivery counts
//! as what its target has next. Where both sides have the same table and the same past, the one
//! decision stands for both: deciding looks at nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::config::Config;
use crate::decider::Rules;
use crate::decision::Decision;
use crate::event::{Event, EventId, Sequence};
use crate::explain::Explanation;
use crate::lead::identity::Subject;
use crate::lead::{LeadHistory, LeadKey, LeadState};
use crate::map::Tables;
use crate::store::{Decider, KnownLead, StoreError, Undecided};

mod comparison;
mod ends;
mod judged;
mod leads;
mod lines;
mod past;
mod tally;
mod terminal;
#[cfg(test)]
mod tests;
mod watch;
mod words;

pub use comparison::{CallCost, Comparison, Parking};
pub use ends::LeadEnd;
pub use leads::id_key;
pub use lines::{Line, LineKind};
pub use tally::{Counts, Example, SideTotals};
pub use terminal::Terminal;

use judged::{Judged, waits};
use leads::Leads;
use lines::Lines;
use past::Past;
use tally::{Count, Pair, Tally};
use watch::Watch;

/// The same thing under the tables in force and under the candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sides<T> {
    pub current: T,
    pub candidate: T,
}

impl<T: Copy> Sides<T> {
    pub fn both(value: T) -> Self {
        Self {
            current: value,
            candidate: value,
        }
    }
}

/// Reads one recorded event again, for a lead whose link was learnt after it.
pub type Recall<'a> = dyn FnMut(Sequence) -> Result<Option<Event>, StoreError> + 'a;

/// A replay under way.
pub struct Plan {
    rules: Sides<Arc<Rules>>,
    /// Source → its mapping, and whether both sides have the same table for it.
    mappings: HashMap<String, (String, bool)>,
    leads: Leads,
    /// Events that wait for their lead's link, on either side.
    waiting: HashMap<LeadKey, Vec<Waiting>>,
    lines: Lines,
    tally: Tally,
    watch: Option<Watch>,
}

/// All that is kept of an event whose lead has no LeadPing id yet.
#[derive(Debug, Clone)]
struct Waiting {
    sequence: Sequence,
    calls: u32,
    /// What was decided, where that cannot be decided again from nothing: other targets had their
    /// calls meanwhile.
    judged: Option<Arc<Judged>>,
}

impl Plan {
    /// `config` is the one in force; only the tables are changed.
    pub fn new(config: &Config, tables: Sides<Tables>) -> Self {
        let lines = Lines::of(&Sides {
            current: &tables.current,
            candidate: &tables.candidate,
        });
        let hash_of = |tables: &Tables, mapping: &str| {
            let table = tables.get(mapping);
            table.map(|table| table.hash.clone())
        };
        let mappings = config.sources.values().map(|source| {
            let mapping = &source.mapping;
            let same = hash_of(&tables.current, mapping) == hash_of(&tables.candidate, mapping);
            (source.name.clone(), (mapping.clone(), same))
        });
        Self {
            mappings: mappings.collect(),
            rules: Sides {
                current: Arc::new(Rules::new(config, tables.current)),
                candidate: Arc::new(Rules::new(config, tables.candidate)),
            },
            leads: Leads::default(),
            waiting: HashMap::new(),
            lines,
            tally: Tally::new(&config.decide.terminal_categories),
            watch: None,
        }
    }

    /// Who reads bodies; the same for both sides, because only tables differ.
    pub fn reader(&self) -> Arc<Rules> {
        self.rules.current.clone()
    }

    /// Takes in what the link table knows about ids that coming events name.
    pub fn know(&mut self, leads: Vec<KnownLead>) {
        for lead in leads {
            self.leads.know(lead);
        }
    }

    /// Decides the next event on both sides, and first what waited for a link that it teaches.
    pub fn decide(&mut self, event: &Undecided, recall: &mut Recall<'_>) -> Result<(), StoreError> {
        let mut subject = self.leads.meet(&event.event.source, &event.reading.facts);
        for (gone, stays) in self.leads.absorbed() {
            let moved = self.waiting.remove(&gone).unwrap_or_default();
            self.waiting.entry(stays).or_default().extend(moved);
        }
        if !subject.learnt.is_empty()
            && let Some(lead) = subject.lead
        {
            self.decide_waiting(lead, &subject.state, recall)?;
        }
        subject.learnt.clear();
        let decisions = self.judge(event, &subject);
        self.tell(event, &subject, Sides::both(true));
        self.take_in(event, &subject, &decisions);
        self.count(event, &decisions, Count::In);
        self.let_wait(event, &subject, &decisions);
        Ok(())
    }

    /// Has this event's story kept, on both sides, as it is decided.
    pub fn watch(&mut self, event: EventId, config: Arc<Config>) {
        self.watch = Some(Watch::of(event, config));
    }

    /// The story of the event that is watched, once it was decided.
    pub fn told(&mut self) -> Option<Sides<Explanation>> {
        self.watch.take()?.told()
    }

    /// What differs, now that everything was decided.
    pub fn finish(&self, config: &Config) -> Comparison {
        Comparison::of(&self.tally, &self.lines, &self.leads, config)
    }

    pub fn events(&self) -> i64 {
        self.tally.events
    }

    fn judge(&self, event: &Undecided, subject: &Subject) -> Judged {
        let pasts = self.leads.pasts(subject.lead);
        let same_past = pasts.current == pasts.candidate;
        let mapping = self.mappings.get(&event.event.source);
        let same_table = mapping.is_none_or(|(_, same)| *same);
        let now = event.event.received_at;
        let history = self.history(event, &subject.state, pasts.current.as_deref());
        let current = self.rules.current.decide(event, &history, now);
        let by_candidate = |history: &LeadHistory| self.rules.candidate.decide(event, history, now);
        let candidate = match (same_past, same_table) {
            (true, true) => None,
            (true, false) => Some(by_candidate(&history)),
            (false, _) => {
                let past = pasts.candidate.as_deref();
                Some(by_candidate(&self.history(event, &subject.state, past)))
            }
        };
        Judged::new(current, candidate)
    }

    /// Tells how the event that is watched is decided, on the sides on which it is decided now.
    fn tell(&mut self, event: &Undecided, subject: &Subject, sides: Sides<bool>) {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        if watch.is_of(&event.event) {
            let pasts = self.leads.pasts(subject.lead);
            let of = |past: Option<&Past>| self.history(event, &subject.state, past);
            if sides.current {
                let history = of(pasts.current.as_deref());
                watch.tell_current(&self.rules.current, event, &history);
            }
            if sides.candidate {
                let history = of(pasts.candidate.as_deref());
                watch.tell_candidate(&self.rules.candidate, event, &history);
            }
        }
        self.watch = Some(watch);
    }

    /// What a decision may see, as the store would show it.
    fn history(&self, event: &Undecided, state: &LeadState, past: Option<&Past>) -> LeadHistory {
        let names = &self.leads.names;
        LeadHistory {
            previous: past.and_then(Past::previous).cloned(),
            applied: past.map(|past| past.applied(names)).unwrap_or_default(),
            targets: past.map(|past| past.targets(names)).unwrap_or_default(),
            ..LeadHistory::of_state(state, &event.event.source, &event.reading.facts)
        }
    }

    /// Remembers what was decided.
    fn take_in(&mut self, event: &Undecided, subject: &Subject, judged: &Judged) {
        let Some(lead) = subject.lead else { return };
        let sides = judged.sides();
        if sides.current.applied.is_none() && sides.candidate.applied.is_none() {
            return;
        }
        let before = self.leads.pasts(Some(lead));
        let shared = !judged.differs && before.current == before.candidate;
        let names = &mut self.leads.names;
        let mut after = |past: Option<Arc<Past>>, decision: &Decision| {
            if decision.applied.is_none() {
                return past;
            }
            let past = past.unwrap_or_default();
            Some(Arc::new(past.after(&event.event, decision, names)))
        };
        let current = after(before.current, sides.current);
        let candidate = if shared {
            current.clone()
        } else {
            after(before.candidate, sides.candidate)
        };
        self.leads.set_pasts(lead, Sides { current, candidate });
    }

    fn count(&mut self, event: &Undecided, judged: &Judged, count: Count) {
        let mapping = self.mappings.get(&event.event.source);
        let pair = Pair {
            event: &event.event,
            reading: &event.reading,
            mapping: mapping.map_or("", |(mapping, _)| mapping),
            decisions: judged.sides(),
            differs: judged.differs,
        };
        self.tally.count(&pair, &mut self.lines, count);
    }

    fn let_wait(&mut self, event: &Undecided, subject: &Subject, judged: &Judged) {
        let sides = judged.sides();
        if let Some(lead) = subject.lead
            && (waits(sides.current) || waits(sides.candidate))
        {
            let calls = u32::try_from(subject.state.calls.len()).unwrap_or(u32::MAX);
            let from_nothing =
                |decision: &Decision| decision.deliveries.is_empty() && decision.applied.is_none();
            let is_plain = subject.state.lead_id().is_none()
                && from_nothing(sides.current)
                && from_nothing(sides.candidate);
            self.waiting.entry(lead).or_default().push(Waiting {
                sequence: event.event.sequence,
                calls,
                judged: (!is_plain).then(|| Arc::new(judged.clone())),
            });
        }
    }

    /// Decides again, in the order recorded, what waited for this lead's link.
    fn decide_waiting(
        &mut self,
        lead: LeadKey,
        state: &LeadState,
        recall: &mut Recall<'_>,
    ) -> Result<(), StoreError> {
        let mut waiting = self.waiting.remove(&lead).unwrap_or_default();
        waiting.sort_by_key(|waiting| waiting.sequence);
        for waited in waiting {
            let Some(event) = recall(waited.sequence)? else {
                continue;
            };
            let reading = self.rules.current.read(&event);
            let event = Undecided { event, reading };
            let before = match waited.judged.as_deref() {
                Some(judged) => judged.clone(),
                None => self.judge_unlinked(&event, waited.calls),
            };
            self.count(&event, &before, Count::Out);
            let subject = Subject {
                lead: Some(lead),
                state: state.clone().into(),
                learnt: Vec::new(),
            };
            let now = self.judge(&event, &subject).into_sides();
            let before = before.into_sides();
            let waited = Sides {
                current: waits(&before.current),
                candidate: waits(&before.candidate),
            };
            self.tell(&event, &subject, waited);
            // A side on which it did not wait keeps what it decided.
            let again = |before: Decision, now: Decision| if waits(&before) { now } else { before };
            let judged = Judged::new(
                again(before.current, now.current),
                Some(again(before.candidate, now.candidate)),
            );
            self.take_in(&event, &subject, &judged);
            self.count(&event, &judged, Count::In);
        }
        Ok(())
    }

    /// What was decided when the lead had no link: it had no past either.
    fn judge_unlinked(&self, event: &Undecided, calls: u32) -> Judged {
        let facts = &event.reading.facts;
        let history = LeadHistory {
            calls,
            ..LeadHistory::of_unknown_lead(&event.event.source, facts)
        };
        let now = event.event.received_at;
        Judged::new(
            self.rules.current.decide(event, &history, now),
            Some(self.rules.candidate.decide(event, &history, now)),
        )
    }
}
