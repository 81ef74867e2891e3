//! Reads one row: what it matches and what it wants, each part with its faults.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::values::{Reader, Value};
use super::{Defaults, ROW_KEYS, forced};
use crate::config::SourceKind;
use crate::diagnostic::{Severity, did_you_mean};
use crate::event::{EventKind, Status};
use crate::map::expression::Condition;
use crate::map::place::TextPlace;
use crate::map::row::{Row, RowResult, When};
use crate::map::{RowRef, conditions, offer, presence, trial};
use crate::systems;

/// A row as far as it could be read.
#[derive(Debug)]
pub struct RowRead {
    pub row: Row,
    /// Without an error: only then it can be judged, and may shadow others.
    pub is_sound: bool,
}

impl Reader<'_> {
    /// `place`: from this row to the next.
    pub(super) fn row(
        &mut self,
        (index, place): (usize, Range<usize>),
        value: &Value<'_>,
        kind: SourceKind,
        defaults: &Defaults,
    ) -> Option<RowRead> {
        let before = self.findings.len();
        let table = self.table(value, "row")?;
        self.unknown_keys(table, ROW_KEYS, &[], "a row");
        let name = table
            .get("name")
            .and_then(|value| self.text(value, "name"))
            .map(str::to_owned);
        let matched = Self::meant(table, "status", ROW_KEYS);
        let statuses = matched.and_then(|value| self.statuses(value, kind));
        let sub_statuses = self.each(table, "sub_status", |reader, value| {
            reader.sub_status(value)
        });
        let reason_ids = self.each(table, "reason_id", |reader, value| {
            reader.integer(value, "reason_id")
        });
        let on = table.get("on").and_then(|value| self.on(value));
        let when = table.get("when").and_then(|value| self.when(value));
        // What a faulty guard would have kept out is not known.
        let guarded = table
            .keys()
            .all(|key| ROW_KEYS.contains(&key.get_ref().as_ref()))
            && table.contains_key("on") == on.is_some()
            && table.contains_key("when") == when.is_some();
        let required = self.required(table);
        let (write, is_final) = forced::read(self, table);
        let result = self.result(table, value.span(), defaults);
        let has_result = result.is_some();
        let line = self.line_of(value.span().start);
        let row = Row {
            reference: RowRef {
                number: u32::try_from(index + 1).unwrap_or(u32::MAX),
                name,
                line: u32::try_from(line).unwrap_or(u32::MAX),
            },
            span: value.span(),
            statuses,
            on,
            sub_statuses,
            reason_ids,
            when,
            required,
            write,
            is_final,
            result: result.unwrap_or_else(|| RowResult::Ignore(String::new())),
        };
        let broken = self.broken.partition_point(|at| *at < place.start);
        let is_whole = self.broken.get(broken).is_none_or(|at| *at >= place.end);
        if guarded && has_result && is_whole {
            presence::check(self, kind, &row);
            conditions::check(self, kind, &row);
            trial::check(self, kind, &row);
        }
        let mut found = self.findings[before..].iter();
        let is_sound =
            is_whole && has_result && found.all(|finding| finding.severity != Severity::Error);
        Some(RowRead { row, is_sound })
    }

    fn required(&mut self, row: &DeTable<'_>) -> bool {
        let Some(value) = row.get("required") else {
            return false;
        };
        let DeValue::Boolean(required) = value.get_ref() else {
            self.wrong_type(value, "required", "true or false");
            return false;
        };
        if *required && !(row.contains_key("nlpearl") || row.contains_key("capillary")) {
            let hint = "it parks an event whose lead is not at NLPearl or Capillary; a LeadPing lead is always required";
            self.absent(value.span(), "`required` without a write-back", hint);
        }
        *required
    }

    /// `None`: every status, or nobody knows which.
    fn statuses(&mut self, value: &Value<'_>, kind: SourceKind) -> Option<Vec<Status>> {
        let mut statuses = Vec::new();
        let mut are_all_known = true;
        let items = self.items(value, "status");
        for item in &items {
            let status = self.status(item, kind).or_else(|| {
                // The row counts as covering what was probably meant.
                let near = did_you_mean(item.get_ref().as_str()?, systems::status_names(kind))?;
                Some(systems::parse_status(kind, near))
            });
            match status {
                Some(status) if statuses.contains(&status) => {
                    let label = systems::status_label(kind, &status);
                    self.warning(item.span(), format!("status {label} is listed twice"));
                }
                Some(status) => statuses.push(status),
                None => are_all_known = false,
            }
        }
        (are_all_known && !items.is_empty()).then_some(statuses)
    }

    fn sub_status(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.text(value, "sub_status")?;
        if text.trim() != text {
            let message = format!("`sub_status` `{text}` begins or ends with a blank");
            self.error(value.span(), message).hint = Some(format!(
                "write \"{}\": blanks around it are not sent",
                text.trim()
            ));
        }
        Some(text.to_owned())
    }

    fn status(&mut self, value: &Value<'_>, kind: SourceKind) -> Option<Status> {
        let status = match (value.get_ref(), kind) {
            (DeValue::String(word), _) => systems::parse_status(kind, word),
            (DeValue::Integer(_), SourceKind::Nlpearl | SourceKind::Generic) => {
                systems::parse_status_number(kind, self.integer(value, "status")?)
            }
            _ => {
                let wanted = match kind {
                    SourceKind::Nlpearl | SourceKind::Generic => "a name or a number",
                    SourceKind::Capillary | SourceKind::Leadping => "a name",
                };
                self.wrong_type(value, "status", wanted);
                return None;
            }
        };
        if systems::known_statuses(kind).contains(&status) {
            return Some(status);
        }
        if !systems::has_vocabulary(kind) {
            return self.any_status(value, status);
        }
        match &status {
            Status::Number(number) if *number > 0 => {
                let message = format!("status {number} is not among those that NLPearl documents");
                let hint = format!(
                    "if it really sends it, write {} instead of `status`",
                    offer::matching(kind, &status)
                );
                self.warning(value.span(), message).hint = Some(hint);
                Some(status)
            }
            Status::Number(number) => {
                let message = format!("status {number} is not above 0");
                self.error(value.span(), message);
                None
            }
            Status::Name(word) => {
                let names = systems::status_names(kind);
                let hint = match did_you_mean(word, names.iter().copied()) {
                    Some(near) if value.get_ref().as_str() != Some(word) => {
                        format!("did you mean `{near}`, without the blanks?")
                    }
                    Some(near) => format!("did you mean `{near}`?"),
                    None if parts_of(word, &names).is_some() => {
                        format!(
                            "write a list: [{}]",
                            parts_of(word, &names).unwrap_or_default()
                        )
                    }
                    None if longer_of(word, &names).is_some() => format!(
                        "did you mean `{}`?",
                        longer_of(word, &names).unwrap_or_default()
                    ),
                    None if word == "*" => "leave `status` out to match every status".to_owned(),
                    None => format!(
                        "there are: {}; if {} really sends it, write {} instead of `status`",
                        names.join(", "),
                        systems::vendor(kind),
                        offer::matching(kind, &status)
                    ),
                };
                self.error(value.span(), format!("unknown status `{word}`"))
                    .hint = Some(hint);
                None
            }
        }
    }

    /// A status of a sender whose words are not known here.
    fn any_status(&mut self, value: &Value<'_>, status: Status) -> Option<Status> {
        let word = status.to_string();
        if !word.is_empty() && word != "*" {
            return Some(status);
        }
        self.error(value.span(), format!("unknown status `{word}`"))
            .hint = Some("leave `status` out to match every status".to_owned());
        None
    }

    fn on(&mut self, value: &Value<'_>) -> Option<EventKind> {
        let word = self.text(value, "on")?;
        let kind = EventKind::parse(word);
        if kind.is_none() {
            let hint = match did_you_mean(word, EventKind::ALL.map(EventKind::as_str)) {
                _ if word.contains("lead") && word.contains("call") => {
                    String::from("leave it out for both kinds of webhook")
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => String::from("there are: lead, call"),
            };
            self.error(value.span(), format!("unknown event kind `{word}`"))
                .hint = Some(hint);
        }
        kind
    }

    fn when(&mut self, value: &Value<'_>) -> Option<When> {
        let text = self.text(value, "when")?;
        match Condition::compile(text) {
            Ok(condition) => {
                let place = TextPlace::of(&self.file.text, &value.span(), text);
                Some(When {
                    text: text.to_owned(),
                    is_always_true: condition.constant() == Some(Ok(true)),
                    condition,
                    place,
                })
            }
            Err(faults) => {
                self.faults("when", value, text, faults);
                None
            }
        }
    }
}

/// The one name that begins with a word: `Voicemail` for `VoiceMailLeft`.
fn longer_of<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let word = word.to_lowercase();
    let begins = |name: &&&str| word.len() >= 4 && name.to_lowercase().starts_with(&word);
    let mut longer = names.iter().filter(begins);
    let first = longer.next()?;
    longer.next().is_none().then_some(*first)
}

/// Several statuses in one text, as a list.
fn parts_of(word: &str, names: &[&str]) -> Option<String> {
    let parts: Vec<&str> = word
        .split([',', ';', '|', '/'])
        .flat_map(|part| part.split(" or "))
        .map(str::trim)
        .collect();
    let is_list = parts.len() > 1
        && parts.iter().all(|part| {
            names.iter().any(|name| name.eq_ignore_ascii_case(part)) || part.parse::<u16>().is_ok()
        });
    is_list.then(|| {
        let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
        quoted.join(", ")
    })
}
