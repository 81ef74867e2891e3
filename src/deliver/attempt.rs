//! One try of a leased delivery: look up first where the fate of an earlier try is unknown, then
//! send; then say what it means. Writes nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::TargetWorker;
use super::call::Exchange;
use super::judge::{Answer, Retry, Terms, Verdict, Weight, judge, judge_lookup, parse_retry_after};
use super::schedule::{Jitter, is_exhausted};
use crate::decision::ParkCause;
use crate::delivery::{Attempt, CallKind, Lease};
use crate::store::StoreError;
use crate::systems::leadping::outbound::{self, Found, Order, Request};

/// How a try ended, before the target's health has had its say.
pub(super) struct Tried {
    pub(super) attempts: Vec<Attempt>,
    pub(super) end: End,
}

pub(super) enum End {
    Judged {
        verdict: Verdict,
        fate_unknown: bool,
    },
    /// The look-up shows that an earlier try arrived.
    Found {
        entry_id: Option<String>,
    },
    Parked(ParkCause),
    /// Looked up, not there, and the target is in shadow mode.
    NotSent,
    /// An amend whose entry never got there, while newer things were decided.
    Outdated,
    /// The target's history lacks the entry that was to be amended.
    Gone {
        http_status: u16,
    },
    /// Our own store could not be read.
    Unread(StoreError),
}

/// What a look-up leaves to do.
enum Looked {
    Ended(End),
    Send,
}

impl TargetWorker {
    pub(super) async fn try_delivery(&self, lease: &Lease) -> Tried {
        if lease.is_amend {
            self.try_amend(lease).await
        } else {
            self.try_set(lease).await
        }
    }

    pub(super) async fn try_set(&self, lease: &Lease) -> Tried {
        let order = Order {
            id: lease.id,
            lead_id: &lease.lead_id,
            members: &lease.members,
            timestamp: lease.timestamp,
        };
        let request = outbound::set(self.config.api, self.config.marker, &order);
        let mut attempts = Vec::new();
        if lease.fate_unknown {
            match self.look_up(lease, &request, &mut attempts).await {
                Looked::Ended(end) => return Tried { attempts, end },
                Looked::Send if lease.look_only => {
                    return Tried {
                        attempts,
                        end: End::NotSent,
                    };
                }
                Looked::Send if self.is_out_of_patience(lease) => {
                    return Tried {
                        attempts,
                        end: End::Parked(ParkCause::exhausted(&lease.target)),
                    };
                }
                // The lease was paid for with one call; this is the second.
                Looked::Send => {
                    self.wait_for_limit().await;
                    if let Some(end) = self.end_at_closed_gate() {
                        return Tried { attempts, end };
                    }
                }
            }
        }
        let (answer, started_at, took) = self.ask(&request).await;
        let (answer, _) = answer.split();
        attempts.push(attempt(
            lease,
            CallKind::Set,
            &request,
            (&answer, started_at, took),
        ));
        let verdict = judge(&answer, &self.terms(lease.attempt));
        Tried {
            attempts,
            end: End::Judged {
                verdict,
                fate_unknown: false,
            },
        }
    }

    /// The target asked everybody to wait while this try waited for the rate limit.
    pub(super) fn end_at_closed_gate(&self) -> Option<End> {
        let until = self.health().gate.as_ref()?.until;
        (self.clock.now() < until).then_some(End::Judged {
            verdict: Verdict::Retry(Retry {
                at: until,
                fate_unknown: true,
                gate: None,
                weight: Weight::Nothing,
            }),
            fate_unknown: true,
        })
    }

    async fn look_up(&self, lease: &Lease, sent: &Request, attempts: &mut Vec<Attempt>) -> Looked {
        let known = match self.store.known_entries(lease.lead, &lease.target).await {
            Ok(known) => known.ids,
            Err(error) => return Looked::Ended(End::Unread(error)),
        };
        let request = outbound::history(self.config.api, &lease.lead_id);
        let (answer, started_at, took) = self.ask(&request).await;
        let (answer, body) = answer.split();
        attempts.push(attempt(
            lease,
            CallKind::LookUp,
            &request,
            (&answer, started_at, took),
        ));
        let accepted = answer
            .status()
            .is_some_and(|status| (200..300).contains(&status));
        let found = if accepted {
            outbound::find(&body, lease.id, sent, self.config.marker, &known)
        } else {
            Found::Unreadable
        };
        Looked::Ended(match found {
            Found::NotThere => return Looked::Send,
            Found::Ours { entry_id } => End::Found { entry_id },
            Found::Several => End::Parked(ParkCause::unsure(&lease.target)),
            Found::Unreadable => End::Judged {
                verdict: judge_lookup(&answer, &self.terms(lease.attempt)),
                fate_unknown: true,
            },
        })
    }

    /// Makes one call and reads the answer's outside.
    pub(super) async fn ask(&self, request: &Request) -> (Heard, Timestamp, Duration) {
        let started_at = self.clock.now();
        let (exchange, took) = self.caller.call(request).await;
        (
            Heard {
                exchange,
                now: self.clock.now(),
            },
            started_at,
            took,
        )
    }

    fn is_out_of_patience(&self, lease: &Lease) -> bool {
        let now = self.clock.now();
        let lost_ms = self.health().lost_ms(now);
        lease
            .patience
            .is_some_and(|patience| is_exhausted(&patience, lost_ms, &self.config.retry, now))
    }

    pub(super) fn terms(&self, attempt: u32) -> Terms<'_> {
        Terms {
            attempt,
            policy: &self.config.retry,
            lookup_after: self.config.lookup_after,
            now: self.clock.now(),
            jitter: Jitter(super::roll_dice()),
        }
    }
}

/// An exchange and when it ended.
pub(super) struct Heard {
    exchange: Exchange,
    now: Timestamp,
}

impl Heard {
    /// The answer as data, and its body.
    pub(super) fn split(self) -> (Answer, bytes::Bytes) {
        match self.exchange {
            Exchange::Unreachable => (Answer::Unreachable, bytes::Bytes::new()),
            Exchange::Silence => (Answer::Silence, bytes::Bytes::new()),
            Exchange::Complete {
                status,
                retry_after,
                body,
            } => (
                Answer::Status {
                    status,
                    retry_after: retry_after.and_then(|text| parse_retry_after(&text, self.now)),
                    entry_id: outbound::entry_id(&body),
                },
                body,
            ),
        }
    }
}

pub(super) fn attempt(
    lease: &Lease,
    call: CallKind,
    request: &Request,
    (answer, started_at, took): (&Answer, Timestamp, Duration),
) -> Attempt {
    Attempt {
        number: lease.attempt,
        call,
        request: request.summary(),
        http_status: answer.status(),
        result: answer.word(),
        started_at,
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
    }
}
