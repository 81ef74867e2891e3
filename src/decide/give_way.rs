//! What was decided for a system and is not sent yet, when that system reports something newer of
//! its own: it gives way, for what is older never goes over what is newer. Pure.
//!
//! Newer is told by the clocks of both events where both have one, to the second, else by the order
//! recorded. A stronger source's word stays: at LeadPing what the report may not leave, elsewhere
//! what a source stronger than the reporting one wants while the lead itself is held by such a
//! source. So does what the report says too. A campaign goes on by itself: what it reports takes no
//! order to it back. What is in flight, or of unknown fate, cannot be taken back: it comes after
//! what is told.

use super::{Question, Reported, authority, echo};
use crate::delivery::Slot;
use crate::lead::course::Words;
use crate::lead::{Entry, EntryState, LEADPING, TargetHistory};

/// The vendor whose leads change by themselves.
const NLPEARL: &str = "nlpearl";

/// The unsent writes of one slot that give way to what its system tells, newest first.
pub(super) fn to_report<'h>(
    question: &Question<'_>,
    (reported, words): (&Reported, &Words),
    (slot, history): (Slot<'_>, &'h TargetHistory),
) -> Vec<&'h Entry> {
    let is_unsent = |entry: &&Entry| entry.state == EntryState::Unsent;
    if reported.kind == NLPEARL || !history.counting().any(|entry| is_unsent(&entry)) {
        return Vec::new();
    }
    let decide = &question.policy.decide;
    let source = question.event.source.as_str();
    let course = history.course.as_ref();
    if course.is_some_and(|course| authority::is_outranked(decide, course, words, source)) {
        return Vec::new();
    }
    let lead = question.history.targets.get(LEADPING);
    let holder = lead
        .filter(|_| !slot.is_disposition())
        .and_then(|lead| lead.course.as_ref())
        .filter(|course| authority::is_held_from(decide, course, source));
    let facts = &question.reading.facts;
    history
        .counting()
        .filter(is_unsent)
        .filter(|entry| is_newer(question, entry))
        .filter(|entry| {
            !echo::says_the_same(reported.kind, facts, (&entry.members, entry.delivery))
        })
        .filter(|entry| holder.is_none() || !authority::is_weaker(decide, source, &entry.source))
        .collect()
}

/// Whether the event is newer than the one that this entry was decided by.
fn is_newer(question: &Question<'_>, entry: &Entry) -> bool {
    let ours = question.occurred_at().map(|at| at.as_second());
    let theirs = entry.has_clock.then(|| entry.timestamp.as_second());
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => ours > theirs,
        _ => question.event.sequence > entry.event,
    }
}
