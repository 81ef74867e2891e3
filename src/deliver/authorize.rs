//! Asking a target: with its credential, and where that is a token, with one bought for it first
//! and once more when it is refused. Every call takes its share of the rate limit.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::TargetWorker;
use super::call::Exchange;
use super::credential::{Authorization, Credential, Token, Tokens};
use super::judge::{Answer, Class, class, parse_retry_after};
use crate::delivery::{Attempt, CallKind};
use crate::systems::outbound::{self, Meaning, Request};

/// What came of asking.
pub(super) struct Asked {
    pub(super) answer: Answer,
    pub(super) body: Bytes,
    /// Every call it took, the token's too.
    pub(super) attempts: Vec<Attempt>,
}

/// Which try of a delivery a call belongs to, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    pub(super) number: u32,
    pub(super) call: CallKind,
}

impl TargetWorker {
    /// Makes one call that the rate limit was asked for.
    pub(super) async fn ask(&self, purpose: Purpose, request: &Request) -> Asked {
        let mut attempts = Vec::new();
        let tokens = match self.caller.credential() {
            Credential::Header { authorization, .. } => {
                let authorization = Authorization::clone(&authorization.load());
                return self
                    .ask_as(purpose, request, (authorization, attempts))
                    .await;
            }
            Credential::Tokens(tokens) => tokens,
        };
        let (token, is_new) = match self.token(tokens, purpose, &mut attempts).await {
            Ok(token) => token,
            Err(answer) => return Asked::without_call(answer, attempts),
        };
        let used = token.authorization.clone();
        let asked = self
            .ask_as(purpose, request, (used.clone(), attempts))
            .await;
        if is_new || asked.answer.status() != Some(401) {
            return asked;
        }
        // It may have ended before its time: nothing was done, so it can be asked once more.
        let mut attempts = asked.attempts;
        tokens.forget(&used).await;
        match self.token(tokens, purpose, &mut attempts).await {
            Ok((token, _)) => {
                self.wait_for_limit().await;
                self.ask_as(purpose, request, (token.authorization, attempts))
                    .await
            }
            Err(answer) => Asked::without_call(answer, attempts),
        }
    }

    async fn ask_as(
        &self,
        purpose: Purpose,
        request: &Request,
        (authorization, mut attempts): (Authorization, Vec<Attempt>),
    ) -> Asked {
        let started_at = self.clock.now();
        let (exchange, took) = self.caller.call(request, Some(authorization)).await;
        let now = self.clock.now();
        let (answer, body) = match exchange {
            Exchange::Unreachable => (Answer::Unreachable, Bytes::new()),
            Exchange::Silence => (Answer::Silence, Bytes::new()),
            Exchange::Complete {
                status,
                retry_after,
                body,
            } => {
                let retry_after = retry_after.and_then(|text| parse_retry_after(&text, now));
                let meaning = outbound::meaning(&self.config.system, status, request, &body);
                (status_answer(status, retry_after, meaning), body)
            }
        };
        attempts.push(attempt(purpose, request, (&answer, started_at, took)));
        Asked {
            answer,
            body,
            attempts,
        }
    }

    /// The token in force, or a new one; `true`: it is new. An error is how asking for it ended.
    async fn token(
        &self,
        tokens: &Tokens,
        purpose: Purpose,
        attempts: &mut Vec<Attempt>,
    ) -> Result<(Token, bool), Answer> {
        let mut kept = tokens.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| self.clock.now() < token.until) {
            return Ok((token.clone(), false));
        }
        self.wait_for_limit().await;
        let request = tokens.request();
        let started_at = self.clock.now();
        let (exchange, took) = self.caller.call(&request, None).await;
        let now = self.clock.now();
        let (answer, token) = match exchange {
            Exchange::Unreachable | Exchange::Silence => (Answer::Unreachable, None),
            Exchange::Complete {
                status,
                retry_after,
                body,
            } => {
                let retry_after = retry_after.and_then(|text| parse_retry_after(&text, now));
                let token = tokens
                    .token_in(&body, now)
                    .filter(|_| class(status) == Class::Accepted);
                (token_answer(status, retry_after, token.is_some()), token)
            }
        };
        let purpose = Purpose {
            call: CallKind::Token,
            ..purpose
        };
        attempts.push(attempt(purpose, &request, (&answer, started_at, took)));
        match token {
            Some(token) => {
                *kept = Some(token.clone());
                Ok((token, true))
            }
            None => Err(answer),
        }
    }
}

impl Tokens {
    /// Nobody uses this token any more; one that somebody else bought meanwhile stays.
    async fn forget(&self, used: &Authorization) {
        let mut kept = self.token.lock().await;
        if kept
            .as_ref()
            .is_some_and(|token| token.authorization == *used)
        {
            *kept = None;
        }
    }
}

impl Asked {
    fn without_call(answer: Answer, attempts: Vec<Attempt>) -> Self {
        Self {
            answer,
            body: Bytes::new(),
            attempts,
        }
    }
}

fn status_answer(status: u16, retry_after: Option<Timestamp>, meaning: Meaning) -> Answer {
    let (class, entry_id) = match meaning {
        Meaning::AsItsStatus { entry_id } => (class(status), entry_id),
        Meaning::Refused => (Class::Own, None),
        Meaning::Later => (Class::Busy, None),
    };
    Answer::Status {
        status,
        class,
        retry_after,
        entry_id,
    }
}

/// What the answer to a token call means for the call that was not made: whatever went wrong, it
/// surely did not happen.
fn token_answer(status: u16, retry_after: Option<Timestamp>, has_token: bool) -> Answer {
    let class = class(status);
    let asks_to_wait = matches!(status, 429 | 503) && retry_after.is_some();
    match class {
        Class::Busy if status != 429 && !asks_to_wait => Answer::Unreachable,
        // An answer without a token refuses the pair, in whatever words.
        Class::Accepted if !has_token => Answer::Status {
            status: 401,
            class: Class::Whose,
            retry_after: None,
            entry_id: None,
        },
        Class::Own => Answer::Status {
            status,
            class: Class::Whose,
            retry_after: None,
            entry_id: None,
        },
        class => Answer::Status {
            status,
            class,
            retry_after,
            entry_id: None,
        },
    }
}

fn attempt(
    purpose: Purpose,
    request: &Request,
    (answer, started_at, took): (&Answer, Timestamp, Duration),
) -> Attempt {
    Attempt {
        number: purpose.number,
        call: purpose.call,
        request: request.summary(),
        http_status: answer.status(),
        result: answer.word(),
        started_at,
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
    }
}
