//! Scheme `header`: a header equals prefix + secret. Pure.

use http::HeaderMap;
use http::header::HeaderName;

use super::{CredentialError, Refused, SecretDigest, after_prefix, header_name, only_value};
use crate::secret::Secret;

pub(super) struct HeaderCheck {
    name: HeaderName,
    prefix: String,
    secret: SecretDigest,
}

impl HeaderCheck {
    pub(super) fn new(name: &str, prefix: &str, secret: &Secret) -> Result<Self, CredentialError> {
        Ok(Self {
            name: header_name(name)?,
            prefix: prefix.to_owned(),
            secret: SecretDigest::of(secret.expose().as_bytes()),
        })
    }

    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let value = only_value(headers, &self.name)?;
        self.secret
            .admit(after_prefix(value.as_bytes(), &self.prefix)?)
    }
}
