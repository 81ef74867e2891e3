//! The write budget: a lead that is decided back to what it had before, again and again, is caught
//! between two tables that contradict each other. Pure.
//!
//! Counted by the time events were recorded, so a backlog that is worked off does not trip it; a
//! lead that moves on to something new never does. Nor does an event that is decided so long after
//! it was recorded: it feeds no loop, and a person who releases it then wants it done.

use jiff::Timestamp;

use super::policy::Policy;
use crate::lead::course::{Course, Return, Words};

/// The returns that used the budget up, if these words, recorded `at` and decided `now`, would be
/// one more.
pub(super) fn used_up(
    policy: &Policy,
    course: &Course,
    words: &Words,
    (at, now): (Timestamp, Timestamp),
) -> Option<Vec<Return>> {
    let span = policy.span();
    if !course.comes_back_to(words) || now.duration_since(at) > span.per {
        return None;
    }
    let returns: Vec<Return> = course.returns_at(at, span).cloned().collect();
    (returns.len() >= span.most).then_some(returns)
}
