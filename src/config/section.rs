//! One table of the tree, read key by key: each reader knows its type, its default and its range,
//! reports what is wrong with the place of it, and remembers which keys exist.
//!
//! Readers return the default where they reported a fault: nobody gets to see it, because a
//! configuration with an error is never handed out.

mod pointer;
mod secret;

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::{Fault, Faults};
use super::mask::sounds_secret;
use super::raw::{Entry, Node, Place, Table, Value};
use super::vocabulary::Form;
use crate::diagnostic::did_you_mean;

pub(super) use pointer::pointer_fault;

/// The least that counts as more than nothing, in any unit.
pub(super) const MORE_THAN_ZERO: f64 = 1e-6;

pub(super) struct Section<'t> {
    /// `sources.voice`; empty for the whole file.
    pub path: String,
    /// Where the section is named.
    pub place: Place,
    pub faults: &'t Faults,
    table: &'t Table,
    known: RefCell<Vec<&'static str>>,
}

/// The last word of a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
    Hours,
    Days,
}

impl Unit {
    fn to_duration(self, value: f64) -> Duration {
        match self {
            Self::Milliseconds => Duration::from_secs_f64(value / 1000.0),
            Self::Seconds => Duration::from_secs_f64(value),
            Self::Hours => Duration::from_secs_f64(value * 3600.0),
            Self::Days => Duration::from_secs_f64(value * 86400.0),
        }
    }
}

impl<'t> Section<'t> {
    pub fn root(table: &'t Table, faults: &'t Faults) -> Self {
        Self::new(String::new(), table, Place::in_file(0..0), faults)
    }

    pub fn new(path: String, table: &'t Table, place: Place, faults: &'t Faults) -> Self {
        Self {
            path,
            place,
            faults,
            table,
            known: RefCell::default(),
        }
    }

    /// The key's full name, as messages write it.
    pub fn name_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The entry, if it is there. The key now counts as known.
    pub fn entry(&self, key: &'static str) -> Option<&'t Entry> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.note(key, Form::Tables);
        self.table.get(key)
    }

    /// For those who want to know which keys there are.
    fn note(&self, key: &str, form: Form) {
        self.faults.notes.note(&self.path, key, form);
    }

    /// Every entry, for tables whose keys the user chooses.
    pub fn entries(&self) -> &'t [Entry] {
        &self.table.entries
    }

    /// Where the key's value is, or the section if the default is in force.
    pub fn place_of(&self, key: &str) -> Place {
        self.table
            .get(key)
            .map_or_else(|| self.place.clone(), |entry| entry.node.place.clone())
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Reports every key that no reader asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for entry in &self.table.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let meant = did_you_mean(&entry.key, known.iter().copied());
            if sounds_secret(&entry.key) || meant.is_some_and(sounds_secret) {
                self.faults.mask(&entry.node.place);
            }
            let place = match self.path.as_str() {
                "" => String::new(),
                path => format!(" in [{path}]"),
            };
            let hint = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.faults.report(
                Fault::error(
                    &entry.key_place,
                    format!("unknown key `{}`{place}", entry.key),
                )
                .hint(hint),
            );
        }
    }

    /// The table under the key.
    pub fn section(&self, key: &'static str) -> Option<Section<'t>> {
        self.note(key, Form::Table);
        self.subsection(self.entry(key)?)
    }

    /// The table of this entry.
    pub fn subsection(&self, entry: &'t Entry) -> Option<Section<'t>> {
        let path = self.name_of(&entry.key);
        match &entry.node.value {
            Value::Table(table) => Some(Section::new(
                path,
                table,
                entry.key_place.clone(),
                self.faults,
            )),
            _ => {
                self.wrong_type(&path, &entry.node, "a table");
                None
            }
        }
    }

    /// A key that must be there is not.
    pub fn missing(&self, key: &str, hint: &str) {
        self.faults.report(
            Fault::missing(&self.place, format!("`{}` is missing", self.name_of(key))).hint(hint),
        );
    }

    /// An empty hint is none.
    pub fn bad_value(&self, key: &str, problem: impl Display, hint: &str) {
        let message = format!("`{}` {problem}", self.name_of(key));
        let fault = Fault::error(&self.place_of(key), message);
        self.faults.report(match hint {
            "" => fault,
            hint => fault.hint(hint),
        });
    }

    fn wrong_type(&self, name: &str, node: &Node, expected: &str) {
        let found = node.value.type_name();
        self.faults.report(Fault::error(
            &node.place,
            format!("`{name}` must be {expected}, not {found}"),
        ));
    }

    pub fn text(&self, key: &'static str) -> Option<&'t str> {
        self.note(key, Form::Text(None));
        let entry = self.entry(key)?;
        self.text_of(&self.name_of(key), &entry.node)
    }

    pub fn text_of(&self, name: &str, node: &'t Node) -> Option<&'t str> {
        match &node.value {
            Value::String(text) => Some(text),
            _ => {
                self.wrong_type(name, node, "a string");
                None
            }
        }
    }

    /// A string, or a date written without quotes.
    pub fn text_or_date(&self, key: &'static str) -> Option<&'t str> {
        self.note(key, Form::Text(None));
        match &self.entry(key)?.node.value {
            Value::Datetime(text) => Some(text),
            _ => self.text(key),
        }
    }

    pub fn path_or(&self, key: &'static str, default: &'static str) -> PathBuf {
        let text = self.text(key).unwrap_or(default);
        self.note(key, Form::Text(Some(default)));
        if text.is_empty() {
            self.bad_value(key, "is empty", "name a path");
        }
        text.into()
    }

    pub fn boolean(&self, key: &'static str, default: bool) -> bool {
        self.note(key, Form::Truth(default));
        let Some(entry) = self.entry(key) else {
            return default;
        };
        match entry.node.value {
            Value::Boolean(yes) => yes,
            _ => {
                self.wrong_type(&self.name_of(key), &entry.node, "true or false");
                default
            }
        }
    }

    pub fn whole(&self, key: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        self.note(
            key,
            Form::Whole {
                default: default.into(),
                least: (*range.start()).into(),
                most: (*range.end()).into(),
            },
        );
        let Some(entry) = self.entry(key) else {
            return default;
        };
        let Value::Integer(number) = entry.node.value else {
            self.wrong_type(&self.name_of(key), &entry.node, "a whole number");
            return default;
        };
        match u32::try_from(number) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = range.into_inner();
                self.bad_value(key, format!("must be {low} to {high}"), "");
                default
            }
        }
    }

    pub fn decimal(&self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let (least, most) = (*range.start(), *range.end());
        let form = Form::Decimal {
            default,
            least,
            most,
        };
        self.note(key, form);
        let Some(entry) = self.entry(key) else {
            return default;
        };
        let number = match entry.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => {
                self.wrong_type(&self.name_of(key), &entry.node, "a number");
                return default;
            }
        };
        if range.contains(&number) {
            return number;
        }
        let (low, high) = range.into_inner();
        let bounds = if low == MORE_THAN_ZERO {
            format!("must be more than 0 and at most {high}")
        } else {
            format!("must be {low} to {high}")
        };
        self.bad_value(key, bounds, "");
        default
    }

    /// In the key's unit; fractions are fine, except of milliseconds.
    pub fn duration(
        &self,
        key: &'static str,
        unit: Unit,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Duration {
        let fraction_allowed = !matches!(unit, Unit::Milliseconds);
        if let Some(entry) = self.entry(key)
            && !fraction_allowed
            && !matches!(entry.node.value, Value::Integer(_))
        {
            self.wrong_type(&self.name_of(key), &entry.node, "a whole number");
            return unit.to_duration(default);
        }
        let (least, most) = (*range.start(), *range.end());
        let found = self.decimal(key, default, range);
        if !fraction_allowed {
            let form = Form::Whole {
                default,
                least,
                most,
            };
            self.note(key, form);
        }
        unit.to_duration(found)
    }

    /// One of the words.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let given = self.text(key);
        let known = words.iter().map(|(word, _)| *word);
        self.note(key, Form::Words(known.collect()));
        let given = given?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == given) {
            return Some(*value);
        }
        let names = || words.iter().map(|(word, _)| *word);
        let hint = match did_you_mean(given, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => String::new(),
        };
        let list = names()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        self.bad_value(key, format!("must be one of {list}"), &hint);
        None
    }

    /// A list of strings.
    pub fn texts(&self, key: &'static str, default: &[&str]) -> Vec<(String, Place)> {
        self.note(key, Form::Texts);
        let Some(entry) = self.entry(key) else {
            return default
                .iter()
                .map(|text| ((*text).to_owned(), self.place.clone()))
                .collect();
        };
        let Value::List(items) = &entry.node.value else {
            self.wrong_type(&self.name_of(key), &entry.node, "a list of strings");
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let text = self.text_of(&self.name_of(key), item)?;
                Some((text.to_owned(), item.place.clone()))
            })
            .collect()
    }
}
