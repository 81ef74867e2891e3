//! Tries the conditions and templates of a row on events made up for it, before real ones come:
//! what fails for every one of them, or for an event that brings nothing optional, is an error.
//!
//! Where only the value of a text decides (is it a number? a date?), several are tried, and one
//! that works is enough. What the sender alone knows (`body`, `collected`) is left out.

mod samples;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};

use crate::config::SourceKind;
use crate::diagnostic::Severity;
use crate::map::context::{Context, OPEN};
use crate::map::expression::{Template, in_full, typed};
use crate::map::place::TextPlace;
use crate::map::reader::Reader;
use crate::map::row::{Row, RowResult};
use crate::systems::members::MemberType;
use samples::{Sample, samples};

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
    let mut coming: Vec<&Sample> = Vec::new();
    let mut outcomes = Vec::new();
    for sample in &samples {
        let Some(when) = when else {
            coming.push(sample);
            continue;
        };
        let outcome = sample.look(|context| {
            let paths = when.condition.variables();
            known(paths, context, condition(when.condition.attempt(context)))
        });
        if outcome == Outcome::Fine
            && sample.look(|context| when.condition.holds(context) == Ok(true))
        {
            coming.push(sample);
        }
        outcomes.push((sample, outcome));
    }
    if let Some(when) = when
        && let Some(why) = verdict(&outcomes)
    {
        report(reader, ("when", when.place.whole()), &why);
        return;
    }
    for (name, member_type, template, place) in templates {
        let has_statements = reader.file.text[place.whole()].contains("{%");
        reader.tried += if has_statements {
            COST_OF_STATEMENTS
        } else {
            1
        };
        let mut outcomes = Vec::new();
        for sample in &coming {
            let outcome = sample.look(|context| {
                let outcome = value(template, member_type, context);
                known(template.variables(), context, outcome)
            });
            let is_enough = match &outcome {
                Outcome::Fine => !sample.is_bare,
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
            report(reader, (name, place.whole()), &why);
        }
    }
}

fn templates(row: &Row) -> Vec<(&'static str, MemberType, &Template, &TextPlace)> {
    let RowResult::Targets(tables) = &row.result else {
        return Vec::new();
    };
    tables
        .iter()
        .flat_map(|table| &table.members)
        .flat_map(|member| {
            member
                .value
                .typed_templates(member.member_type)
                .into_iter()
                .map(|(member_type, template, place)| (member.name, member_type, template, place))
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
    let full = || outcomes.iter().filter(|(sample, _)| !sample.is_bare);
    if full().next().is_some() && full().all(|(_, outcome)| fails(outcome)) {
        return full().find_map(|(_, outcome)| why(outcome));
    }
    let bare = outcomes.iter().find(|(sample, _)| sample.is_bare)?;
    let why = why(&bare.1)?;
    Some(format!("{why}, for an event that brings nothing optional"))
}

/// What fails because the made-up sender says nothing of its own proves nothing.
fn known(paths: &BTreeSet<String>, context: &Context<'_>, outcome: Outcome) -> Outcome {
    let is_open = |path: &&String| OPEN.contains(&path.split('.').next().unwrap_or_default());
    match outcome {
        Outcome::Fails(_) if paths.iter().filter(is_open).any(|path| context.lacks(path)) => {
            Outcome::Unknown
        }
        outcome => outcome,
    }
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

fn value(template: &Template, member_type: MemberType, context: &Context<'_>) -> Outcome {
    match template.attempt(context) {
        Ok(value) => match (typed(&value, member_type), value.kind()) {
            (Ok(_), _) => Outcome::Fine,
            (Err(_), ValueKind::String) => Outcome::Unknown,
            (Err(why), _) => Outcome::Fails(why),
        },
        Err(error) => failed(&error),
    }
}

fn failed(error: &minijinja::Error) -> Outcome {
    match error.kind() {
        // `presence` knows what may be missing.
        ErrorKind::UndefinedError => Outcome::Unknown,
        ErrorKind::OutOfFuel => Outcome::Hopeless(in_full(error)),
        _ => Outcome::Fails(in_full(error)),
    }
}
