//! Reads on behind a syntax error: what is wrong is said, its lines are blanked, and the rest is read
//! as if they were not there. Otherwise one forgotten quote is told of on every line below it.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use super::{Said, line_of, say};
use crate::diagnostic::{Finding, SourceFile};

/// The most errors that are read past, and how much may be read for it in all.
const MAX_ERRORS: usize = 100;
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// How far above an error a bracket may have been opened.
const MAX_LINES_ABOVE: usize = 50;

/// A text that can be read, as far as it goes.
pub struct Recovered<'t> {
    /// As long as the file's: every place is where it was.
    pub text: Cow<'t, str>,
    pub findings: Vec<Finding>,
    /// Where something was blanked, in order.
    pub broken: Vec<usize>,
}

/// Blanks what is no TOML.
pub fn recover(file: &SourceFile) -> Recovered<'_> {
    let mut recovered = Recovered {
        text: Cow::Borrowed(&*file.text),
        findings: Vec::new(),
        broken: Vec::new(),
    };
    let rounds = MAX_ERRORS.min(MAX_BYTES / file.text.len().max(1));
    for _ in 0..rounds {
        let text = recovered.text.as_ref();
        let (_, errors) = DeTable::parse_recoverable(text);
        let first = errors.iter().min_by_key(|error| start_of(error, text));
        let Some(error) = first else {
            break;
        };
        let (said, lines) = explain(text, error);
        if text[lines.clone()].trim().is_empty() {
            break;
        }
        recovered.broken.push(lines.start);
        let mut finding = Finding::error(file, said.span, said.message);
        finding.hint = said.hint;
        recovered.findings.push(finding);
        blank(recovered.text.to_mut(), lines);
    }
    recovered.broken.sort_unstable();
    recovered
}

fn start_of(error: &toml::de::Error, text: &str) -> usize {
    error
        .span()
        .map_or(text.len(), |span| span.start.min(text.len()))
}

fn blank(text: &mut String, lines: Range<usize>) {
    let blanked: String = text[lines.clone()]
        .bytes()
        .map(|byte| {
            if matches!(byte, b'\n' | b'\r') {
                char::from(byte)
            } else {
                ' '
            }
        })
        .collect();
    text.replace_range(lines, &blanked);
}

/// What is wrong, and the lines that cannot be read because of it.
fn explain(text: &str, error: &toml::de::Error) -> (Said, Range<usize>) {
    let at = start_of(error, text);
    let line = line_of(text, at);
    if error.message() == "duplicate key" {
        return duplicate(text, at, line);
    }
    let is_in_line = error.message().starts_with("unclosed ");
    if is_in_line && is_header(&text[line.clone()]) {
        let hint = "write `[[row]]` for a row, `[defaults.leadping]` for a table";
        let section = line.start..next_header(text, line.end);
        return (
            Said::new(line, "the brackets are not closed", hint),
            section,
        );
    }
    let in_line = || brackets(text, line.clone()).last().copied();
    if error.message().starts_with("missing comma")
        && text[line.start..at].trim().is_empty()
        && let Some(torn) = without_comma(text, &line)
    {
        return torn;
    }
    let open = in_line().filter(|_| is_in_line);
    if let Some(open) = open.or_else(|| unclosed(text, &line)) {
        let sign = &text[open..=open];
        let close = if sign == "[" { "]" } else { "}" };
        let hint = format!("it ends with `{close}`");
        let said = Said::new(open..open + 1, format!("`{sign}` is not closed"), &hint);
        let opening = line_of(text, open);
        let before = text[..line.start].trim_end().len();
        return (said, opening.start..before.max(opening.end));
    }
    (say(text, error), line)
}

/// Something that goes over several lines, and lacks a comma before this one; all its lines.
fn without_comma(text: &str, line: &Range<usize>) -> Option<(Said, Range<usize>)> {
    let before = text[..line.start].trim_end();
    let mut above = line.start;
    let begins = (0..MAX_LINES_ABOVE).find_map(|_| {
        let one = line_of(text, above.checked_sub(1)?);
        above = one.start;
        let opens = !brackets(text, one.start..line.start).is_empty();
        (opens && begins_statement(&text[one])).then_some(above)
    })?;
    let end = next_header(text, line.end);
    let closing = lines(text)
        .filter(|below| below.start >= line.start && below.end <= end)
        .take(MAX_LINES_ABOVE)
        .find(|below| brackets(text, begins..below.end).is_empty())?;
    let last = before.chars().next_back()?;
    let hint = "put a comma at the end of the line: its brackets are closed further down";
    let span = before.len() - last.len_utf8()..before.len();
    let said = Said::new(span, "no comma before the next line", hint);
    Some((said, begins..closing.end))
}

/// A key that stands twice, or a row that does not begin.
fn duplicate(text: &str, at: usize, line: Range<usize>) -> (Said, Range<usize>) {
    let shown = text[line.clone()].trim_start();
    let section = line.start..next_header(text, line.end);
    if shown.starts_with('[') {
        if let Some(single) = lines(text).find(|line| text[line.clone()].trim() == "[row]") {
            let hint = "write `[[row]]`, with two brackets: there can be several";
            let said = Said::new(single.clone(), "`[row]` is no list of rows", hint);
            return (said, single.start..next_header(text, single.end));
        }
        let hint = "a table stands once in a file; a row begins with `[[row]]`";
        return (
            Said::new(line, "this table is there already", hint),
            section,
        );
    }
    let key = &text[at..];
    let length = key.find(|sign: char| sign.is_whitespace() || "=.".contains(sign));
    let key = &key[..length.unwrap_or(key.len())];
    let span = at..at + key.len();
    let message = format!("duplicate key `{key}`");
    let above = text[..line.start].lines().next_back().unwrap_or_default();
    let begins = above.trim().is_empty() || above.trim_start().starts_with('#');
    if begins && text[..line.start].contains("[[row]]") {
        let hint = "is the line `[[row]]` missing above it? Every row begins with its own";
        return (Said::new(span, message, hint), section);
    }
    let hint = "a key stands once in a table: take one of the two out";
    (Said::new(span, message, hint), line)
}

/// The bracket above this line that should have been closed before it.
fn unclosed(text: &str, line: &Range<usize>) -> Option<usize> {
    let is_end = text[line.start..].trim().is_empty();
    if !is_end && !begins_statement(&text[line.clone()]) {
        return None;
    }
    let mut above = line.start;
    for _ in 0..MAX_LINES_ABOVE {
        let before = line_of(text, above.checked_sub(1)?);
        above = before.start;
        if !begins_statement(&text[before.clone()]) {
            continue;
        }
        let open = *brackets(text, before.clone()).last()?;
        // Closed further down, it is only torn.
        let end = next_header(text, line.end);
        return brackets(text, before.start..end)
            .contains(&open)
            .then_some(open);
    }
    None
}

/// Where the brackets are that this piece of text opens and does not close.
fn brackets(text: &str, piece: Range<usize>) -> Vec<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    let mut is_comment = false;
    for (at, sign) in text[piece.clone()].char_indices() {
        match (quote, sign) {
            (_, '\n') => (quote, is_comment) = (None, false),
            _ if is_comment => {}
            (Some('"'), _) if escaped => {}
            (Some(closing), _) if closing == sign => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(sign),
            (None, '#') => is_comment = true,
            (None, '[' | '{') => open.push(piece.start + at),
            (None, ']' | '}') => drop(open.pop()),
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
    }
    open
}

/// `key =`, `[table]` or `[[row]]`.
fn begins_statement(line: &str) -> bool {
    let line = line.trim_start();
    if is_header(line) {
        return true;
    }
    let key = line
        .trim_start_matches(|sign: char| sign.is_ascii_alphanumeric() || "_-.\"".contains(sign));
    key.len() < line.len() && key.trim_start().starts_with('=')
}

fn is_header(line: &str) -> bool {
    let inner = line.trim_start().strip_prefix('[');
    inner.is_some_and(|inner| {
        inner.starts_with(|sign: char| sign == '[' || sign.is_ascii_alphabetic())
    })
}

/// Where the next table begins, or the text ends.
fn next_header(text: &str, from: usize) -> usize {
    lines(text)
        .find(|line| line.start >= from && is_header(&text[line.clone()]))
        .map_or(text.len(), |line| line.start)
}

fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let place = start..start + line.trim_end_matches(['\n', '\r']).len();
        start += line.len();
        place
    })
}
