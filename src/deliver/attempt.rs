//! One try of a leased delivery: look up first where the fate of an earlier try is unknown, then
//! send; then say what it means. Writes nothing.

use super::TargetWorker;
use super::authorize::Purpose;
use super::judge::{Retry, Terms, Verdict, Weight, judge, judge_lookup};
use super::schedule::{Jitter, is_exhausted};
use crate::decision::ParkCause;
use crate::delivery::{Attempt, CallKind, Lease};
use crate::store::StoreError;
use crate::systems::outbound::{self, Found, Order, Request, Sought, Write};

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
        let mut attempts = Vec::new();
        let end = match outbound::write(&self.config.system, &order) {
            Write::Append { request, look_up } => {
                self.append(lease, (&request, &look_up), &mut attempts)
                    .await
            }
            Write::Set { request } => match self.may_repeat(lease) {
                Err(end) => end,
                Ok(()) => {
                    self.make_call(lease, CallKind::Update, &request, &mut attempts)
                        .await
                }
            },
            Write::Record { read, changes } => match self.may_repeat(lease) {
                Err(end) => end,
                Ok(()) => {
                    self.update_record(lease, (&read, &changes), &mut attempts)
                        .await
                }
            },
        };
        Tried { attempts, end }
    }

    /// A call that appends to a history: looked up first where it may have been made already.
    async fn append(
        &self,
        lease: &Lease,
        (request, look_up): (&Request, &Request),
        attempts: &mut Vec<Attempt>,
    ) -> End {
        if lease.fate_unknown {
            match self.look_up(lease, (request, look_up), attempts).await {
                Looked::Ended(end) => return end,
                Looked::Send if lease.look_only => return End::NotSent,
                Looked::Send if self.is_out_of_patience(lease) => {
                    return End::Parked(ParkCause::exhausted(&lease.target));
                }
                Looked::Send => {
                    if let Err(end) = self.another_call().await {
                        return end;
                    }
                }
            }
        }
        self.make_call(lease, CallKind::Set, request, attempts)
            .await
    }

    /// Whether a call that only sets state may be made; after an unknown fate it is made again.
    pub(super) fn may_repeat(&self, lease: &Lease) -> Result<(), End> {
        if lease.look_only {
            // There is nothing to look up, and nothing is sent.
            return Err(End::NotSent);
        }
        if lease.fate_unknown && self.is_out_of_patience(lease) {
            return Err(End::Parked(ParkCause::exhausted(&lease.target)));
        }
        Ok(())
    }

    async fn make_call(
        &self,
        lease: &Lease,
        call: CallKind,
        request: &Request,
        attempts: &mut Vec<Attempt>,
    ) -> End {
        let asked = self.ask(purpose(lease, call), request).await;
        attempts.extend(asked.attempts);
        End::Judged {
            verdict: judge(&asked.answer, &self.terms(lease.attempt)),
            fate_unknown: false,
        }
    }

    /// The lease was paid for with one call; this pays for the next. An error is the end of the
    /// try: the target asked everybody to wait while it waited for the rate limit.
    pub(super) async fn another_call(&self) -> Result<(), End> {
        self.wait_for_limit().await;
        let gate = self.health().gate.as_ref().map(|gate| gate.until);
        match gate.filter(|until| self.clock.now() < *until) {
            None => Ok(()),
            Some(until) => Err(End::Judged {
                verdict: Verdict::Retry(Retry {
                    at: until,
                    fate_unknown: true,
                    gate: None,
                    weight: Weight::Nothing,
                }),
                fate_unknown: true,
            }),
        }
    }

    async fn look_up(
        &self,
        lease: &Lease,
        (sent, look_up): (&Request, &Request),
        attempts: &mut Vec<Attempt>,
    ) -> Looked {
        let known = match self.store.known_entries(lease.lead, &lease.target).await {
            Ok(known) => known.ids,
            Err(error) => return Looked::Ended(End::Unread(error)),
        };
        let asked = self.ask(purpose(lease, CallKind::LookUp), look_up).await;
        attempts.extend(asked.attempts);
        let found = if asked.answer.is_accepted() {
            let sought = Sought {
                id: lease.id,
                sent,
                received_at: lease.received_at,
                known: &known,
            };
            outbound::find(&self.config.system, &asked.body, &sought)
        } else {
            Found::Unreadable
        };
        Looked::Ended(match found {
            Found::NotThere => return Looked::Send,
            Found::Ours { entry_id } => End::Found { entry_id },
            Found::Several => End::Parked(ParkCause::unsure(&lease.target)),
            Found::Unreadable => End::Judged {
                verdict: judge_lookup(&asked.answer, &self.terms(lease.attempt)),
                fate_unknown: true,
            },
        })
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

pub(super) fn purpose(lease: &Lease, call: CallKind) -> Purpose {
    Purpose {
        number: lease.attempt,
        call,
    }
}
