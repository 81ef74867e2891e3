//! Secrets: referenced in the config, read once at start, never printed.
//!
//! A [`SecretReference`] says where a secret is; [`Secret`] holds it and has no `Display`.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// `{ env = "NAME" }` or `{ file = "/run/secrets/x" }`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretReference {
    Env(String),
    File(PathBuf),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(formatter, "environment variable {name}"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
        }
    }
}

/// A secret's value; `Debug` prints `[REDACTED]`.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value, for the one place that must compare or send it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{0} is not set")]
    Missing(SecretReference),
    #[error("{0} is empty")]
    Empty(SecretReference),
    #[error("{0} cannot be read: {1}")]
    Unreadable(SecretReference, std::io::ErrorKind),
}

impl SecretReference {
    /// Reads the secret now; a trailing line end is not part of it.
    pub fn load(&self) -> Result<Secret, SecretError> {
        let value = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::Missing(self.clone()))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| SecretError::Unreadable(self.clone(), error.kind()))?,
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(Secret::new(value))
    }
}
