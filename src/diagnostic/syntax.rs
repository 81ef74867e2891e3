//! Syntax errors of TOML, said for people who do not know TOML: what is wrong with the line, and
//! what was probably meant. One for each line: the others are mostly its consequences.

mod recovery;
mod unseen;

use std::ops::Range;

use super::{Finding, SourceFile};
pub use recovery::{Recovered, recover};

const TYPOGRAPHIC: &[char] = &[
    '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}', '\u{bb}',
];
const IN_QUOTES: &str = "a text in quotes ends at the next quote of its kind: put a text with \" in it between '…', one with ' in it between \"…\"";

/// Nobody reads on.
const MAX_FINDINGS: usize = 200;

const ONE_VALUE: &str = "a text in quotes, a number, true or false";

/// What is wrong, and where in the text.
struct Said {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Said {
    fn new(span: Range<usize>, message: impl Into<String>, hint: &str) -> Self {
        Self {
            span,
            message: message.into(),
            hint: Some(hint.to_owned()),
        }
    }
}

/// A finding for each line with an error, the first lines only if there are too many.
pub fn findings(file: &SourceFile, errors: &[toml::de::Error]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for error in errors {
        let said = say(&file.text, error);
        // The errors come in the order of the lines, mostly.
        let is_same_line = findings.last().is_some_and(|before| {
            let (from, to) = (before.span.start, said.span.start);
            from > to || !file.text[from..to].contains('\n')
        });
        if is_same_line {
            continue;
        }
        let mut finding = Finding::error(file, said.span, said.message);
        finding.hint = said.hint;
        findings.push(finding);
        if findings.len() == MAX_FINDINGS {
            break;
        }
    }
    findings
}

fn say(text: &str, error: &toml::de::Error) -> Said {
    let end = text.len();
    let span = error.span().unwrap_or(end..end);
    let span = span.start.min(end)..span.end.min(end);
    let message = error.message();
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let line = line_of(text, span.start);
    let said = typographic(text, &line)
        .or_else(|| unseen::said(text, &line))
        .or_else(|| other_language(text, &span, &line));
    if let Some(said) = said {
        return said;
    }
    let is_string = what.starts_with("invalid ") && what.ends_with(" string");
    // The end of a line of Windows stands inside a text that is open.
    let is_open = is_string && text[span.start..].starts_with('\r');
    match what {
        _ if is_open || is_string && expected.contains(['"', '\'']) => {
            open_text(text, &span, &line)
        }
        "unexpected key or value" => {
            behind_a_value(text, span, "one key and its value stand on a line")
        }
        "missing comma between key-value pairs" => {
            let hint = "put a comma between the two, or close the table with `}`";
            behind_a_value(text, span, hint)
        }
        "missing comma between array elements" => {
            let hint = "put a comma between the two, or close the list with `]`";
            behind_a_value(text, span, hint)
        }
        "unclosed array table" | "unclosed table" => {
            let hint = "write `[[row]]` for a row, `[defaults.leadping]` for a table";
            Said::new(line, "the brackets are not closed", hint)
        }
        "duplicate key" => {
            let hint = "a key stands once in a table; every row begins with its own line `[[row]]`";
            Said::new(span, what, hint)
        }
        "string values must be quoted" => bare_text(text, span),
        // `New"`, which begins like a number that is none.
        _ if what.starts_with("invalid ") && begins_with_letter(&text[span.start..]) => {
            bare_text(text, span)
        }
        "key with no value"
        | "missing value for key"
        | "missing assignment between key-value pairs"
        | "invalid unquoted key" => without_a_value(text, span, &line),
        _ => said_so_far(span, what, message),
    }
}

/// What needs no look at the text.
fn said_so_far(span: Range<usize>, what: &str, message: &str) -> Said {
    match what {
        "unclosed inline table" => Said::new(
            span,
            "`{` is not closed",
            "a table in `{ … }` ends with `}`",
        ),
        "unclosed array" => Said::new(span, "`[` is not closed", "a list ends with `]`"),
        "missing value" | "extra `=`" => Said::new(span, what, ONE_VALUE),
        _ if what.starts_with("cannot extend value of type inline table") => {
            let hint = "put it between the braces of the table above";
            Said::new(span, "the table in `{ … }` is closed already", hint)
        }
        _ if what.starts_with("carriage return") => {
            let hint = "save the file with the line ends of Unix or Windows";
            Said::new(span, "a line ends in a way of its own", hint)
        }
        _ if what.starts_with("invalid ") || what.starts_with("unexpected leading") => {
            Said::new(span, message, "a text stands in quotes")
        }
        _ => Said {
            span,
            message: message.to_owned(),
            hint: None,
        },
    }
}

fn begins_with_letter(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
}

/// A word without quotes, or nothing at all.
fn bare_text(text: &str, span: Range<usize>) -> Said {
    let word = text[span.clone()].trim().trim_end_matches(['"', '\'']);
    if word.is_empty() {
        return Said::new(span, "nothing stands behind `=`", ONE_VALUE);
    }
    let hint = match whole_value(text, &span) {
        Some(whole) if whole.contains('"') => format!("write '{whole}'"),
        Some(whole) => format!("write \"{whole}\""),
        None => format!("write \"{word}\""),
    };
    Said::new(span, "a text stands in quotes", &hint)
}

/// All that stands behind the line's own `=`, where it is no more than that and no comment.
fn whole_value<'t>(text: &'t str, span: &Range<usize>) -> Option<&'t str> {
    let line = line_of(text, span.start);
    let key = text[line.start..span.start].trim().strip_suffix('=')?;
    let is_key = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    let whole = text[span.start..line.end].split(" #").next()?.trim();
    let is_fit = key.trim().chars().all(is_key) && !whole.contains('\'') && whole.contains(' ');
    is_fit.then_some(whole)
}

/// `key: value`, or a key alone.
fn without_a_value(text: &str, span: Range<usize>, line: &Range<usize>) -> Said {
    let colon = text[line.clone()].find(':').map(|at| line.start + at);
    let hint = match colon {
        Some(colon) if colon <= span.end + 1 => "write `=` instead of `:`",
        _ => "write `key = value`",
    };
    let shown = &text[line.clone()];
    if hint.contains("key") && shown.contains('"') && !shown.contains('=') {
        return Said::new(span, "no `=` behind the key", hint);
    }
    Said::new(span, "a key without a value", hint)
}

/// The line around a place, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..]
        .find(['\n', '\r'])
        .map_or(text.len(), |end| at + end);
    start..end.max(start)
}

/// Word processors write other quotes.
fn typographic(text: &str, line: &Range<usize>) -> Option<Said> {
    let shown = &text[line.clone()];
    let at = first_typographic(shown)?;
    let length = shown[at..].chars().next().map_or(0, char::len_utf8);
    let start = line.start + at;
    Some(Said::new(
        start..start + length,
        format!("`{}` is no quote of TOML", &shown[at..at + length]),
        "write plain quotes: \"",
    ))
}

/// JSON, and what other languages put around their lines.
fn other_language(text: &str, span: &Range<usize>, line: &Range<usize>) -> Option<Said> {
    let shown = text[line.clone()].trim();
    let rest = &text[span.start..line.end.max(span.start)];
    if shown.starts_with("//") || shown.starts_with("--") || rest.starts_with("//") {
        let at = line.start
            + text[line.clone()]
                .find("//")
                .or(text[line.clone()].find("--"))?;
        return Some(Said::new(
            at..line.end,
            "not a comment of TOML",
            "a comment begins with `#`",
        ));
    }
    if rest.starts_with([';', ',']) && rest[1..].trim().is_empty() {
        let hint = "a line ends without a sign";
        return Some(Said::new(
            span.start..span.start + 1,
            format!("`{}` behind the value", &rest[..1]),
            hint,
        ));
    }
    if text.trim_start().starts_with('{') && matches!(shown, "{" | "}") {
        let hint = "tables are written in TOML: `kind = \"nlpearl\"`, then `[[row]]` and its keys";
        return Some(Said::new(line.clone(), "this is JSON, not TOML", hint));
    }
    let slash = text[line.start..span.start.min(line.end)].rfind('\\');
    match slash {
        Some(at) if line.start + at + 2 >= span.start => {
            let at = line.start + at;
            let hint = "put the text between '…', where `\\` is a plain sign, or write `\\\\`";
            Some(Said::new(
                at..at + 1,
                "`\\` in \"…\" begins an escape",
                hint,
            ))
        }
        _ => None,
    }
}

fn first_typographic(line: &str) -> Option<usize> {
    let mut signs = outside_quotes(line);
    signs.find_map(|(at, sign)| TYPOGRAPHIC.contains(&sign).then_some(at))
}

/// The signs of a line that are no text: not between plain quotes, nor in a comment.
fn outside_quotes(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut open = None;
    let signs = line.char_indices().map(move |(at, sign)| {
        let is_text = open.is_some();
        match (open, sign) {
            (None, '"' | '\'') => open = Some(sign),
            (Some(quote), closing) if quote == closing => open = None,
            _ => {}
        }
        (at, sign, is_text)
    });
    signs
        .take_while(|(_, sign, is_text)| *is_text || *sign != '#')
        .filter(|(_, _, is_text)| !is_text)
        .map(|(at, sign, _)| (at, sign))
}

/// A text that is not closed before the line, or the file, ends.
fn open_text(text: &str, span: &Range<usize>, line: &Range<usize>) -> Said {
    let before = &text[line.start..span.start.clamp(line.start, line.end)];
    let quotes = before.matches(['"', '\'']).count();
    let open = open_quote(before).or_else(|| before.rfind(['"', '\'']));
    let start = line.start + open.unwrap_or(0);
    let quote = text[start..].chars().next().unwrap_or('"');
    if quotes > 2 || open.is_none() {
        let place = start..line.end.max(start);
        let hint = format!("every text begins and ends with its quote; {IN_QUOTES}");
        return Said::new(place, "a quote is missing in this line", &hint);
    }
    let hint = format!("end it with {quote} on the same line");
    Said::new(
        start..line.end.max(start),
        "the text has no closing quote",
        &hint,
    )
}

/// The quote that is still open at the end of a piece of a line.
fn open_quote(piece: &str) -> Option<usize> {
    let mut open: Option<(usize, char)> = None;
    let mut escaped = false;
    for (at, character) in piece.char_indices() {
        match open {
            None if matches!(character, '"' | '\'') => open = Some((at, character)),
            Some((_, '"')) if escaped => {}
            Some((_, quote)) if quote == character => open = None,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    open.map(|(at, _)| at)
}

/// Something follows a value where nothing should.
fn behind_a_value(text: &str, span: Range<usize>, otherwise: &str) -> Said {
    let rest = &text[span.start..];
    let word = rest
        .find(|sign: char| !sign.is_alphanumeric() && sign != '"')
        .unwrap_or(rest.len());
    let span = span.start..span.end.max(span.start + word);
    match rest.chars().next() {
        Some(',') => {
            let hint = "several values are a list, in brackets: [\"…\", \"…\"]";
            return Said::new(span.start..span.start + 1, "`,` behind the value", hint);
        }
        Some(';') => {
            let hint = "write `,` between two members";
            return Said::new(span.start..span.start + 1, "`;` behind the value", hint);
        }
        _ => {}
    }
    let line = line_of(text, span.start);
    if text[line.clone()].matches('"').count() % 2 == 1 {
        let hint = format!("every text begins and ends with its quote; {IN_QUOTES}");
        return Said::new(span, "a quote is missing in this line", &hint);
    }
    let follows_a_quote = text[..span.start].ends_with(['"', '\'']);
    if follows_a_quote {
        return Said::new(span, "the text in quotes ended before this", IN_QUOTES);
    }
    Said::new(span, "something follows the value", otherwise)
}
