//! Credentials written into a table: found by what they look like, and shown nowhere.
//!
//! Tables are kept in the store with every version, shown by the API and passed around by mail:
//! nothing in them may be a secret. Tokens with a known beginning, and what is `named` as a secret,
//! are looked for in the whole text, comments too; long random texts in values only, and not where
//! the `context` says that they are ids.

mod context;
mod named;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Finding, SourceFile};

/// How tokens of known makers begin.
const BEGINNINGS: &[&str] = &[
    "sk_",
    "sk-",
    "rk_",
    "pk_",
    "lp_",
    "whsec_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "npm_",
    "hf_",
    "shpat_",
    "AIza",
    "AKIA",
    "ASIA",
    SIGNED,
];
const SIGNED: &str = "eyJ";
const SCHEMES: &[&str] = &["Bearer ", "Basic "];
const LEAST_AFTER_BEGINNING: usize = 10;
const LEAST_AFTER_SCHEME: usize = 8;
const LEAST_RANDOM: usize = 24;
const LEAST_HEX: usize = 32;
/// Of a text in which every character is as likely as the others, about 4.5 at these lengths.
const LEAST_BITS_PER_CHARACTER: f64 = 3.6;
/// Of random letters and digits about 1.9; 99 of 100 such texts stay below this.
const MOST_PER_PIECE: f64 = 2.75;
/// An error for each credential.
pub fn check(file: &SourceFile, document: &DeTable<'_>) -> Vec<Finding> {
    places(&file.text, document)
        .into_iter()
        .map(|place| {
            let hint = "take it out, and have it replaced: a table is kept and shown to many. \
                        Secrets belong in bridge.toml, as { env = \"NAME\" } or { file = \"…\" }";
            Finding::error(file, place, "this looks like a credential").hint(hint)
        })
        .collect()
}

/// Whether there are some in a text of TOML.
pub fn are_in(text: &str) -> bool {
    let (document, _) = DeTable::parse_recoverable(text);
    !places(text, document.get_ref()).is_empty()
}

/// Makes the credentials unreadable in what the findings show and say.
pub fn hide(file: &SourceFile, findings: &mut [Finding]) {
    let secrets: Vec<Range<usize>> = findings
        .iter()
        .filter(|finding| finding.message == "this looks like a credential")
        .map(|finding| finding.span.clone())
        .collect();
    if secrets.is_empty() {
        return;
    }
    let mut text = file.text.to_string();
    for place in &secrets {
        let secret = &file.text[place.clone()];
        for finding in findings.iter_mut() {
            let stars = "*".repeat(8);
            finding.message = finding.message.replace(secret, &stars);
            finding.hint = finding.hint.take().map(|hint| hint.replace(secret, &stars));
        }
        text.replace_range(place.clone(), &"*".repeat(secret.len()));
    }
    let text: Arc<str> = text.into();
    for finding in findings {
        finding.file.text = text.clone();
    }
}

fn places(text: &str, document: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for scheme in SCHEMES {
        for (at, _) in text.match_indices(scheme) {
            let start = at + scheme.len();
            let end = start + dotted_length(&text[start..]);
            if end - start >= LEAST_AFTER_SCHEME && has_digit(&text[start..end]) {
                add(&mut places, start..end);
            }
        }
    }
    for beginning in BEGINNINGS {
        for (at, _) in text.match_indices(beginning) {
            let before = text[..at].chars().next_back();
            let end = match *beginning {
                // A signed token has three parts: the last is the signature.
                SIGNED => at + dotted_length(&text[at..]),
                _ => at + token_length(&text[at..]),
            };
            let rest = text.get(at + beginning.len()..end).unwrap_or_default();
            let is_word = before.is_none_or(|before| !is_token(before) || "=/".contains(before));
            if is_word && rest.len() >= LEAST_AFTER_BEGINNING && has_digit(rest) {
                add(&mut places, at..end);
            }
        }
    }
    for place in named::places(text) {
        add(&mut places, place);
    }
    random_values(text, document, &mut places);
    places.sort_by_key(|place| place.start);
    places
}

/// One place for what overlaps: all of it is hidden.
fn add(places: &mut Vec<Range<usize>>, mut place: Range<usize>) {
    places.retain(|other| {
        let is_apart = !overlap(other, &place);
        if !is_apart {
            place = place.start.min(other.start)..place.end.max(other.end);
        }
        is_apart
    });
    places.push(place);
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Random words in the text values of a table and everything below it.
fn random_values(text: &str, table: &DeTable<'_>, places: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let value = (value.get_ref(), value.span());
        random_value(text, key.get_ref(), value, places);
    }
}

fn random_value(
    text: &str,
    key: &str,
    (value, span): (&DeValue<'_>, Range<usize>),
    places: &mut Vec<Range<usize>>,
) {
    match value {
        DeValue::Table(table) => random_values(text, table, places),
        DeValue::Array(items) => {
            for item in items {
                random_value(text, key, (item.get_ref(), item.span()), places);
            }
        }
        DeValue::String(_) if !context::is_of_ids(key) => {
            let quoted = &text[span.clone()];
            let compares = key == "when" || quoted.contains("{{") || quoted.contains("{%");
            let mut at = 0;
            while at < quoted.len() {
                let length = token_length(&quoted[at..]);
                let word = &quoted[at..at + length];
                let is_id = || match compares {
                    true => context::is_compared_as_id(quoted, is_digest(word)),
                    false => context::stands_behind_id(&quoted[..at]),
                };
                let place = span.start + at..span.start + at + length;
                let is_known = places.iter().any(|other| overlap(other, &place));
                if !is_known && looks_random(word) && !is_id() {
                    places.push(place);
                }
                at += length;
                at += quoted[at..].chars().next().map_or(0, char::len_utf8);
            }
        }
        _ => {}
    }
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-+/=".contains(character)
}

fn token_length(text: &str) -> usize {
    text.find(|character| !is_token(character))
        .unwrap_or(text.len())
}

/// Dots inside belong to it.
fn dotted_length(text: &str) -> usize {
    let end = text
        .find(|character| !(is_token(character) || character == '.'))
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.').len()
}

fn has_digit(text: &str) -> bool {
    text.contains(|character: char| character.is_ascii_digit())
}

/// In any letter case.
fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn looks_random(word: &str) -> bool {
    if is_uuid(word) {
        return false;
    }
    let has = |class: fn(&char) -> bool| word.chars().any(|character| class(&character));
    let (digit, lower, upper) = (
        has(char::is_ascii_digit),
        has(char::is_ascii_lowercase),
        has(char::is_ascii_uppercase),
    );
    let is_hex = is_digest(word);
    let is_mixed =
        word.len() >= LEAST_RANDOM && lower && upper && characters_per_piece(word) < MOST_PER_PIECE;
    digit
        && ((is_hex && (lower || upper)) || is_mixed)
        && bits_per_character(word)
            >= if is_hex {
                3.0
            } else {
                LEAST_BITS_PER_CHARACTER
            }
}

/// Hex digits, as keys have them and ids as well.
fn is_digest(word: &str) -> bool {
    word.len() >= LEAST_HEX && word.chars().all(|c| c.is_ascii_hexdigit())
}

/// How long its pieces are: words, capitalised or not, and numbers. `Campaign2026` has two.
fn characters_per_piece(word: &str) -> f64 {
    let mut pieces = 0_u32;
    let mut characters = 0_u32;
    let mut before = ' ';
    for character in word.chars() {
        if character.is_ascii_alphanumeric() {
            let goes_on = match before {
                'a'..='z' => character.is_ascii_lowercase(),
                'A'..='Z' => character.is_ascii_alphabetic(),
                '0'..='9' => character.is_ascii_digit(),
                _ => false,
            };
            pieces += u32::from(!goes_on);
            characters += 1;
        }
        before = character;
    }
    f64::from(characters) / f64::from(pieces.max(1))
}

/// Shannon's entropy of the word's characters.
fn bits_per_character(word: &str) -> f64 {
    let mut counts: HashMap<char, f64> = HashMap::new();
    for character in word.chars() {
        *counts.entry(character).or_default() += 1.0;
    }
    let length: f64 = counts.values().sum();
    counts
        .values()
        .map(|count| count / length)
        .map(|share| -share * share.log2())
        .sum()
}
