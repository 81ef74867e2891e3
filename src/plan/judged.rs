//! Both sides' decisions on one event, and whether they differ.

use super::Sides;
use crate::decision::{AppliedChange, Decision};

/// Both decisions on one event.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    current: Decision,
    /// `None`: by purity the same.
    candidate: Option<Decision>,
    pub(super) differs: bool,
}

impl Judged {
    pub(super) fn new(current: Decision, candidate: Option<Decision>) -> Self {
        Self {
            differs: candidate
                .as_ref()
                .is_some_and(|candidate| differs(&current, candidate)),
            current,
            candidate,
        }
    }

    pub(super) fn sides(&self) -> Sides<&Decision> {
        Sides {
            current: &self.current,
            candidate: self.candidate.as_ref().unwrap_or(&self.current),
        }
    }

    pub(super) fn into_sides(self) -> Sides<Decision> {
        let candidate = self.candidate.unwrap_or_else(|| self.current.clone());
        Sides {
            current: self.current,
            candidate,
        }
    }
}

/// Parked until the lead's link is known.
pub(super) fn waits(decision: &Decision) -> bool {
    let cause = decision.cause.as_ref();
    cause.is_some_and(|cause| cause.class() == "unlinked")
}

/// Whether anything but words of explanation differs: where the event ends, what is sent, what
/// the lead then is. What is remembered of the event follows from just this.
fn differs(current: &Decision, candidate: &Decision) -> bool {
    let same_verdicts = current.record.targets.len() == candidate.record.targets.len()
        && current
            .record
            .targets
            .iter()
            .zip(&candidate.record.targets)
            .all(|((left_target, left), (right_target, right))| {
                left_target == right_target && left.as_str() == right.as_str()
            });
    let same_calls = current.deliveries.len() == candidate.deliveries.len()
        && current
            .deliveries
            .iter()
            .zip(&candidate.deliveries)
            .all(|(left, right)| {
                // Everything but the id, which is new each time.
                left.target == right.target
                    && left.lead_id == right.lead_id
                    && left.members == right.members
                    && left.call == right.call
                    && left.amends == right.amends
                    && left.timestamp == right.timestamp
                    && left.withheld == right.withheld
            });
    !same_verdicts
        || !same_calls
        || current.revisions != candidate.revisions
        || current.record.verdict != candidate.record.verdict
        || current.cause != candidate.cause
        || !same_end(current.applied.as_ref(), candidate.applied.as_ref())
}

/// Whether the lead is the same afterwards. What it was before is another event's difference.
fn same_end(current: Option<&AppliedChange>, candidate: Option<&AppliedChange>) -> bool {
    let (Some(current), Some(candidate)) = (current, candidate) else {
        return current.is_none() && candidate.is_none();
    };
    let courses = |change: &AppliedChange| {
        let courses = change.courses.iter();
        courses
            .map(|(target, course)| (target.clone(), course.words.clone(), course.is_final))
            .collect::<Vec<_>>()
    };
    current.occurred_at == candidate.occurred_at
        && current.targets == candidate.targets
        && current.previous == candidate.previous
        && courses(current) == courses(candidate)
}
