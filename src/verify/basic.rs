//! Scheme `basic`: RFC 7617. Pure.

use data_encoding::{BASE64, BASE64_NOPAD};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{CredentialError, Refused, SecretDigest, after_prefix, only_value};
use crate::secret::Secret;

pub(super) struct BasicCheck {
    /// Of `username:password`.
    credentials: SecretDigest,
}

impl BasicCheck {
    pub(super) fn new(username: &str, password: &Secret) -> Result<Self, CredentialError> {
        if username.contains(':') {
            return Err(CredentialError::Username);
        }
        Ok(Self {
            credentials: SecretDigest::of(joined(username, password).as_bytes()),
        })
    }

    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let value = only_value(headers, &AUTHORIZATION)?;
        let encoded = after_prefix(value.as_bytes(), "Basic ")?.trim_ascii();
        let unpadded = encoded.strip_suffix(b"=").unwrap_or(encoded);
        let unpadded = unpadded.strip_suffix(b"=").unwrap_or(unpadded);
        let credentials = BASE64_NOPAD
            .decode(unpadded)
            .map_err(|_| Refused::Malformed)?;
        self.credentials.admit(&credentials)
    }
}

fn joined(username: &str, password: &Secret) -> String {
    format!("{username}:{}", password.expose())
}

pub(super) fn sign(username: &str, password: &Secret) -> String {
    let credentials = joined(username, password);
    format!("Basic {}", BASE64.encode(credentials.as_bytes()))
}
