//! Updating LeadPing's record of a lead: read, change, write, read again. The whole record only
//! sets state, so a try of unknown fate begins anew.
//!
//! What a foreign hand did to the record in the gap between reading and writing cannot be
//! prevented; it is reported as far as the last read shows it.

use serde_json::{Map, Value};

use super::TargetWorker;
use super::attempt::{End, purpose};
use super::judge::{Retry, Verdict, judge, judge_lookup};
use crate::delivery::{Attempt, CallKind, Lease};
use crate::systems::leadping::record::{self, Update};
use crate::systems::outbound::Request;

/// A read that did not help: nothing happened, unless an earlier try had it happen.
fn judged_read(lease: &Lease, verdict: Verdict) -> End {
    let verdict = match verdict {
        Verdict::Retry(retry) => Verdict::Retry(Retry {
            fate_unknown: lease.fate_unknown,
            ..retry
        }),
        other => other,
    };
    End::Judged {
        verdict,
        fate_unknown: lease.fate_unknown,
    }
}

impl TargetWorker {
    pub(super) async fn update_record(
        &self,
        lease: &Lease,
        (read, changes): (&Request, &Map<String, Value>),
        attempts: &mut Vec<Attempt>,
    ) -> End {
        let before = self.ask(purpose(lease, CallKind::Read), read).await;
        attempts.extend(before.attempts);
        if !before.answer.is_accepted() {
            // Nothing has been written yet, whatever became of the read.
            let verdict = judge_lookup(&before.answer, &self.terms(lease.attempt));
            return judged_read(lease, verdict);
        }
        let request = match record::update(&lease.lead_id, &before.body, changes) {
            Update::Write(request) => request,
            Update::Nothing => {
                return End::Found { entry_id: None };
            }
            Update::Unreadable => {
                let verdict = judge_lookup(&before.answer, &self.terms(lease.attempt));
                return judged_read(lease, verdict);
            }
        };
        if let Err(end) = self.another_call().await {
            return end;
        }
        let written = self.ask(purpose(lease, CallKind::Update), &request).await;
        attempts.extend(written.attempts);
        if written.answer.is_accepted() {
            self.read_back(lease, (read, &request, &before.body), attempts)
                .await;
        }
        let verdict = match judge(&written.answer, &self.terms(lease.attempt)) {
            // The id in the answer is the lead's; no entry was made.
            Verdict::Delivered { .. } => Verdict::Delivered { entry_id: None },
            verdict => verdict,
        };
        End::Judged {
            verdict,
            fate_unknown: false,
        }
    }

    /// Looks at what the record became, and says so if that is not what was written.
    async fn read_back(
        &self,
        lease: &Lease,
        (read, sent, before): (&Request, &Request, &[u8]),
        attempts: &mut Vec<Attempt>,
    ) {
        self.wait_for_limit().await;
        let after = self.ask(purpose(lease, CallKind::ReadBack), read).await;
        let first = attempts.len();
        attempts.extend(after.attempts);
        if !after.answer.is_accepted() {
            return;
        }
        let surprises = record::surprises(before, sent, &after.body);
        if surprises.is_empty() {
            return;
        }
        if let Some(attempt) = attempts[first..].last_mut() {
            attempt.result = "changed_by_others";
        }
        tracing::warn!(delivery.id = %lease.id, target.name = %lease.target, members = %surprises.join(", "), "the lead's record is not as it was written: somebody else changed it meanwhile, or the target did not take all of it");
    }
}
