//! Signs and words of other languages where an expression was expected, and what they are called
//! here. Asked only about what does not compile, and about names that do not exist.

use std::ops::Range;

use super::Fault;
use crate::map::context::KNOWN;
use crate::map::sandbox::FILTERS;

/// Signs, the longer ones first, and what to write instead.
const SIGNS: &[(&str, &str)] = &[
    ("!==", "write `!=`"),
    ("===", "write `==`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("<>", "write `!=`"),
    ("=>", "write `>=`"),
    ("=<", "write `<=`"),
    ("=", "to compare, write `==`"),
    ("!", "write `not`"),
    ("?", "write `a if condition else b`"),
    ("&", "write `and`"),
    (";", TAKE_OUT),
    ("\u{201c}", QUOTES),
    ("\u{201d}", QUOTES),
    ("\u{201e}", QUOTES),
    ("\u{2018}", QUOTES),
    ("\u{2019}", QUOTES),
    ("\u{2264}", "write `<=`"),
    ("\u{2265}", "write `>=`"),
    ("\u{2260}", "write `!=`"),
    ("\u{a0}", BLANK),
    ("\u{202f}", BLANK),
    ("\u{2007}", BLANK),
    ("\u{3000}", BLANK),
    ("\u{200b}", TAKE_OUT),
    ("\u{200c}", TAKE_OUT),
    ("\u{200d}", TAKE_OUT),
    ("\u{2060}", TAKE_OUT),
    ("\u{feff}", TAKE_OUT),
];
const TAKE_OUT: &str = "take it out";
const BLANK: &str = "write a plain blank";
const QUOTES: &str = "write a plain quote: '";
/// Signs of ours, which the ones above are not to be found in.
const OURS: &[&str] = &["==", "!=", "<=", ">="];

const WORDS: &[(&str, &str)] = &[
    ("AND", "write `and`"),
    ("And", "write `and`"),
    ("OR", "write `or`"),
    ("Or", "write `or`"),
    ("NOT", "write `not`"),
    ("Not", "write `not`"),
    ("IN", "write `in`"),
    ("IS", "write `is`"),
    ("contains", CONTAINS),
    ("includes", CONTAINS),
    ("has", CONTAINS),
    ("like", CONTAINS),
    ("LIKE", CONTAINS),
    ("matches", CONTAINS),
    ("equals", "write `==`"),
    ("startswith", STARTS),
    ("starts_with", STARTS),
    ("endswith", ENDS),
    ("ends_with", ENDS),
    ("between", BETWEEN),
    ("BETWEEN", BETWEEN),
    ("then", "leave it out"),
];
const CONTAINS: &str = "write `'word' in call.summary | default('')`";
const STARTS: &str = "write `x is startingwith 'word'`";
const ENDS: &str = "write `x is endingwith 'word'`";
const BETWEEN: &str = "write `lead.calls >= 1 and lead.calls <= 3`";

/// Names that other languages have for values.
const VALUES: &[(&str, &str)] = &[
    ("null", NOTHING),
    ("Null", NOTHING),
    ("NULL", NOTHING),
    ("nil", NOTHING),
    ("undefined", NOTHING),
    ("empty", NOTHING),
    ("TRUE", "write `true`"),
    ("yes", "write `true`"),
    ("FALSE", "write `false`"),
    ("no", "write `false`"),
];
const NOTHING: &str = "what is missing or null is asked for with `is undefined` and `is defined`";

/// Names that other languages have for filters and tests.
const CALLED: &[(&str, &str)] = &[
    ("null", "undefined"),
    ("nil", "undefined"),
    ("missing", "undefined"),
    ("empty", "undefined"),
    ("blank", "undefined"),
    ("present", "defined"),
    ("set", "defined"),
    ("startswith", "startingwith"),
    ("starts_with", "startingwith"),
    ("endswith", "endingwith"),
    ("ends_with", "endingwith"),
    ("len", "length"),
    ("size", "length"),
    ("lowercase", "lower"),
    ("downcase", "lower"),
    ("to_lower", "lower"),
    ("uppercase", "upper"),
    ("upcase", "upper"),
    ("to_upper", "upper"),
    ("strip", "trim"),
    ("to_json", "tojson"),
    ("json", "tojson"),
    ("number", "float"),
    ("coalesce", "default"),
    ("or", "default"),
    ("equalto", "eq"),
    ("equals", "eq"),
    ("==", "eq"),
    ("!=", "ne"),
    ("<", "lt"),
    ("lessthan", "lt"),
    ("<=", "le"),
    (">", "gt"),
    ("greaterthan", "gt"),
    (">=", "ge"),
];

/// Every foreign sign and word in the code of a source, each at its place.
pub(super) fn faults(source: &str, code: &[Range<usize>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for range in code {
        scan(source, range.clone(), &mut faults);
    }
    faults
}

fn scan(source: &str, range: Range<usize>, faults: &mut Vec<Fault>) {
    let mut at = range.start;
    let mut depth = 0_usize;
    let mut is_member = false;
    while at < range.end {
        let rest = &source[at..range.end];
        let Some(first) = rest.chars().next() else {
            return;
        };
        let length = match first {
            '\'' | '"' => quoted(rest),
            '(' | '[' | '{' => {
                depth += 1;
                1
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                1
            }
            _ if first.is_alphanumeric() || first == '_' => {
                let word = word(rest);
                let known = WORDS.iter().find(|(foreign, _)| *foreign == word);
                if let Some((_, hint)) = known.filter(|_| !is_member) {
                    faults.push(fault(at, word, hint));
                }
                word.len()
            }
            _ => match OURS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) if !rest.starts_with("===") && !rest.starts_with("!==") => sign.len(),
                _ => match SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
                    // `map(attribute = "x")`
                    Some(("=", _)) if depth > 0 => 1,
                    Some((sign, hint)) => {
                        faults.push(fault(at, sign, hint));
                        sign.len()
                    }
                    None => first.len_utf8(),
                },
            },
        };
        is_member = matches!(first, '.' | '|');
        at += length;
    }
}

fn fault(at: usize, sign: &str, hint: &str) -> Fault {
    let is_unseen = |_: &char| matches!(hint, BLANK | TAKE_OUT);
    let unseen = sign.chars().find(|sign| !sign.is_ascii()).filter(is_unseen);
    let message = match unseen {
        Some(sign) => format!(
            "does not compile: an invisible character stands here: U+{:04X}",
            u32::from(sign)
        ),
        None => format!("does not compile: there is no `{sign}`"),
    };
    Fault::new(at..at + sign.len(), message).hint(Some(hint.to_owned()))
}

/// The length of a text in quotes, all of the rest if it does not end.
fn quoted(rest: &str) -> usize {
    let quote = rest.chars().next();
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if !escaped && Some(character) == quote {
            return at + 1;
        }
        escaped = !escaped && character == '\\';
    }
    rest.len()
}

fn word(rest: &str) -> &str {
    let end = rest
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(rest.len());
    &rest[..end]
}

/// A quote that nothing closes.
pub(super) fn open_quote(source: &str) -> Option<usize> {
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let first = rest.chars().next()?;
        if matches!(first, '\'' | '"') {
            let length = quoted(rest);
            if length == rest.len() && (length == 1 || !rest.ends_with(first)) {
                return Some(at);
            }
            at += length;
        } else {
            at += first.len_utf8();
        }
    }
    None
}

/// What a name that does not exist may have been meant to be.
pub(super) fn value_meant(name: &str) -> Option<String> {
    if let Some((_, hint)) = VALUES.iter().find(|(foreign, _)| *foreign == name) {
        return Some((*hint).to_owned());
    }
    let owners: Vec<String> = KNOWN
        .iter()
        .filter(|(_, members)| members.contains(&name))
        .map(|(root, _)| format!("`{root}.{name}`"))
        .collect();
    (!owners.is_empty()).then(|| format!("did you mean {}?", owners.join(" or ")))
}

/// What to write instead of a function or filter that tables do not have under any name.
pub(super) fn without_it(name: &str) -> Option<&'static str> {
    let hint = match name {
        "now" | "today" | "utcnow" | "datetime" | "timestamp" | "date" | "time" => {
            "tables have no clock: `event.received_at` is when the webhook came"
        }
        "truncate" | "substring" | "substr" | "left" | "slice" | "cut" => {
            "the first 20 letters are `x[:20]`"
        }
        "strftime" | "date_format" | "format" | "dateformat" => {
            "the date of a time is `event.received_at[:10]`; there is no other format"
        }
        "regex" | "regex_replace" | "regex_match" | "match" | "search" => {
            "there are no patterns: `'word' in x`, `x is startingwith 'word'`, `replace`"
        }
        _ => return None,
    };
    Some(hint)
}

/// The filter or test that goes by another name elsewhere, if there is one of that name.
pub(super) fn name_meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let (_, ours) = CALLED.iter().find(|(foreign, _)| *foreign == name)?;
    known.iter().copied().find(|known| known == ours)
}

/// What to write instead of a method of that name.
pub(super) fn method_meant(name: &str) -> Option<String> {
    if let Some((_, hint)) = WORDS.iter().find(|(foreign, _)| *foreign == name) {
        return Some((*hint).to_owned());
    }
    let filter = FILTERS.iter().find(|known| **known == name).copied();
    filter
        .or_else(|| name_meant(name, FILTERS))
        .map(|filter| format!("write `x | {filter}`"))
}

/// What the engine's words mean for whoever wrote the text.
pub(super) fn advice(detail: &str) -> Option<&'static str> {
    let hint =
        if detail.contains("unexpected input after") || detail.contains("unexpected identifier") {
            "something is missing before it, such as `and`, `or`, `==` or `.`"
        } else if detail.contains("expected end of block") {
            "`{% if … %}` ends with `{% endif %}`, `{% for … %}` with `{% endfor %}`"
        } else if detail.starts_with("unknown statement") {
            "a value stands in `{{ … }}`; of statements there are `{% if %}` and `{% for %}`"
        } else if detail.contains("end of input, expected expression")
            || detail.contains("unexpected end of variable block")
        {
            "something is missing at the end"
        } else if detail.contains("end of") && detail.contains("expected `,`") {
            "a bracket is not closed"
        } else if detail.contains("expected `,`") {
            "put `,` between what stands in brackets, or close the bracket before it"
        } else if detail.contains("expected `)`") {
            "a bracket is not closed"
        } else {
            return None;
        };
    Some(hint)
}
