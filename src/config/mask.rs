//! Texts that findings may show: no secret in them, every position where it was.
//!
//! One character stands for one of the same length. What the checks know to be secret comes in as
//! places; what the bare text gives away is found here.

use std::ops::Range;

use super::raw::{Origin, Place};
use crate::diagnostic::SourceFile;

/// The file with these places of it, and whatever else looks secret, made unreadable.
pub(super) fn masked(file: &SourceFile, origin: Origin, masks: &[Place]) -> SourceFile {
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
