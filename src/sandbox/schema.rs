//! Strictness in table form: which members a body may have, and what each may hold.
//!
//! A violation names the member and what was expected, never the value that came. Pure;
//! the pretended systems keep the tables.

use serde_json::{Map, Value};

/// The most violations that one answer names.
const MAX_VIOLATIONS: usize = 10;
/// The longest part of an unknown member's name that is repeated.
const MAX_NAME_CHARS: usize = 64;

/// What a member may hold.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    /// One of these words, letter for letter.
    Word(&'static [&'static str]),
    /// RFC 3339, with seconds and an offset.
    Instant,
    /// `2026-08-01`.
    Date,
    Flag,
    /// Shown as text in one vendor page and as a number in another.
    TextOrNumber,
    /// 64 bits, with a sign.
    Integer,
    /// One of these integers.
    Choice(&'static [i64]),
    /// Typed as text by the vendor's page, a number in its sample.
    IntegerOrDigits,
    /// `2018-10-05T08:00:00+05:30`: seconds, an offset or `Z`, no fraction.
    InstantToSecond,
    Object(&'static [Field]),
    /// An object whose members nobody has published.
    OpenObject,
    List(&'static Shape),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// There, not null, and if it is text, not blank.
    Required,
    /// May be absent, not null.
    Optional,
    /// May be absent or null.
    Nullable,
}

#[derive(Debug)]
pub(super) struct Field {
    pub name: &'static str,
    shape: Shape,
    presence: Presence,
}

impl Field {
    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Required)
    }

    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Optional)
    }

    pub const fn nullable(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Nullable)
    }

    const fn new(name: &'static str, shape: Shape, presence: Presence) -> Self {
        Self {
            name,
            shape,
            presence,
        }
    }

    pub fn is_instant(&self) -> bool {
        matches!(self.shape, Shape::Instant)
    }

    pub fn is_flag(&self) -> bool {
        matches!(self.shape, Shape::Flag)
    }
}

/// What a body does wrong: the member, and a sentence that names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub member: String,
    pub sentence: String,
    /// It is not there at all, or blank.
    pub is_missing: bool,
}

/// Checks a whole body against groups of fields; the error is one sentence per violation.
pub(super) fn check_body(body: &Map<String, Value>, groups: &[&[Field]]) -> Result<(), String> {
    let violations = violations(body, groups);
    if violations.is_empty() {
        return Ok(());
    }
    let sentences = violations.into_iter().map(|violation| violation.sentence);
    Err(sentences.collect::<Vec<_>>().join("; "))
}

/// As [`check_body`], for answers that list violations by member.
pub(super) fn violations(body: &Map<String, Value>, groups: &[&[Field]]) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_members(body, groups, "", &mut violations);
    violations.truncate(MAX_VIOLATIONS);
    violations
}

impl Violation {
    pub(super) fn new(member: &str, expectation: &str) -> Self {
        Self {
            member: member.to_owned(),
            sentence: format!("`{member}` {expectation}"),
            is_missing: false,
        }
    }

    fn missing(member: &str, expectation: &str) -> Self {
        Self {
            is_missing: true,
            ..Self::new(member, expectation)
        }
    }
}

fn check_members(
    body: &Map<String, Value>,
    groups: &[&[Field]],
    prefix: &str,
    violations: &mut Vec<Violation>,
) {
    let fields = || groups.iter().copied().flatten();
    for name in body.keys() {
        if !fields().any(|field| field.name == name) {
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            let name = format!("{prefix}{name}");
            violations.push(Violation::new(&name, "is not a member of this model"));
        }
    }
    for field in fields() {
        let name = format!("{prefix}{}", field.name);
        match body.get(field.name) {
            None if field.presence == Presence::Required => {
                violations.push(Violation::missing(&name, "is required"));
            }
            None => {}
            Some(Value::Null) if field.presence == Presence::Nullable => {}
            Some(Value::String(text))
                if field.presence == Presence::Required && text.trim().is_empty() =>
            {
                violations.push(Violation::missing(&name, "must not be blank"));
            }
            Some(value) => check_value(value, &field.shape, &name, violations),
        }
    }
}

fn check_value(value: &Value, shape: &Shape, name: &str, violations: &mut Vec<Violation>) {
    let holds = match (shape, value) {
        (Shape::Object(fields), Value::Object(members)) => {
            check_members(members, &[fields], &format!("{name}."), violations);
            true
        }
        (Shape::List(shape), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item, shape, &format!("{name}[{index}]"), violations);
            }
            true
        }
        (Shape::Word(words), Value::String(text)) => words.contains(&text.as_str()),
        (Shape::Instant, Value::String(text)) => is_rfc3339(text),
        (Shape::Date, Value::String(text)) => is_date(text),
        (Shape::InstantToSecond, Value::String(text)) => is_rfc3339(text) && !text.contains('.'),
        (Shape::Integer | Shape::IntegerOrDigits, Value::Number(number)) => number.is_i64(),
        (Shape::IntegerOrDigits, Value::String(text)) => is_digits(text),
        (Shape::Choice(numbers), Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| numbers.contains(&number)),
        (Shape::Text | Shape::TextOrNumber, Value::String(_))
        | (Shape::TextOrNumber, Value::Number(_))
        | (Shape::Flag, Value::Bool(_))
        | (Shape::OpenObject, Value::Object(_)) => true,
        _ => false,
    };
    if !holds {
        let expectation = format!("must be {}", shape.expectation());
        violations.push(Violation::new(name, &expectation));
    }
}

impl Shape {
    fn expectation(&self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Instant => "a date-time as in RFC 3339".to_owned(),
            Self::Date => "a date as in RFC 3339".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::TextOrNumber => "a string or a number".to_owned(),
            Self::Integer => "an integer of 64 bits".to_owned(),
            Self::Choice(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                format!("one of {}", numbers.join(", "))
            }
            Self::IntegerOrDigits => "an integer".to_owned(),
            Self::InstantToSecond => "a date-time as in YYYY-MM-DDThh:mm:ssTZD".to_owned(),
            Self::Object(_) | Self::OpenObject => "an object".to_owned(),
            Self::List(_) => "an array".to_owned(),
        }
    }
}

/// The shape is checked by hand because the parser accepts more than RFC 3339 does
/// (a blank for the `T`, no seconds, zone names); the parser then checks the ranges.
fn is_rfc3339(text: &str) -> bool {
    let Some((whole, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - offset.len())) {
                return false;
            }
            offset
        }
        None => rest,
    };
    follows(whole, "dddd-dd-ddTdd:dd:dd")
        && (offset == "Z" || follows(offset, "+dd:dd") || follows(offset, "-dd:dd"))
        && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_date(text: &str) -> bool {
    follows(text, "dddd-dd-dd") && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// `d` in the pattern stands for a digit, everything else for itself.
fn follows(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        Field::required("type", Shape::Text),
        Field::nullable("category", Shape::Word(&["Open", "Lost"])),
        Field::optional("at", Shape::Instant),
        Field::nullable(
            "inner",
            Shape::Object(&[Field::optional("flag", Shape::Flag)]),
        ),
        Field::optional("list", Shape::List(&Shape::Text)),
        Field::optional("price", Shape::TextOrNumber),
        Field::optional("born", Shape::Date),
        Field::optional("count", Shape::Integer),
        Field::optional("code", Shape::Choice(&[1, 130])),
        Field::optional("reason", Shape::IntegerOrDigits),
        Field::optional("made", Shape::InstantToSecond),
    ];

    #[track_caller]
    fn check(body: Value, expected: Result<(), &str>) {
        let body = body.as_object().expect("an object").clone();
        let found = check_body(&body, &[FIELDS]);
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn violations_name_the_member_and_never_the_value() {
        check(json!({"type": "Call", "category": null}), Ok(()));
        check(json!({}), Err("`type` is required"));
        check(json!({"type": " "}), Err("`type` must not be blank"));
        check(json!({"type": null}), Err("`type` must be a string"));
        check(json!({"type": 5}), Err("`type` must be a string"));
        check(
            json!({"type": "Call", "secret": "x"}),
            Err("`secret` is not a member of this model"),
        );
        check(
            json!({"type": "Call", "category": "lost"}),
            Err("`category` must be one of Open, Lost"),
        );
        check(
            json!({"type": "Call", "at": null}),
            Err("`at` must be a date-time as in RFC 3339"),
        );
        check(
            json!({"type": "Call", "inner": {"flag": "yes", "more": 1}}),
            Err("`inner.more` is not a member of this model; `inner.flag` must be true or false"),
        );
        check(
            json!({"type": "Call", "list": ["a", 1]}),
            Err("`list[1]` must be a string"),
        );
        check(
            json!({"type": "Call", "price": 1.5, "born": "2001-02-28"}),
            Ok(()),
        );
        check(
            json!({"type": "Call", "price": true, "born": "2001-02-30"}),
            Err("`price` must be a string or a number; `born` must be a date as in RFC 3339"),
        );
    }

    #[test]
    fn numbers_are_whole_and_in_the_list() {
        for good in [
            json!({"count": -1, "code": 130, "reason": 2}),
            json!({"count": i64::MAX, "reason": "28812689"}),
            json!({"made": "2018-10-05T08:00:00+05:30"}),
            json!({"made": "2018-10-05T02:30:00Z"}),
        ] {
            let mut body = json!({"type": "Call"});
            body.as_object_mut()
                .expect("an object")
                .extend(good.as_object().expect("an object").clone());
            check(body, Ok(()));
        }
        for (name, value, expected) in [
            ("count", json!(1.0), "`count` must be an integer of 64 bits"),
            ("count", json!("1"), "`count` must be an integer of 64 bits"),
            (
                "count",
                json!(u64::MAX),
                "`count` must be an integer of 64 bits",
            ),
            ("code", json!(20), "`code` must be one of 1, 130"),
            ("code", json!("130"), "`code` must be one of 1, 130"),
            ("code", json!(130.0), "`code` must be one of 1, 130"),
            ("code", Value::Null, "`code` must be one of 1, 130"),
            ("reason", json!("two"), "`reason` must be an integer"),
            ("reason", json!(""), "`reason` must be an integer"),
            ("reason", json!(2.5), "`reason` must be an integer"),
            (
                "made",
                json!("2018-10-05T08:00:00.5+05:30"),
                "`made` must be a date-time as in YYYY-MM-DDThh:mm:ssTZD",
            ),
            (
                "made",
                json!("2018-10-05T08:00:00+0530"),
                "`made` must be a date-time as in YYYY-MM-DDThh:mm:ssTZD",
            ),
        ] {
            check(json!({"type": "Call", name: value}), Err(expected));
        }
    }

    #[test]
    fn only_rfc3339_is_a_date_time() {
        for good in [
            "2023-11-07T05:31:56Z",
            "2023-11-07T05:31:56.123456789Z",
            "2023-11-07T05:31:56+05:30",
            "2023-11-07T05:31:56.5-08:00",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2023-11-07",
            "2023-11-07T05:31Z",
            "2023-11-07 05:31:56Z",
            "2023-11-07T05:31:56",
            "2023-11-07T05:31:56.Z",
            "2023-11-07T05:31:56+0530",
            "2023-13-07T05:31:56Z",
            "2023-11-07T25:31:56Z",
            "2023-11-07T05:31:56Z[UTC]",
            "20231107T053156Z",
            "1699335116",
            "2023-11-07T05:31:5é",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
