//! Whether a long random text is an id: by the key under which it stands, by what it is compared
//! with, by the word before it. Its looks do not tell.

use super::named;

/// Words by which a name ends that stands for an id, or for an address with ids in it.
const IDS: &[&str] = &[
    "id", "ids", "uuid", "guid", "url", "uri", "ref", "referrer", "page", "agent",
];
/// What advertisers call the id of a click.
const CLICKS: &[&str] = &["clid", "clkid", "braid"];

/// Whether values under this key are ids, or addresses with ids in them.
pub(super) fn is_of_ids(key: &str) -> bool {
    let last = words(key).last().map(|word| word.to_ascii_lowercase());
    let Some(last) = last else {
        return false;
    };
    IDS.contains(&last.as_str())
        || CLICKS.iter().any(|click| last.ends_with(click))
        || key.starts_with("utm")
}

/// Whether an expression compares ids: one of its paths is an id. Hex digits are one wherever they
/// are not compared with a secret.
pub(super) fn is_compared_as_id(expression: &str, is_digest: bool) -> bool {
    let members = || {
        let paths = expression.split(|sign: char| !(sign.is_alphanumeric() || "_.".contains(sign)));
        paths
            .filter(|path| path.contains('.'))
            .filter_map(|path| path.rsplit('.').next())
    };
    members().any(is_of_ids) || is_digest && !members().any(named::is_secret)
}

/// Whether the word before, as in `order id: 3b7f…`, says that an id follows.
pub(super) fn stands_behind_id(before: &str) -> bool {
    let before = before.trim_end_matches([' ', ':', '=', '#', '(']);
    let start = before.rfind(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    is_of_ids(&before[start.map_or(0, |at| at + 1)..])
}

/// `externalId`, `external_id` and `EXTERNAL-ID` have two.
fn words(name: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut was_small = false;
    for (at, sign) in name.char_indices() {
        let is_break = !sign.is_ascii_alphanumeric() || was_small && sign.is_ascii_uppercase();
        if is_break {
            words.push(&name[start..at]);
            start = at + usize::from(!sign.is_ascii_alphanumeric()) * sign.len_utf8();
        }
        was_small = sign.is_ascii_lowercase();
    }
    words.push(&name[start..]);
    words.retain(|word| !word.is_empty());
    words
}
