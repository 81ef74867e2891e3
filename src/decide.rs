//! Deciding: one event, its table, its lead's past → what must happen, and why. Pure.
//!
//! [`decide`] is the one path: the daemon, `explain`, `plan` and replay all take it. It never
//! looks at a clock, a store or a socket. The verdicts are tried in the contract's order, the
//! first that holds wins: those on the event here, those per target in `weigh`, which asks `write`
//! (set or amend), `authority` (who may leave what) and `budget` (is this a loop); `echo` is asked
//! before all of them, `waiting` what holds a lead that is not known at LeadPing yet, `elsewhere` what
//! the event's word at LeadPing means for its other wishes, and `told` what the event says of its own
//! system, with `give_way`, what it takes back of that. `policy` is what the configuration says about it.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use jiff::Timestamp;

mod authority;
mod budget;
mod echo;
mod elsewhere;
mod give_way;
mod policy;
mod told;
mod waiting;
mod weigh;
mod write;

pub use policy::{Policy, Reported};

use crate::decision::{
    AppliedChange, Decision, DecisionRecord, ParkCause, Revision, TargetVerdict, Verdict,
};
use crate::delivery::{self, Slot};
use crate::event::{Event, Facts, Reading, Standing};
use crate::lead::course::Course;
use crate::lead::{LeadHistory, Only, Previous};

use echo::Heard;
use elsewhere::Bearing;
use weigh::{Case, Weighed};

use crate::map::{self, MapInput, Mapped, RowRef, Table, Wish};
use crate::systems;
use crate::systems::place::{Addresses, Ids, Place};

/// Everything a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub event: &'a Event,
    pub reading: &'a Reading,
    pub history: &'a LeadHistory,
    /// Target name → in shadow mode.
    pub shadowed: &'a BTreeMap<String, bool>,
    /// Configured target's name → where it keeps its leads.
    pub places: &'a BTreeMap<String, Place>,
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

    /// The event's clock, not later than its receipt.
    fn occurred_at(&self) -> Option<Timestamp> {
        let at = self.reading.facts.occurred_at;
        at.map(|at| at.min(self.event.received_at))
    }

    /// What addresses the lead at the targets.
    fn ids(&self) -> Ids<'_> {
        Ids {
            leadping: self.history.lead_id.as_deref(),
            others: &self.history.ids,
            pearls: &self.history.pearls,
        }
    }
}

/// Decides one event by the table of its source; `None`: the source has none any more.
pub fn decide_by(question: &Question<'_>, table: Option<&Table>) -> Decision {
    match table {
        Some(table) => decide(question, table),
        None => without_table(question),
    }
}

/// Decides one event by one table.
pub fn decide(question: &Question<'_>, table: &Table) -> Decision {
    let heard = told::hear(question);
    let tellings = match heard {
        None | Some((_, Heard::Echo(_))) => Vec::new(),
        Some(_) => told::listen(question),
    };
    let mut made = judge(question, table, (heard.as_ref(), &tellings));
    told::take_in(&mut made, heard, tellings);
    made
}

/// What the event tells of its own system: an echo, or news.
type Telling<'h> = (Option<&'h (&'h str, Heard<'h>)>, &'h [told::Telling]);

fn judge(question: &Question<'_>, table: &Table, telling: Telling<'_>) -> Decision {
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
    if let Some(why) = &question.history.contradiction {
        let record = record(question, Verdict::Invalid, Some(why.clone()));
        return parked(record, ParkCause::invalid(source));
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
            let record = by(Some(row), Verdict::Matched, None);
            plan(question, record, wishes, telling)
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
        told: None,
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
fn plan(
    question: &Question<'_>,
    mut record: DecisionRecord,
    wishes: Vec<Wish>,
    (heard, tellings): Telling<'_>,
) -> Decision {
    let told;
    let question = match tellings {
        [] => question,
        tellings => {
            told = told::past_with(question.history, tellings);
            &Question {
                history: &told,
                ..*question
            }
        }
    };
    record.previous.clone_from(&question.history.previous);
    let mut made = settled(record);
    let mut change = AppliedChange {
        occurred_at: question.occurred_at(),
        ..AppliedChange::default()
    };
    let only = question.history.only.as_ref();
    let bearing = LazyCell::new(|| Bearing::of(question, &wishes));
    for wish in &wishes {
        if only.is_some_and(|only| only.target != wish.target) {
            continue;
        }
        let addresses = match addresses_of(question, wish) {
            Ok(addresses) => addresses,
            Err(nowhere) => {
                let held = let_wait(&mut made, (question, wish), heard, nowhere);
                change.courses.extend(held);
                continue;
            }
        };
        for address in &addresses {
            let slot = delivery::slot(&wish.target, address, &wish.members);
            if only.is_some_and(|only| !is_meant(only, &slot, &addresses, question)) {
                continue;
            }
            let case = Case::at(question, wish, (address, &slot));
            let weighed = match heard {
                Some((_, Heard::Echo(of))) => Weighed::echo_of(of),
                _ if case.slot.is_disposition() || case.newer().is_some() => case.weigh(),
                _ => bearing.on(&case).unwrap_or_else(|| case.weigh()),
            };
            let part = Part {
                wish,
                key: match addresses.len() {
                    1 if case.slot.lead_id.is_some() => wish.target.clone(),
                    _ => slot.clone(),
                },
                slot: &slot,
                event: question.event,
                // An echo says nothing at other targets than its own: what was decided for them
                // was decided with the write that it echoes.
                is_said_here: match heard {
                    Some((echoing, Heard::Echo(_))) => *echoing == wish.target,
                    _ => true,
                },
            };
            take_in(&mut made, &mut change, weighed, part);
        }
    }
    let mut verdicts = made.record.targets.values();
    change.is_only_told = !verdicts.any(TargetVerdict::is_applied);
    let is_news = !change.is_only_told || !change.courses.is_empty();
    made.applied = is_news.then_some(change);
    made
}

/// A wish for where the lead is not: the event may wait for that, unless it is our own write coming
/// back, which says nothing elsewhere. What the lead is held in meanwhile.
fn let_wait(
    made: &mut Decision,
    (question, wish): (&Question<'_>, &Wish),
    heard: Option<&(&str, Heard<'_>)>,
    (verdict, cause): (TargetVerdict, Option<ParkCause>),
) -> Option<(String, Course)> {
    if let (Some((_, Heard::Echo(of))), Some(_)) = (heard, &cause) {
        let echo = Weighed::echo_of(of);
        note(&mut made.revisions, echo.revisions);
        let target = wish.target.clone();
        made.record.targets.insert(target, echo.verdict);
        return None;
    }
    let held = waiting::hold(question, wish, &verdict);
    if cause.is_some() && made.record.why.is_none() {
        made.record.why = why_it_waits(wish, &verdict);
    }
    made.record.targets.insert(wish.target.clone(), verdict);
    made.cause = made.cause.take().or(cause);
    held
}

/// What its cause does not say: which target it is about.
fn why_it_waits(wish: &Wish, verdict: &TargetVerdict) -> Option<String> {
    let target = &wish.target;
    match verdict {
        TargetVerdict::Absent => Some(format!(
            "`{target}`: where the lead is there is not known yet, and the row says `required`"
        )),
        TargetVerdict::Invalid { why } => Some(format!("`{target}`: {why}")),
        _ => None,
    }
}

fn note(revisions: &mut Vec<Revision>, more: Vec<Revision>) {
    for revision in more {
        if !revisions.contains(&revision) {
            revisions.push(revision);
        }
    }
}

/// Whether a decision about one place is about this slot. If the lead is no more where it was, it
/// is about wherever it has come to since: where this event decided nothing yet.
fn is_meant(only: &Only, slot: &str, addresses: &[String], question: &Question<'_>) -> bool {
    let named = Slot::parse(slot);
    let history = question.history.targets.get(slot);
    let entries = history.map_or(&[][..], |history| &history.entries);
    let own = question.event.sequence;
    only.is(named)
        && match &only.lead_id {
            Some(place) if addresses.contains(place) => named.lead_id == Some(place),
            Some(_) => entries.iter().all(|entry| entry.event != own),
            None => true,
        }
}

/// Where the lead is at a wish's target, or the verdict that it is nowhere to be told, and why the
/// event then waits.
fn addresses_of(
    question: &Question<'_>,
    wish: &Wish,
) -> Result<Vec<String>, (TargetVerdict, Option<ParkCause>)> {
    let source = &question.event.source;
    let Some(place) = question.places.get(&wish.target) else {
        return Err((TargetVerdict::Off, None));
    };
    match place.addresses(&question.ids()) {
        Addresses::At(addresses) => Ok(addresses),
        Addresses::Unlinked => {
            let cause = ParkCause::unlinked(source);
            Err((TargetVerdict::Unlinked, Some(cause)))
        }
        Addresses::Absent => {
            let cause = wish.required.then(|| ParkCause::unlinked(source));
            Err((TargetVerdict::Absent, cause))
        }
        Addresses::Unaddressable(why) => {
            let cause = ParkCause::invalid(source);
            Err((TargetVerdict::Invalid { why }, Some(cause)))
        }
    }
}

/// One target's part of the whole.
struct Part<'a> {
    wish: &'a Wish,
    slot: &'a str,
    /// Under which the verdict is told.
    key: String,
    event: &'a Event,
    /// The event counts as the newest word at this target, if it counts.
    is_said_here: bool,
}

fn take_in(made: &mut Decision, change: &mut AppliedChange, weighed: Weighed, part: Part<'_>) {
    let Part {
        wish,
        slot,
        key,
        event,
        is_said_here,
    } = part;
    if weighed.verdict.is_applied() && is_said_here {
        change.targets.push(slot.to_owned());
    }
    if matches!(weighed.verdict, TargetVerdict::Looping { .. }) && made.cause.is_none() {
        made.cause = Some(ParkCause::looping(&wish.target));
    }
    if let Some(course) = weighed.course {
        if Slot::parse(slot).is_disposition() {
            change.previous = Some(Previous {
                category: course.words.category.clone(),
                outcome: course.words.outcome.clone(),
                source: event.source.clone(),
                at: change.occurred_at.unwrap_or(event.received_at),
            });
        }
        change.courses.insert(slot.to_owned(), course);
    }
    note(&mut made.revisions, weighed.revisions);
    made.deliveries.extend(weighed.delivery);
    made.record.targets.insert(key, weighed.verdict);
}

fn without_table(question: &Question<'_>) -> Decision {
    let why = String::from("its source has no mapping");
    parked(
        record(question, Verdict::Invalid, Some(why)),
        ParkCause::invalid(&question.event.source),
    )
}

#[cfg(test)]
mod tests;
