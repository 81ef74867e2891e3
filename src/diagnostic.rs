//! A finding in a file that people edit: where, what is wrong, what to do.
//!
//! Config and tables collect findings, every one at once; `cli/check` and the start of `serve`
//! show them through `render`. Nothing here reads files.

pub mod render;
pub mod syntax;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A file as it was read: findings point into its text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    pub path: PathBuf,
    pub text: Arc<str>,
}

impl SourceFile {
    /// Line and column of a byte, both from 1, columns in characters.
    pub fn position_of(&self, byte: usize) -> (usize, usize) {
        let mut at = byte.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let newlines = before.bytes().filter(|byte| *byte == b'\n').count();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (newlines + 1, before[start..].chars().count() + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One fault or warning.
#[derive(Debug, Clone)]
pub struct Finding {
    pub severity: Severity,
    pub file: SourceFile,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    /// What is wrong, in one line, without a full stop.
    pub message: String,
    /// What to do, or what was probably meant.
    pub hint: Option<String>,
}

impl Finding {
    pub fn error(file: &SourceFile, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.clone(),
            span,
            message: message.into(),
            hint: None,
        }
    }

    pub fn warning(file: &SourceFile, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, span, message)
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Line and column of the start, both from 1, columns in characters.
    pub fn position(&self) -> (usize, usize) {
        self.file.position_of(self.span.start)
    }

    /// Line and column behind the last character.
    pub fn end_position(&self) -> (usize, usize) {
        self.file.position_of(self.span.end.max(self.span.start))
    }
}

/// `file:line:column: severity: message`, the form editors jump to.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            formatter,
            "{}:{line}:{column}: {severity}: {}",
            self.file.path.display(),
            self.message
        )?;
        if let Some(hint) = &self.hint {
            write!(formatter, " ({hint})")?;
        }
        Ok(())
    }
}

/// The candidate nearest to `given`, if it is near enough to have been meant.
pub fn did_you_mean<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given_lower = given.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&given_lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.len().max(given.len()) / 3).clamp(1, 3)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replace = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            rows[i][j] = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            let swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_only_a_near_one() {
        assert_eq!(
            did_you_mean("Sucess", ["Success", "NotSuccessful"]),
            Some("Success")
        );
        assert_eq!(
            did_you_mean("catgeory", ["category", "outcome"]),
            Some("category")
        );
        assert_eq!(did_you_mean("zebra", ["category", "outcome"]), None);
    }

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let file = SourceFile {
            path: "voice.toml".into(),
            text: "é = 1\nstatus = 2\n".into(),
        };
        let finding = Finding::error(&file, 7..13, "no such key").hint("try `status`");
        assert_eq!(finding.position(), (2, 1));
        assert_eq!(
            finding.to_string(),
            "voice.toml:2:1: error: no such key (try `status`)"
        );
    }
}
