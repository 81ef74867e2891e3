//! One wish of a linked lead, weighed against what is known of the lead at that target: the
//! verdicts from `stale` on, in the contract's order, and what follows from each. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::write::{self, Saying};
use super::{Question, authority, budget, told};
use crate::config::OnNewer;
use crate::decision::{Amended, PlannedDelivery, Revision, TargetVerdict};
use crate::delivery::{DeliveryId, Slot};
use crate::event::Sequence;
use crate::lead::course::{Course, Step, Words};
use crate::lead::{Entry, EntryState, OwnWrite, TargetHistory};
use crate::map::{Wish, Write};

/// What is weighed.
pub(super) struct Case<'a> {
    pub question: &'a Question<'a>,
    /// The lead's id at the target, or its address.
    pub lead_id: &'a str,
    pub slot: Slot<'a>,
    /// The event's clock, not later than its receipt.
    pub occurred_at: Option<Timestamp>,
    pub history: &'a TargetHistory,
    pub wish: &'a Wish,
}

/// What came of it.
pub(super) struct Weighed {
    pub verdict: TargetVerdict,
    pub delivery: Option<PlannedDelivery>,
    pub revisions: Vec<Revision>,
    /// The lead's course at the target, where the wish is its newest word.
    pub course: Option<Course>,
}

impl From<TargetVerdict> for Weighed {
    fn from(verdict: TargetVerdict) -> Self {
        Self {
            verdict,
            delivery: None,
            revisions: Vec::new(),
            course: None,
        }
    }
}

impl Weighed {
    /// Our own write coming back.
    pub(super) fn echo_of(write: &OwnWrite) -> Self {
        let delivery = write.delivery;
        Self {
            revisions: vec![Revision::Echoed { delivery }],
            ..Self::from(TargetVerdict::Echo { of: delivery })
        }
    }
}

/// What is known of a target that the lead has not been written to.
static NOTHING: TargetHistory = TargetHistory {
    applied: None,
    entries: Vec::new(),
    course: None,
    own_writes: Vec::new(),
};

impl<'a> Case<'a> {
    /// A wish for one address of the lead at the wish's target; `slot`: what that is to the store.
    pub(super) fn at(
        question: &'a Question<'a>,
        wish: &'a Wish,
        (lead_id, slot): (&'a str, &'a str),
    ) -> Self {
        Self {
            question,
            lead_id,
            occurred_at: question.occurred_at(),
            slot: Slot::parse(slot),
            history: question.history.targets.get(slot).unwrap_or(&NOTHING),
            wish,
        }
    }

    pub(super) fn weigh(&self) -> Weighed {
        if let Some(newest) = self.newer() {
            return TargetVerdict::Stale { newest }.into();
        }
        let words = Words::of(&self.wish.target, &self.wish.members);
        let detailed = self.entry_detailed(&words);
        if let Some(entry) = detailed {
            match (entry.state, self.history.entries.first()) {
                (EntryState::Absent, Some(newest)) if newest.delivery != entry.delivery => {
                    let newest = newest.event;
                    return TargetVerdict::Stale { newest }.into();
                }
                (EntryState::Absent, _) if let Some(newest) = self.told_since(entry) => {
                    return TargetVerdict::Stale { newest }.into();
                }
                // Nothing newer was decided: what was not sent then is sent now.
                (EntryState::Absent, _) => {}
                _ if let Some(newest) = self.edited_by(entry) => {
                    return TargetVerdict::Stale { newest }.into();
                }
                _ => return self.detail(entry, &words),
            }
        }
        let course = self.history.course.as_ref();
        let decide = &self.question.policy.decide;
        let source = &self.question.event.source;
        if let Some(course) = course
            && authority::is_outranked(decide, course, &words, source)
        {
            return TargetVerdict::Outranked {
                by: course.source.clone(),
                stays: course.words.clone(),
            }
            .into();
        }
        if let Some(has) = self.history.has()
            && self.is_unchanged(has)
        {
            return Weighed {
                // Whatever was decided since did not get there: this is the newest word again.
                course: Some(self.course(&words)),
                ..self.unchanged(has, &words)
            };
        }
        if let Some(course) = course
            && let Some(returns) = budget::used_up(
                self.question.policy,
                course,
                &words,
                (self.question.event.received_at, self.question.now),
            )
        {
            let per_seconds = decide.write_budget.per.as_secs();
            return TargetVerdict::Looping {
                returns,
                per_seconds,
            }
            .into();
        }
        match self.history.has() {
            Some(has)
                if self.slot.is_disposition()
                    && self.wish.write == Some(Write::Amend)
                    && self.is_same_call(has) =>
            {
                self.detail(has, &words)
            }
            _ => self.set(&words),
        }
    }

    /// The applied event that makes this one stale: newer by its source's own clock, or, for an
    /// event that waited, recorded later by any source and applied at this target.
    pub(super) fn newer(&self) -> Option<Sequence> {
        let event = self.question.event;
        if let Some(applied) = self.question.history.applied.get(&event.source)
            && let (Some(ours), Some(theirs)) = (self.occurred_at, applied.occurred_at)
            && ours < theirs
        {
            return Some(applied.sequence);
        }
        self.history
            .applied
            .filter(|applied| *applied > event.sequence)
    }

    /// The verdict on what is older than this event: nothing is written for it.
    pub(super) fn overtaken_by(&self, newest: Sequence) -> Weighed {
        match self.history.has() {
            Some(has) if self.is_unchanged(has) => TargetVerdict::Unchanged {
                since: has.delivery,
            },
            _ => TargetVerdict::Stale { newest },
        }
        .into()
    }

    /// The report that came since, where the event is more about that entry and nothing else.
    fn told_since(&self, entry: &Entry) -> Option<Sequence> {
        let reported = self.history.reported()?;
        let is_detail = write::names_its_call(&self.question.reading.facts);
        (is_detail && reported.event > entry.event).then_some(reported.event)
    }

    /// The report that somebody has changed this entry in its place. An amend says all members anew:
    /// it would put ours back.
    fn edited_by(&self, entry: &Entry) -> Option<Sequence> {
        let reported = self.history.reported()?;
        (reported.edited == Some(entry.delivery)).then_some(reported.event)
    }

    /// Only LeadPing keeps entries; elsewhere a status is a status.
    pub(super) fn entry_detailed(&self, words: &Words) -> Option<&Entry> {
        if !self.slot.is_disposition() || self.wish.write == Some(Write::Set) {
            return None;
        }
        let saying = Saying {
            source: &self.question.event.source,
            facts: &self.question.reading.facts,
            target: &self.wish.target,
            words,
        };
        let entry = write::entry_of(&saying, self.history)?;
        let is_current = self.history.counting().next() == Some(entry);
        let is_own = entry.event == self.question.event.sequence;
        // Its own system was changed again by its clock: the lead comes back to what it was.
        let comes_back = !is_current && !is_own && told::is_news_by_its_clock(self.question);
        (!comes_back).then_some(entry)
    }

    /// Only dispositions are about calls; elsewhere a state is a state, whichever call found it.
    fn is_same_call(&self, entry: &Entry) -> bool {
        !self.slot.is_disposition() || write::is_same_call(entry, &self.question.reading.facts)
    }

    fn is_unchanged(&self, entry: &Entry) -> bool {
        self.is_same_call(entry)
            && self
                .wish
                .members
                .iter()
                .all(|(member, value)| entry.members.get(member) == Some(value))
    }

    fn unchanged(&self, entry: &Entry, words: &Words) -> Weighed {
        Weighed {
            revisions: self.call_revision(entry).into_iter().collect(),
            course: self.course_if_newest(entry, words),
            ..TargetVerdict::Unchanged {
                since: entry.delivery,
            }
            .into()
        }
    }

    /// More about an entry that is at the target, or will be.
    fn detail(&self, entry: &Entry, words: &Words) -> Weighed {
        if self.is_unchanged(entry) {
            return self.unchanged(entry, words);
        }
        let members = write::merged(entry, &self.wish.members);
        let mut revisions: Vec<Revision> = self.call_revision(entry).into_iter().collect();
        let course = self.course_if_newest(entry, words);
        if entry.state == EntryState::Unsent {
            revisions.push(Revision::Fold {
                into: entry.delivery,
                members,
            });
            return Weighed {
                revisions,
                course,
                ..TargetVerdict::Folded {
                    into: entry.delivery,
                }
                .into()
            };
        }
        let amends = Amended {
            entry: entry.delivery,
            entry_id: entry.entry_id.clone(),
            timestamp: entry.timestamp,
        };
        let delivery = self.delivery(members, Some(amends));
        Weighed {
            verdict: TargetVerdict::Amend {
                id: delivery.id,
                entry: entry.delivery,
            },
            delivery: Some(delivery),
            revisions,
            course,
        }
    }

    fn set(&self, words: &Words) -> Weighed {
        let delivery = self.delivery(self.wish.members.clone(), None);
        let gives_way = self.question.policy.decide.on_newer == OnNewer::Supersede;
        let supersedes: Vec<DeliveryId> = self
            .history
            .entries
            .iter()
            .filter(|entry| gives_way && entry.state == EntryState::Unsent)
            .filter(|entry| write::says_all_of(self.slot, &self.wish.members, &entry.members))
            .map(|entry| entry.delivery)
            .collect();
        Weighed {
            revisions: supersedes
                .iter()
                .map(|delivery| Revision::Supersede {
                    delivery: *delivery,
                })
                .collect(),
            verdict: TargetVerdict::Delivery {
                id: delivery.id,
                supersedes,
            },
            delivery: Some(delivery),
            course: Some(self.course(words)),
        }
    }

    fn delivery(&self, members: Map<String, Value>, amends: Option<Amended>) -> PlannedDelivery {
        let Question {
            event, shadowed, ..
        } = self.question;
        let target = &self.wish.target;
        PlannedDelivery {
            id: DeliveryId::new_at(self.question.now),
            withheld: shadowed.get(target).copied().unwrap_or(false),
            target: target.clone(),
            lead_id: self.lead_id.to_owned(),
            members,
            call: self.question.reading.facts.call.clone(),
            amends,
            timestamp: self.occurred_at.unwrap_or(event.received_at),
        }
    }

    fn call_revision(&self, entry: &Entry) -> Option<Revision> {
        let call = write::call_to_take(entry, &self.question.reading.facts)?;
        Some(Revision::Call {
            entry: entry.delivery,
            call,
        })
    }

    fn course_if_newest(&self, entry: &Entry, words: &Words) -> Option<Course> {
        let newest = self.history.counting().next()?;
        (newest.delivery == entry.delivery).then(|| self.course(words))
    }

    /// The lead's course with these words as its newest.
    fn course(&self, words: &Words) -> Course {
        let policy = self.question.policy;
        let event = self.question.event;
        let course = self.history.course.as_ref();
        let own = (event.source.as_str(), self.wish.is_final);
        let (source, is_final) = authority::remembered(&policy.decide, course, words, own);
        let step = Step {
            words: words.clone(),
            source,
            is_final,
            event: event.sequence,
            at: event.received_at,
        };
        Course::after(course, &step, policy.span())
    }
}
