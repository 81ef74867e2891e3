//! What an answer means for its delivery. Pure: answers are data, a refusal is no error of ours.

use std::time::Duration;

use jiff::Timestamp;

use super::schedule::{Jitter, next_try};
use crate::clock::after;
use crate::config::RetryConfig;

/// How a call ended, on the wire's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A complete answer came.
    Status {
        status: u16,
        /// What the target means by it, mostly by its status alone.
        class: Class,
        /// The instant that `Retry-After` names, where it was sent and readable.
        retry_after: Option<Timestamp>,
        /// The id of the entry that was made, where the body says it.
        entry_id: Option<String>,
    },
    /// The connection never opened: nothing happened.
    Unreachable,
    /// Bytes were sent and no complete answer came: it may have happened.
    Silence,
}

impl Answer {
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unreachable | Self::Silence => None,
        }
    }

    pub fn is_accepted(&self) -> bool {
        let Self::Status { class, .. } = self else {
            return false;
        };
        *class == Class::Accepted
    }

    /// Until when the answer asks the whole target to wait.
    pub fn gate(&self) -> Option<Timestamp> {
        match self {
            Self::Status {
                status: 429 | 503,
                retry_after,
                ..
            } => *retry_after,
            _ => None,
        }
    }

    /// The word of the answer in attempts and `attempts_total{result}`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Silence => "no_answer",
            Self::Status { class, .. } => match class {
                Class::Accepted => "accepted",
                Class::Busy => "retry",
                Class::Whose | Class::Own => "refused",
            },
        }
    }
}

/// The answer table of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Accepted,
    /// Try again later.
    Busy,
    /// Refused, and it is not clear whether the delivery or the target is at fault.
    Whose,
    /// Refused for a fault of its own.
    Own,
}

/// What a status means where the vendor does not say otherwise.
pub fn class(status: u16) -> Class {
    match status {
        200..=299 => Class::Accepted,
        408 | 425 | 429 | 500..=599 => Class::Busy,
        401 | 403 | 404 | 405 | 410 | 300..=399 => Class::Whose,
        _ => Class::Own,
    }
}

/// What is to be done with the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Delivered {
        entry_id: Option<String>,
    },
    Retry(Retry),
    /// Held until it is known whose refusal it is.
    Hold {
        http_status: u16,
    },
    /// Parked: the delivery's own fault.
    Refused {
        http_status: u16,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub at: Timestamp,
    /// It may have happened: look before sending again.
    pub fate_unknown: bool,
    /// The whole target waits until then.
    pub gate: Option<Timestamp>,
    pub weight: Weight,
}

/// What a try that must be repeated means to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// One more failure.
    Failure,
    /// An answer that shows the target at work (429, 503 with Retry-After): ends the row.
    Answer,
    /// A look-up: says nothing.
    Nothing,
}

/// What a judgement is made from besides the answer.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The try's number, from 1.
    pub attempt: u32,
    pub policy: &'a RetryConfig,
    /// How long after a silent try its look-up waits.
    pub lookup_after: Duration,
    pub now: Timestamp,
    pub jitter: Jitter,
}

/// Judges the answer to a write.
pub fn judge(answer: &Answer, terms: &Terms<'_>) -> Verdict {
    match answer {
        Answer::Unreachable => Verdict::Retry(retry(terms, None)),
        Answer::Silence => Verdict::Retry(Retry {
            fate_unknown: true,
            ..retry(terms, Some(after(terms.now, terms.lookup_after)))
        }),
        Answer::Status {
            status,
            class,
            entry_id,
            ..
        } => match class {
            Class::Accepted => Verdict::Delivered {
                entry_id: entry_id.clone(),
            },
            Class::Whose => Verdict::Hold {
                http_status: *status,
            },
            Class::Own => Verdict::Refused {
                http_status: *status,
            },
            Class::Busy => Verdict::Retry(busy(*status, answer.gate(), terms)),
        },
    }
}

/// Judges the answer to a look-up that did not succeed: the set's fate stays unknown.
pub fn judge_lookup(answer: &Answer, terms: &Terms<'_>) -> Verdict {
    match judge(answer, terms) {
        // Accepted but no history: as good as no answer.
        Verdict::Delivered { .. } => Verdict::Retry(Retry {
            fate_unknown: true,
            weight: Weight::Nothing,
            ..retry(terms, None)
        }),
        Verdict::Retry(retried) => Verdict::Retry(Retry {
            at: next_try(
                terms.attempt,
                terms.policy,
                terms.jitter,
                terms.now,
                retried.gate,
            ),
            fate_unknown: true,
            weight: Weight::Nothing,
            gate: retried.gate,
        }),
        refused => refused,
    }
}

fn busy(status: u16, gate: Option<Timestamp>, terms: &Terms<'_>) -> Retry {
    let fate_unknown =
        matches!(status, 500..=599) && status != 501 && !(status == 503 && gate.is_some());
    let settles_late = fate_unknown && matches!(status, 502..=504 | 520..=529);
    let look_at = settles_late.then(|| after(terms.now, terms.lookup_after));
    let floor = gate.max(look_at);
    Retry {
        fate_unknown,
        gate,
        weight: if status == 429 || gate.is_some() {
            Weight::Answer
        } else {
            Weight::Failure
        },
        ..retry(terms, floor)
    }
}

fn retry(terms: &Terms<'_>, floor: Option<Timestamp>) -> Retry {
    Retry {
        at: next_try(terms.attempt, terms.policy, terms.jitter, terms.now, floor),
        fate_unknown: false,
        gate: None,
        weight: Weight::Failure,
    }
}

/// Nobody means more than a week: a longer wait is a slip of the target, and must have an end.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// `Retry-After`: seconds, or an HTTP date; at most a week from now.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let latest = after(now, LONGEST_RETRY_AFTER);
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(after(now, Duration::from_secs(seconds)).min(latest));
    }
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|date| date.timestamp().clamp(now, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryConfig {
        RetryConfig {
            initial: Duration::from_millis(500),
            max: Duration::from_millis(300_000),
            multiplier: 2.0,
            jitter: 0.0,
            give_up_after: Duration::from_secs(10),
            retry_after_max: Duration::from_secs(3600),
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn judged(status: u16, retry_after_ms: Option<i64>) -> Verdict {
        let answer = Answer::Status {
            status,
            class: class(status),
            retry_after: retry_after_ms.map(at),
            entry_id: Some(String::from("disp_1")),
        };
        judge_it(&answer)
    }

    fn judge_it(answer: &Answer) -> Verdict {
        judge(
            answer,
            &Terms {
                attempt: 1,
                policy: &policy(),
                lookup_after: Duration::from_secs(20),
                now: at(0),
                jitter: Jitter(0.5),
            },
        )
    }

    /// (due ms, fate unknown, gate ms, failure)
    type Expected = (i64, bool, Option<i64>, bool);

    #[track_caller]
    fn check_retry(verdict: Verdict, expected: Expected) {
        let Verdict::Retry(retry) = verdict else {
            panic!("not a retry: {verdict:?}");
        };
        assert_eq!(
            (
                retry.at.as_millisecond(),
                retry.fate_unknown,
                retry.gate.map(|gate| gate.as_millisecond()),
                retry.weight == Weight::Failure
            ),
            expected
        );
    }

    #[test]
    fn each_row_of_the_answer_table() {
        for status in [200, 201, 204] {
            assert!(matches!(judged(status, None), Verdict::Delivered { .. }));
        }
        for status in [401, 403, 404, 405, 410, 301, 302, 308] {
            assert_eq!(
                judged(status, None),
                Verdict::Hold {
                    http_status: status
                }
            );
        }
        for status in [400, 402, 406, 409, 413, 415, 422, 451] {
            assert_eq!(
                judged(status, None),
                Verdict::Refused {
                    http_status: status
                }
            );
        }
        check_retry(judged(408, None), (500, false, None, true));
        check_retry(judged(425, None), (500, false, None, true));
        check_retry(judged(429, None), (500, false, None, false));
        check_retry(
            judged(429, Some(30_000)),
            (30_000, false, Some(30_000), false),
        );
        check_retry(judged(500, None), (500, true, None, true));
        check_retry(judged(501, None), (500, false, None, true));
        check_retry(judged(502, None), (20_000, true, None, true));
        check_retry(judged(503, None), (20_000, true, None, true));
        check_retry(judged(503, Some(7_000)), (7_000, false, Some(7_000), false));
        check_retry(judged(504, None), (20_000, true, None, true));
        check_retry(judged(522, None), (20_000, true, None, true));
        check_retry(judged(500, Some(9_000)), (500, true, None, true));
        check_retry(judge_it(&Answer::Unreachable), (500, false, None, true));
        check_retry(judge_it(&Answer::Silence), (20_000, true, None, true));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_in_the_past() {
        let now = at(1_785_578_400_000);
        assert_eq!(parse_retry_after(" 2 ", now), Some(at(1_785_578_402_000)));
        assert_eq!(
            parse_retry_after("Sat, 01 Aug 2026 10:00:30 GMT", now),
            Some(at(1_785_578_430_000))
        );
        assert_eq!(
            parse_retry_after("Sat, 01 Aug 2020 10:00:30 GMT", now),
            Some(now)
        );
        assert_eq!(parse_retry_after("soon", now), None);
        let week = Some(after(now, LONGEST_RETRY_AFTER));
        assert_eq!(parse_retry_after("18446744073709551615", now), week);
        assert_eq!(
            parse_retry_after("Fri, 01 Jan 2100 10:00:30 GMT", now),
            week
        );
    }
}
