//! Looking into a body whose keys are not spelled quite as documented.
//!
//! Errors name the member and its type, never its value: they end in logs and on dashboards.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json_borrow::{Number, Value};

/// A body as it is read: texts are parts of it. Of a key that stands twice, the last counts.
pub type Json<'b> = Value<'b>;

/// How a sender's keys may differ from the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// `CallData` for `callData`.
    AnyFirstLetter,
    /// `"apiRequestId "` for `apiRequestId`.
    StrayBlanks,
}

impl Keys {
    /// The member of an object; null counts as absent. An exact spelling wins.
    pub fn get<'a, 'b>(self, value: &'a Json<'b>, key: &str) -> Option<&'a Json<'b>> {
        let members = value.as_object()?.as_vec().iter().rev();
        let find = |same: &dyn Fn(&str) -> bool| members.clone().find(|(name, _)| same(name));
        find(&|name| name == key)
            .or_else(|| find(&|name| self.same(name, key)))
            .map(|(_, member)| member)
            .filter(|member| !member.is_null())
    }

    /// Follows a JSON pointer, with the same tolerance in every segment.
    pub fn pointer<'a, 'b>(self, value: &'a Json<'b>, pointer: &str) -> Option<&'a Json<'b>> {
        pointer.split('/').skip(1).try_fold(value, |value, part| {
            let part = if part.contains('~') {
                Cow::Owned(part.replace("~1", "/").replace("~0", "~"))
            } else {
                Cow::Borrowed(part)
            };
            match value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => self.get(value, &part),
            }
        })
    }

    fn same(self, candidate: &str, key: &str) -> bool {
        match self {
            // Most names differ in length, which is quickly seen.
            Self::StrayBlanks => candidate.len() > key.len() && candidate.trim() == key,
            Self::AnyFirstLetter if candidate.len() != key.len() => false,
            Self::AnyFirstLetter => {
                let (mut left, mut right) = (candidate.chars(), key.chars());
                match (left.next(), right.next()) {
                    (Some(first), Some(second)) => {
                        first.eq_ignore_ascii_case(&second) && left.as_str() == right.as_str()
                    }
                    (first, second) => first == second,
                }
            }
        }
    }

    /// The id that the first of several pointers names; pointers that disagree are a fault.
    pub fn first_id(self, value: &Json<'_>, pointers: &[String]) -> Result<Option<String>, String> {
        let mut found: Option<String> = None;
        for pointer in pointers {
            let Some(id) = id(self.pointer(value, pointer), pointer)? else {
                continue;
            };
            match &found {
                Some(first) if *first != id => {
                    return Err(format!("pointers disagree: `{pointer}` names another lead"));
                }
                _ => found = Some(id),
            }
        }
        Ok(found)
    }

    /// The ids of other systems: their name → what their pointer names.
    pub fn links(
        self,
        value: &Json<'_>,
        pointers: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut links = BTreeMap::new();
        for (system, pointer) in pointers {
            if let Some(id) = id(self.pointer(value, pointer), pointer)? {
                links.insert(system.clone(), id);
            }
        }
        Ok(links)
    }
}

/// An id: text or a whole number, exactly as many digits as were sent. Blank text is absent.
pub fn id(value: Option<&Json<'_>>, member: &str) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Str(text)) => Ok(text_of(text)),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(Some(shown(*number)))
        }
        Some(other) => Err(wrong(member, other, "an id")),
    }
}

/// A whole number, or text that is one.
pub fn whole_number(value: Option<&Json<'_>>, member: &str) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    let number = match value {
        Value::Null => return Ok(None),
        Value::Str(text) if text.trim().is_empty() => return Ok(None),
        Value::Str(text) => text.trim().parse().ok(),
        Value::Number(number) => whole(number),
        _ => None,
    };
    number
        .map(Some)
        .ok_or_else(|| wrong(member, value, "a whole number"))
}

/// A number as JSON writes it.
pub fn shown(number: Number) -> String {
    serde_json::Number::from(number).to_string()
}

/// The number without a fraction; `100.0` is one.
pub fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        number
            .as_f64()
            .filter(|float| float.fract() == 0.0 && float.abs() < EXACT)
            .map(|float| float as i64)
    })
}

/// Text that says something; for members that a decision can do without.
pub fn text(value: Option<&Json<'_>>) -> Option<String> {
    value.and_then(Value::as_str).and_then(text_of)
}

fn text_of(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An instant: milliseconds since 1970, or RFC 3339 with an offset. Anything else is no clock.
pub fn instant(value: Option<&Json<'_>>) -> Option<Timestamp> {
    match value? {
        Value::Number(number) => Timestamp::from_millisecond(whole(number)?).ok(),
        Value::Str(text) => {
            let text = text.trim();
            match text.parse::<i64>() {
                Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
                Err(_) => text.parse().ok(),
            }
        }
        _ => None,
    }
}

/// "member `id` is an object, not an id".
pub fn wrong(member: &str, value: &Json<'_>, expected: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::Str(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("member `{member}` is {found}, not {expected}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_forgive_the_sender_s_spelling_and_nothing_else() {
        #[track_caller]
        fn check(keys: Keys, body: &serde_json::Value, pointer: &str, expected: Option<&str>) {
            let found = keys
                .pointer(&body.into(), pointer)
                .and_then(Value::as_str)
                .map(str::to_owned);
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
        let pascal = json!({"CallData": {"LeadId": "a", "x/y": "b"}, "list": [{"id": "c"}]});
        check(Keys::AnyFirstLetter, &pascal, "/callData/leadId", Some("a"));
        check(Keys::AnyFirstLetter, &pascal, "/callData/leadID", None);
        check(Keys::AnyFirstLetter, &pascal, "/callData/x~1y", Some("b"));
        check(Keys::AnyFirstLetter, &pascal, "/list/0/id", Some("c"));
        check(Keys::AnyFirstLetter, &pascal, "/list/1/id", None);
        let blanks = json!({" data ": {"id ": "d"}});
        check(Keys::StrayBlanks, &blanks, "/data/id", Some("d"));
        check(Keys::StrayBlanks, &blanks, "/Data/id", None);
    }

    #[test]
    fn a_clock_is_milliseconds_or_rfc_3339() {
        #[track_caller]
        fn check(value: serde_json::Value, expected: Option<&str>) {
            let found = instant(Some(&(&value).into())).map(|instant| instant.to_string());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
        check(json!(1_785_578_399_000_i64), Some("2026-08-01T09:59:59Z"));
        check(json!("1785578399000"), Some("2026-08-01T09:59:59Z"));
        check(
            json!("2026-08-01T15:29:59+05:30"),
            Some("2026-08-01T09:59:59Z"),
        );
        check(json!("2026-08-01T15:29:59"), None);
        check(json!("yesterday"), None);
        check(json!({"at": 1}), None);
        check(json!(i64::MAX), None);
    }
}
