//! `write` and `final` of a row: what it forces, beside what it says.

use toml::de::{DeTable, DeValue};

use super::values::{Reader, Value};
use crate::diagnostic::did_you_mean;
use crate::map::Write;
use crate::systems::members::{Body, TARGETS};

const WRITES: &[(&str, Write)] = &[("set", Write::Set), ("amend", Write::Amend)];

/// Both keys of a row; faults go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, row: &DeTable<'_>) -> (Option<Write>, bool) {
    let write = row.get("write").and_then(|value| {
        let word = reader.text(value, "write")?;
        let found = WRITES.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let hint = match did_you_mean(word, WRITES.iter().map(|(known, _)| *known)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "there are: set, amend".to_owned(),
            };
            reader
                .error(value.span(), format!("unknown write `{word}`"))
                .hint = Some(hint);
        }
        found.map(|(_, write)| *write)
    });
    let is_final = match row.get("final").map(|value| (value, value.get_ref())) {
        Some((_, DeValue::Boolean(truth))) => *truth,
        Some((value, _)) => {
            reader.wrong_type(value, "final", "true or false");
            false
        }
        None => false,
    };
    let why_not = if row.contains_key("ignore") || row.contains_key("park") {
        Some(("a row that writes nothing", "take it out"))
    } else if sends_no_disposition(row) {
        let hint =
            "it is about the disposition that LeadPing gets: take it out, or give the row one";
        Some(("a row without a disposition", hint))
    } else {
        None
    };
    if let Some((place, hint)) = why_not {
        for key in ["write", "final"] {
            if let Some((key, _)) = row.get_key_value(key) {
                let message = format!("`{}` means nothing in {place}", key.get_ref());
                reader.error(key.span(), message).hint = Some(hint.to_owned());
            }
        }
    }
    (write, is_final)
}

/// Only other systems, or LeadPing's record of the lead, are told.
fn sends_no_disposition(row: &DeTable<'_>) -> bool {
    let is_record = |key: &str| key == Body::LeadRecord.key();
    match row.get(Body::Disposition.key()).map(Value::get_ref) {
        Some(DeValue::Table(members)) => {
            !members.is_empty() && members.keys().all(|key| is_record(key.get_ref()))
        }
        Some(_) => false,
        None => TARGETS.iter().any(|(name, _)| row.contains_key(*name)),
    }
}
