//! Reads a target's table in a row: which members, of which type, literal or template.

use std::sync::Arc;

use serde_json::Value as Json;
use toml::de::DeValue;

use crate::diagnostic::did_you_mean;
use crate::map::context::{KNOWN, OPEN};
use crate::map::expression::{self, Template};
use crate::map::fit;
use crate::map::place::TextPlace;
use crate::map::reader::{Reader, Value};
use crate::map::row::{Member, MemberValue};
use crate::systems::members::{Body, MemberType};
use crate::systems::nlpearl::zones::WINDOWS_ZONES;

const NO_RECKONING: &str =
    "such as 2026-08-01T10:00:00Z; a table cannot add to a time: send it as it comes";
/// What a list or a table of values may hold.
const MAX_ITEMS: usize = 100;

/// The members of one table; faults go to the reader. `inner` is a key of the table that is read
/// by somebody else.
pub fn read(
    reader: &mut Reader<'_>,
    body: Body,
    value: &Value<'_>,
    inner: Option<&'static str>,
) -> Vec<Member> {
    let Some(table) = reader.table(value, body.key()) else {
        return Vec::new();
    };
    let ours: &[&'static str] = if body == Body::Disposition {
        &["leadId"]
    } else {
        &[]
    };
    if let Some((key, _)) = ours.first().and_then(|key| table.get_key_value(*key)) {
        reader
            .error(key.span(), "`leadId` cannot be set in a table")
            .hint = Some("the bridge fills it".to_owned());
    }
    let known: Vec<&str> = body
        .members()
        .iter()
        .map(|(name, _)| *name)
        .chain(inner)
        .chain(ours.iter().copied())
        .collect();
    reader.unknown_keys(table, &known, &[], body.what());
    table
        .iter()
        .filter_map(|(key, value)| {
            let Some((name, member_type)) = body.member(key.get_ref()) else {
                // Taken as what was meant: it must not be reported as lacking too.
                let meant = did_you_mean(key.get_ref(), known.iter().copied())?;
                let (name, member_type) = body.member(meant)?;
                return Some(Member {
                    name,
                    member_type,
                    value: MemberValue::Literal(Json::Null),
                });
            };
            // A faulty value is there all the same: it must not be reported as lacking too.
            let value = read_value(reader, name, member_type, value)
                .unwrap_or(MemberValue::Literal(Json::Null));
            Some(Member {
                name,
                member_type,
                value,
            })
        })
        .collect()
}

/// The row's members over the table's defaults.
pub fn merge(defaults: &[Member], row: Vec<Member>) -> Vec<Member> {
    let mut merged: Vec<Member> = defaults
        .iter()
        .filter(|default| row.iter().all(|member| member.name != default.name))
        .cloned()
        .collect();
    merged.extend(row);
    merged
}

/// Members that the vendor requires and the row does not give.
pub fn lacking(body: Body, members: &[Member]) -> impl Iterator<Item = &'static str> {
    body.required().iter().copied().filter(|required| {
        !members
            .iter()
            .any(|member| member.name == *required && !matches!(member.value, MemberValue::LeftOut))
    })
}

fn read_value(
    reader: &mut Reader<'_>,
    name: &str,
    member_type: MemberType,
    value: &Value<'_>,
) -> Option<MemberValue> {
    if reader.is_too_long(value, name) {
        return None;
    }
    match (value.get_ref(), member_type) {
        (DeValue::Array(items), MemberType::Texts) => list(reader, name, (value, items)),
        (DeValue::Table(_), MemberType::Values) => object(reader, name, value, None),
        (DeValue::Table(_), MemberType::Keys(keys)) => object(reader, name, value, Some(keys)),
        (_, MemberType::Texts | MemberType::Values | MemberType::Keys(_)) => {
            reader.wrong_type(value, name, &expression::wanted(member_type));
            None
        }
        (DeValue::String(text), _) if Template::is_one(text) => {
            template(reader, name, member_type, (value, text))
        }
        (DeValue::String(text), _) if text.trim().is_empty() => Some(MemberValue::LeftOut),
        (DeValue::String(_), MemberType::Bool | MemberType::Whole) => {
            reader.wrong_type(value, name, &expression::wanted(member_type));
            None
        }
        (DeValue::String(text), _) => {
            warn_of_braces(reader, name, (value, text));
            literal(reader, name, member_type, (value, text))
        }
        (DeValue::Boolean(truth), MemberType::Bool | MemberType::Plain) => {
            Some(MemberValue::Literal(Json::Bool(*truth)))
        }
        (DeValue::Integer(_), MemberType::Whole | MemberType::Plain) => reader
            .integer(value, name)
            .map(|number| MemberValue::Literal(Json::from(number))),
        (DeValue::Integer(_), MemberType::WritableStatus) => {
            let number = reader.integer(value, name)?;
            literal(reader, name, member_type, (value, &number.to_string()))
        }
        (DeValue::Float(number), MemberType::Plain) => {
            let number: f64 = number.as_str().parse().ok()?;
            Some(MemberValue::Literal(Json::from(number)))
        }
        (DeValue::Datetime(instant), MemberType::Instant) => {
            literal(reader, name, member_type, (value, &instant.to_string()))
        }
        _ => {
            reader.wrong_type(value, name, &expression::wanted(member_type));
            None
        }
    }
}

/// What can be known of it without an event is checked like a literal.
fn template(
    reader: &mut Reader<'_>,
    name: &str,
    member_type: MemberType,
    (value, text): (&Value<'_>, &str),
) -> Option<MemberValue> {
    let template = match Template::compile(text) {
        Ok(template) => template,
        Err(faults) => {
            reader.faults(name, value, text, faults);
            return None;
        }
    };
    let place = TextPlace::of(&reader.file.text, &value.span(), text);
    if let Some(constant) = template.constant(member_type) {
        return match constant {
            Ok(None) => Some(MemberValue::LeftOut),
            Ok(Some(value)) => Some(MemberValue::Literal(value)),
            Err(why) => {
                let hint = meant(member_type, text_in(&template).as_deref());
                reader.error(place.whole(), format!("`{name}` {why}")).hint = hint;
                None
            }
        };
    }
    let mut is_sound = true;
    for (leaf, range) in &template.leaves {
        if let Err(why) = expression::typed(leaf, member_type) {
            let hint = meant(member_type, leaf.as_str());
            reader
                .error(place.at(range), format!("`{name}` {why}"))
                .hint = hint;
            is_sound = false;
        }
    }
    for outline in &template.outlines {
        if !fit::may_be(&outline.parts, member_type) {
            let wanted = expression::wanted(member_type);
            let message = format!("`{name}` is never {wanted}, whatever stands in the braces");
            let hint = match member_type {
                MemberType::Instant => Some(String::from(NO_RECKONING)),
                _ => Some(String::from(
                    "the whole value has to fit, with the text around",
                )),
            };
            reader.error(place.at(&outline.range), message).hint = hint;
            is_sound = false;
        }
    }
    is_sound.then(|| MemberValue::Template(Arc::new(template), place))
}

fn text_in(template: &Template) -> Option<String> {
    match template.leaves.as_slice() {
        [(leaf, _)] => leaf.as_str().map(str::to_owned),
        _ => None,
    }
}

/// `{ call.summary }`, `}}` alone: sent as they stand, which nobody wants.
fn warn_of_braces(reader: &mut Reader<'_>, name: &str, (value, text): (&Value<'_>, &str)) {
    let inner = text
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let root = inner.and_then(|(inner, _)| inner.trim().split(['.', ' ', '|']).next());
    let is_variable = root
        .is_some_and(|root| KNOWN.iter().any(|(known, _)| *known == root) || OPEN.contains(&root));
    if is_variable || text.contains("}}") || text.contains("%}") {
        let message = format!("`{name}` is sent as it stands, braces included");
        reader.warning(value.span(), message).hint =
            Some("what is to be filled in stands between `{{` and `}}`".to_owned());
    }
}

fn list<'v, 'a>(
    reader: &mut Reader<'_>,
    name: &str,
    (value, items): (&Value<'_>, &'v [Value<'a>]),
) -> Option<MemberValue> {
    if items.len() > MAX_ITEMS {
        reader.error(
            value.span(),
            format!("`{name}` has more than {MAX_ITEMS} items"),
        );
        return None;
    }
    let items = items
        .iter()
        .filter_map(|item| read_value(reader, name, MemberType::Text, item));
    Some(MemberValue::List(items.collect()))
}

fn object(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Value<'_>,
    known: Option<&[&str]>,
) -> Option<MemberValue> {
    let table = reader.table(value, name)?;
    if table.len() > MAX_ITEMS {
        reader.error(
            value.span(),
            format!("`{name}` has more than {MAX_ITEMS} keys"),
        );
        return None;
    }
    let entries = table.iter().filter_map(|(key, value)| {
        if let Some(known) = known.filter(|known| !known.contains(&key.get_ref().as_ref())) {
            let near = did_you_mean(key.get_ref(), known.iter().copied());
            reader
                .error(
                    key.span(),
                    format!("`{name}` has no key `{}`", key.get_ref()),
                )
                .hint = near.map(|near| format!("did you mean `{near}`?"));
            return None;
        }
        let key = key.get_ref().to_string();
        let value = read_value(reader, &format!("{name}.{key}"), MemberType::Plain, value)?;
        Some((key, value))
    });
    Some(MemberValue::Object(entries.collect()))
}

fn literal(
    reader: &mut Reader<'_>,
    name: &str,
    member_type: MemberType,
    (value, text): (&Value<'_>, &str),
) -> Option<MemberValue> {
    match expression::convert(text, member_type) {
        Ok(converted) => Some(MemberValue::Literal(converted)),
        Err(why) => {
            let hint = meant(member_type, Some(text));
            reader.error(value.span(), format!("`{name}` {why}")).hint = hint;
            None
        }
    }
}

/// What was probably meant by a value that does not fit.
fn meant(member_type: MemberType, text: Option<&str>) -> Option<String> {
    let near = |words: &'static [&'static str]| {
        did_you_mean(text?, words.iter().copied()).map(|near| format!("did you mean `{near}`?"))
    };
    match member_type {
        MemberType::Enum(words) => near(words),
        MemberType::WindowsZone => {
            near(WINDOWS_ZONES).or_else(|| Some("such as \"Pacific Standard Time\"".to_owned()))
        }
        MemberType::WritableStatus => Some(format!(
            "there are: {}",
            crate::systems::nlpearl::vocabulary::writable_statuses()
        )),
        MemberType::Instant => Some("such as 2026-08-01T10:00:00Z".to_owned()),
        _ => None,
    }
}
