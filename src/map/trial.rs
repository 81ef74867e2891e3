//! Tries the conditions and templates of a row on events made up for it, before real ones come:
//! what fails for every one of them, or for an event that brings nothing optional, is an error.
//!
//! Where only the value of a text decides (is it a number? a date?), several are tried, and one
//! that works is enough. What the sender alone knows (`body`, `collected`) is first left out, which
//! a template has to bear wherever it may be missing; then `sent` tries it as text and as 0.

mod branches;
mod samples;
mod sent;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};

use crate::config::SourceKind;
use crate::diagnostic::Severity;
use crate::map::context::{Context, OPEN};
use crate::map::expression::{Template, in_full, present, typed};
use crate::map::lint::{Logic, Need};
use crate::map::place::TextPlace;
use crate::map::reader::Reader;
use crate::map::row::{EMPTY, Row, RowResult, When};
use crate::systems::members::MemberType;
use samples::{Role, Sample, samples};

/// What all trials of a file may cost: a plain template 1, one with statements as many steps as it
/// may take. What comes after that is not tried.
const MOST_WORK: usize = 100_000;
const COST_OF_STATEMENTS: usize = 100;

/// What came of one evaluation.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// It depends on what the sender says.
    Unknown,
    Fails(String),
    /// Whatever the event.
    Hopeless(String),
}

/// A condition or a template that is tried.
struct Tried<'t> {
    name: &'t str,
    place: &'t TextPlace,
    paths: &'t BTreeSet<String>,
    needs: &'t [Need],
    /// The questions in it.
    logics: &'t [&'t Logic],
    is_condition: bool,
    /// Of one evaluation.
    cost: usize,
    attempt: &'t dyn Fn(&Context<'_>) -> Outcome,
}

/// Findings about one sound row; those about a default are told once for all rows.
pub fn check(reader: &mut Reader<'_>, kind: SourceKind, row: &Row) {
    let templates = templates(row);
    let when = row
        .when
        .as_ref()
        .filter(|when| !when.condition.is_constant());
    if (when.is_none() && templates.is_empty()) || reader.tried > MOST_WORK {
        return;
    }
    let samples = samples(kind, row);
    let Some(coming) = try_condition(reader, when, &samples) else {
        return;
    };
    for (member, template, place) in templates {
        let has_statements = reader.file.text[place.whole()].contains("{%");
        let cost = if has_statements {
            COST_OF_STATEMENTS
        } else {
            1
        };
        reader.tried += cost;
        let attempt = |context: &Context<'_>| value(template, &member, context);
        let logics: Vec<&Logic> = template.asked.iter().map(|asked| &asked.logic).collect();
        let tried = Tried {
            name: member.name,
            place,
            paths: template.variables(),
            needs: &template.needs,
            logics: &logics,
            is_condition: false,
            cost,
            attempt: &attempt,
        };
        let mut outcomes = Vec::new();
        for sample in &coming {
            let outcome = tried.on(sample);
            let is_enough = match &outcome {
                Outcome::Fine => sample.role == Role::Full,
                Outcome::Hopeless(_) => true,
                _ => false,
            };
            outcomes.push((*sample, outcome));
            if is_enough {
                break;
            }
        }
        if let Some(why) = verdict(&outcomes) {
            reader.tried += outcomes.len() * COST_OF_STATEMENTS;
            report(reader, (member.name, place.whole()), &why);
            continue;
        }
        if member.is_required {
            check_branches(reader, &samples, when, &tried);
        }
        if let Some(sample) = full(&samples) {
            sent::check(reader, sample, when, &tried);
        }
    }
}

/// Of one event with everything and one with nothing optional.
fn check_branches(
    reader: &mut Reader<'_>,
    samples: &[Sample],
    when: Option<&When>,
    tried: &Tried<'_>,
) {
    let bases: Vec<&Sample> = full(samples).into_iter().chain(samples.first()).collect();
    if tried.logics.is_empty() {
        return;
    }
    let events = branches::named_in(when, tried);
    let cost = events.len() * bases.len() * tried.cost;
    if reader.tried + cost > MOST_WORK {
        return;
    }
    reader.tried += cost;
    if let Some(where_it_is) = branches::empty_with(&bases, &events, when, tried) {
        let why = format!("{EMPTY}, where {where_it_is}");
        report(reader, (tried.name, tried.place.whole()), &why);
    }
}

/// The events for which the condition holds; `None`: it was found to be at fault.
fn try_condition<'s>(
    reader: &mut Reader<'_>,
    when: Option<&When>,
    samples: &'s [Sample],
) -> Option<Vec<&'s Sample>> {
    let Some(when) = when else {
        return Some(samples.iter().collect());
    };
    let attempt = |context: &Context<'_>| condition(when.condition.attempt(context));
    let tried = Tried {
        name: "when",
        place: &when.place,
        paths: when.condition.variables(),
        needs: &when.condition.needs,
        logics: &[&when.condition.meaning.logic],
        is_condition: true,
        cost: 1,
        attempt: &attempt,
    };
    let mut outcomes = Vec::new();
    let mut coming = Vec::new();
    for sample in samples {
        let outcome = tried.on(sample);
        if outcome == Outcome::Fine
            && sample.look(|context| when.condition.holds(context) == Ok(true))
        {
            coming.push(sample);
        }
        outcomes.push((sample, outcome));
    }
    if let Some(why) = verdict(&outcomes) {
        report(reader, ("when", when.place.whole()), &why);
        return None;
    }
    if let Some(sample) = full(samples) {
        sent::check(reader, sample, Some(when), &tried);
    }
    Some(coming)
}

fn full(samples: &[Sample]) -> Option<&Sample> {
    samples.iter().find(|sample| sample.role == Role::Full)
}

impl Tried<'_> {
    fn on(&self, sample: &Sample) -> Outcome {
        sample.look(|context| {
            let is_open =
                |path: &&String| OPEN.contains(&path.split('.').next().unwrap_or_default());
            let mut open = self.paths.iter().filter(is_open);
            let outcome = (self.attempt)(context);
            if !matches!(outcome, Outcome::Fails(_)) {
                return outcome;
            }
            // Everything is there but what the sender alone knows: that proves nothing.
            let is_unsaid = sample.role == Role::Full && open.any(|path| context.lacks(path));
            // Of what is not there without a default, `presence` knows whether it may be missing.
            if is_unsaid || self.needs.iter().any(|need| context.lacks(&need.path)) {
                return Outcome::Unknown;
            }
            outcome
        })
    }
}

/// A member whose value is a template, and the type that it has to fit.
struct Target {
    name: &'static str,
    member_type: MemberType,
    /// The vendor refuses what comes without it.
    is_required: bool,
}

fn templates(row: &Row) -> Vec<(Target, &Template, &TextPlace)> {
    let RowResult::Targets(tables) = &row.result else {
        return Vec::new();
    };
    let members = tables
        .iter()
        .flat_map(|table| table.members.iter().map(move |member| (table.body, member)));
    members
        .flat_map(|(body, member)| {
            let templates = member.value.typed_templates(member.member_type);
            templates
                .into_iter()
                .map(move |(member_type, template, place)| {
                    let target = Target {
                        name: member.name,
                        member_type,
                        is_required: body.required().contains(&member.name),
                    };
                    (target, template, place)
                })
        })
        .collect()
}

fn report(reader: &mut Reader<'_>, (name, place): (&str, Range<usize>), why: &str) {
    let message = format!("`{name}` {why}");
    // What was said of a piece of it says more.
    let is_told = reader.findings.iter().rev().take(50).any(|finding| {
        finding.severity == Severity::Error
            && finding.span.start >= place.start
            && finding.span.end <= place.end
    });
    if !is_told && reader.is_news(&place, &message) {
        reader.error(place, message);
    }
}

/// Why it is an error, if it is one.
fn verdict(outcomes: &[(&Sample, Outcome)]) -> Option<String> {
    let hopeless = outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Hopeless(why) => Some(why.clone()),
        _ => None,
    });
    if hopeless.is_some() {
        return hopeless;
    }
    let fails = |outcome: &Outcome| matches!(outcome, Outcome::Fails(_));
    let why = |outcome: &Outcome| match outcome {
        Outcome::Fails(why) => Some(why.clone()),
        _ => None,
    };
    let of = |role: Role| {
        outcomes
            .iter()
            .filter(move |(sample, _)| sample.role == role)
    };
    if of(Role::Full).next().is_some() && of(Role::Full).all(|(_, outcome)| fails(outcome)) {
        return of(Role::Full).find_map(|(_, outcome)| why(outcome));
    }
    outcomes.iter().find_map(|(sample, outcome)| {
        let event = match sample.role {
            Role::Bare => "for an event that brings nothing optional",
            // As above: a text that works is enough.
            Role::Zero(event) if of(sample.role).all(|(_, outcome)| fails(outcome)) => event,
            _ => return None,
        };
        Some(format!("{}, {event}", why(outcome)?))
    })
}

fn condition(result: Result<Value, minijinja::Error>) -> Outcome {
    match result {
        Ok(value) => match value.kind() {
            ValueKind::Bool => Outcome::Fine,
            ValueKind::Undefined => Outcome::Unknown,
            other => Outcome::Fails(format!("is {other}, not true or false")),
        },
        Err(error) => failed(&error),
    }
}

fn value(template: &Template, member: &Target, context: &Context<'_>) -> Outcome {
    match template.attempt(context) {
        Ok(value) if present(&value).is_err() => Outcome::Unknown,
        Ok(value) => match (typed(&value, member.member_type), value.kind()) {
            (Ok(None), _) if member.is_required => Outcome::Fails(String::from(EMPTY)),
            (Ok(_), _) => Outcome::Fine,
            // Of our own times it is known how they are written.
            (Err(_), ValueKind::String) if !is_made_of_times(template, member) => Outcome::Unknown,
            (Err(why), _) => Outcome::Fails(why),
        },
        Err(error) => failed(&error),
    }
}

fn is_made_of_times(template: &Template, member: &Target) -> bool {
    const TIMES: &[&str] = &["event.received_at", "event.occurred_at", "previous.at"];
    let mut paths = template.variables().iter();
    member.member_type == MemberType::Instant && paths.all(|path| TIMES.contains(&path.as_str()))
}

fn failed(error: &minijinja::Error) -> Outcome {
    match error.kind() {
        // `presence` knows what may be missing.
        ErrorKind::UndefinedError => Outcome::Unknown,
        ErrorKind::OutOfFuel => Outcome::Hopeless(in_full(error)),
        _ => Outcome::Fails(in_full(error)),
    }
}
