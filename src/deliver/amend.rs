//! One try of an amend: which entry, what id it has, send, and what a refusal means. Writes down
//! nothing but what it learns about the entry.
//!
//! An amend only sets state, so one of unknown fate is sent again without a look-up. Its entry's id
//! is taken when it is sent: the set before it may have told it only now.

use super::TargetWorker;
use super::attempt::{End, Tried, purpose};
use super::authorize::Asked;
use super::judge::{Verdict, judge, judge_lookup};
use crate::decision::ParkCause;
use crate::delivery::{Attempt, CallKind, Lease};
use crate::store::{AmendedEntry, Amending};
use crate::systems::outbound::{self, Found, Order, Sought, Write};

impl TargetWorker {
    pub(super) async fn try_amend(&self, lease: &Lease) -> Tried {
        let mut attempts = Vec::new();
        if let Err(end) = self.may_repeat(lease) {
            return Tried { attempts, end };
        }
        let entry = match self.store.amending(lease.row, lease.token).await {
            Ok(Amending::Entry(entry)) => entry,
            Ok(Amending::BecameSet) => return self.try_set(lease).await,
            Ok(Amending::Outdated) => {
                let end = End::Outdated;
                return Tried { attempts, end };
            }
            Err(error) => {
                let end = End::Unread(error);
                return Tried { attempts, end };
            }
        };
        let end = match &entry.entry_id {
            Some(entry_id) => {
                self.send_amend(lease, &entry, entry_id, &mut attempts)
                    .await
            }
            None => self.look_and_amend(lease, &entry, &mut attempts).await,
        };
        Tried { attempts, end }
    }

    /// The set was accepted without an id that could be read: its entry bears our marker.
    async fn look_and_amend(
        &self,
        lease: &Lease,
        entry: &AmendedEntry,
        attempts: &mut Vec<Attempt>,
    ) -> End {
        let known = match self.store.known_entries(lease.lead, &lease.target).await {
            Ok(known) => known.ids,
            Err(error) => return End::Unread(error),
        };
        let Asked { answer, body, .. } = self.read_history(lease, attempts).await;
        let found = match outbound::write(&self.config.system, &order(lease, entry)) {
            Write::Append { request, .. } if answer.is_accepted() => {
                let sought = Sought {
                    id: entry.delivery,
                    sent: &request,
                    received_at: lease.received_at,
                    known: &known,
                };
                outbound::find(&self.config.system, &body, &sought)
            }
            _ => Found::Unreadable,
        };
        match found {
            Found::Ours {
                entry_id: Some(entry_id),
            } => {
                // Not learnt, it is looked up again before the next amend.
                if let Err(error) = self.store.learn_entry(entry.set, entry_id.clone()).await {
                    tracing::error!(delivery.id = %lease.id, %error, "the id of an entry cannot be written down; it is looked up again when needed");
                }
                if let Err(end) = self.another_call().await {
                    return end;
                }
                self.send_amend(lease, entry, &entry_id, attempts).await
            }
            Found::NotThere => {
                self.note_gone(lease, entry).await;
                End::Gone { http_status: 404 }
            }
            Found::Ours { entry_id: None } | Found::Several => {
                End::Parked(ParkCause::unsure(&lease.target))
            }
            Found::Unreadable => End::Judged {
                verdict: judge_lookup(&answer, &self.terms(lease.attempt)),
                fate_unknown: lease.fate_unknown,
            },
        }
    }

    async fn send_amend(
        &self,
        lease: &Lease,
        entry: &AmendedEntry,
        entry_id: &str,
        attempts: &mut Vec<Attempt>,
    ) -> End {
        let order = order(lease, entry);
        let Some(request) = outbound::amend(&self.config.system, entry_id, &order) else {
            // Nothing but a LeadPing entry is ever decided to be amended.
            return End::Parked(ParkCause::unsure(&lease.target));
        };
        let asked = self.ask(purpose(lease, CallKind::Amend), &request).await;
        attempts.extend(asked.attempts);
        let verdict = match judge(&asked.answer, &self.terms(lease.attempt)) {
            // The answer repeats the id of the set's own entry.
            Verdict::Delivered { .. } => Verdict::Delivered { entry_id: None },
            Verdict::Hold {
                http_status: http_status @ (404 | 410),
            } => {
                self.wait_for_limit().await;
                if self.is_gone(lease, entry_id, attempts).await {
                    self.note_gone(lease, entry).await;
                    return End::Gone { http_status };
                }
                Verdict::Hold { http_status }
            }
            verdict => verdict,
        };
        End::Judged {
            verdict,
            fate_unknown: false,
        }
    }

    /// The lead's history can be read and lacks the entry.
    async fn is_gone(&self, lease: &Lease, entry_id: &str, attempts: &mut Vec<Attempt>) -> bool {
        let asked = self.read_history(lease, attempts).await;
        asked.answer.is_accepted() && outbound::has_entry(&asked.body, entry_id) == Some(false)
    }

    async fn read_history(&self, lease: &Lease, attempts: &mut Vec<Attempt>) -> Asked {
        let request = outbound::read(&self.config.system, &lease.lead_id);
        let mut asked = self.ask(purpose(lease, CallKind::LookUp), &request).await;
        attempts.append(&mut asked.attempts);
        asked
    }

    async fn note_gone(&self, lease: &Lease, entry: &AmendedEntry) {
        tracing::warn!(delivery.id = %lease.id, target.name = %lease.target, "the entry that delivery {} made is gone from `{}`; it no longer counts as what that has", entry.delivery, lease.target);
        // Not marked, the next amend finds out again.
        if let Err(error) = self.store.mark_gone(entry.set).await {
            tracing::error!(delivery.id = %lease.id, %error, "that an entry is gone cannot be written down");
        }
    }
}

/// The set's own words about itself, with all members that are known by now.
fn order<'a>(lease: &'a Lease, entry: &AmendedEntry) -> Order<'a> {
    Order {
        id: entry.delivery,
        lead_id: &lease.lead_id,
        members: &lease.members,
        timestamp: entry.timestamp,
    }
}
