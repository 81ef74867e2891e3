//! Every key that the checks read, with what they take and what they fall back to: noted by
//! [`Section`](super::section::Section) while the reference is checked, so it cannot drift from
//! the checks. `schema` makes a JSON Schema of it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use toml::de::DeTable;

use super::check::check;
use super::faults::Faults;
use super::raw::{Place, Table};
use crate::diagnostic::SourceFile;

/// The shipped reference: every key is in it, some behind a `#`.
pub const REFERENCE: &str = include_str!("../../config/bridge.toml");

/// What a key takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Read by hand: a list of tables.
    Tables,
    Text(Option<&'static str>),
    Texts,
    Words(Vec<&'static str>),
    Truth(bool),
    Whole {
        default: f64,
        least: f64,
        most: f64,
    },
    Decimal {
        default: f64,
        least: f64,
        most: f64,
    },
    Secret,
    Table,
}

/// Section → key → what it takes. A section of the user's own name is `*`: `sources.*.auth`.
pub type Vocabulary = BTreeMap<String, BTreeMap<String, Form>>;

/// Collects while the tree is read.
#[derive(Default)]
pub(super) struct Notes(RefCell<Vocabulary>);

impl Notes {
    pub fn note(&self, section: &str, key: &str, form: Form) {
        let mut parts: Vec<&str> = section.split('.').collect();
        if let ["sources", name, ..] = parts.as_mut_slice() {
            *name = "*";
        }
        let mut vocabulary = self.0.borrow_mut();
        let keys = vocabulary.entry(parts.join(".")).or_default();
        let is_known = keys.contains_key(key);
        // What reads by hand says less than what reads by type.
        if !(is_known && form == Form::Tables) {
            keys.insert(key.to_owned(), form);
        }
    }
}

/// Every key of the configuration.
pub fn vocabulary() -> Vocabulary {
    let text: String = REFERENCE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let faults = Faults::new(SourceFile {
        path: "bridge.toml".into(),
        text: text.as_str().into(),
    });
    let (document, _) = DeTable::parse_recoverable(&text);
    check(
        &Table::from_toml(document.get_ref(), &Place::in_file),
        &faults,
    );
    let mut vocabulary = faults.notes.0.take();
    // Its keys are names of sources.
    vocabulary.remove("sources.*.links");
    for section in vocabulary.values_mut() {
        section.remove("env");
        section.remove("file");
    }
    vocabulary.retain(|_, keys| !keys.is_empty());
    vocabulary
}
