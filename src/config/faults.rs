//! Faults on their way to findings: collected while the tree is read, turned into findings once.
//!
//! A finding shows the line it points at, so secrets written where a reference belongs are masked
//! in the text first. The mask keeps every position: one character for one of the same length.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::raw::{Origin, Place};
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

    pub fn syntax(place: &Place, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Syntax,
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
}

impl Faults {
    pub fn new(file: SourceFile) -> Self {
        Self {
            file,
            environment: Cell::new(None),
            collected: RefCell::default(),
            masks: RefCell::default(),
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

fn masked(file: &SourceFile, origin: Origin, masks: &[Place]) -> SourceFile {
    let mut ranges: Vec<Range<usize>> = masks
        .iter()
        .filter(|place| place.origin == origin)
        .map(|place| place.span.clone())
        .collect();
    ranges.extend(literals_that_look_secret(&file.text));
    if ranges.is_empty() {
        return file.clone();
    }
    let text: String = file
        .text
        .char_indices()
        .map(|(at, character)| {
            let hidden = ranges.iter().any(|range| range.contains(&at));
            match (hidden && !character.is_control(), character.len_utf8()) {
                (false, _) => character,
                (true, 1) => '*',
                (true, 2) => '·',
                (true, 3) => '•',
                (true, _) => '🞶',
            }
        })
        .collect();
    SourceFile {
        path: file.path.clone(),
        text: text.into(),
    }
}

/// Words that name a key whose value is nobody's to read.
const SECRET_WORDS: [&str; 4] = ["secret", "token", "password", "api_key"];

pub(super) fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// What stands behind `secret =` and the like without being a table. This reads the bare text, so
/// it also covers files too broken to become a tree.
fn literals_that_look_secret(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut ranges = Vec::new();
    for word in SECRET_WORDS {
        for (at, _) in lower.match_indices(word) {
            let behind = &lower[at + word.len()..];
            let trimmed = behind.trim_start_matches(['"', '\'', ' ', '\t']);
            let Some(value) = trimmed.strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start_matches([' ', '\t']);
            let length = literal_length(value);
            let start = lower.len() - value.len();
            if length > 0 {
                ranges.push(start..start + length);
            }
        }
    }
    ranges
}

/// How much of the text belongs to the literal it begins with; 0 for a table, which is a
/// reference as it should be.
fn literal_length(value: &str) -> usize {
    let line = value.find('\n').unwrap_or(value.len());
    for fence in ["\"\"\"", "'''"] {
        if let Some(inside) = value.strip_prefix(fence) {
            return inside
                .find(fence)
                .map_or(value.len(), |end| end + 2 * fence.len());
        }
    }
    match value.chars().next() {
        Some('{') | None => 0,
        Some(quote @ ('"' | '\'')) => value[1..line.max(1)]
            .find(quote)
            .map_or(line, |end| end + 2),
        Some(_) => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_masked(text: &str, expected: &str) {
        let file = SourceFile {
            path: "bridge.toml".into(),
            text: text.into(),
        };
        assert_eq!(&*masked(&file, Origin::File, &[]).text, expected);
    }

    #[test]
    fn what_follows_a_secret_key_is_not_shown() {
        check_masked("secret = \"hunter2\" # old", "secret = ********* # old");
        check_masked("token='hunter2", "token=********");
        check_masked("password = hunter2\nb = 1", "password = *******\nb = 1");
        check_masked("secret = \"é2\"", "secret = *·**");
        check_masked("token = \"\"\"a\nb\"\"\" # x", "token = ****\n**** # x");
        check_masked("secret = { env = \"NAME\" }", "secret = { env = \"NAME\" }");
        check_masked("X__TOKEN=hunter2", "X__TOKEN=*******");
        check_masked("# a token is needed", "# a token is needed");
    }
}
