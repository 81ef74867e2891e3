//! Scheme `standard-webhooks`: the symmetric signatures (`v1`) of the Standard Webhooks
//! specification. Pure.
//!
//! Signed is `{webhook-id}.{webhook-timestamp}.{body}`, so the id can be trusted for dedupe.

use std::time::Duration;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, Mac};
use http::HeaderValue;
use http::header::HeaderName;
use jiff::Timestamp;
use sha2::Sha256;

use super::hmac_sha256::{from_base64, is_within, keyed, unix_seconds};
use super::sign::header_pair;
use super::{RawWebhook, Refused, SignError, only_value};
use crate::secret::Secret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// An id is kept for dedupe: bounded.
const MAX_ID_BYTES: usize = 256;
/// A sender in rotation signs with two secrets; more than this is not a rotation.
const MAX_SIGNATURES: usize = 16;

pub(super) struct StandardCheck {
    key: Hmac<Sha256>,
    tolerance: Duration,
}

impl StandardCheck {
    pub(super) fn new(secret: &Secret, tolerance: Duration) -> Result<Self, &'static str> {
        Ok(Self {
            key: keyed(&key_bytes(secret)?),
            tolerance,
        })
    }

    /// The message's id.
    pub(super) fn admit(
        &self,
        raw: RawWebhook<'_>,
        now: Timestamp,
    ) -> Result<HeaderValue, Refused> {
        let id = only_value(raw.headers, &ID)?;
        let stamp = only_value(raw.headers, &TIMESTAMP)?.as_bytes();
        let signatures = only_value(raw.headers, &SIGNATURE)?;
        let signed_at = unix_seconds(stamp).ok_or(Refused::Malformed)?;
        if id.is_empty() || id.len() > MAX_ID_BYTES || id.to_str().is_err() {
            return Err(Refused::Malformed);
        }

        let mac = message(self.key.clone(), id.as_bytes(), stamp, raw.body);
        let mut refused = Refused::Malformed;
        let signatures = signatures.as_bytes().split(|byte| *byte == b' ');
        for signature in signatures.take(MAX_SIGNATURES) {
            let Some(signature) = signature.strip_prefix(b"v1,").and_then(from_base64) else {
                continue;
            };
            if mac.clone().verify_slice(&signature).is_ok() {
                return if is_within(signed_at, now, self.tolerance) {
                    Ok(id.clone())
                } else {
                    Err(Refused::OutsideTolerance)
                };
            }
            refused = Refused::Mismatch;
        }
        Err(refused)
    }
}

fn message(mut mac: Hmac<Sha256>, id: &[u8], stamp: &[u8], body: &[u8]) -> Hmac<Sha256> {
    for part in [id, b".", stamp, b".", body] {
        mac.update(part);
    }
    mac
}

/// The key inside `whsec_…`; the prefix may be missing.
fn key_bytes(secret: &Secret) -> Result<Vec<u8>, &'static str> {
    let text = secret.expose();
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let key = BASE64_NOPAD
        .decode(text.trim_end_matches('=').as_bytes())
        .map_err(|_| "a standard-webhooks secret is `whsec_` and base64")?;
    if (24..=64).contains(&key.len()) {
        Ok(key)
    } else {
        Err("a standard-webhooks secret holds 24 to 64 bytes in base64")
    }
}

pub(super) fn sign(
    secret: &Secret,
    body: &[u8],
    now: Timestamp,
    message_id: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
    let key = keyed(&key_bytes(secret).map_err(SignError::Secret)?);
    let stamp = now.as_second().to_string();
    let mac = message(key, message_id.as_bytes(), stamp.as_bytes(), body);
    let signature = BASE64.encode(&mac.finalize().into_bytes());
    Ok(vec![
        header_pair(ID.as_str(), message_id)?,
        header_pair(TIMESTAMP.as_str(), &stamp)?,
        header_pair(SIGNATURE.as_str(), &format!("v1,{signature}"))?,
    ])
}
