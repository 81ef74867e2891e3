//! Verifying: a raw webhook becomes a [`VerifiedWebhook`], or is refused. Pure.
//!
//! There is no other way to make a `VerifiedWebhook`, so nothing unverified can be recorded. Every
//! configured credential is tried (rotation). Comparisons take constant time and work on the raw
//! bytes; no clock is read here. Only [`Gate::load`] reads secrets, once per start or reload.
//! `record` takes the result.

mod basic;
mod header;
mod hmac_sha256;
mod query;
mod sign;
mod standard_webhooks;

pub use sign::{SignError, Signed, sign};

use std::fmt;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{AuthScheme, SourceConfig};
use crate::secret::{SecretError, SecretReference};

/// What came over the wire, as far as credentials are concerned.
#[derive(Clone, Copy)]
pub struct RawWebhook<'a> {
    pub headers: &'a HeaderMap,
    /// Without the question mark, still percent-encoded.
    pub query: Option<&'a str>,
    pub body: &'a Bytes,
}

/// A webhook whose sender proved to know one of the source's secrets.
#[derive(Debug, Clone)]
pub struct VerifiedWebhook {
    body: Bytes,
    position: usize,
    sender_id: Option<HeaderValue>,
}

impl VerifiedWebhook {
    /// The bytes that were verified.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Which of the source's credentials passed, from 0.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The id that the sender keeps across redeliveries, where the scheme signs one.
    pub fn sender_id(&self) -> Option<&str> {
        self.sender_id.as_ref().and_then(|id| id.to_str().ok())
    }
}

/// Why nothing admitted the webhook: for the log and a counter, never for the sender.
///
/// Ordered by how near the webhook came; with several credentials the nearest miss is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refused {
    #[error("every credential of the source is past its not_after")]
    Expired,
    #[error("the credential is missing")]
    Missing,
    #[error("the credential was sent more than once")]
    Repeated,
    #[error("the credential is not of the expected form")]
    Malformed,
    #[error("the credential does not match")]
    Mismatch,
    #[error("the signature is right, its timestamp is outside the tolerance")]
    OutsideTolerance,
}

/// Why a configured credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{reference} is not usable: {why}")]
    Malformed {
        reference: SecretReference,
        why: &'static str,
    },
    #[error("`{0}` is not a header name")]
    HeaderName(String),
    #[error("a basic user name cannot contain a colon")]
    Username,
}

/// A source's credentials, ready to compare with. `Debug` shows none of them.
pub struct Gate {
    entries: Vec<Entry>,
}

struct Entry {
    check: Check,
    not_after: Option<Timestamp>,
}

enum Check {
    Header(header::HeaderCheck),
    Query(query::QueryCheck),
    Basic(basic::BasicCheck),
    HmacSha256(hmac_sha256::HmacCheck),
    StandardWebhooks(standard_webhooks::StandardCheck),
    Open,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gate")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Reads the source's secrets now and prepares them; reports every one that is unusable.
    pub fn load(source: &SourceConfig) -> Result<Self, Vec<CredentialError>> {
        let mut entries = Vec::with_capacity(source.auth.len());
        let mut faults = Vec::new();
        for auth in &source.auth {
            match Check::load(&auth.scheme) {
                Ok(check) => entries.push(Entry {
                    check,
                    not_after: auth.not_after,
                }),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(Self { entries })
        } else {
            Err(faults)
        }
    }
}

impl Check {
    fn load(scheme: &AuthScheme) -> Result<Self, CredentialError> {
        Ok(match scheme {
            AuthScheme::Header {
                header,
                prefix,
                secret,
            } => Self::Header(header::HeaderCheck::new(header, prefix, &secret.load()?)?),
            AuthScheme::Query { parameter, secret } => {
                Self::Query(query::QueryCheck::new(parameter, &secret.load()?))
            }
            AuthScheme::Basic { username, password } => {
                Self::Basic(basic::BasicCheck::new(username, &password.load()?)?)
            }
            AuthScheme::HmacSha256(config) => {
                Self::HmacSha256(hmac_sha256::HmacCheck::new(config, &config.secret.load()?)?)
            }
            AuthScheme::StandardWebhooks { secret, tolerance } => {
                let check = standard_webhooks::StandardCheck::new(&secret.load()?, *tolerance);
                Self::StandardWebhooks(check.map_err(|why| CredentialError::Malformed {
                    reference: secret.clone(),
                    why,
                })?)
            }
            AuthScheme::None => Self::Open,
        })
    }

    /// The signed id, where the scheme has one.
    fn admit(&self, raw: RawWebhook<'_>, now: Timestamp) -> Result<Option<HeaderValue>, Refused> {
        match self {
            Self::Header(check) => check.admit(raw.headers).map(|()| None),
            Self::Query(check) => check.admit(raw.query).map(|()| None),
            Self::Basic(check) => check.admit(raw.headers).map(|()| None),
            Self::HmacSha256(check) => check.admit(raw, now).map(|()| None),
            Self::StandardWebhooks(check) => check.admit(raw, now).map(Some),
            Self::Open => Ok(None),
        }
    }
}

/// Admits the webhook if any unexpired credential of the gate does.
pub fn verify(
    raw: RawWebhook<'_>,
    gate: &Gate,
    now: Timestamp,
) -> Result<VerifiedWebhook, Refused> {
    let mut nearest = Refused::Expired;
    for (position, entry) in gate.entries.iter().enumerate() {
        if entry.not_after.is_some_and(|end| now >= end) {
            continue;
        }
        match entry.check.admit(raw, now) {
            Ok(sender_id) => {
                return Ok(VerifiedWebhook {
                    body: raw.body.clone(),
                    position,
                    sender_id,
                });
            }
            Err(refused) => nearest = nearest.max(refused),
        }
    }
    Err(nearest)
}

fn header_name(name: &str) -> Result<HeaderName, CredentialError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| CredentialError::HeaderName(name.to_owned()))
}

/// The header's only value: two of them are a forgery or a proxy gone wrong, never to be guessed.
fn only_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::Missing)?;
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Refused::Repeated),
    }
}

/// A static secret, kept as a digest: equal lengths, so comparing tells nothing about it.
struct SecretDigest([u8; 32]);

impl SecretDigest {
    fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    fn admit(&self, presented: &[u8]) -> Result<(), Refused> {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        if bool::from(self.0.ct_eq(&presented)) {
            Ok(())
        } else {
            Err(Refused::Mismatch)
        }
    }
}

/// What follows the prefix, whose letters may be of either case (`Bearer`, `bearer`).
fn after_prefix<'a>(value: &'a [u8], prefix: &str) -> Result<&'a [u8], Refused> {
    match value.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix.as_bytes()) => Ok(rest),
        _ => Err(Refused::Malformed),
    }
}

#[cfg(test)]
mod tests;
