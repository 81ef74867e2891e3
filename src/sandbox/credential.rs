//! What callers present to prove who they are, and what is accepted.
//!
//! Nothing here says why a credential did not pass; Capillary's own forms are in
//! `capillary/credentials`.

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Where Capillary wants the token of its OAuth.
const OAUTH_TOKEN: HeaderName = HeaderName::from_static("x-cap-api-oauth-token");

/// The credentials that a request carries.
#[derive(Debug, Default)]
pub(super) struct Presented {
    pub bearer: Option<String>,
    /// User name and password, decoded.
    pub basic: Option<(String, String)>,
    pub oauth: Option<String>,
    /// An `Authorization` header came, whatever is in it.
    pub has_authorization: bool,
}

impl Presented {
    pub fn in_headers(headers: &HeaderMap) -> Self {
        let authorization = headers.get(AUTHORIZATION);
        let text = authorization.and_then(|value| value.to_str().ok());
        let after = |wanted: &str| {
            let (scheme, rest) = text?.split_once(' ')?;
            let rest = rest.trim();
            (scheme.eq_ignore_ascii_case(wanted) && !rest.is_empty()).then(|| rest.to_owned())
        };
        let token = headers.get(&OAUTH_TOKEN).map(HeaderValue::to_str);
        Self {
            bearer: after("Bearer"),
            basic: after("Basic").and_then(|encoded| user_and_password(&encoded)),
            oauth: token.and_then(Result::ok).map(str::to_owned),
            has_authorization: authorization.is_some(),
        }
    }
}

fn user_and_password(encoded: &str) -> Option<(String, String)> {
    let decoded = data_encoding::BASE64.decode(encoded.as_bytes()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

pub(super) fn is_equal(wanted: &str, given: &str) -> bool {
    bool::from(wanted.as_bytes().ct_eq(given.as_bytes()))
}

/// Which bearers a system takes.
#[derive(Debug, Clone)]
pub(super) struct BearerKey {
    /// `None`: any that has the system's form.
    pub secret: Option<Secret>,
    has_form: fn(&str) -> bool,
}

impl BearerKey {
    /// Any text is a key at LeadPing.
    pub fn opaque(secret: Option<Secret>) -> Self {
        Self {
            secret,
            has_form: |_| true,
        }
    }

    /// `{AccountId}:{SecretKey}`, as it stands, not in base64.
    pub fn account_and_secret(secret: Option<Secret>) -> Self {
        Self {
            secret,
            has_form: |text| {
                let parts = text.split_once(':');
                parts.is_some_and(|(account, secret)| !account.is_empty() && !secret.is_empty())
            },
        }
    }

    pub fn admits(&self, given: Option<&str>) -> bool {
        let Some(given) = given else {
            return false;
        };
        match &self.secret {
            Some(wanted) => is_equal(wanted.expose(), given),
            None => (self.has_form)(given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(name: HeaderName, value: &str) -> Presented {
        let value = HeaderValue::from_str(value).expect("a header");
        Presented::in_headers(&HeaderMap::from_iter([(name, value)]))
    }

    #[test]
    fn every_form_is_read_and_nothing_else() {
        let bearer = presented(AUTHORIZATION, "bearer  acc:secret ").bearer;
        assert_eq!(bearer.as_deref(), Some("acc:secret"));
        assert_eq!(presented(AUTHORIZATION, "Bearer  ").bearer, None);
        let basic = presented(AUTHORIZATION, "Basic dGlsbDpwOnc=").basic;
        assert_eq!(basic, Some(("till".to_owned(), "p:w".to_owned())));
        for bad in ["Basic dGlsbA==", "Basic till:pw", "Digest dGlsbDpwOnc="] {
            let found = presented(AUTHORIZATION, bad);
            assert!(found.basic.is_none() && found.has_authorization, "{bad}");
        }
        let token = presented(OAUTH_TOKEN, "t-1");
        assert_eq!(token.oauth.as_deref(), Some("t-1"));
        assert!(!token.has_authorization);
    }

    #[test]
    fn without_a_secret_the_form_decides() {
        let any = BearerKey::account_and_secret(None);
        assert!(any.admits(Some("acc:secret")));
        for bad in ["acc", ":secret", "acc:", "YWNjOnNlY3JldA=="] {
            assert!(!any.admits(Some(bad)), "{bad}");
        }
        let one = BearerKey::account_and_secret(Some(Secret::new("acc:secret")));
        assert!(one.admits(Some("acc:secret")) && !one.admits(Some("acc:other")));
        assert!(BearerKey::opaque(None).admits(Some("x")) && !one.admits(None));
    }
}
