//! Whether text with open places can be a value of a type, whatever an event puts into them: nothing
//! makes a date-time of `{{ … }} + 2h`. What nobody can tell counts as possible. Pure.

use std::sync::LazyLock;

use crate::map::lint::Part;
use crate::systems::members::MemberType;
use crate::systems::nlpearl::vocabulary;
use crate::systems::nlpearl::zones::WINDOWS_ZONES;

/// Whether some event may make a value of it, or nothing at all.
pub fn may_be(parts: &[Part], member: MemberType) -> bool {
    let is_blank = |part: &Part| match part {
        Part::Text(text) => text.trim().is_empty(),
        Part::Open => true,
    };
    // Then it may come out empty, or be what stands in an open place.
    if parts.iter().all(is_blank) {
        return true;
    }
    match member {
        MemberType::Bool => ["true", "false"].iter().any(|word| matches(parts, word)),
        MemberType::Enum(words) => words.iter().any(|word| matches(parts, word)),
        MemberType::WindowsZone => WINDOWS_ZONES.iter().any(|zone| matches(parts, zone)),
        MemberType::Whole => texts(parts).all(is_of_number),
        MemberType::WritableStatus => texts(parts).all(is_of_number) || is_of_status(parts),
        MemberType::Instant => is_of_instant(parts),
        MemberType::Text
        | MemberType::Plain
        | MemberType::Texts
        | MemberType::Values
        | MemberType::Keys(_) => true,
    }
}

fn texts(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.trim()),
        Part::Open => None,
    })
}

fn is_of_number(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_ascii_digit() || matches!(character, '+' | '-'))
}

/// In any letter case.
fn is_of_status(parts: &[Part]) -> bool {
    let parts = rewritten(parts, str::to_lowercase);
    let names = vocabulary::STATUSES.iter().map(|status| status.name);
    let spellings = vocabulary::SPELLINGS.iter().map(|(name, _)| *name);
    names
        .chain(spellings)
        .any(|name| matches(&parts, &name.to_lowercase()))
}

fn is_of_instant(parts: &[Part]) -> bool {
    // The name of a zone.
    if texts(parts).any(|text| text.contains(['[', ']'])) {
        return true;
    }
    let parts = rewritten(parts, |text| {
        let shape = text.chars().map(|character| match character {
            '1'..='9' => '0',
            't' | ' ' => 'T',
            'z' => 'Z',
            ',' => '.',
            other => other,
        });
        shape.collect()
    });
    INSTANTS.iter().any(|shape| matches(&parts, shape))
}

/// Without the blanks around each text, which do no harm.
fn rewritten(parts: &[Part], rewrite: impl Fn(&str) -> String) -> Vec<Part> {
    let each = parts.iter().map(|part| match part {
        Part::Text(text) => Part::Text(rewrite(text.trim())),
        Part::Open => Part::Open,
    });
    each.collect()
}

/// Every shape of a date-time with an offset, each digit as 0.
static INSTANTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let dates = ["0000-00-00", "00000000"];
    let signed = [
        "+000000-00-00",
        "-000000-00-00",
        "+0000000000",
        "-0000000000",
    ];
    let mut times: Vec<String> = ["00", "00:00", "0000", "00:00:00", "000000"]
        .map(String::from)
        .to_vec();
    for digits in 1..=9 {
        let fraction = "0".repeat(digits);
        times.extend(["00:00:00", "000000"].map(|time| format!("{time}.{fraction}")));
    }
    let mut offsets = vec![String::from("Z")];
    for offset in ["00", "0000", "00:00", "00:00:00", "000000"] {
        offsets.extend(["+", "-"].map(|sign| format!("{sign}{offset}")));
    }
    let mut shapes = Vec::new();
    for date in dates.iter().chain(&signed) {
        for time in &times {
            shapes.extend(
                offsets
                    .iter()
                    .map(|offset| format!("{date}T{time}{offset}")),
            );
        }
    }
    shapes
});

/// Whether a word comes out for some texts in the open places.
fn matches(parts: &[Part], word: &str) -> bool {
    let mut rest = word;
    let mut is_open = false;
    for (index, part) in parts.iter().enumerate() {
        let Part::Text(text) = part else {
            is_open = true;
            continue;
        };
        let is_last = index + 1 == parts.len();
        let found = match is_open {
            true if is_last => return rest.ends_with(text.as_str()),
            true => rest.find(text.as_str()),
            false => rest.starts_with(text.as_str()).then_some(0),
        };
        let Some(at) = found else {
            return false;
        };
        rest = &rest[at + text.len()..];
        is_open = false;
    }
    is_open || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::leadping::vocabulary::CATEGORIES;

    /// `*` is an open place.
    #[track_caller]
    fn check(member: MemberType, outline: &str, expected: bool) {
        let mut parts = Vec::new();
        for (index, text) in outline.split('*').enumerate() {
            if index > 0 {
                parts.push(Part::Open);
            }
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
        }
        assert_eq!(may_be(&parts, member), expected, "{member:?}: {outline}");
    }

    #[test]
    fn what_stands_around_decides_what_can_come_out() {
        for (outline, expected) in [
            ("* + 2h", false),
            ("*+2h", false),
            ("in * hours", false),
            ("2 days *", false),
            ("*-*", true),
            ("*T10:00:00Z", true),
            ("* 10:00:00Z", true),
            ("*T*Z", true),
            ("2026-08-01T*:00:00+02:00", true),
            ("2026-08-01t*:30z", true),
            ("* *", true),
            ("*[Europe/Berlin]", true),
            ("*.123Z", true),
            ("tomorrow *", false),
        ] {
            check(MemberType::Instant, outline, expected);
        }
        let category = MemberType::Enum(CATEGORIES);
        check(category, "*ed", true);
        check(category, "L*", true);
        check(category, "*!", false);
        check(category, "Lost *", false);
        check(MemberType::Bool, "t*", true);
        check(MemberType::Bool, "not *", false);
        check(MemberType::Whole, "1*", true);
        check(MemberType::Whole, "-*", true);
        check(MemberType::Whole, "no. *", false);
        check(MemberType::WritableStatus, "not*", true);
        check(MemberType::WritableStatus, "1*0", true);
        check(MemberType::WritableStatus, "Call*", false);
        check(MemberType::WindowsZone, "* Standard Time", true);
        check(MemberType::WindowsZone, "Europe/*", false);
        check(MemberType::Text, "* + 2h", true);
    }
}
