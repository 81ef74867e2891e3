//! Reads a mapping file: TOML → checked rows, or every fault with its exact place.
//!
//! Walks the parsed document itself, because that is where spans survive. No IO.
//! `members` reads a target's table, `coverage` looks at the rows together.

mod forced;
mod values;

use std::collections::HashMap;
use std::ops::Range;

pub use values::{Reader, Value};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::SourceKind;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::event::{EventKind, Status};
use crate::map::expression::Condition;
use crate::map::place::TextPlace;
use crate::map::row::{Member, Row, RowResult, TargetTable, When};
use crate::map::table::Table;
use crate::map::{RowRef, burden, conditions, coverage, credentials, members, presence};
use crate::systems;
use crate::systems::members::{Body, TARGETS};

/// What `[defaults.x]` gives every row.
type Defaults = HashMap<Body, Vec<Member>>;

/// The keys of a mapping.
pub const TABLE_KEYS: &[&str] = &["kind", "defaults", "row"];
/// The keys of a row.
pub const ROW_KEYS: &[&str] = &[
    "name",
    "status",
    "sub_status",
    "reason_id",
    "on",
    "when",
    "leadping",
    "nlpearl",
    "capillary",
    "required",
    "ignore",
    "park",
    "write",
    "final",
];
/// The largest mapping, in bytes and in rows; a thousand times what a site has.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
const MAX_ROWS: usize = 5_000;

/// Whether a TOML file means to be a mapping.
pub fn looks_like_a_mapping(text: &str) -> bool {
    let (document, _) = DeTable::parse_recoverable(text);
    ["kind", "row"]
        .iter()
        .any(|key| document.get_ref().contains_key(*key))
}

/// Reads one file; no table if it has an error.
pub fn read(
    name: &str,
    file: &SourceFile,
    expected: Option<SourceKind>,
) -> (Option<Table>, Vec<Finding>) {
    let text = file.text.as_ref();
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file is larger than {MAX_FILE_BYTES} bytes");
        return (None, vec![Finding::error(file, 0..0, message)]);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(file, !errors.is_empty());
    let read = reader.document(document.get_ref(), name, expected);
    let Reader { mut findings, .. } = reader;
    if !errors.is_empty() {
        findings = with_syntax_errors(file, &errors, findings);
    }
    findings.extend(credentials::check(file, document.get_ref()));
    credentials::hide(file, &mut findings);
    if let Some((_, rows)) = &read {
        findings.extend(burden::check(file, rows));
    }
    findings.sort_by_key(|finding| finding.span.start);
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    match read {
        Some((kind, rows)) if !failed => {
            let kind_span = document.get_ref().get("kind").map_or(0..0, Spanned::span);
            findings.extend(coverage::check(file, kind, kind_span, &rows));
            findings.sort_by_key(|finding| finding.span.start);
            (Some(Table::new(name, kind, text, rows)), findings)
        }
        _ => (None, findings),
    }
}

/// Syntax errors, and those other faults that are not about the same lines.
pub fn with_syntax_errors(
    file: &SourceFile,
    errors: &[toml::de::Error],
    others: Vec<Finding>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = errors
        .iter()
        .map(|error| {
            let end = file.text.len();
            Finding::error(file, error.span().unwrap_or(end..end), error.message())
        })
        .collect();
    let lines: Vec<usize> = findings
        .iter()
        .map(|finding| finding.position().0)
        .collect();
    findings.extend(others.into_iter().filter(|finding| {
        finding.severity == Severity::Error && !lines.contains(&finding.position().0)
    }));
    findings
}

impl Reader<'_> {
    fn document(
        &mut self,
        document: &DeTable<'_>,
        name: &str,
        expected: Option<SourceKind>,
    ) -> Option<(SourceKind, Vec<Row>)> {
        self.unknown_keys(document, TABLE_KEYS, &[], "a mapping");
        let kind = match Self::meant(document, "kind", TABLE_KEYS) {
            Some(value) => self.kind(value, name, expected),
            None => {
                let hint = "such as `kind = \"nlpearl\"`, that of the sources that use it";
                self.absent(0..0, "no `kind`", hint);
                None
            }
        };
        // The rows are checked even if the kind is not usable, against the one that was expected.
        let kind = kind.or(expected)?;
        let defaults = match Self::meant(document, "defaults", TABLE_KEYS) {
            Some(value) => self.defaults(value),
            None => Defaults::new(),
        };
        let rows = match document.get("row").map(|rows| (rows, rows.get_ref())) {
            None => Vec::new(),
            Some((value, DeValue::Array(rows))) if rows.len() > MAX_ROWS => {
                self.error(value.span(), format!("more than {MAX_ROWS} rows"));
                Vec::new()
            }
            Some((_, DeValue::Array(rows))) => rows
                .iter()
                .enumerate()
                .filter_map(|(index, row)| self.row(index, row, kind, &defaults))
                .collect(),
            Some((value, _)) => {
                self.error(value.span(), "`row` is not a list of tables")
                    .hint = Some("write `[[row]]`".to_owned());
                Vec::new()
            }
        };
        Some((kind, rows))
    }

    fn kind(
        &mut self,
        value: &Value<'_>,
        name: &str,
        expected: Option<SourceKind>,
    ) -> Option<SourceKind> {
        let word = self.text(value, "kind")?;
        let kinds = SourceKind::ALL;
        let Some(kind) = kinds.into_iter().find(|kind| kind.as_str() == word) else {
            let names = kinds.map(SourceKind::as_str);
            let hint = did_you_mean(word, names).map_or_else(
                || format!("there are: {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(value.span(), format!("unknown kind `{word}`"))
                .hint = Some(hint);
            return None;
        };
        match expected {
            Some(expected) if expected != kind => {
                let message = format!(
                    "kind `{word}`, but the source that uses mapping `{name}` is of kind `{}`",
                    expected.as_str()
                );
                self.error(value.span(), message);
                None
            }
            _ => Some(kind),
        }
    }

    fn defaults(&mut self, value: &Value<'_>) -> Defaults {
        let Some(tables) = self.table(value, "defaults") else {
            return Defaults::new();
        };
        let names = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        self.unknown_keys(tables, &names, &[], "defaults");
        TARGETS
            .iter()
            .filter_map(|(name, body)| {
                let value = Self::meant(tables, name, &names)?;
                Some((*body, members::read(self, *body, value, None)))
            })
            .collect()
    }

    fn row(
        &mut self,
        index: usize,
        value: &Value<'_>,
        kind: SourceKind,
        defaults: &Defaults,
    ) -> Option<Row> {
        let row = self.table(value, "row")?;
        self.unknown_keys(row, ROW_KEYS, &[], "a row");
        let line = self.file.text[..value.span().start].matches('\n').count() + 1;
        let name = row
            .get("name")
            .and_then(|value| self.text(value, "name"))
            .map(str::to_owned);
        let statuses = row.get("status").map(|value| self.statuses(value, kind));
        let sub_statuses = self.each(row, "sub_status", |reader, value| {
            reader.text(value, "sub_status").map(str::to_owned)
        });
        let reason_ids = self.each(row, "reason_id", |reader, value| {
            reader.integer(value, "reason_id")
        });
        let on = row.get("on").and_then(|value| self.on(value));
        let when = row.get("when").and_then(|value| self.when(value));
        // What a faulty guard would have kept out is not known.
        let guarded = row
            .keys()
            .all(|key| ROW_KEYS.contains(&key.get_ref().as_ref()))
            && row.contains_key("on") == on.is_some()
            && row.contains_key("when") == when.is_some();
        let required = self.required(row);
        let (write, is_final) = forced::read(self, row);
        let result = self.result(row, value.span(), defaults)?;
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
            result,
        };
        if guarded {
            presence::check(self, kind, &row);
            conditions::check(self, kind, &row);
        }
        Some(row)
    }

    fn result(
        &mut self,
        row: &DeTable<'_>,
        span: Range<usize>,
        defaults: &Defaults,
    ) -> Option<RowResult> {
        let targets: Vec<&(&str, Body)> = TARGETS
            .iter()
            .filter(|(name, _)| row.contains_key(*name))
            .collect();
        let reasons: Vec<&str> = ["ignore", "park"]
            .into_iter()
            .filter(|key| row.contains_key(*key))
            .collect();
        match reasons.as_slice() {
            [] if !targets.is_empty() => {
                let mut tables = Vec::new();
                for (name, body) in targets {
                    let value = row.get(*name)?;
                    self.target(*body, value, defaults, &mut tables);
                }
                Some(RowResult::Targets(tables))
            }
            [] => {
                // What an unknown key was to say is reported with the key.
                if row
                    .keys()
                    .all(|key| ROW_KEYS.contains(&key.get_ref().as_ref()))
                {
                    let hint = "give it `leadping = { … }`, `ignore = \"why\"` or `park = \"why\"`";
                    self.absent(span, "the row says nothing to do", hint);
                }
                None
            }
            [word] if targets.is_empty() => {
                let value = row.get(*word)?;
                let why = self.text(value, word)?.trim().to_owned();
                if why.is_empty() {
                    self.error(value.span(), format!("`{word}` needs a reason"));
                    return None;
                }
                Some(if *word == "ignore" {
                    RowResult::Ignore(why)
                } else {
                    RowResult::Park(why)
                })
            }
            several => {
                let said: Vec<&str> = targets
                    .iter()
                    .map(|(name, _)| *name)
                    .chain(several.iter().copied())
                    .collect();
                let message = format!("the row says more than one thing: {}", said.join(", "));
                self.error(span, message);
                None
            }
        }
    }

    /// One target's table over its defaults; LeadPing's may hold a second one, of the record.
    fn target(
        &mut self,
        body: Body,
        value: &Value<'_>,
        defaults: &Defaults,
        tables: &mut Vec<TargetTable>,
    ) {
        let record = Body::LeadRecord;
        let inner = (body == Body::Disposition).then(|| record.key());
        let members = members::read(self, body, value, inner);
        let inside = inner.and_then(|key| value.get_ref().as_table()?.get(key));
        // A row may change the record alone: then it wants no disposition, whatever the defaults.
        if inside.is_none() || !members.is_empty() {
            let nothing = Vec::new();
            let own = defaults.get(&body).unwrap_or(&nothing);
            let members = members::merge(own, members);
            for name in members::lacking(body, &members) {
                let hint = lacking_hint(body, name);
                self.absent(value.span(), format!("no `{name}`"), &hint);
            }
            tables.push(TargetTable { body, members });
        }
        if let Some(value) = inside {
            let members = members::read(self, record, value, None);
            if members.is_empty() && value.get_ref().as_table().is_some_and(DeTable::is_empty) {
                self.error(value.span(), "`lead` changes nothing");
            }
            tables.push(TargetTable {
                body: record,
                members,
            });
        }
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
            self.error(value.span(), "`required` without a write-back")
                .hint = Some(
                "it parks an event whose lead is not at NLPearl or Capillary; a LeadPing lead is always required".to_owned(),
            );
        }
        *required
    }

    fn statuses(&mut self, value: &Value<'_>, kind: SourceKind) -> Vec<Status> {
        let mut statuses = Vec::new();
        for item in self.items(value, "status") {
            if let Some(status) = self.status(item, kind)
                && !statuses.contains(&status)
            {
                statuses.push(status);
            }
        }
        statuses
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
                self.findings
                    .push(Finding::warning(self.file, value.span(), message));
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
                    Some(near) => format!("did you mean `{near}`?"),
                    None if word == "*" => "leave `status` out to match every status".to_owned(),
                    None => format!(
                        "there are: {}; if the vendor really sends `{word}`, leave `status` out and write when = 'event.status == \"{word}\"'",
                        names.join(", ")
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
            let hint = did_you_mean(word, EventKind::ALL.map(EventKind::as_str)).map_or_else(
                || "there are: lead, call".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
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

fn lacking_hint(body: Body, name: &str) -> String {
    match (body, name) {
        (Body::LeadStatus, "reasonId") => String::from(
            "Capillary requires it, your own number of a reason (GET /v2/leads/reasons): reasonId = 2, here or in `[defaults.capillary]`",
        ),
        _ => format!(
            "set it here or in `[defaults.{}]`: {name} = \"…\"",
            body.key()
        ),
    }
}
