//! Reads a mapping file: TOML → checked rows, or every fault with its exact place.
//!
//! Walks the parsed document itself, because that is where spans survive. No IO.
//! `members` reads a target's table, `coverage` looks at the rows together.

mod forced;
mod row;
mod values;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

pub use row::RowRead;
pub use values::{Reader, Sources, Value};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::SourceKind;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean, syntax};
use crate::map::coverage::Coverage;
use crate::map::expression::Template;
use crate::map::row::{Member, Row, RowResult, TargetTable};
use crate::map::table::Table;
use crate::map::{burden, credentials, members, twins};
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
/// The most findings in one file.
const MAX_FINDINGS: usize = 1_000;

/// Whether a TOML file means to be a mapping; what is no TOML was meant to be one.
pub fn looks_like_a_mapping(text: &str) -> bool {
    let (document, errors) = DeTable::parse_recoverable(text);
    !errors.is_empty()
        || ["kind", "row"]
            .iter()
            .any(|key| document.get_ref().contains_key(*key))
}

/// Reads one file; no table if it has an error.
pub fn read(
    name: &str,
    file: &SourceFile,
    expected: Option<SourceKind>,
    sources: Option<&Sources>,
) -> (Option<Table>, Vec<Finding>) {
    let text = file.text.as_ref();
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file is larger than {MAX_FILE_BYTES} bytes");
        return (None, vec![Finding::error(file, 0..0, message)]);
    }
    let recovered = syntax::recover(file);
    let (document, errors) = DeTable::parse_recoverable(&recovered.text);
    let is_partial = !errors.is_empty() || !recovered.broken.is_empty();
    let mut reader = Reader::new(file, is_partial);
    reader.sources = sources;
    let broken = errors.iter().filter_map(toml::de::Error::span);
    reader.broken = recovered.broken;
    reader.broken.extend(broken.map(|span| span.start));
    reader.broken.sort_unstable();
    let read = reader.document(document.get_ref(), name, expected);
    let mut findings = std::mem::take(&mut reader.findings);
    if let Some((kind, rows)) = &read {
        let each = || rows.iter().map(|read| &read.row);
        findings.extend(burden::check(file, each()));
        findings.extend(burden::too_many_templates(file, each()));
        let coverage = Coverage {
            file,
            kind: *kind,
            kind_span: document.get_ref().get("kind").map_or(0..0, Spanned::span),
            rows,
            is_partial: is_partial || !reader.rows_are_known,
        };
        findings.extend(coverage.check());
        findings.extend(twins::check(file, each(), &findings));
    }
    if !errors.is_empty() {
        findings = with_syntax_errors(file, &errors, findings);
    }
    findings.extend(recovered.findings);
    findings.extend(credentials::check(file, document.get_ref()));
    credentials::hide(file, &mut findings);
    findings.sort_by_key(|finding| finding.span.start);
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let table = read.filter(|_| !failed).map(|(kind, rows)| {
        let rows: Vec<Row> = rows.into_iter().map(|read| read.row).collect();
        Table::new(name, kind, text, rows)
    });
    (table, at_most(file, findings))
}

/// Nobody reads more; the errors go first if not all can be shown.
fn at_most(file: &SourceFile, mut findings: Vec<Finding>) -> Vec<Finding> {
    let left = findings.len().saturating_sub(MAX_FINDINGS);
    if left > 0 {
        findings.sort_by_key(|finding| finding.severity);
        let severity = findings[MAX_FINDINGS].severity;
        findings.truncate(MAX_FINDINGS);
        findings.sort_by_key(|finding| finding.span.start);
        let end = file.text.len();
        let message = format!("{left} more findings in this file are not shown");
        findings.push(Finding {
            severity,
            ..Finding::warning(file, end..end, message)
        });
    }
    findings
}

/// Syntax errors, and those other findings that are not about the same lines.
pub fn with_syntax_errors(
    file: &SourceFile,
    errors: &[toml::de::Error],
    others: Vec<Finding>,
) -> Vec<Finding> {
    let mut findings = syntax::findings(file, errors);
    let text = &file.text;
    let line = |finding: &Finding| {
        let start = finding.span.start.min(text.len());
        text[..start].rfind('\n').map_or(0, |newline| newline + 1)
    };
    let broken: HashSet<usize> = findings.iter().map(line).collect();
    let is_apart = |finding: &Finding| !broken.contains(&line(finding));
    findings.extend(others.into_iter().filter(is_apart));
    findings
}

impl Reader<'_> {
    fn document(
        &mut self,
        document: &DeTable<'_>,
        name: &str,
        expected: Option<SourceKind>,
    ) -> Option<(SourceKind, Vec<RowRead>)> {
        self.unknown_keys(document, TABLE_KEYS, &[], "a mapping");
        let kind = match Self::meant(document, "kind", TABLE_KEYS) {
            Some(value) => self.kind(value, name, expected),
            None => {
                let hint = "such as `kind = \"nlpearl\"`, that of the sources that use it";
                let message = match self.file.text.trim().is_empty() {
                    true => "the file is empty: no `kind`",
                    false => "no `kind`",
                };
                self.absent(0..0, message, hint);
                None
            }
        };
        // `[[Row]]`: there are rows that nobody reads.
        let is_misspelt = |key: &&str| did_you_mean(key, TABLE_KEYS.iter().copied()) == Some("row");
        let unknown = document.keys().map(|key| key.get_ref().as_ref());
        let mut unknown = unknown.filter(|key| !TABLE_KEYS.contains(key));
        let has_lost_rows = document.contains_key("row") && unknown.any(|key| is_misspelt(&key));
        // The rows are checked even if the kind is not usable: against the one that was expected,
        // or meant.
        self.rows_are_known = kind.is_some() && !has_lost_rows;
        let kind = kind.or(expected).or_else(|| kind_meant(document))?;
        let defaults = match Self::meant(document, "defaults", TABLE_KEYS) {
            Some(value) => self.defaults(value),
            None => Defaults::new(),
        };
        let rows = Self::meant(document, "row", TABLE_KEYS);
        let rows = rows.map_or_else(Vec::new, |rows| self.rows(rows, kind, &defaults));
        Some((kind, rows))
    }

    fn rows(&mut self, value: &Value<'_>, kind: SourceKind, defaults: &Defaults) -> Vec<RowRead> {
        let rows = match value.get_ref() {
            DeValue::Array(rows) if rows.len() > MAX_ROWS => {
                self.error(value.span(), format!("more than {MAX_ROWS} rows"));
                self.rows_are_known = false;
                return Vec::new();
            }
            DeValue::Array(rows) => rows.iter().collect(),
            // One row, under `[row]`.
            DeValue::Table(_) => {
                let hint = "write `[[row]]`, with two brackets: there can be several";
                self.error(value.span(), "`row` is not a list of tables")
                    .hint = Some(hint.to_owned());
                vec![value]
            }
            _ => {
                self.error(value.span(), "`row` is not a list of tables")
                    .hint = Some("write `[[row]]`".to_owned());
                self.rows_are_known = false;
                return Vec::new();
            }
        };
        let mut read = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let next = rows.get(index + 1).map(|next| next.span().start);
            let place = row.span().start..next.unwrap_or(self.file.text.len());
            read.extend(self.row((index, place), row, kind, defaults));
        }
        read
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
                if Template::is_one(&why) {
                    let message = format!("`{word}` is plain text: nothing is filled in");
                    self.error(value.span(), message).hint = Some(String::from(
                        "say it without braces; what the event brought is shown beside it anyway",
                    ));
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
            let is_table = value.get_ref().is_table();
            if members.is_empty() && is_table {
                self.error(value.span(), format!("`{}` changes nothing", body.key()))
                    .hint = Some("name what is to be written, or take it out".to_owned());
            } else if is_table {
                for name in members::lacking(body, &members) {
                    let hint = lacking_hint(body, name);
                    self.absent(value.span(), format!("no `{name}`"), &hint);
                }
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
}

/// The kind that a mistyped word is nearest to.
fn kind_meant(document: &DeTable<'_>) -> Option<SourceKind> {
    let kinds = SourceKind::ALL;
    let word = Reader::meant(document, "kind", TABLE_KEYS)?
        .get_ref()
        .as_str()?;
    let near = did_you_mean(word, kinds.map(SourceKind::as_str))?;
    kinds.into_iter().find(|kind| kind.as_str() == near)
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
