//! The values that a table itself names, tried on members that must not come out empty: a branch
//! that holds nothing is found before an event takes it.

use minijinja::Value;
use serde_json::Value as Json;

use super::samples::Sample;
use super::{Outcome, Tried};
use crate::map::lint::{Atom, Fact};
use crate::map::row::{EMPTY, When};

/// The most events that are made up for one template.
const MOST_EVENTS: usize = 64;

/// A value at a path.
pub(super) type Set<'t> = (&'t str, Json);

/// What is put into the samples: what a template and its row's condition name.
pub(super) fn named_in<'t>(when: Option<&'t When>, tried: &Tried<'t>) -> Vec<Vec<Set<'t>>> {
    let mut atoms: Vec<&Atom> = tried
        .logics
        .iter()
        .flat_map(|logic| logic.atoms())
        .collect();
    if let Some(when) = when {
        atoms.extend(when.condition.meaning.logic.atoms());
    }
    events(&atoms)
}

/// With which of these values the member comes out empty, in words.
pub(super) fn empty_with(
    samples: &[&Sample],
    events: &[Vec<Set<'_>>],
    when: Option<&When>,
    tried: &Tried<'_>,
) -> Option<String> {
    let is_empty = |sample: &Sample| {
        sample.look(|context| {
            when.is_none_or(|when| when.condition.holds(context) == Ok(true))
                && (tried.attempt)(context) == Outcome::Fails(EMPTY.to_owned())
        })
    };
    let has = |sample: &Sample, sets: &[Set<'_>]| {
        let mut sets = sets.iter();
        sets.try_fold(sample.clone(), |sample, (path, value)| {
            sample.with(path, value)
        })
    };
    let found = events.iter().find(|sets| {
        let mut made = samples.iter().filter_map(|sample| has(sample, sets));
        made.any(|sample| is_empty(&sample))
    });
    found.map(|sets| in_words(sets))
}

/// Every value of one path with every value of the others, as far as that goes.
fn events<'t>(atoms: &[&'t Atom]) -> Vec<Vec<Set<'t>>> {
    let mut paths: Vec<&str> = atoms
        .iter()
        .filter_map(|atom| atom.fact.subject().map(|(path, _)| path))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let mut events: Vec<Vec<Set<'_>>> = vec![Vec::new()];
    for path in paths {
        let mut values: Vec<Json> = Vec::new();
        for atom in atoms {
            let is_about = atom.fact.subject().is_some_and(|(of, _)| of == path);
            for value in named(&atom.fact).into_iter().filter(|_| is_about) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        let more: Vec<Vec<Set<'_>>> = events
            .iter()
            .flat_map(|event| {
                values
                    .iter()
                    .map(|value| [event.as_slice(), &[(path, value.clone())]].concat())
            })
            .take(MOST_EVENTS.saturating_sub(events.len()))
            .collect();
        events.extend(more);
    }
    // The event without any of them is tried elsewhere.
    events.remove(0);
    events
}

/// What a question names; of numbers, those beside it too.
fn named(fact: &Fact) -> Vec<Json> {
    let of = |value: &Value| match value.as_i64() {
        Some(number) if value.is_number() => {
            let beside = [Some(number), number.checked_sub(1), number.checked_add(1)];
            beside.into_iter().flatten().map(Json::from).collect()
        }
        _ => vec![serde_json::to_value(value).unwrap_or_default()],
    };
    match fact {
        Fact::Among { values, .. } => values.iter().flat_map(of).collect(),
        Fact::Ordered { constant, .. } => of(constant),
        Fact::Holds { .. } => vec![Json::from(true), Json::from(false)],
        Fact::Defined { .. } | Fact::Open => Vec::new(),
    }
}

fn in_words(sets: &[Set<'_>]) -> String {
    let each: Vec<String> = sets
        .iter()
        .map(|(path, value)| format!("`{path}` is {value}"))
        .collect();
    each.join(" and ")
}
