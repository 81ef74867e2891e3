//! Set or amend: an event that says again what an entry says is detail of that entry. Pure.
//!
//! The same source, call, category and outcome make it the same. A call webhook is about its call
//! and nothing else, so it is detail of any entry of that call, however old. A lead webhook says
//! what the lead is now: it is detail only if neither its source, about that call, nor the target
//! itself has said otherwise since, nor its own system was changed again by its clock over what we
//! wrote there; else it comes back to what was, and sets.

use serde_json::{Map, Value};

use crate::delivery::Slot;
use crate::event::{EventKind, Facts};
use crate::lead::course::Words;
use crate::lead::{Entry, TargetHistory};

/// The target whose updates change only what they name.
const NLPEARL: &str = "nlpearl";

/// What an event is compared by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saying<'a> {
    pub source: &'a str,
    pub facts: &'a Facts,
    pub target: &'a str,
    pub words: &'a Words,
}

/// The entry that the event is detail of.
pub(super) fn entry_of<'h>(saying: &Saying<'_>, history: &'h TargetHistory) -> Option<&'h Entry> {
    let is_candidate =
        |entry: &&Entry| entry.source == saying.source && is_same_call(entry, saying.facts);
    let says_so = |entry: &&Entry| entry.words(saying.target) == *saying.words;
    if names_its_call(saying.facts) {
        let mut candidates = history.entries.iter().filter(is_candidate);
        candidates.find(says_so)
    } else {
        history.counting().find(is_candidate).filter(says_so)
    }
}

/// A call webhook, which is about that call and nothing else.
pub(super) fn names_its_call(facts: &Facts) -> bool {
    facts.kind == Some(EventKind::Call) && facts.call.is_some()
}

/// An event without a call belongs to the call of the entry, and an entry without one to the
/// event's.
pub(super) fn is_same_call(entry: &Entry, facts: &Facts) -> bool {
    match (&entry.call, &facts.call) {
        (Some(known), Some(named)) => known == named,
        _ => true,
    }
}

/// The call that the entry takes over from the event.
pub(super) fn call_to_take(entry: &Entry, facts: &Facts) -> Option<String> {
    match &entry.call {
        None => facts.call.clone(),
        Some(_) => None,
    }
}

/// The entry's members with the new ones over them; nothing is cleared.
pub(super) fn merged(entry: &Entry, members: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = entry.members.clone();
    merged.extend(
        members
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    merged
}

/// Whether nothing is lost if the older call is not made. A disposition or a status is said anew as
/// a whole; where only the members that are sent change, each of the older ones must be among the
/// newer.
pub(super) fn says_all_of(
    slot: Slot<'_>,
    newer: &Map<String, Value>,
    older: &Map<String, Value>,
) -> bool {
    let is_partial = slot.is_record || slot.target == NLPEARL;
    !is_partial || covers(newer, older)
}

fn covers(newer: &Map<String, Value>, older: &Map<String, Value>) -> bool {
    older
        .iter()
        .all(|(member, older)| match (newer.get(member), older) {
            (Some(Value::Object(newer)), Value::Object(older)) => covers(newer, older),
            // Tags are added: a list does not replace another.
            (Some(newer), Value::Array(_)) => newer == older,
            (newer, _) => newer.is_some(),
        })
}
