//! Faults on their way to findings: collected while the tree is read, turned into findings once.
//!
//! A finding shows the line it points at, so secrets written where a reference belongs are masked
//! in the text first.

use std::cell::{Cell, RefCell};

use super::mask::masked;
use super::raw::{Origin, Place};
use super::vocabulary::Notes;
use crate::diagnostic::{Finding, Severity, SourceFile};

/// A finding that does not hold its text yet.
#[derive(Debug)]
pub(super) struct Fault {
    severity: Severity,
    place: Place,
    message: String,
    hint: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syntax,
    /// Something expected is not there.
    Missing,
    Other,
}

impl Fault {
    pub fn error(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.clone(),
            message: message.into(),
            hint: None,
            kind: Kind::Other,
        }
    }

    pub fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }

    pub fn missing(place: &Place, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Missing,
            ..Self::error(place, message)
        }
    }

    pub fn syntax(place: &Place, error: &toml::de::Error) -> Self {
        let message = error.message();
        let message = message
            .strip_suffix(", expected nothing")
            .unwrap_or(message);
        Self {
            kind: Kind::Syntax,
            // `listen = 127.0.0.1:8080` begins like a number.
            hint: message
                .starts_with("invalid ")
                .then(|| "a string stands in quotes".to_owned()),
            ..Self::error(place, message)
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Collects; shared by everything that reads the tree.
pub(super) struct Faults {
    file: SourceFile,
    environment: Cell<Option<SourceFile>>,
    collected: RefCell<Vec<Fault>>,
    masks: RefCell<Vec<Place>>,
    pub notes: Notes,
}

impl Faults {
    pub fn new(file: SourceFile) -> Self {
        Self {
            file,
            environment: Cell::new(None),
            collected: RefCell::default(),
            masks: RefCell::default(),
            notes: Notes::default(),
        }
    }

    pub fn set_environment(&self, environment: SourceFile) {
        self.environment.set(Some(environment));
    }

    pub fn report(&self, fault: Fault) {
        self.collected.borrow_mut().push(fault);
    }

    /// The text here is or may be a secret: no finding shows it.
    pub fn mask(&self, place: &Place) {
        self.masks.borrow_mut().push(place.clone());
    }

    /// All findings, the file's first, in the order of their lines.
    pub fn into_findings(self) -> Vec<Finding> {
        let masks = self.masks.into_inner();
        let file = masked(&self.file, Origin::File, &masks);
        let environment = self.environment.into_inner().unwrap_or(SourceFile {
            path: "environment".into(),
            text: "".into(),
        });
        let environment = masked(&environment, Origin::Environment, &masks);

        let mut faults = without_consequences(self.collected.into_inner(), &file.text);
        faults.sort_by_key(|fault| (fault.place.origin, fault.place.span.start));
        faults
            .into_iter()
            .map(|fault| {
                let (file, message) = match fault.place.origin {
                    Origin::File => (&file, fault.message),
                    Origin::Environment => {
                        let name = variable_at(&environment.text, fault.place.span.start);
                        (&environment, format!("{name}: {}", fault.message))
                    }
                };
                Finding {
                    severity: fault.severity,
                    file: file.clone(),
                    span: fault.place.span,
                    message,
                    hint: fault.hint,
                }
            })
            .collect()
    }
}

/// A text with a syntax error was read only in part: what seems missing, or wrong on the same
/// line, may be the syntax error's doing.
fn without_consequences(mut faults: Vec<Fault>, text: &str) -> Vec<Fault> {
    let line = |fault: &Fault| {
        let start = fault.place.span.start.min(text.len());
        text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    let broken: Vec<usize> = faults
        .iter()
        .filter(|fault| fault.kind == Kind::Syntax && fault.place.origin == Origin::File)
        .map(line)
        .collect();
    if !broken.is_empty() {
        faults.retain(|fault| match fault.kind {
            Kind::Syntax => true,
            Kind::Missing => false,
            Kind::Other => {
                fault.place.origin == Origin::Environment || !broken.contains(&line(fault))
            }
        });
    }
    faults
}

/// The variable whose line holds this byte of the pseudo file.
fn variable_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[start..].split('=').next().unwrap_or_default()
}
