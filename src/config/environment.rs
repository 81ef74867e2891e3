//! The environment's layer: `LEADPING_BRIDGE__SERVER__LISTEN=…` laid over the file's tree.
//!
//! Two underscores step into a table, case does not matter, a value is TOML where it parses as
//! TOML and a string where it does not. Findings point into a pseudo file with one variable per
//! line. Secrets are not read here: `secret` does that, by reference.

use std::ops::Range;

use toml::de::DeValue;

use super::faults::{Fault, Faults};
use super::raw::{Entry, Node, Origin, Place, Table, Value};
use crate::diagnostic::SourceFile;

const PREFIX: &str = "LEADPING_BRIDGE__";

/// This process's variables; those that are not text are none of ours.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// One step of a variable's path.
struct Step {
    key: String,
    place: Place,
}

/// Lays the variables of the prefix over the tree, in the order of their names.
pub(super) fn overlay(
    root: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    faults: &Faults,
) {
    let mut variables: Vec<(String, String)> = environment
        .into_iter()
        .filter(|(name, _)| name.to_ascii_uppercase().starts_with(PREFIX))
        .collect();
    variables.sort();

    let mut text = String::new();
    for (name, value) in &variables {
        let line = text.len();
        // One line each, whatever the value holds; the bytes keep their places.
        text.extend([name, "=", &value.replace(['\n', '\r'], " "), "\n"]);
        let steps = steps(name, line);
        let whole_name = place(line..line + name.len());
        if steps.iter().any(|step| step.key.is_empty()) {
            faults.report(
                Fault::error(&whole_name, "a part of the name is empty").hint(
                    "two underscores step into a table, such as LEADPING_BRIDGE__SERVER__LISTEN",
                ),
            );
            continue;
        }
        if let Some(node) = parse(value, line + name.len() + 1, faults) {
            insert(root, &steps, node, faults);
        }
    }
    faults.set_environment(SourceFile {
        path: "environment".into(),
        text: text.into(),
    });
}

fn place(span: Range<usize>) -> Place {
    Place {
        origin: Origin::Environment,
        span,
    }
}

fn steps(name: &str, line: usize) -> Vec<Step> {
    let mut start = line + PREFIX.len();
    name[PREFIX.len()..]
        .split("__")
        .map(|part| {
            let span = start..start + part.len();
            start = span.end + 2;
            Step {
                key: part.to_lowercase(),
                place: place(span),
            }
        })
        .collect()
}

fn parse(value: &str, offset: usize, faults: &Faults) -> Option<Node> {
    let shift = |span: Range<usize>| place(span.start + offset..span.end + offset);
    match DeValue::parse(value) {
        Ok(parsed) => Some(Node::from_toml(&parsed, &shift)),
        // Nothing but TOML begins like this; `[` does, in an IPv6 address.
        Err(error) if value.starts_with(['{', '"', '\'']) => {
            let span = error.span().unwrap_or(0..value.len());
            faults.report(Fault::syntax(&shift(span), &error));
            None
        }
        Err(_) => Some(Node {
            place: shift(0..value.len()),
            value: Value::String(value.to_owned()),
        }),
    }
}

/// Puts the node at the path: tables merge, everything else is replaced.
fn insert(table: &mut Table, steps: &[Step], node: Node, faults: &Faults) {
    let [step, deeper @ ..] = steps else {
        return;
    };
    if is_reference(table) && matches!(step.key.as_str(), "env" | "file") {
        // One way to the secret takes the place of the other.
        table.entries.clear();
    }
    let index = position_of(table, step, deeper);
    let entry = &mut table.entries[index];
    if deeper.is_empty() {
        match (&mut entry.node.value, node.value) {
            (Value::Table(present), Value::Table(new)) => merge(present, new),
            (_, value) => {
                entry.key_place = step.place.clone();
                entry.node = Node {
                    place: node.place,
                    value,
                };
            }
        }
        return;
    }
    match &mut entry.node.value {
        Value::Table(inner) => insert(inner, deeper, node, faults),
        other => faults.report(
            Fault::error(
                &deeper[0].place,
                format!("`{}` is {}, not a table", entry.key, other.type_name()),
            )
            .hint("set it as a whole, written as TOML"),
        ),
    }
}

/// Where the step's key is; made, if it was not there.
fn position_of(table: &mut Table, step: &Step, deeper: &[Step]) -> usize {
    // A variable's name cannot hold the hyphen that a source's name may.
    let same = |key: &str| key.to_lowercase().replace('-', "_") == step.key.replace('-', "_");
    if let Some(index) = table.entries.iter().position(|entry| same(&entry.key)) {
        return index;
    }
    table.entries.push(Entry {
        key: step.key.clone(),
        key_place: step.place.clone(),
        node: Node {
            place: deeper.first().unwrap_or(step).place.clone(),
            value: Value::Table(Table::default()),
        },
    });
    table.entries.len() - 1
}

/// `{ env = … }` or `{ file = … }`.
fn is_reference(table: &Table) -> bool {
    let mut keys = table.entries.iter().map(|entry| entry.key.as_str());
    !table.entries.is_empty() && keys.all(|key| matches!(key, "env" | "file"))
}

fn merge(present: &mut Table, new: Table) {
    if is_reference(present) && is_reference(&new) {
        *present = new;
        return;
    }
    for entry in new.entries {
        match present.entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => match (&mut old.node.value, entry.node.value) {
                (Value::Table(old), Value::Table(new)) => merge(old, new),
                (_, value) => {
                    old.key_place = entry.key_place;
                    old.node = Node {
                        place: entry.node.place,
                        value,
                    };
                }
            },
            None => present.entries.push(entry),
        }
    }
}
