//! What in a body leads to a person: telephone numbers and e-mail addresses, as they stand there.
//!
//! Used to find every trace of somebody who is to be forgotten. A vendor's own number in the same
//! body (a call's `from`) is nobody's. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::mask::{CONTACTS, DIGITS_OF_A_NUMBER, digits_of, normal};
use crate::event::Facts;

/// Every way to reach the person of this event, in each spelling that may stand elsewhere.
pub fn contacts(body: &[u8], facts: &Facts) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(phone) = &facts.phone {
        note_phone(phone, &mut found);
    }
    if let Ok(body) = super::body::parse(body) {
        collect(&body, "", &mut found);
    }
    found
}

fn collect(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &normal(name), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::String(text) if is_email(text.trim()) => {
            found.insert(text.trim().to_owned());
            found.insert(text.trim().to_lowercase());
        }
        Value::String(text) if names_a_contact(name) => note_phone(text, found),
        Value::Number(number) if names_a_contact(name) => note_phone(&number.to_string(), found),
        _ => {}
    }
}

fn names_a_contact(name: &str) -> bool {
    CONTACTS.iter().any(|word| name.contains(word))
}

/// The digits alone, and the number as it is written where something stands between them.
fn note_phone(text: &str, found: &mut BTreeSet<String>) {
    let digits = digits_of(text);
    if digits.len() < DIGITS_OF_A_NUMBER {
        return;
    }
    let written = text.trim().trim_start_matches('+');
    if written != digits {
        found.insert(written.to_owned());
    }
    found.insert(digits);
}

fn is_email(text: &str) -> bool {
    let Some((who, host)) = text.split_once('@') else {
        return false;
    };
    let is_plain = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    is_plain(who) && is_plain(host) && host.contains('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: Value, expected: &[&str]) {
        let found = contacts(body.to_string().as_bytes(), &Facts::default());
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn numbers_and_addresses_are_found_in_every_spelling() {
        check(json!({"phoneNumber": "+14155550101"}), &["14155550101"]);
        check(
            json!({"Phone": "+1 (415) 555-0101"}),
            &["1 (415) 555-0101", "14155550101"],
        );
        check(json!({"mobile": 14_155_550_101_i64}), &["14155550101"]);
        check(
            json!({"deep": [{"who": " Ann@Example.com "}]}),
            &["Ann@Example.com", "ann@example.com"],
        );
    }

    #[test]
    fn what_reaches_nobody_or_everybody_is_not() {
        check(json!({"from": "+18005550100"}), &[]);
        check(json!({"phone": "none", "at": "@home", "x": "a @ b.c"}), &[]);
        check(json!({"id": 14_155_550_101_i64}), &[]);
    }

    #[test]
    fn the_fact_counts_whatever_the_member_is_called() {
        let facts = Facts {
            phone: Some(String::from("+1415-5550101")),
            ..Facts::default()
        };
        let found = contacts(b"not json", &facts);
        assert_eq!(found.len(), 2);
        assert!(found.contains("14155550101") && found.contains("1415-5550101"));
    }
}
