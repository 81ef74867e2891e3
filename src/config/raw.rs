//! The file's shape: a tree of values that each remember where they were written.
//!
//! `load` builds it from the TOML text, `environment` lays variables over it, `check` reads it
//! through `section`. Nothing here knows a key.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Which text a place points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    File,
    /// The pseudo file made of the variables.
    Environment,
}

/// Bytes of one of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub origin: Origin,
    pub span: Range<usize>,
}

impl Place {
    pub fn in_file(span: Range<usize>) -> Self {
        Self {
            origin: Origin::File,
            span,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// With its article, for a message.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Entries in the order written; tables here are small, so a search is a walk.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub node: Node,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub fn from_toml(table: &DeTable<'_>, place: &impl Fn(Range<usize>) -> Place) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_place: place(key.span()),
                node: Node::from_toml(value, place),
            })
            .collect();
        Self { entries }
    }
}

impl Node {
    /// `place` says where the bytes of the parsed text are.
    pub fn from_toml(
        spanned: &Spanned<DeValue<'_>>,
        place: &impl Fn(Range<usize>) -> Place,
    ) -> Self {
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            // A number that fits no i64 fits no key of ours either: the range check says so.
            DeValue::Integer(number) => Value::Integer(
                i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX),
            ),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(yes) => Value::Boolean(*yes),
            DeValue::Datetime(when) => Value::Datetime(when.to_string()),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Self::from_toml(item, place))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(Table::from_toml(table, place)),
        };
        Self {
            place: place(spanned.span()),
            value,
        }
    }
}
