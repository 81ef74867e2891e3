//! The write budget: a lead that is decided back to what it had before, again and again, is caught
//! between two tables that contradict each other. Pure.
//!
//! Counted by the time events were recorded, so a backlog that is worked off does not trip it; a
//! lead that moves on to something new never does.

use jiff::Timestamp;

use super::policy::Policy;
use crate::lead::course::{Course, Return, Words};

/// The returns that used the budget up, if these words would be one more.
pub(super) fn used_up(
    policy: &Policy,
    course: &Course,
    words: &Words,
    at: Timestamp,
) -> Option<Vec<Return>> {
    if !course.comes_back_to(words) {
        return None;
    }
    let span = policy.span();
    let returns: Vec<Return> = course.returns_at(at, span).cloned().collect();
    (returns.len() >= span.most).then_some(returns)
}
