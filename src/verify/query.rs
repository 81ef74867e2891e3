//! Scheme `query`: a query parameter equals the secret. Pure.
//!
//! A plus sign means itself (RFC 3986): base64 secrets pasted into a URL then still match.

use super::{Refused, SecretDigest};
use crate::secret::Secret;

pub(super) struct QueryCheck {
    parameter: String,
    secret: SecretDigest,
}

impl QueryCheck {
    pub(super) fn new(parameter: &str, secret: &Secret) -> Self {
        Self {
            parameter: parameter.to_owned(),
            secret: SecretDigest::of(secret.expose().as_bytes()),
        }
    }

    pub(super) fn admit(&self, query: Option<&str>) -> Result<(), Refused> {
        let mut values = query
            .unwrap_or_default()
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(name, _)| decode(name).is_some_and(|name| name == self.parameter.as_bytes()))
            .map(|(_, value)| value);
        let value = values.next().ok_or(Refused::Missing)?;
        if values.next().is_some() {
            return Err(Refused::Repeated);
        }
        self.secret.admit(&decode(value).ok_or(Refused::Malformed)?)
    }
}

/// `None` if a percent sign is not followed by two hex digits.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let high = char::from(digits[0]).to_digit(16)?;
        let low = char::from(digits[1]).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
        rest = after;
    }
    Some(decoded)
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            data_encoding::HEXUPPER.encode_append(&[byte], &mut encoded);
        }
    }
    encoded
}
