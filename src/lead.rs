//! The lead: the subject of events and the key of order, and what we know of its past.
//!
//! [`LeadHistory`] is the whole of what a decision may look at besides the event and the tables;
//! `store` loads it in the transaction that writes the decision.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decision::AppliedChange;
use crate::delivery::{DeliveryId, Slot};
use crate::event::{Facts, Sequence};

mod after;
pub mod course;
pub mod identity;

use course::{Course, Report, Words};

/// The name under which the link table keeps LeadPing's own lead ids.
pub const LEADPING: &str = "leadping";

/// One lead across all systems: the store's own number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeadKey(pub i64);

/// Numbers for leads that are only foreseen: none is one of the store's.
#[derive(Debug, Default)]
pub struct ForeseenKeys {
    made: i64,
}

impl ForeseenKeys {
    pub fn make(&mut self) -> LeadKey {
        // The store counts up from 1.
        self.made -= 1;
        LeadKey(self.made)
    }
}

/// An id of a lead in one system: a source's name or [`LEADPING`], and the id there.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct SystemId {
    pub system: String,
    pub id: String,
}

impl SystemId {
    pub fn new(system: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            system: system.into(),
            id: id.into(),
        }
    }

    pub fn is(&self, system: &str, id: &str) -> bool {
        self.system == system && self.id == id
    }
}

/// The newest event of one source that was applied: made a delivery, was unchanged, or an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub sequence: Sequence,
    /// The source's clock; `None` where the source has none.
    pub occurred_at: Option<Timestamp>,
}

/// What the lead was last decided to be, as tables see it (`previous.category`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Previous {
    pub category: Option<String>,
    pub outcome: Option<String>,
    pub source: String,
    pub at: Timestamp,
}

/// Where an entry stands, as far as a decision has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// Due, and no try of it can have arrived.
    Unsent,
    /// A try of it is open, or its fate is not known.
    OnItsWay,
    /// At the target, by its answer or because the write came back as a webhook; in shadow mode also
    /// what was withheld.
    There,
    /// Parked, discarded, superseded, withheld, or gone from the target's history.
    Absent,
}

/// One set that was decided for the lead, with everything that amended it since.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The set that makes it.
    pub delivery: DeliveryId,
    /// The event that the set came from, and its source.
    pub event: Sequence,
    pub source: String,
    /// The members that rows gave (no lead id, no marker, no timestamp of ours).
    pub members: Map<String, Value>,
    /// The call that it is about, from the first event that named one.
    pub call: Option<String>,
    /// What the set was sent with as `timestamp`.
    pub timestamp: Timestamp,
    /// That is its event's own clock, not the time received.
    pub has_clock: bool,
    /// The target's id of it, once known.
    pub entry_id: Option<String>,
    pub state: EntryState,
    /// When the target was known to have it: by its answer, or by the echo if that came before.
    pub there_since: Option<Timestamp>,
}

/// A write of ours that may come back as a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnWrite {
    pub delivery: DeliveryId,
    /// What the entry that it made, or amended, is marked with.
    pub entry: DeliveryId,
    /// The event that it came from.
    pub event: Sequence,
    pub members: Map<String, Value>,
    /// A webhook received later is not its echo.
    pub until: Timestamp,
}

/// Entries of a lead at a target that decisions look at, the newest ones; an event that equals an
/// older one sets anew.
pub const MAX_ENTRIES: usize = 16;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetHistory {
    /// The newest event of any source that was applied at this target.
    pub applied: Option<Sequence>,
    /// Newest first, at most [`MAX_ENTRIES`].
    pub entries: Vec<Entry>,
    pub course: Option<Course>,
    /// Only where the event's source belongs to this target; oldest first.
    pub own_writes: Vec<OwnWrite>,
}

impl TargetHistory {
    /// What the target has: the newest entry that is there or on its way, unless the target itself
    /// has said otherwise since.
    pub fn has(&self) -> Option<&Entry> {
        let mut counting = self.counting();
        counting.find(|entry| entry.state != EntryState::Absent)
    }

    /// Entries that nothing was reported over, newest first.
    pub fn counting(&self) -> impl Iterator<Item = &Entry> {
        let over = self.reported().and_then(|report| report.over);
        self.entries
            .iter()
            .take_while(move |entry| Some(entry.delivery) != over)
    }

    /// What the target itself said last that was not what we had written.
    pub fn reported(&self) -> Option<&Report> {
        self.course.as_ref()?.reported.as_ref()
    }
}

impl Entry {
    pub fn words(&self, target: &str) -> Words {
        Words::of(target, &self.members)
    }
}

/// A lead's past, as far as a decision may look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeadHistory {
    /// The LeadPing lead id, from the event or from the link table; `None`: unlinked.
    pub lead_id: Option<String>,
    /// Distinct calls that the bridge has seen for this lead, this event's included.
    pub calls: u32,
    pub previous: Option<Previous>,
    /// Newest applied event: source name → when.
    pub applied: BTreeMap<String, Applied>,
    /// Slot (see `delivery::slot`) → what the target has there.
    pub targets: BTreeMap<String, TargetHistory>,
    /// Every id that is known, this event's included.
    pub ids: Vec<SystemId>,
    /// NLPearl lead id → the pearl that it belongs to.
    pub pearls: BTreeMap<String, String>,
    /// Decided again for one place: what was decided for the others stays as it is.
    pub only: Option<Only>,
    /// Why it is not known which lead the event is about: its ids are of several.
    pub contradiction: Option<String>,
}

/// The one place that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    pub target: String,
    /// LeadPing's record of the lead, not its dispositions.
    pub is_record: bool,
    /// Where the lead was there; `None`: it is in one place.
    pub lead_id: Option<String>,
}

impl Only {
    pub fn of(slot: Slot<'_>) -> Self {
        Self {
            target: slot.target.to_owned(),
            is_record: slot.is_record,
            lead_id: slot.lead_id.map(str::to_owned),
        }
    }

    pub fn is(&self, slot: Slot<'_>) -> bool {
        self.target == slot.target && self.is_record == slot.is_record
    }
}

impl LeadHistory {
    /// Of a lead that nobody has heard of before the event with these facts.
    pub fn of_unknown_lead(source: &str, facts: &Facts) -> Self {
        let mut state = LeadState::default();
        state.learn_calls(&facts.calls);
        Self::of_state(&state, source, facts)
    }

    /// What is known of a lead besides what was decided for it. The event's own word on its
    /// LeadPing id goes before the link's.
    pub fn of_state(state: &LeadState, source: &str, facts: &Facts) -> Self {
        let mut ids = state.ids.clone();
        for (system, id) in identity::named_by(source, facts) {
            if system != LEADPING && !ids.iter().any(|known| known.is(system, id)) {
                ids.push(SystemId::new(system, id));
            }
        }
        let mut pearls = state.pearls.clone();
        if let (Some(lead), Some(pearl)) = (&facts.source_lead_id, &facts.pearl_id) {
            pearls.insert(lead.clone(), pearl.clone());
        }
        Self {
            lead_id: facts
                .lead_id
                .clone()
                .or_else(|| state.lead_id().map(str::to_owned)),
            calls: u32::try_from(state.calls.len()).unwrap_or(u32::MAX),
            ids,
            pearls,
            contradiction: state.contradiction.clone(),
            ..Self::default()
        }
    }
}

/// Distinct calls remembered per lead; more than a campaign ever makes.
const MAX_CALLS: usize = 256;
/// Campaigns remembered per lead; more than anybody runs for one.
const MAX_PEARLS: usize = 64;

/// What is remembered of one lead; changed only by the pure functions here, so that the daemon and
/// a replay in memory remember alike.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LeadState {
    /// Every id we know, in every system.
    #[serde(default)]
    pub ids: Vec<SystemId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
    /// NLPearl lead id → the pearl that it belongs to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pearls: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applied: BTreeMap<String, Applied>,
    /// Slot (see `delivery::slot`) → the newest event applied there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Sequence>,
    /// Slot → what was decided there, or told by the target itself; bounded in itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub courses: BTreeMap<String, Course>,
    /// Why nobody knows which lead an event is about, whose ids are of several: of that event alone,
    /// and never kept.
    #[serde(skip)]
    pub contradiction: Option<String>,
}

impl LeadState {
    pub fn lead_id(&self) -> Option<&str> {
        self.ids
            .iter()
            .find(|id| id.system == LEADPING)
            .map(|id| id.id.as_str())
    }

    /// Every slot of which something is known.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        let told = self.courses.keys();
        let told = told.filter(|slot| !self.targets.contains_key(*slot));
        self.targets.keys().chain(told).map(String::as_str)
    }

    /// The lead's course in this slot. Leads of older stores have none; what they were last decided
    /// to be at LeadPing is known all the same.
    pub fn course(&self, slot: &str) -> Option<Course> {
        let known = self.courses.get(slot).cloned();
        let previous = self.previous.as_ref();
        known.or_else(|| {
            let previous = previous.filter(|_| Slot::parse(slot).is_disposition())?;
            Some(Course {
                words: Words {
                    category: previous.category.clone(),
                    outcome: previous.outcome.clone(),
                },
                source: previous.source.clone(),
                ..Course::default()
            })
        })
    }

    pub fn pearl_of(&self, lead_id: &str) -> Option<&str> {
        self.pearls.get(lead_id).map(String::as_str)
    }

    /// Notes the pearl of an NLPearl lead id; whether that is new.
    pub fn learn_pearl(&mut self, lead_id: &str, pearl_id: &str) -> bool {
        let known = self.pearl_of(lead_id);
        // A lead is in as few campaigns as it has ids.
        let has_room = known.is_some() || self.pearls.len() < MAX_PEARLS;
        if known == Some(pearl_id) || !has_room {
            return false;
        }
        self.pearls.insert(lead_id.to_owned(), pearl_id.to_owned());
        true
    }

    /// Whether [`Self::learn_calls`] would note one.
    pub fn has_new_call(&self, calls: &[String]) -> bool {
        self.calls.len() < MAX_CALLS && calls.iter().any(|call| !self.calls.contains(call))
    }

    /// Notes the calls that an event names.
    pub fn learn_calls(&mut self, calls: &[String]) {
        for call in calls {
            if self.calls.len() < MAX_CALLS && !self.calls.contains(call) {
                self.calls.push(call.clone());
            }
        }
    }

    /// Another lead turns out to be this one.
    pub fn absorb(&mut self, gone: Self) {
        for id in gone.ids {
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
        self.learn_calls(&gone.calls);
        self.pearls.extend(gone.pearls);
        self.previous = self.previous.take().or(gone.previous);
        for (source, applied) in gone.applied {
            let newest = self.applied.entry(source).or_insert(applied);
            newest.sequence = newest.sequence.max(applied.sequence);
            newest.occurred_at = newest.occurred_at.max(applied.occurred_at);
        }
        for (slot, course) in gone.courses {
            // Of two courses in one place the one with the newer word is where the lead is.
            let theirs = course.newest_word(gone.targets.get(&slot));
            let ours = self.courses.get(&slot);
            let waits = ours.and_then(|course| course.waits.clone());
            let waits = [waits, course.waits.clone()].into_iter().flatten();
            let waits = waits.max_by_key(|waits| waits.event);
            let ours = ours.and_then(|course| course.newest_word(self.targets.get(&slot)));
            let kept = self.courses.entry(slot).or_insert_with(|| course.clone());
            if ours <= theirs {
                *kept = course;
            }
            kept.waits = waits;
        }
        for (slot, sequence) in gone.targets {
            let newest = self.targets.entry(slot).or_insert(sequence);
            *newest = (*newest).max(sequence);
        }
    }

    /// Takes in that the event `sequence` of `source` was applied.
    pub fn apply(&mut self, source: &str, sequence: Sequence, change: &AppliedChange) {
        if !change.is_only_told {
            let newest = self.applied.entry(source.to_owned()).or_insert(Applied {
                sequence,
                occurred_at: change.occurred_at,
            });
            newest.sequence = newest.sequence.max(sequence);
            newest.occurred_at = newest.occurred_at.max(change.occurred_at);
        }
        for target in &change.targets {
            let newest = self.targets.entry(target.clone()).or_insert(sequence);
            *newest = (*newest).max(sequence);
        }
        for (target, course) in &change.courses {
            self.courses.insert(target.clone(), course.clone());
        }
        if let Some(previous) = &change.previous {
            self.previous = Some(previous.clone());
        }
    }
}
