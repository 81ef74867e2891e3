//! Who may ask the admin listener, and under which name what they do is written down.
//!
//! With tokens: whoever shows one, as a bearer or through a session that was opened with one.
//! Without: whoever names a loopback host, so that a web page in somebody's browser cannot reach
//! the listener by a name of its own. A browser's request that changes something must come from
//! this listener's own pages in either case.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, Method, StatusCode, header, uri};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::AdminConfig;
use crate::problem::Problem;
use crate::secret::{SecretError, SecretReference};

mod sessions;

use sessions::Sessions;
pub use sessions::{OpenedSession, SESSION_COOKIE};

/// Who asks where no token is asked for.
pub const LOOPBACK: &str = "loopback";

/// Somebody who was let in; a request that was carries it as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name, or [`LOOPBACK`].
    pub name: Arc<str>,
}

/// Why somebody was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No token, or not the right one.
    Stranger,
    /// No token is asked for, and the host named is not this machine.
    ForeignHost,
    /// A change asked for by a page of somebody else's.
    ForeignPage,
}

impl Refusal {
    pub fn problem(self) -> Problem {
        match self {
            Self::Stranger => Problem::new(
                StatusCode::UNAUTHORIZED,
                "send the admin token as `Authorization: Bearer …`",
            ),
            Self::ForeignHost => Problem::new(
                StatusCode::FORBIDDEN,
                "without `admin.token` this listener answers only to localhost, 127.0.0.1 or [::1] as Host",
            ),
            Self::ForeignPage => Problem::new(
                StatusCode::FORBIDDEN,
                "a page of another origin asked for this; only this listener's own pages may",
            ),
        }
    }
}

struct Token {
    name: Arc<str>,
    /// Digests have one length: comparing them tells nothing about the token's.
    digest: [u8; 32],
}

/// Stands at the admin listener's door. Tokens are kept as digests alone.
pub struct Doorman {
    references: Vec<(Arc<str>, SecretReference)>,
    tokens: ArcSwap<Vec<Token>>,
    sessions: Sessions,
}

impl Doorman {
    pub fn load(config: &AdminConfig) -> Result<Self, SecretError> {
        let references = config.named_tokens();
        let references: Vec<(Arc<str>, SecretReference)> = references
            .map(|(name, reference)| (Arc::from(name), reference.clone()))
            .collect();
        let tokens = read(&references)?;
        Ok(Self {
            references,
            tokens: ArcSwap::from_pointee(tokens),
            sessions: Sessions::default(),
        })
    }

    /// Reads the tokens again; if one cannot be read, the old ones stay.
    pub fn reload(&self) -> Result<(), SecretError> {
        self.tokens.store(Arc::new(read(&self.references)?));
        Ok(())
    }

    /// Whether anybody has to show anything.
    pub fn asks_for_a_token(&self) -> bool {
        !self.references.is_empty()
    }

    /// Lets a request in, or not.
    pub fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let caller = self.caller(headers, now)?;
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        match changes && is_of_foreign_page(headers) {
            true => Err(Refusal::ForeignPage),
            false => Ok(caller),
        }
    }

    fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Refusal> {
        if !self.asks_for_a_token() {
            return match names_loopback(headers) {
                true => Ok(Caller {
                    name: Arc::from(LOOPBACK),
                }),
                false => Err(Refusal::ForeignHost),
            };
        }
        let tokens = self.tokens.load();
        let digest = match bearer(headers) {
            Some(given) => Some(digest(given)),
            None => self.sessions.token_of(headers, now),
        };
        digest
            .and_then(|digest| holder(&tokens, &digest))
            .ok_or(Refusal::Stranger)
    }

    /// Opens a session for a browser whose user typed this token in; `None` if it is none of ours.
    pub fn open_session(&self, token: &str, now: Timestamp) -> Option<OpenedSession> {
        let digest = digest(token.as_bytes());
        let caller = holder(&self.tokens.load(), &digest)?;
        Some(self.sessions.open(caller, digest, now))
    }

    /// Ends the session that the request came with, if it came with one.
    pub fn close_session(&self, headers: &HeaderMap) {
        self.sessions.close(headers);
    }
}

fn read(references: &[(Arc<str>, SecretReference)]) -> Result<Vec<Token>, SecretError> {
    let tokens = references.iter().map(|(name, reference)| {
        let digest = digest(reference.load()?.expose());
        let name = name.clone();
        Ok(Token { name, digest })
    });
    tokens.collect()
}

fn digest(given: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(given).into()
}

/// Whose token it is. All are looked at, whichever is right.
fn holder(tokens: &[Token], given: &[u8; 32]) -> Option<Caller> {
    let mut found = u64::MAX;
    for (place, token) in (0..).zip(tokens) {
        let is_right: Choice = token.digest.ct_eq(given);
        found = u64::conditional_select(&found, &place, is_right);
    }
    let token = tokens.get(usize::try_from(found).ok()?)?;
    Some(Caller {
        name: token.name.clone(),
    })
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    Some(value.strip_prefix(b"Bearer ").unwrap_or_default())
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(authority) = authority(headers) else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn authority(headers: &HeaderMap) -> Option<uri::Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Browsers say where a request comes from; other programs say nothing of it.
fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let named = origin.to_str().ok().and_then(|origin| {
        let origin: uri::Uri = origin.parse().ok()?;
        origin.authority().cloned()
    });
    named.is_none() || named != authority(headers)
}

#[cfg(test)]
mod tests;
