//! The row that is offered for a status that no row takes: written as its table is written, so that
//! it can be pasted at the end, loads without a finding, and takes what is parked.
//!
//! What it says is to be looked at by whoever pastes it: the status's own word as the outcome, and
//! the category that claims least.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::config::SourceKind;
use crate::event::{Facts, Status};
use crate::map::credentials;
use crate::map::row::{MemberValue, RowResult};
use crate::map::table::Table;
use crate::systems::leadping::vocabulary::CATEGORIES;
use crate::systems::members::Body;
use crate::systems::{self, mask};

/// Longer ones are nobody's status: no row is offered.
const LONGEST_STATUS: usize = 200;
/// So much of one is shown.
const SHOWN: usize = 40;
/// The longest word of a sender that becomes an outcome as it is.
const LONGEST_OUTCOME: usize = 60;
/// What a status is called whose own word cannot stand in a table.
const NAMELESS: &str = "A status of its own";

/// The row for an event of these facts; `None` where a row cannot just be put behind the others.
pub fn offer(table: &Table, facts: &Facts) -> Option<String> {
    let status = facts.status.as_ref()?;
    if is_too_long(status) || is_credential(status) {
        return None;
    }
    let mut row = String::from("[[row]]\n");
    // Writing to a string cannot fail: every result of `write!` below is dropped.
    if let Some(name) = name(table, status) {
        let _ = writeln!(row, "name = {}", quoted(&name));
    }
    let _ = writeln!(row, "{}", matching(table.kind, status));
    // Whoever is named in it is not shown.
    let sub_status = facts.sub_status.as_ref();
    let shown = mask::facts(facts).sub_status;
    let is_shown = |word: &&String| shown.as_ref() == Some(*word) && !is_credential_in(word);
    if let Some(sub_status) = sub_status.filter(is_shown) {
        let only = quoted(sub_status);
        let _ = writeln!(row, "# sub_status = {only}    # to take these alone");
    }
    if table.kind == SourceKind::Leadping {
        row += "ignore = \"LeadPing has it already\"\n";
    } else {
        row += &result(table, status)?;
    }
    let pasted = format!("{}\n{row}", table.text);
    pasted.parse::<toml::Table>().is_ok().then_some(row)
}

fn is_too_long(status: &Status) -> bool {
    status.to_string().chars().count() > LONGEST_STATUS
}

/// What no table may hold, and nobody is shown.
fn is_credential(status: &Status) -> bool {
    matches!(status, Status::Name(name) if is_credential_in(name))
}

fn is_credential_in(word: &str) -> bool {
    credentials::are_in(&format!("outcome = {}", quoted(word)))
}

/// What to do about a status for which no row is offered, and why none is.
pub fn instead(status: &Status, source: &str) -> Option<String> {
    if is_credential(status) {
        return Some(String::from(
            "its status looks like a credential, which no table may hold and no page shows: no \
             row is offered; have the sender put a status there, and the credential replaced",
        ));
    }
    is_too_long(status).then(|| {
        let length = status.to_string().chars().count();
        let beginning = begins(status);
        let condition = format!("event.status | string is startingwith '{beginning}'");
        format!(
            "its status has {length} characters, and beyond {LONGEST_STATUS} no row is offered: \
             take it by how it begins, in a row of the mapping of `{source}` with \
             `when = {}`; it is then decided again by itself",
            quoted(&condition)
        )
    })
}

/// The first letters of a status, as a condition has them between quotes.
fn begins(status: &Status) -> String {
    let first: String = status.to_string().chars().take(SHOWN).collect();
    escaped(&first, '\'').replace('{', "\\u007B")
}

/// How a row takes this status: by `status` where the vendor names it, else by a condition, which
/// says that the vendor sends it all the same.
pub fn matching(kind: SourceKind, status: &Status) -> String {
    let is_known = match status {
        _ if systems::has_vocabulary(kind) => systems::known_statuses(kind).contains(status),
        Status::Name(name) => name != "*",
        Status::Number(_) => true,
    };
    match is_known {
        true => format!("status = {}", spelt(kind, status)),
        false => format!("when = {}", quoted(&condition(status))),
    }
}

/// The status as it is written in a table: `77`, `"LOST"`, with what TOML wants escaped; of one that
/// is nobody's, the beginning; of one that looks like a credential, nothing.
pub fn in_toml(status: &Status) -> String {
    match status {
        Status::Name(_) if is_credential(status) => quoted(&"*".repeat(8)),
        Status::Name(name) if is_too_long(status) => {
            let first: String = name.chars().take(SHOWN).collect();
            quoted(&format!("{first}…"))
        }
        Status::Number(number) => number.to_string(),
        Status::Name(name) => quoted(name),
    }
}

/// By its name, where it has a number as well.
fn spelt(kind: SourceKind, status: &Status) -> String {
    let names = systems::status_names(kind);
    let name = names
        .into_iter()
        .find(|name| systems::parse_status(kind, name) == *status);
    name.map_or_else(|| in_toml(status), quoted)
}

/// `event.status == 'Paused'`.
fn condition(status: &Status) -> String {
    match status {
        Status::Number(number) => format!("event.status == {number}"),
        // A condition has no place for braces, not even between quotes.
        Status::Name(name) => {
            let name = escaped(name, '\'').replace('{', "\\u007B");
            format!("event.status == '{name}'")
        }
    }
}

/// What people call it, where they call the table's other rows something.
fn name(table: &Table, status: &Status) -> Option<String> {
    let taken: Vec<&str> = table
        .rows()
        .iter()
        .filter_map(|row| row.reference.name.as_deref())
        .collect();
    if taken.is_empty() && !table.rows().is_empty() {
        return None;
    }
    // Two of them may be pasted into one table.
    let word = match word(table.kind, status) {
        word if word == NAMELESS => format!("{word} ({})", tag(status)),
        word => word,
    };
    let names = [word.clone(), format!("{word}, otherwise")];
    names
        .into_iter()
        .find(|name| !taken.contains(&name.as_str()))
}

/// `Status 77`, `Paused`.
fn word(kind: SourceKind, status: &Status) -> String {
    match (status, spelt(kind, status).strip_prefix('"')) {
        (Status::Number(_), Some(name)) => name.trim_end_matches('"').to_owned(),
        (Status::Number(number), None) => format!("Status {number}"),
        (Status::Name(name), _)
            // Braces would begin a template.
            if name.chars().count() <= LONGEST_OUTCOME
                && !name.contains(['{', '}'])
                && !name.contains(char::is_control) =>
        {
            name.clone()
        }
        (Status::Name(_), _) => NAMELESS.to_owned(),
    }
}

/// Four digits that tell a status from others.
fn tag(status: &Status) -> String {
    let digest = Sha256::digest(status.to_string());
    let digits = digest.iter().take(2).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

fn result(table: &Table, status: &Status) -> Option<String> {
    let document: toml::Table = table.text.parse().ok()?;
    let defaults = document.get("defaults");
    let defaults = defaults.and_then(|defaults| defaults.get(Body::Disposition.key()));
    let has_type = defaults.is_some_and(|defaults| defaults.get("type").is_some());
    let contact = match has_type {
        true => String::new(),
        false => format!("type = {}, ", quoted(&type_of_others(table))),
    };
    let outcome = quoted(&word(table.kind, status));
    let categories = CATEGORIES.join(", ");
    Some(format!(
        "leadping = {{ {contact}category = \"Open\", outcome = {outcome} }}\n\
         # categories: {categories}\n\
         # instead of `leadping`, where nothing has to be done: ignore = \"why\"\n"
    ))
}

/// What the other rows call such a contact.
fn type_of_others(table: &Table) -> String {
    let members = table.rows().iter().flat_map(|row| match &row.result {
        RowResult::Targets(tables) => tables.as_slice(),
        RowResult::Ignore(_) | RowResult::Park(_) => &[],
    });
    let mut types = members
        .filter(|target| target.body == Body::Disposition)
        .flat_map(|target| &target.members)
        .filter(|member| member.name == "type")
        .filter_map(|member| match &member.value {
            MemberValue::Literal(value) => value.as_str(),
            _ => None,
        });
    let usual = match table.kind {
        SourceKind::Nlpearl => "Call",
        SourceKind::Capillary => "CRM",
        SourceKind::Leadping | SourceKind::Generic => "Status",
    };
    types.next().unwrap_or(usual).to_owned()
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, '"'))
}

/// The escapes that TOML and conditions have in common.
fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped += "\\\\",
            '\n' => escaped += "\\n",
            '\r' => escaped += "\\r",
            '\t' => escaped += "\\t",
            _ if character == quote => escaped.extend(['\\', character]),
            // Invisible, or able to turn the line around.
            _ if character.is_control() || is_invisible(character) => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// What is not seen, and changes how the rest is shown; all below U+10000.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}
