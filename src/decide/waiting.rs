//! A lead that is not known at LeadPing yet: what waits there for its link holds the lead elsewhere
//! all the same, where not just anybody may leave it. What is decided for it then has that before
//! it, in the order recorded. Pure.

use serde_json::Map;

use super::{Question, authority};
use crate::decision::TargetVerdict;
use crate::delivery::{self, Slot};
use crate::lead::LEADPING;
use crate::lead::course::{Course, Waits, Words};
use crate::map::Wish;

/// Whether the wish is for a disposition of a lead that LeadPing's id is not known of.
fn waits_for_its_link(wish: &Wish, verdict: &TargetVerdict) -> bool {
    let slot = delivery::slot(&wish.target, "", &wish.members);
    matches!(verdict, TargetVerdict::Unlinked) && Slot::parse(&slot).is_disposition()
}

/// Slot and course of a lead that the event holds from now on.
pub(super) fn hold(
    question: &Question<'_>,
    wish: &Wish,
    verdict: &TargetVerdict,
) -> Option<(String, Course)> {
    let decide = &question.policy.decide;
    let own = question.event;
    let waits = Waits {
        event: own.sequence,
        source: own.source.clone(),
        is_final: wish.is_final,
        words: Words::of(&wish.target, &wish.members),
    };
    if !waits_for_its_link(wish, verdict) || !authority::is_held(decide, &waits.course()) {
        return None;
    }
    let slot = delivery::slot(&wish.target, "", &Map::new());
    let known = question.history.targets.get(&slot);
    let known = known.and_then(|history| history.course.as_ref());
    let is_kept = |held: &Waits| {
        held.event > own.sequence
            || (held.event < own.sequence
                && authority::is_weaker(decide, &own.source, &held.source))
    };
    let held = known.and_then(|course| course.waits.as_ref());
    if held.is_some_and(is_kept) {
        return None;
    }
    let course = Course {
        waits: Some(waits),
        ..known.cloned().unwrap_or_default()
    };
    Some((slot, course))
}

/// The verdict on what else the event wants: what waited before it is not left by a weaker source.
pub(super) fn overrules(
    question: &Question<'_>,
    wish: &Wish,
    verdict: &TargetVerdict,
) -> Option<TargetVerdict> {
    if !waits_for_its_link(wish, verdict) {
        return None;
    }
    let course = question.history.targets.get(LEADPING)?.course.as_ref()?;
    let held = course.waits.as_ref()?.clone();
    let words = Words::of(&wish.target, &wish.members);
    let own = question.event;
    let decide = &question.policy.decide;
    let is_before = held.event < own.sequence;
    let is_outranked = authority::is_outranked(decide, &held.course(), &words, &own.source);
    (is_before && is_outranked).then_some(TargetVerdict::Outranked {
        by: held.source,
        stays: held.words,
    })
}
