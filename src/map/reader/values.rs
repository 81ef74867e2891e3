//! Typed looks at TOML values, each with the fault that it finds when the type is another.

use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Finding, SourceFile, did_you_mean};
use crate::map::expression::Template;
use crate::map::lint::Fault;
use crate::map::place::TextPlace;
use crate::map::reader::ROW_KEYS;
use crate::map::sandbox::MAX_OUTPUT_BYTES;
use crate::systems::members::{Body, TARGETS};

pub type Value<'a> = Spanned<DeValue<'a>>;

/// What one key may list.
const MAX_ITEMS: usize = 200;

/// The file that is read, and what was found in it so far.
pub struct Reader<'f> {
    pub file: &'f SourceFile,
    pub findings: Vec<Finding>,
    /// The document has syntax errors: what is not there may just not have been understood.
    pub partial: bool,
    /// Where the syntax errors are, in order.
    pub broken: Vec<usize>,
    /// How much of the work is done that trying out templates may cost.
    pub tried: usize,
    /// The names of the sources, where the configuration is known.
    pub sources: Option<&'f Sources>,
    /// Every row of the table was read, and its kind is the right one.
    pub rows_are_known: bool,
    /// What was said about a place that several rows share.
    told: HashSet<(usize, String)>,
    /// Where each line but the first begins.
    lines: Vec<usize>,
}

/// The names of sources that a condition may compare with.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub all: Vec<String>,
    /// Those whose events come to this table.
    pub own: Vec<String>,
}

impl<'f> Reader<'f> {
    pub fn new(file: &'f SourceFile, partial: bool) -> Self {
        let lines = file.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            findings: Vec::new(),
            partial,
            broken: Vec::new(),
            tried: 0,
            sources: None,
            rows_are_known: true,
            told: HashSet::new(),
            lines: lines.collect(),
        }
    }
}

impl Reader<'_> {
    /// From 1.
    pub fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at) + 1
    }

    /// Whether this is said for the first time: defaults are part of every row.
    pub fn is_news(&mut self, span: &Range<usize>, message: &str) -> bool {
        self.told.insert((span.start, message.to_owned()))
    }

    /// Faults inside a text value, at their place in the file.
    pub fn faults(&mut self, key: &str, value: &Value<'_>, text: &str, faults: Vec<Fault>) {
        let place = TextPlace::of(&self.file.text, &value.span(), text);
        for fault in faults {
            self.error(
                place.at(&fault.range),
                format!("`{key}`: {}", fault.message),
            )
            .hint = fault.hint;
        }
    }

    /// A scalar or a list of them.
    pub fn items<'v, 'a>(&mut self, value: &'v Value<'a>, key: &str) -> Vec<&'v Value<'a>> {
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                self.error(value.span(), format!("`{key}` is an empty list"));
                Vec::new()
            }
            DeValue::Array(items) if items.len() > MAX_ITEMS => {
                let message = format!("`{key}` lists more than {MAX_ITEMS}");
                self.error(value.span(), message);
                Vec::new()
            }
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        }
    }

    pub fn each<T>(
        &mut self,
        row: &DeTable<'_>,
        key: &str,
        read: impl Fn(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = row.get(key) else {
            return Vec::new();
        };
        self.items(value, key)
            .into_iter()
            .filter_map(|item| read(self, item))
            .collect()
    }

    pub fn table<'v, 'a>(&mut self, value: &'v Value<'a>, key: &str) -> Option<&'v DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, key, "a table");
        }
        table
    }

    pub fn text<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, key, "text");
        }
        text.filter(|_| !self.is_too_long(value, key))
    }

    /// Longer than what a template may make; it is told. What is evaluated has a limit of its own.
    pub fn is_too_long(&mut self, value: &Value<'_>, key: &str) -> bool {
        let text = value.get_ref().as_str();
        let is_too_long = text.is_some_and(|text| {
            text.len() > MAX_OUTPUT_BYTES && key != "when" && !Template::is_one(text)
        });
        if is_too_long {
            let message = format!("`{key}` is longer than {MAX_OUTPUT_BYTES} bytes");
            self.error(value.span(), message).hint = Some(String::from(
                "that is the most that a value or a reason may have",
            ));
        }
        is_too_long
    }

    pub fn integer(&mut self, value: &Value<'_>, key: &str) -> Option<i64> {
        let integer = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        if integer.is_none() {
            self.wrong_type(value, key, "a whole number");
        }
        integer
    }

    pub fn wrong_type(&mut self, value: &Value<'_>, key: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        self.error(value.span(), format!("`{key}` is not {wanted} but {found}"))
            .hint = in_the_wanted_type(value.get_ref(), key, wanted);
    }

    /// The value of a key, or of another key that was probably meant to be this one: that is
    /// reported as unknown, and what stands there must not be reported as lacking too.
    pub fn meant<'v, 'a>(
        table: &'v DeTable<'a>,
        key: &str,
        known: &[&str],
    ) -> Option<&'v Value<'a>> {
        table.get(key).or_else(|| {
            table
                .iter()
                .find(|(name, _)| {
                    let name = name.get_ref().as_ref();
                    !known.contains(&name) && did_you_mean(name, known.iter().copied()) == Some(key)
                })
                .map(|(_, value)| value)
        })
    }

    pub fn unknown_keys(
        &mut self,
        table: &DeTable<'_>,
        known: &[&str],
        later: &[&str],
        what: &str,
    ) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            if later.contains(&name) {
                self.error(key.span(), format!("`{name}` is not built yet"))
                    .hint = Some("take it out; nothing would come of it".to_owned());
                continue;
            }
            let hint = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => place_of(name, what)
                    .unwrap_or_else(|| format!("{what} has: {}", known.join(", "))),
            };
            self.error(key.span(), format!("unknown key `{name}`")).hint = Some(hint);
        }
    }

    pub fn warning(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Finding {
        self.findings
            .push(Finding::warning(self.file, span, message));
        self.findings
            .last_mut()
            .expect("a finding was pushed two lines above")
    }

    pub fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding::error(self.file, span, message));
        self.findings
            .last_mut()
            .expect("a finding was pushed one line above")
    }

    /// A fault that consists in something not being there.
    pub fn absent(&mut self, span: Range<usize>, message: impl Into<String>, hint: &str) {
        if !self.partial {
            self.error(span, message).hint = Some(hint.to_owned());
        }
    }
}

/// The same value, as it had to be written.
fn in_the_wanted_type(value: &DeValue<'_>, key: &str, wanted: &str) -> Option<String> {
    let number = |text: &str| text.trim().parse::<i64>().is_ok();
    match (value, wanted) {
        (DeValue::String(text), "a whole number") if number(text) => {
            Some(format!("write {}, without quotes", text.trim()))
        }
        (DeValue::String(text), "true or false") => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some("write true, without quotes".to_owned()),
            "false" | "no" | "off" | "0" => Some("write false, without quotes".to_owned()),
            _ => None,
        },
        (DeValue::Integer(number), "text") if !matches!(key, "kind" | "ignore" | "park") => {
            Some(format!("write \"{}\", in quotes", number.as_str()))
        }
        (DeValue::Boolean(_), "text") if matches!(key, "ignore" | "park") => {
            Some(format!("say why: {key} = \"…\""))
        }
        (DeValue::Boolean(_), "text") if key == "when" => Some("leave it out".to_owned()),
        (DeValue::Array(_), "text") if key == "when" => {
            Some("join conditions with `and` or `or`, in one text".to_owned())
        }
        (DeValue::Array(_), "text") if key == "on" => {
            Some("leave it out for both kinds of webhook".to_owned())
        }
        (DeValue::Array(_), "a table") => {
            Some(format!("write `[row.{key}]` or `{key} = {{ … }}`, once"))
        }
        (DeValue::String(_), "a table") if key == "leadping" => {
            Some("write leadping = { outcome = \"…\" }".to_owned())
        }
        _ => None,
    }
}

/// Where a key that stands in the wrong table belongs.
fn place_of(name: &str, found_in: &str) -> Option<String> {
    let owner = TARGETS
        .iter()
        .map(|(_, body)| *body)
        .find(|body| body.member(name).is_some());
    let is_of_record = Body::LeadRecord.member(name).is_some() || name == Body::LeadRecord.key();
    let is_target = TARGETS.iter().any(|(target, _)| *target == name);
    match found_in {
        "a mapping" if is_target => Some(format!(
            "a row's result stands in the row: write `[row.{name}]`, or `[defaults.{name}]` for all rows"
        )),
        "a mapping" if ROW_KEYS.contains(&name) => {
            Some("it belongs into a row: write `[[row]]` above it".to_owned())
        }
        "a row" if name == Body::LeadRecord.key() => {
            Some("it belongs into LeadPing's table: leadping = { lead = { … } }".to_owned())
        }
        "a row" | "a mapping" | "defaults" => {
            let table = owner?.key();
            let place = match found_in {
                "a row" => format!("{table} = {{ {name} = … }}"),
                _ => format!("`[defaults.{table}]`"),
            };
            Some(format!("it belongs into the target's table: {place}"))
        }
        _ if ROW_KEYS.contains(&name) => {
            Some("it is a key of the row, and stands beside the target's table".to_owned())
        }
        "a disposition" if is_of_record => Some(format!(
            "it belongs into the lead's record: lead = {{ {name} = … }}"
        )),
        _ => None,
    }
}
