//! Sessions of browsers: opened with a token, remembered in memory only. A restart, or taking the
//! token out of the configuration, ends them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Caller;
use crate::clock::after;

/// The cookie that carries a session.
pub const SESSION_COOKIE: &str = "leadping_bridge_session";
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// More than the people who look after one bridge; the oldest give way.
const MOST: usize = 64;

/// A session just opened.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    pub caller: Caller,
    /// The value of a `Set-Cookie` header. Where TLS ends in front, add `; Secure`.
    pub set_cookie: String,
}

struct Session {
    /// Of the value in the cookie.
    key: [u8; 32],
    /// Of the token it was opened with.
    token: [u8; 32],
    until: Timestamp,
}

#[derive(Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, caller: Caller, token: [u8; 32], now: Timestamp) -> OpenedSession {
        // 244 random bits of the system's.
        let value = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut sessions = self.lock();
        sessions.retain(|session| now < session.until);
        if sessions.len() == MOST {
            sessions.remove(0);
        }
        sessions.push(Session {
            key: Sha256::digest(&value).into(),
            token,
            until: after(now, LASTS),
        });
        let seconds = LASTS.as_secs();
        OpenedSession {
            caller,
            set_cookie: format!(
                "{SESSION_COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}"
            ),
        }
    }

    /// The digest of the token that the request's session was opened with.
    pub(super) fn token_of(&self, headers: &HeaderMap, now: Timestamp) -> Option<[u8; 32]> {
        let key = key_of(headers)?;
        let sessions = self.lock();
        let mut live = sessions.iter().filter(|session| now < session.until);
        let session = live.find(|session| session.key.ct_eq(&key).into())?;
        Some(session.token)
    }

    pub(super) fn close(&self, headers: &HeaderMap) {
        if let Some(key) = key_of(headers) {
            self.lock()
                .retain(|session| !bool::from(session.key.ct_eq(&key)));
        }
    }
}

fn key_of(headers: &HeaderMap) -> Option<[u8; 32]> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let value = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == SESSION_COOKIE).then_some(value)
        })?;
    Some(Sha256::digest(value).into())
}
