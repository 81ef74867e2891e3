//! Writes the expectation of a payload from what became of it, for a person to review.
//!
//! What a person wrote about the situation stays as it is, comments included; only what must
//! become of the payload is written anew.

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::DeTable;

use super::{Actual, RowName, Setting, members_in_order};
use crate::map::{RowRef, Table};

/// The text of an `.expect.toml` that holds. `before` is its text until now, which has no faults.
pub fn blessed(before: Option<&str>, setting: &Setting, actual: &Actual, table: &Table) -> String {
    let head = head(actual, table);
    let section = section(actual);
    match before {
        Some(text) => rewritten(text, &head, &section),
        None => {
            let mut text = String::new();
            if let Some(source) = &setting.source {
                line(&mut text, "source", &Value::from(source.as_str()));
            }
            text += &head;
            if let Some(lead_id) = &setting.history.lead_id {
                text += "\n# The webhook does not name the LeadPing lead: take it as one that is linked.\n";
                text += "[history]\n";
                line(&mut text, "lead_id", &Value::from(lead_id.as_str()));
            }
            with_section(text, &section)
        }
    }
}

fn head(actual: &Actual, table: &Table) -> String {
    let mut text = String::new();
    line(&mut text, "verdict", &Value::from(actual.verdict));
    if let Some(row) = &actual.row {
        line(&mut text, "row", &row_name(row, table).to_json());
    }
    if let Some(why) = &actual.why {
        line(&mut text, "why", &Value::from(why.as_str()));
    }
    for (target, members) in &actual.written_back {
        line(&mut text, target, &Value::Object(members.clone()));
    }
    text
}

/// The row's name, or its number if other rows have the same name or it has none.
fn row_name(row: &RowRef, table: &Table) -> RowName {
    let namesakes = table
        .rows()
        .iter()
        .filter(|other| other.reference.name == row.name)
        .count();
    match &row.name {
        Some(name) if namesakes == 1 => RowName::Name(name.clone()),
        _ => RowName::Number(row.number),
    }
}

fn section(actual: &Actual) -> String {
    let Some(members) = &actual.leadping else {
        return String::new();
    };
    let mut text = String::from("[leadping]\n");
    for name in members_in_order(members.keys()) {
        line(&mut text, name, &members[name]);
    }
    text
}

fn with_section(mut text: String, section: &str) -> String {
    if !section.is_empty() {
        text.truncate(text.trim_end().len());
        text.push_str("\n\n");
        text.push_str(section);
    }
    text
}

fn line(text: &mut String, key: &str, value: &Value) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{key} = {}", in_toml(value));
}

/// A value as a table would write it.
pub fn in_toml(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Object(members) => inline(members),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_toml).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn inline(members: &Map<String, Value>) -> String {
    let members: Vec<String> = members_in_order(members.keys())
        .into_iter()
        .map(|name| format!("{name} = {}", in_toml(&members[name])))
        .collect();
    format!("{{ {} }}", members.join(", "))
}

/// Takes the old lines out and puts the new ones in their place.
fn rewritten(text: &str, head: &str, section: &str) -> String {
    let (document, _) = DeTable::parse_recoverable(text);
    let document = document.get_ref();
    let (mut out, mut old_section) = (Vec::new(), None);
    for key in ["verdict", "row", "why", "nlpearl", "capillary"] {
        let Some((key, value)) = document.get_key_value(key) else {
            continue;
        };
        out.push(key.span().start..value.span().end);
        // Of a table under a heading the span is the heading's alone.
        for (key, value) in value.get_ref().as_table().into_iter().flatten() {
            out.push(key.span().start..value.span().end);
        }
    }
    let old_head = out.iter().map(|range: &Range<usize>| range.start).min();
    if let Some((key, value)) = document.get_key_value("leadping") {
        let start = line_start(text, key.span().start);
        if text[start..].trim_start().starts_with('[') {
            old_section = Some(start);
            out.push(key.span());
        } else {
            out.push(key.span().start..value.span().end);
        }
        for (key, value) in value.get_ref().as_table().into_iter().flatten() {
            out.push(key.span().start..value.span().end);
        }
    }
    let mut rewritten = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        if old_head.is_some_and(|place| range.contains(&place)) {
            rewritten += head;
        }
        if old_section == Some(range.start) {
            rewritten += section;
        }
        if !out
            .iter()
            .any(|old| old.start < range.end && range.start < old.end)
        {
            rewritten += line;
        }
    }
    if old_section.is_none() {
        return with_section(rewritten, section);
    }
    rewritten.truncate(rewritten.trim_end().len());
    rewritten.push('\n');
    rewritten
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}
