//! Typed looks at TOML values, each with the fault that it finds when the type is another.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Finding, SourceFile, did_you_mean};
use crate::map::lint::Fault;
use crate::map::place::TextPlace;

pub type Value<'a> = Spanned<DeValue<'a>>;

/// The file that is read, and what was found in it so far.
pub struct Reader<'f> {
    pub file: &'f SourceFile,
    pub findings: Vec<Finding>,
    /// The document has syntax errors: what is not there may just not have been understood.
    pub partial: bool,
}

impl<'f> Reader<'f> {
    pub fn new(file: &'f SourceFile, partial: bool) -> Self {
        Self {
            file,
            findings: Vec::new(),
            partial,
        }
    }
}

impl Reader<'_> {
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
        text
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
        self.error(value.span(), format!("`{key}` is not {wanted} but {found}"));
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
                None => format!("{what} has: {}", known.join(", ")),
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
