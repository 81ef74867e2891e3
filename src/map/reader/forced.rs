//! `write` and `final` of a row: what it forces, beside what it says.

use toml::de::{DeTable, DeValue};

use super::values::Reader;
use crate::diagnostic::did_you_mean;
use crate::map::Write;

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
    let says_nothing = row.contains_key("ignore") || row.contains_key("park");
    for key in ["write", "final"] {
        if let Some((key, _)) = row.get_key_value(key).filter(|_| says_nothing) {
            let message = format!(
                "`{}` means nothing in a row that writes nothing",
                key.get_ref()
            );
            reader.error(key.span(), message).hint = Some("take it out".to_owned());
        }
    }
    (write, is_final)
}
