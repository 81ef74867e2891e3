//! Reads an `.expect.toml`: in which situation the payload comes in, and what must become of it.
//! Every fault at once, with its place, in the manner of the tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::VERDICTS;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::event::EventKind;
use crate::map::{Reader, TomlValue, with_syntax_errors};
use crate::systems::members::{Body, MemberType, TARGETS};
use crate::systems::nlpearl::vocabulary::number_in;

const KEYS: &[&str] = &[
    "source",
    "kind",
    "received_at",
    "history",
    "verdict",
    "row",
    "why",
    "leadping",
    "nlpearl",
    "capillary",
];
const HISTORY_KEYS: &[&str] = &[
    "lead_id",
    "calls",
    "previous",
    "has",
    "has_source",
    "has_call",
    "applied_at",
];
const PREVIOUS_KEYS: &[&str] = &["category", "outcome", "source", "at"];

/// What is given: the situation in which the payload comes in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Setting {
    /// Needed only where several sources use the mapping.
    pub source: Option<String>,
    /// As the route would force it.
    pub kind: Option<EventKind>,
    pub received_at: Option<Timestamp>,
    pub history: GivenHistory,
}

/// What the bridge knows of the lead already.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenHistory {
    /// The LeadPing lead id, where the payload names none.
    pub lead_id: Option<String>,
    /// `lead.calls`, this webhook's own call included.
    pub calls: Option<u32>,
    pub previous: Option<GivenPrevious>,
    /// The members of the entry that LeadPing has.
    pub has: Option<Map<String, Value>>,
    /// Whose entry that is. Default: `previous.source`, else the source of the example.
    pub has_source: Option<String>,
    /// The call that entry is about.
    pub has_call: Option<String>,
    /// When the newest applied event of this source happened, by the source's clock.
    pub applied_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenPrevious {
    pub category: Option<String>,
    pub outcome: Option<String>,
    /// Default: the source of the example.
    pub source: Option<String>,
    pub at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RowName {
    Name(String),
    Number(u32),
}

impl RowName {
    pub fn to_json(&self) -> Value {
        match self {
            Self::Name(name) => Value::from(name.as_str()),
            Self::Number(number) => Value::from(*number),
        }
    }
}

/// What must become of it; what is left out may be anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Becomes {
    /// One of [`VERDICTS`].
    pub verdict: &'static str,
    pub row: Option<RowName>,
    pub why: Option<String>,
    /// All members that are sent, and none besides.
    pub leadping: Option<Map<String, Value>>,
    /// The same of what is written back, for each target that is named.
    pub written_back: BTreeMap<String, Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub setting: Setting,
    pub becomes: Becomes,
}

/// Reads one file; nothing if it has a fault.
pub fn parse(file: &SourceFile) -> (Option<Expectation>, Vec<Finding>) {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    let mut reader = Reader::new(file, !errors.is_empty());
    let document = document.get_ref();
    reader.unknown_keys(document, KEYS, &[], "an expectation");
    let setting = setting(&mut reader, document);
    let becomes = becomes(&mut reader, document);
    let mut findings = reader.findings;
    if !errors.is_empty() {
        findings = with_syntax_errors(file, &errors, findings);
    }
    findings.sort_by_key(|finding| finding.span.start);
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let expectation = becomes
        .filter(|_| !failed)
        .map(|becomes| Expectation { setting, becomes });
    (expectation, findings)
}

fn setting(reader: &mut Reader<'_>, document: &DeTable<'_>) -> Setting {
    Setting {
        source: owned_text(reader, document, "source"),
        kind: document.get("kind").and_then(|value| kind(reader, value)),
        received_at: optional_instant(reader, document, "received_at"),
        history: document
            .get("history")
            .and_then(|value| reader.table(value, "history"))
            .map(|table| history(reader, table))
            .unwrap_or_default(),
    }
}

fn history(reader: &mut Reader<'_>, table: &DeTable<'_>) -> GivenHistory {
    reader.unknown_keys(table, HISTORY_KEYS, &[], "`history`");
    let calls = table.get("calls").and_then(|value| {
        let number = reader.integer(value, "calls")?;
        let calls = u32::try_from(number).ok();
        if calls.is_none() {
            reader.error(value.span(), "`calls` is a number of calls, 0 or more");
        }
        calls
    });
    GivenHistory {
        lead_id: owned_text(reader, table, "lead_id"),
        calls,
        previous: table
            .get("previous")
            .and_then(|value| reader.table(value, "previous"))
            .map(|table| previous(reader, table)),
        has: table
            .get("has")
            .and_then(|value| members(reader, Body::Disposition, value)),
        has_source: owned_text(reader, table, "has_source"),
        has_call: owned_text(reader, table, "has_call"),
        applied_at: optional_instant(reader, table, "applied_at"),
    }
}

fn previous(reader: &mut Reader<'_>, table: &DeTable<'_>) -> GivenPrevious {
    reader.unknown_keys(table, PREVIOUS_KEYS, &[], "`previous`");
    GivenPrevious {
        category: owned_text(reader, table, "category"),
        outcome: owned_text(reader, table, "outcome"),
        source: owned_text(reader, table, "source"),
        at: optional_instant(reader, table, "at"),
    }
}

fn becomes(reader: &mut Reader<'_>, document: &DeTable<'_>) -> Option<Becomes> {
    let verdict = match document.get("verdict") {
        Some(value) => {
            let word = reader.text(value, "verdict")?;
            one_of(reader, value, word, ("verdict", VERDICTS))
        }
        None => {
            let hint = format!("verdict = one of: {}", VERDICTS.join(", "));
            reader.absent(0..0, "no `verdict`", &hint);
            None
        }
    };
    let row = document.get("row").and_then(|value| row(reader, value));
    let why = owned_text(reader, document, "why");
    let leadping = document.get("leadping").and_then(|value| {
        if let Some(verdict) = verdict.filter(|verdict| !["delivery", "amend"].contains(verdict)) {
            let message = format!("nothing is sent where the verdict is `{verdict}`");
            reader.error(value.span(), message).hint =
                Some("take `leadping` out, or expect `verdict = \"delivery\"`".to_owned());
        }
        members(reader, Body::Disposition, value)
    });
    let written_back = TARGETS
        .iter()
        .filter(|(_, body)| *body != Body::Disposition)
        .filter_map(|(name, body)| {
            let members = members(reader, *body, document.get(*name)?)?;
            Some(((*name).to_owned(), members))
        })
        .collect();
    Some(Becomes {
        verdict: verdict?,
        row,
        why,
        leadping,
        written_back,
    })
}

fn row(reader: &mut Reader<'_>, value: &TomlValue<'_>) -> Option<RowName> {
    match value.get_ref() {
        DeValue::String(name) => Some(RowName::Name(name.to_string())),
        DeValue::Integer(_) => {
            let number = reader.integer(value, "row")?;
            let number = u32::try_from(number).ok().filter(|number| *number > 0);
            if number.is_none() {
                reader.error(value.span(), "rows are numbered from 1");
            }
            number.map(RowName::Number)
        }
        _ => {
            reader.wrong_type(value, "row", "a row's name or number");
            None
        }
    }
}

fn kind(reader: &mut Reader<'_>, value: &TomlValue<'_>) -> Option<EventKind> {
    let word = reader.text(value, "kind")?;
    let words = EventKind::ALL.map(EventKind::as_str);
    let Some(kind) = EventKind::parse(word) else {
        let message = format!("unknown event kind `{word}`");
        reader.error(value.span(), message).hint = Some(format!("there are: {}", words.join(", ")));
        return None;
    };
    Some(kind)
}

/// A body, member by member: what is sent, or what LeadPing has.
fn members(
    reader: &mut Reader<'_>,
    body: Body,
    value: &TomlValue<'_>,
) -> Option<Map<String, Value>> {
    let table = reader.table(value, body.key())?;
    let record = Body::LeadRecord;
    let ours: &[&str] = match body {
        Body::Disposition => &["leadId", record.key()],
        _ => &[],
    };
    let known: Vec<&str> = body
        .members()
        .iter()
        .map(|(name, _)| *name)
        .chain(ours.iter().copied())
        .collect();
    reader.unknown_keys(table, &known, &[], body.what());
    let mut found = Map::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if body == Body::Disposition && name == record.key() {
            let changes = members(reader, record, value).map(Value::Object);
            found.extend(changes.map(|changes| (name.to_owned(), changes)));
            continue;
        }
        let member_type = body
            .member(name)
            .map_or(MemberType::Text, |(_, known)| known);
        if let Some(member) = member(reader, name, member_type, value) {
            found.insert(name.to_owned(), member);
        }
    }
    Some(found)
}

fn member(
    reader: &mut Reader<'_>,
    name: &str,
    member_type: MemberType,
    value: &TomlValue<'_>,
) -> Option<Value> {
    match member_type {
        MemberType::Bool => match value.get_ref() {
            DeValue::Boolean(truth) => Some(Value::Bool(*truth)),
            _ => {
                reader.wrong_type(value, name, "true or false");
                None
            }
        },
        MemberType::Instant => {
            instant(reader, value, name).map(|instant| Value::from(instant.to_string()))
        }
        MemberType::Text | MemberType::WindowsZone => reader.text(value, name).map(Value::from),
        MemberType::Enum(words) => {
            let word = reader.text(value, name)?;
            one_of(reader, value, word, (name, words)).map(Value::from)
        }
        MemberType::Whole => reader.integer(value, name).map(Value::from),
        MemberType::WritableStatus => match value.get_ref() {
            DeValue::String(word) => {
                let number = number_in(word);
                if number.is_none() {
                    reader.error(value.span(), format!("unknown status `{word}`"));
                }
                number.map(Value::from)
            }
            _ => reader.integer(value, name).map(Value::from),
        },
        MemberType::Plain | MemberType::Texts | MemberType::Values | MemberType::Keys(_) => {
            plain(reader, name, value)
        }
    }
}

/// Values of the user's own, as JSON has them.
fn plain(reader: &mut Reader<'_>, name: &str, value: &TomlValue<'_>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(truth) => Some(Value::Bool(*truth)),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
        DeValue::Integer(_) => reader.integer(value, name).map(Value::from),
        DeValue::Array(items) => Some(Value::Array(
            items
                .iter()
                .filter_map(|item| plain(reader, name, item))
                .collect(),
        )),
        DeValue::Table(table) => {
            let entries = table.iter().filter_map(|(key, value)| {
                Some((key.get_ref().to_string(), plain(reader, name, value)?))
            });
            Some(Value::Object(entries.collect()))
        }
        DeValue::Datetime(_) => {
            reader.wrong_type(value, name, "text, a number, or true or false");
            None
        }
    }
}

fn one_of(
    reader: &mut Reader<'_>,
    value: &TomlValue<'_>,
    word: &str,
    (key, words): (&str, &[&'static str]),
) -> Option<&'static str> {
    let found = words.iter().find(|known| **known == word).copied();
    if found.is_none() {
        let hint = match did_you_mean(word, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", words.join(", ")),
        };
        reader
            .error(value.span(), format!("unknown {key} `{word}`"))
            .hint = Some(hint);
    }
    found
}

fn owned_text(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str) -> Option<String> {
    let value = table.get(key)?;
    reader.text(value, key).map(str::to_owned)
}

fn optional_instant(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str) -> Option<Timestamp> {
    instant(reader, table.get(key)?, key)
}

/// A TOML date-time or its text, with an offset.
fn instant(reader: &mut Reader<'_>, value: &TomlValue<'_>, key: &str) -> Option<Timestamp> {
    let text = match value.get_ref() {
        DeValue::Datetime(instant) => instant.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => {
            reader.wrong_type(value, key, "a date-time");
            return None;
        }
    };
    let parsed = text.parse().ok();
    if parsed.is_none() {
        reader
            .error(
                value.span(),
                format!("`{key}` is not a date-time with an offset"),
            )
            .hint = Some("such as 2026-08-03T15:00:00Z".to_owned());
    }
    parsed
}
