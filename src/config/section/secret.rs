//! Secrets in the configuration: a reference, or a fault that never shows what stands there.

use super::Section;
use crate::config::faults::Fault;
use crate::config::raw::Value;
use crate::config::vocabulary::Form;
use crate::secret::SecretReference;

const EXPECTED: &str = "write { env = \"NAME\" } or { file = \"/run/secrets/name\" }";

impl Section<'_> {
    /// A secret's reference. Whatever else stands there is never shown.
    pub fn secret(&self, key: &'static str) -> Option<SecretReference> {
        self.note(key, Form::Secret);
        let entry = self.entry(key)?;
        let name = self.name_of(key);
        let Value::Table(table) = &entry.node.value else {
            self.faults.mask(&entry.node.place);
            self.faults.report(
                Fault::error(
                    &entry.node.place,
                    format!("`{name}` must be a reference, never the secret itself"),
                )
                .hint(EXPECTED),
            );
            return None;
        };
        for stranger in &table.entries {
            if !matches!(stranger.key.as_str(), "env" | "file") {
                self.faults.mask(&stranger.node.place);
            }
        }
        let reference = Section::new(name, table, entry.key_place.clone(), self.faults);
        let environment = reference.text("env");
        let file = reference.text("file");
        reference.finish();
        match (environment, file) {
            (Some(variable), None) => reference.variable(variable),
            (None, Some(file)) if !file.is_empty() => Some(SecretReference::File(file.into())),
            _ => {
                // A stranger or a wrong type was reported already.
                let keys: Vec<&str> = table.entries.iter().map(|e| e.key.as_str()).collect();
                if keys.is_empty() || keys.len() == 2 || file == Some("") {
                    self.bad_value(key, "needs exactly one of `env` and `file`", EXPECTED);
                }
                None
            }
        }
    }

    /// The secret of a key that must be there.
    pub fn required_secret(&self, key: &'static str) -> Option<SecretReference> {
        let secret = self.secret(key);
        if !self.has(key) {
            self.missing(key, EXPECTED);
        }
        secret
    }

    /// What cannot be a variable's name may be the secret itself, put in the wrong place.
    fn variable(&self, name: &str) -> Option<SecretReference> {
        let plain = name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
        let good = plain && name.starts_with(|first: char| !first.is_ascii_digit());
        if good {
            return Some(SecretReference::Env(name.to_owned()));
        }
        self.faults.mask(&self.place_of("env"));
        self.bad_value(
            "env",
            "is not the name of an environment variable",
            "names have letters, digits and underscores",
        );
        None
    }
}
