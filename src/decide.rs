//! Deciding: one event, its table, its lead's past → what must happen, and why. Pure.
//!
//! [`decide`] is the one path: the daemon, `explain`, `plan` and replay all take it. It never
//! looks at a clock, a store or a socket. The verdicts are tried in the contract's order, the
//! first that holds wins: those on the event here, those per target in `weigh`, which asks `write`
//! (set or amend), `authority` (who may leave what) and `budget` (is this a loop); `echo` is asked
//! before all of them. `policy` is what the configuration says about it.

use std::collections::BTreeMap;

use jiff::Timestamp;

mod authority;
mod budget;
mod echo;
mod policy;
mod weigh;
mod write;

pub use policy::{Policy, Reported};

use crate::decision::{
    AppliedChange, Decision, DecisionRecord, ParkCause, Revision, TargetVerdict, Verdict,
};
use crate::event::{Event, Facts, Reading, Standing};
use crate::lead::{LEADPING, LeadHistory, Previous, TargetHistory};

use echo::Heard;
use weigh::{Case, Weighed};

use crate::map::{self, MapInput, Mapped, RowRef, Table, Wish};
use crate::systems;

/// Everything a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub event: &'a Event,
    pub reading: &'a Reading,
    pub history: &'a LeadHistory,
    /// Target name → in shadow mode.
    pub shadowed: &'a BTreeMap<String, bool>,
    pub policy: &'a Policy,
    pub now: Timestamp,
}

impl Question<'_> {
    /// What the table may look at.
    pub fn map_input(&self) -> MapInput<'_> {
        MapInput {
            event_id: self.event.id,
            source: &self.event.source,
            received_at: self.event.received_at,
            facts: &self.reading.facts,
            body: &self.event.body,
            lead_id: self.history.lead_id.as_deref(),
            calls: self.history.calls,
            previous: self.history.previous.as_ref(),
        }
    }
}

/// Decides one event by one table.
pub fn decide(question: &Question<'_>, table: &Table) -> Decision {
    let source = question.event.source.as_str();
    let facts = &question.reading.facts;
    match &question.reading.standing {
        Standing::Invalid(why) => {
            let record = record(question, Verdict::Invalid, Some(why.clone()));
            return parked(record, ParkCause::invalid(source));
        }
        Standing::Ignored(why) => {
            return settled(record(question, Verdict::Ignored, Some(why.clone())));
        }
        Standing::Usable => {}
    }
    let mapped = map::evaluate(table, &question.map_input());
    let by = |row: Option<RowRef>, verdict, why| DecisionRecord {
        table: Some(table.hash.to_string()),
        row,
        ..record(question, verdict, why)
    };
    match mapped {
        Mapped::Invalid { row, why } => parked(
            by(Some(row), Verdict::Invalid, Some(why)),
            ParkCause::invalid(source),
        ),
        Mapped::Unmapped => parked(
            by(None, Verdict::Unmapped, None),
            ParkCause::unmapped(source, &status_word(facts)),
        ),
        Mapped::Ignored { row, why } => settled(by(Some(row), Verdict::Ignored, Some(why))),
        Mapped::Parked { row, why } => parked(
            by(Some(row), Verdict::Parked, Some(why)),
            ParkCause::by_row(source, &status_word(facts)),
        ),
        Mapped::Wishes { row, wishes } => {
            plan(question, by(Some(row), Verdict::Matched, None), wishes)
        }
    }
}

/// The status as the vendor sends it, for a cause.
fn status_word(facts: &Facts) -> String {
    facts
        .status
        .as_ref()
        .map(systems::park_cause_status)
        .unwrap_or_default()
}

fn record(question: &Question<'_>, verdict: Verdict, why: Option<String>) -> DecisionRecord {
    DecisionRecord {
        verdict,
        why,
        table: None,
        row: None,
        targets: BTreeMap::new(),
        previous: None,
        near_miss: None,
        decided_at: question.now,
    }
}

fn settled(record: DecisionRecord) -> Decision {
    Decision {
        record,
        cause: None,
        deliveries: Vec::new(),
        revisions: Vec::new(),
        applied: None,
    }
}

fn parked(record: DecisionRecord, cause: ParkCause) -> Decision {
    Decision {
        cause: Some(cause),
        ..settled(record)
    }
}

/// The wishes of a matched row, weighed against the lead's past, target by target.
fn plan(question: &Question<'_>, mut record: DecisionRecord, wishes: Vec<Wish>) -> Decision {
    let event = question.event;
    let history = question.history;
    let facts = &question.reading.facts;
    let occurred_at = facts.occurred_at.map(|at| at.min(event.received_at));
    let nothing = TargetHistory::default();
    let heard = hear(question);
    record.previous.clone_from(&history.previous);
    let mut made = settled(record);
    let mut change = AppliedChange {
        occurred_at,
        ..AppliedChange::default()
    };
    for wish in wishes {
        let weighed = match (&history.lead_id, &heard) {
            (None, _) => Weighed::from(TargetVerdict::Unlinked),
            (Some(_), Some((_, Heard::Echo(of)))) => Weighed {
                revisions: vec![Revision::Echoed {
                    delivery: of.delivery,
                }],
                ..Weighed::from(TargetVerdict::Echo { of: of.delivery })
            },
            (Some(lead_id), _) => {
                let case = Case {
                    question,
                    lead_id,
                    occurred_at,
                    history: history.targets.get(&wish.target).unwrap_or(&nothing),
                    wish: &wish,
                };
                case.weigh()
            }
        };
        take_in(&mut made, &mut change, weighed, (&wish, event));
    }
    if let Some((target, Heard::NearMiss)) = heard {
        made.record.near_miss = Some(target.to_owned());
    }
    made.cause = cause_of(&made.record, &event.source);
    made.applied = (!change.targets.is_empty()).then_some(change);
    made
}

/// What the target of the event's own system still awaits.
fn hear<'q>(question: &Question<'q>) -> Option<(&'q str, Heard<'q>)> {
    let event = question.event;
    let reported = question.policy.reports.get(&event.source)?;
    let writes = &question.history.targets.get(&reported.target)?.own_writes;
    let own = (event.sequence, event.received_at);
    let heard = echo::listen(reported.kind, &question.reading.facts, own, writes);
    Some((&reported.target, heard))
}

/// One target's part of the whole.
fn take_in(
    made: &mut Decision,
    change: &mut AppliedChange,
    weighed: Weighed,
    (wish, event): (&Wish, &Event),
) {
    let target = &wish.target;
    if weighed.verdict.is_applied() {
        change.targets.push(target.clone());
    }
    if let Some(course) = weighed.course {
        if target == LEADPING {
            change.previous = Some(Previous {
                category: course.words.category.clone(),
                outcome: course.words.outcome.clone(),
                source: event.source.clone(),
                at: change.occurred_at.unwrap_or(event.received_at),
            });
        }
        change.courses.insert(target.clone(), course);
    }
    for revision in weighed.revisions {
        if !made.revisions.contains(&revision) {
            made.revisions.push(revision);
        }
    }
    made.deliveries.extend(weighed.delivery);
    made.record.targets.insert(target.clone(), weighed.verdict);
}

/// Why the event waits, if one of its targets does.
fn cause_of(record: &DecisionRecord, source: &str) -> Option<ParkCause> {
    let mut causes = record
        .targets
        .iter()
        .filter_map(|(target, verdict)| match verdict {
            TargetVerdict::Unlinked => Some(ParkCause::unlinked(source)),
            TargetVerdict::Looping { .. } => Some(ParkCause::looping(target)),
            _ => None,
        });
    causes.next()
}

/// The decision on an event whose source has no table any more.
pub fn without_table(question: &Question<'_>) -> Decision {
    let why = String::from("its source has no mapping");
    parked(
        record(question, Verdict::Invalid, Some(why)),
        ParkCause::invalid(&question.event.source),
    )
}

#[cfg(test)]
mod tests;
