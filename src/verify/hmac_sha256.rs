//! Scheme `hmac-sha256`: a header carries the MAC of the raw body, or of `{timestamp}.{body}`. Pure.

use std::time::Duration;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use http::header::HeaderName;
use jiff::Timestamp;
use sha2::Sha256;

use super::sign::header_pair;
use super::{
    CredentialError, RawWebhook, Refused, SignError, after_prefix, header_name, only_value,
};
use crate::config::{HmacConfig, SignatureEncoding};
use crate::secret::Secret;

pub(super) type Signature = [u8; 32];

pub(super) struct HmacCheck {
    /// Keyed once; each request works on a copy.
    key: Hmac<Sha256>,
    header: HeaderName,
    prefix: String,
    encoding: SignatureEncoding,
    timestamp_header: Option<HeaderName>,
    tolerance: Duration,
}

impl HmacCheck {
    pub(super) fn new(config: &HmacConfig, secret: &Secret) -> Result<Self, CredentialError> {
        Ok(Self {
            key: keyed(secret.expose().as_bytes()),
            header: header_name(&config.header)?,
            prefix: config.prefix.clone(),
            encoding: config.encoding,
            timestamp_header: config
                .timestamp_header
                .as_deref()
                .map(header_name)
                .transpose()?,
            tolerance: config.tolerance,
        })
    }

    pub(super) fn admit(&self, raw: RawWebhook<'_>, now: Timestamp) -> Result<(), Refused> {
        let value = only_value(raw.headers, &self.header)?;
        let encoded = after_prefix(value.as_bytes(), &self.prefix)?.trim_ascii();
        let signature = match self.encoding {
            SignatureEncoding::Hex => from_hex(encoded),
            SignatureEncoding::Base64 => from_base64(encoded),
        }
        .ok_or(Refused::Malformed)?;

        let mut mac = self.key.clone();
        let mut signed_at = None;
        if let Some(name) = &self.timestamp_header {
            let stamp = only_value(raw.headers, name)?.as_bytes();
            signed_at = Some(unix_seconds(stamp).ok_or(Refused::Malformed)?);
            mac.update(stamp);
            mac.update(b".");
        }
        mac.update(raw.body);
        mac.verify_slice(&signature)
            .map_err(|_| Refused::Mismatch)?;
        match signed_at {
            Some(at) if !is_within(at, now, self.tolerance) => Err(Refused::OutsideTolerance),
            _ => Ok(()),
        }
    }
}

pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn from_hex(text: &[u8]) -> Option<Signature> {
    let mut signature = Signature::default();
    if text.len() != 2 * signature.len() {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode_mut(text, &mut signature).ok()?;
    Some(signature)
}

/// Standard alphabet; the padding may be missing.
pub(super) fn from_base64(text: &[u8]) -> Option<Signature> {
    let mut signature = Signature::default();
    let text = text.strip_suffix(b"=").unwrap_or(text);
    if BASE64_NOPAD.decode_len(text.len()) != Ok(signature.len()) {
        return None;
    }
    BASE64_NOPAD.decode_mut(text, &mut signature).ok()?;
    Some(signature)
}

/// Digits only: a sign or a blank would be signed content that means the same number twice.
pub(super) fn unix_seconds(text: &[u8]) -> Option<i64> {
    let digits = (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

pub(super) fn is_within(signed_at: i64, now: Timestamp, tolerance: Duration) -> bool {
    now.as_second().abs_diff(signed_at) <= tolerance.as_secs()
}

pub(super) fn sign(
    config: &HmacConfig,
    secret: &Secret,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
    let mut mac = keyed(secret.expose().as_bytes());
    let mut headers = Vec::with_capacity(2);
    if let Some(name) = &config.timestamp_header {
        let stamp = now.as_second().to_string();
        mac.update(stamp.as_bytes());
        mac.update(b".");
        headers.push(header_pair(name, &stamp)?);
    }
    mac.update(body);
    let signature = mac.finalize().into_bytes();
    let encoded = match config.encoding {
        SignatureEncoding::Hex => HEXLOWER.encode(&signature),
        SignatureEncoding::Base64 => BASE64.encode(&signature),
    };
    headers.push(header_pair(
        &config.header,
        &format!("{}{encoded}", config.prefix),
    )?);
    Ok(headers)
}
