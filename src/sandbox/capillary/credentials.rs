//! Capillary's two ways in: Basic with the MD5 of the password, or a token of its OAuth.
//!
//! A token is good for its `ttlSeconds` and cannot be renewed, only asked for anew. Bounded: the
//! oldest tokens give way.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};

use crate::sandbox::credential::{Presented, is_equal};
use crate::secret::Secret;

const MAX_TOKENS: usize = 100;
const MD5_HEX_DIGITS: usize = 32;

/// Who may come in, and for how long.
#[derive(Debug, Clone)]
pub struct CapillaryLogin {
    /// User name and password, the password in the clear: callers send its MD5. `None`: any user
    /// whose password has the form of an MD5.
    pub basic: Option<(String, Secret)>,
    /// Key and secret of the OAuth. `None`: any that are not blank.
    pub oauth: Option<(String, Secret)>,
    pub ttl_seconds: u32,
}

impl Default for CapillaryLogin {
    fn default() -> Self {
        Self {
            basic: None,
            oauth: None,
            ttl_seconds: 300,
        }
    }
}

#[derive(Debug)]
pub(in crate::sandbox) struct Credentials {
    login: CapillaryLogin,
    issued: VecDeque<(String, Timestamp)>,
}

#[derive(Debug)]
pub(super) struct Issued {
    pub token: String,
    pub ttl_seconds: u32,
}

impl Credentials {
    pub fn new(login: CapillaryLogin) -> Self {
        Self {
            login,
            issued: VecDeque::new(),
        }
    }

    pub fn set_login(&mut self, login: CapillaryLogin) {
        *self = Self::new(login);
    }

    /// Every token is as if it had expired.
    pub fn revoke_tokens(&mut self) {
        self.issued.clear();
    }

    /// Is this caller let in? The error says what was wrong with the form alone.
    pub fn check(&self, presented: &Presented, now: Timestamp) -> Result<(), &'static str> {
        const REFUSED: &str = "the credential is missing or not accepted";
        if let Some(token) = &presented.oauth {
            if presented.has_authorization {
                return Err("a token and an Authorization header exclude each other");
            }
            let mut issued = self.issued.iter();
            let is_good = issued.any(|(known, end)| is_equal(known, token) && now < *end);
            return if is_good { Ok(()) } else { Err(REFUSED) };
        }
        let (user, digest) = presented.basic.as_ref().ok_or(REFUSED)?;
        let is_good = match &self.login.basic {
            Some((wanted, password)) => {
                is_equal(wanted, user) & is_equal(&md5_hex(password.expose()), digest)
            }
            None => !user.is_empty() && has_md5_form(digest),
        };
        if is_good { Ok(()) } else { Err(REFUSED) }
    }

    pub(super) fn issue(
        &mut self,
        key: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<Issued, &'static str> {
        if let Some((wanted, own)) = &self.login.oauth
            && !(is_equal(wanted, key) & is_equal(own.expose(), secret))
        {
            return Err("key or secret is not accepted");
        }
        let token = uuid::Uuid::now_v7().simple().to_string();
        let ttl_seconds = self.login.ttl_seconds;
        let end = now
            .checked_add(SignedDuration::from_secs(i64::from(ttl_seconds)))
            .unwrap_or(Timestamp::MAX);
        self.issued.push_back((token.clone(), end));
        while self.issued.len() > MAX_TOKENS {
            self.issued.pop_front();
        }
        Ok(Issued { token, ttl_seconds })
    }
}

fn md5_hex(password: &str) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(password.as_bytes()))
}

fn has_md5_form(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == MD5_HEX_DIGITS && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Presented {
        Presented {
            basic: Some((user.to_owned(), password.to_owned())),
            has_authorization: true,
            ..Presented::default()
        }
    }

    fn oauth(token: &str) -> Presented {
        Presented {
            oauth: Some(token.to_owned()),
            ..Presented::default()
        }
    }

    /// MD5 of `password`.
    const DIGEST: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

    #[test]
    fn the_password_is_taken_as_its_md5_only() {
        let login = CapillaryLogin {
            basic: Some(("till".to_owned(), Secret::new("password"))),
            ..CapillaryLogin::default()
        };
        let now = Timestamp::UNIX_EPOCH;
        let one = Credentials::new(login);
        assert_eq!(one.check(&basic("till", DIGEST), now), Ok(()));
        let upper = DIGEST.to_uppercase();
        for (user, password) in [
            ("till", "password"),
            ("till", upper.as_str()),
            ("other", DIGEST),
            ("till", ""),
        ] {
            assert!(
                one.check(&basic(user, password), now).is_err(),
                "{user} {password}"
            );
        }
        let any = Credentials::new(CapillaryLogin::default());
        assert_eq!(any.check(&basic("x", DIGEST), now), Ok(()));
        assert!(any.check(&basic("x", "password"), now).is_err());
        assert!(any.check(&basic("", DIGEST), now).is_err());
        assert!(any.check(&Presented::default(), now).is_err());
    }

    #[test]
    fn a_token_ends_with_its_time_and_comes_alone() {
        let mut any = Credentials::new(CapillaryLogin {
            oauth: Some(("key".to_owned(), Secret::new("secret"))),
            ..CapillaryLogin::default()
        });
        let at = |second| Timestamp::from_second(second).expect("small");
        assert!(any.issue("key", "other", at(0)).is_err());
        let token = any.issue("key", "secret", at(0)).expect("a token").token;
        assert_eq!(any.check(&oauth(&token), at(299)), Ok(()));
        assert!(any.check(&oauth(&token), at(300)).is_err());
        assert!(any.check(&oauth("made-up"), at(0)).is_err());
        let both = Presented {
            oauth: Some(token.clone()),
            ..basic("till", DIGEST)
        };
        assert!(any.check(&both, at(0)).is_err());
        any.revoke_tokens();
        assert!(any.check(&oauth(&token), at(0)).is_err());
        for _ in 0..MAX_TOKENS + 5 {
            any.issue("key", "secret", at(0)).expect("a token");
        }
        assert_eq!(any.issued.len(), MAX_TOKENS);
    }
}
