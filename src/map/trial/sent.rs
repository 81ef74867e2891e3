//! What a sender may send where a table counts on a number: the same number as text, or 0. Told as
//! a warning, and only where a number works: what really comes, the sender alone knows.

use std::collections::BTreeSet;

use minijinja::Value;
use serde_json::{Value as Json, json};

use super::samples::Sample;
use super::{Outcome, Tried};
use crate::map::context::{Context, OPEN};
use crate::map::lint::Logic;
use crate::map::reader::Reader;
use crate::map::row::When;

/// `sample`: an event in which everything is there that is ours.
pub(super) fn check(
    reader: &mut Reader<'_>,
    sample: &Sample,
    when: Option<&When>,
    tried: &Tried<'_>,
) {
    let open: Vec<&String> = open_paths(tried.paths).collect();
    if open.is_empty() || open.iter().any(|path| !path.contains('.')) {
        return;
    }
    let mut paths = tried.paths.clone();
    paths.extend(
        when.iter()
            .flat_map(|when| when.condition.variables().clone()),
    );
    let sent = |value: Json| {
        let comes = |context: &Context<'_>| {
            when.is_none_or(|when| tried.is_condition || when.condition.holds(context) == Ok(true))
        };
        sample
            .sending(&paths, &value)
            .look(|context| comes(context).then(|| (tried.attempt)(context)))
    };
    reader.tried += 3 * tried.cost;
    if sent(json!(12)) != Some(Outcome::Fine) {
        return;
    }
    let names: Vec<String> = open.iter().map(|path| format!("`{path}`")).collect();
    let names = names.join(", ");
    let (key, place) = (tried.name, tried.place.whole());
    let mut warn = |message: String, hint: &str| {
        if reader.is_news(&place, &message) {
            reader.warning(place.clone(), message).hint = Some(hint.to_owned());
        }
    };
    let fails = |outcome| matches!(outcome, Some(Outcome::Fails(_)));
    let are_said_numbers = open.iter().all(|path| is_said_a_number(tried.logics, path));
    if !are_said_numbers && fails(sent(json!("12"))) {
        let message = format!("`{key}` fails where {names} is sent as text, such as \"12\"");
        warn(
            message,
            "`| int` or `| float` makes a number of such a text",
        );
    }
    if fails(sent(json!(0))) {
        let message = format!("`{key}` fails where {names} is 0");
        warn(message, "say what to take then: `… if … != 0 else …`");
    }
}

/// `collected.n | default(0) > 3`: whoever wrote it says that numbers come.
fn is_said_a_number(logics: &[&Logic], path: &str) -> bool {
    let mut subjects = logics
        .iter()
        .flat_map(|logic| logic.atoms())
        .filter_map(|atom| atom.fact.subject())
        .filter(|(of, _)| *of == path)
        .peekable();
    subjects.peek().is_some() && subjects.all(|(_, value)| value.is_some_and(Value::is_number))
}

/// Those whose values the sender decides.
fn open_paths(paths: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    let root = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    paths
        .iter()
        .filter(move |path| OPEN.contains(&root(path).as_str()))
}

/// Puts a value at the end of a path, whatever stands there.
pub(super) fn put(object: &mut Json, parts: &[&str], value: &Json) {
    let Some((first, rest)) = parts.split_first() else {
        *object = value.clone();
        return;
    };
    match first.parse::<usize>() {
        Ok(index) if index < 100 => {
            if !object.is_array() {
                *object = json!([]);
            }
            if let Json::Array(items) = object {
                items.resize(items.len().max(index + 1), Json::Null);
                put(&mut items[index], rest, value);
            }
        }
        _ => {
            if !object.is_object() {
                *object = json!({});
            }
            put(&mut object[*first], rest, value);
        }
    }
}
