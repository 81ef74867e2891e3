//! Writes the expectation of a payload from what became of it, for a person to review.
//!
//! What a person wrote about the situation stays as it is, comments included; only what must
//! become of the payload is written anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

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

/// A line that is written anew: where it stands, and which of the new lines takes its place.
struct Old {
    range: Range<usize>,
    name: String,
}

/// Takes the old lines out and puts the new ones in their place. A comment on an old line goes with
/// the new one of the same key, or stays where it was.
fn rewritten(text: &str, head: &str, section: &str) -> String {
    let (document, _) = DeTable::parse_recoverable(text);
    let document = document.get_ref();
    let mut out = old_head(document);
    let first = out.iter().map(|old| old.range.start).min();
    let old_section = old_section(text, document, &mut out);
    let mut values = Vec::new();
    leaves(document, &mut values);
    let mut told = Told::of(head, section);
    // First all comments: the new lines may stand before the old ones.
    for (range, line) in lines(text) {
        let mut ends_here = out
            .iter()
            .filter(|old| range.contains(&(old.range.end - 1)));
        if let (Some(old), Some(comment)) = (ends_here.next_back(), comment(&range, line, &values))
        {
            told.keep(&old.name, comment);
        }
    }
    let mut rewritten = String::new();
    for (range, line) in lines(text) {
        if first.is_some_and(|place| range.contains(&place)) {
            rewritten += &told.head();
        }
        if old_section == Some(range.start) {
            rewritten += &told.section();
        }
        let is_old = |old: &Old| old.range.start < range.end && range.start < old.range.end;
        if !out.iter().any(is_old) {
            rewritten += line;
        } else if let Some(comment) = comment(&range, line, &values)
            && !told.has(comment)
        {
            rewritten += comment;
            rewritten.push('\n');
        }
    }
    if old_section.is_none() {
        return with_section(rewritten, &told.section());
    }
    rewritten.truncate(rewritten.trim_end().len());
    rewritten.push('\n');
    rewritten
}

fn old_head(document: &DeTable<'_>) -> Vec<Old> {
    let mut out = Vec::new();
    for name in ["verdict", "row", "why", "nlpearl", "capillary"] {
        let Some((key, value)) = document.get_key_value(name) else {
            continue;
        };
        out.push(Old {
            range: key.span().start..value.span().end,
            name: name.to_owned(),
        });
        // Of a table under a heading the span is the heading's alone.
        for (key, value) in value.get_ref().as_table().into_iter().flatten() {
            out.push(Old {
                range: key.span().start..value.span().end,
                name: String::new(),
            });
        }
    }
    out
}

/// Notes the lines of `leadping`; where it starts if it has a heading.
fn old_section(text: &str, document: &DeTable<'_>, out: &mut Vec<Old>) -> Option<usize> {
    let (key, value) = document.get_key_value("leadping")?;
    let start = line_start(text, key.span().start);
    let has_heading = text[start..].trim_start().starts_with('[');
    out.push(Old {
        range: match has_heading {
            true => key.span(),
            false => key.span().start..value.span().end,
        },
        name: String::from("[leadping]"),
    });
    for (key, value) in value.get_ref().as_table().into_iter().flatten() {
        out.push(Old {
            range: key.span().start..value.span().end,
            name: match has_heading {
                true => format!("leadping.{}", key.get_ref()),
                false => String::new(),
            },
        });
    }
    has_heading.then_some(start)
}

/// The new lines, each with the comment that belongs to it.
struct Told<'t> {
    head: &'t str,
    section: &'t str,
    comments: BTreeMap<String, &'t str>,
}

impl<'t> Told<'t> {
    fn of(head: &'t str, section: &'t str) -> Self {
        Self {
            head,
            section,
            comments: BTreeMap::new(),
        }
    }

    fn keep(&mut self, name: &str, comment: &'t str) {
        let names = |text: &str, inside: &str| -> bool {
            text.lines().any(|line| name_of(line, inside) == name)
        };
        if names(self.head, "") || names(self.section, "leadping.") {
            self.comments.insert(name.to_owned(), comment);
        }
    }

    /// Whether this very comment stands on a new line.
    fn has(&self, comment: &str) -> bool {
        self.comments
            .values()
            .any(|kept| std::ptr::eq(*kept, comment))
    }

    fn head(&self) -> String {
        self.commented(self.head, "")
    }

    fn section(&self) -> String {
        self.commented(self.section, "leadping.")
    }

    fn commented(&self, text: &str, inside: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            out += line;
            if let Some(comment) = self.comments.get(&name_of(line, inside)) {
                out += "  ";
                out += comment;
            }
            out.push('\n');
        }
        out
    }
}

/// What a line of ours is called: `verdict`, `leadping.outcome`, `[leadping]`.
fn name_of(line: &str, inside: &str) -> String {
    match line.split_once(" = ") {
        Some((key, _)) => format!("{inside}{key}"),
        None => line.to_owned(),
    }
}

fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        (range, line)
    })
}

/// The comment that a line ends with, given where values stand.
fn comment<'t>(range: &Range<usize>, line: &'t str, values: &[Range<usize>]) -> Option<&'t str> {
    let is_value = |at: usize| values.iter().any(|value| value.contains(&at));
    let mut signs = line.match_indices('#');
    let (at, _) = signs.find(|(at, _)| !is_value(range.start + at))?;
    Some(line[at..].trim_end())
}

/// Where keys and plain values stand.
fn leaves(table: &DeTable<'_>, out: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        out.push(key.span());
        leaf(value.get_ref(), value.span(), out);
    }
}

fn leaf(value: &DeValue<'_>, span: Range<usize>, out: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => leaves(table, out),
        DeValue::Array(items) => {
            for item in items {
                leaf(item.get_ref(), item.span(), out);
            }
        }
        _ => out.push(span),
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}
