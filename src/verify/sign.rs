//! Signing: the mirror of `verify`, for the command `send`, the demo and tests. Pure.

use http::HeaderValue;
use http::header::HeaderName;
use jiff::Timestamp;

use super::{basic, hmac_sha256, query, standard_webhooks};
use crate::config::{AuthConfig, AuthScheme};
use crate::secret::Secret;

/// What a sender adds to its request so that [`verify`] admits it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signed {
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Name and value, not yet percent-encoded.
    pub query: Option<(String, String)>,
}

impl Signed {
    /// `url` with the credential's query parameter, if the scheme has one.
    pub fn url(&self, url: &str) -> String {
        match &self.query {
            Some((name, value)) => {
                let joint = if url.contains('?') { '&' } else { '?' };
                format!(
                    "{url}{joint}{}={}",
                    query::encode(name),
                    query::encode(value)
                )
            }
            None => url.to_owned(),
        }
    }
}

/// Why a body cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the configured header is not a header name")]
    HeaderName,
    #[error("the credential contains bytes that no header can carry")]
    HeaderValue,
    #[error("{0}")]
    Secret(&'static str),
}

/// Signs a body as the source would: the mirror of [`verify`], for `send`, `demo` and tests.
pub fn sign(
    auth: &AuthConfig,
    secret: &Secret,
    body: &[u8],
    now: Timestamp,
    message_id: &str,
) -> Result<Signed, SignError> {
    let headers = match &auth.scheme {
        AuthScheme::Header { header, prefix, .. } => {
            vec![header_pair(
                header,
                &format!("{prefix}{}", secret.expose()),
            )?]
        }
        AuthScheme::Query { parameter, .. } => {
            return Ok(Signed {
                headers: Vec::new(),
                query: Some((parameter.clone(), secret.expose().to_owned())),
            });
        }
        AuthScheme::Basic { username, .. } => {
            vec![header_pair(
                "authorization",
                &basic::sign(username, secret),
            )?]
        }
        AuthScheme::HmacSha256(config) => hmac_sha256::sign(config, secret, body, now)?,
        AuthScheme::StandardWebhooks { .. } => {
            standard_webhooks::sign(secret, body, now, message_id)?
        }
        AuthScheme::None => Vec::new(),
    };
    Ok(Signed {
        headers,
        query: None,
    })
}

pub(super) fn header_pair(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SignError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SignError::HeaderName)?;
    let mut value = HeaderValue::from_str(value).map_err(|_| SignError::HeaderValue)?;
    value.set_sensitive(true);
    Ok((name, value))
}
