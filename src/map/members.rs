//! Reads a row's `leadping` table: which members, of which type, literal or template.

use std::sync::Arc;

use serde_json::Value as Json;
use toml::de::DeValue;

use crate::diagnostic::did_you_mean;
use crate::map::expression::{self, Template};
use crate::map::place::TextPlace;
use crate::map::reader::{Reader, Value};
use crate::map::row::{Member, MemberValue};
use crate::systems::leadping::vocabulary::{self, MemberType};

/// Keys of the table that the format knows and this version does not act on.
const LATER: &[&str] = &["lead"];

/// The members of one table; faults go to the reader.
pub fn read(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Member> {
    let Some(table) = reader.table(value, "leadping") else {
        return Vec::new();
    };
    if let Some((key, _)) = table.get_key_value("leadId") {
        reader
            .error(key.span(), "`leadId` cannot be set in a table")
            .hint = Some("the bridge fills it".to_owned());
    }
    let known: Vec<&str> = vocabulary::MEMBERS
        .iter()
        .map(|(name, _)| *name)
        .chain(["leadId"])
        .collect();
    reader.unknown_keys(table, &known, LATER, "a disposition");
    table
        .iter()
        .filter_map(|(key, value)| {
            let Some((name, member_type)) = vocabulary::member(key.get_ref()) else {
                // Taken as what was meant: it must not be reported as lacking too.
                let meant = did_you_mean(key.get_ref(), known.iter().copied())?;
                let (name, member_type) = vocabulary::member(meant)?;
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

/// Members that LeadPing requires and the row does not give.
pub fn lacking(members: &[Member]) -> impl Iterator<Item = &'static str> {
    vocabulary::REQUIRED.iter().copied().filter(|required| {
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
    match (value.get_ref(), member_type) {
        (DeValue::String(text), _) if Template::is_one(text) => match Template::compile(text) {
            Ok(template) => Some(MemberValue::Template(
                Arc::new(template),
                TextPlace::of(&reader.file.text, &value.span(), text),
            )),
            Err(faults) => {
                reader.faults(name, value, text, faults);
                None
            }
        },
        (DeValue::String(text), _) if text.is_empty() => Some(MemberValue::LeftOut),
        (DeValue::String(_), MemberType::Bool) => {
            reader.wrong_type(value, name, "true or false");
            None
        }
        (DeValue::String(text), _) => literal(reader, name, member_type, (value, text)),
        (DeValue::Boolean(truth), MemberType::Bool) => {
            Some(MemberValue::Literal(Json::Bool(*truth)))
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

fn literal(
    reader: &mut Reader<'_>,
    name: &str,
    member_type: MemberType,
    (value, text): (&Value<'_>, &str),
) -> Option<MemberValue> {
    match expression::convert(text, member_type) {
        Ok(converted) => Some(MemberValue::Literal(converted)),
        Err(why) => {
            let hint = match member_type {
                MemberType::Enum(words) => {
                    crate::diagnostic::did_you_mean(text, words.iter().copied())
                        .map(|near| format!("did you mean `{near}`?"))
                }
                _ => None,
            };
            reader.error(value.span(), format!("`{name}` {why}")).hint = hint;
            None
        }
    }
}
