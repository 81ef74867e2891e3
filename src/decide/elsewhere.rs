//! What an event may still want elsewhere, by what it says of the lead at LeadPing: a lead has one
//! truth. What a stronger source keeps it from saying there it does not say elsewhere; where it is
//! more about something that the lead no longer is, it is old everywhere; and more about the call
//! that made the lead what it is goes over nothing that a system has reported of itself since. Pure.

use super::weigh::{Case, Weighed};
use super::{Question, addresses_of, authority, told, waiting, write};
use crate::decision::TargetVerdict;
use crate::delivery::{self, Slot};
use crate::event::Sequence;
use crate::lead::LEADPING;
use crate::lead::course::Words;
use crate::map::Wish;

/// The vendor whose leads change by themselves: what it reports takes no order to it back.
const NLPEARL: &str = "nlpearl";

/// What the lead at LeadPing makes of an event's other wishes.
#[derive(Debug)]
pub(super) enum Bearing {
    /// They are weighed by themselves.
    Free,
    Outranked(TargetVerdict),
    /// The event says nothing there, and a stronger source holds the lead: its record there is
    /// LeadPing's own business.
    Held(TargetVerdict),
    /// This event said something newer of the lead.
    Old(Sequence),
    /// More about what the lead is since this event.
    Since(Sequence),
}

impl Bearing {
    pub(super) fn of(question: &Question<'_>, wishes: &[Wish]) -> Self {
        if let Some(newest) = told::overtaken(question) {
            return Self::Old(newest);
        }
        let mut says_something = false;
        for wish in wishes {
            let address = match addresses_of(question, wish) {
                Ok(addresses) => addresses.into_iter().next(),
                Err((verdict, _)) => {
                    if let Some(verdict) = waiting::overrules(question, wish, &verdict) {
                        return Self::Outranked(verdict);
                    }
                    None
                }
            };
            let slot = delivery::slot(
                &wish.target,
                address.as_deref().unwrap_or_default(),
                &wish.members,
            );
            if !Slot::parse(&slot).is_disposition() {
                continue;
            }
            says_something = true;
            if let Some(address) = address {
                return Self::of_disposition(&Case::at(question, wish, (&address, &slot)));
            }
        }
        match held(question) {
            Some(verdict) if !says_something => Self::Held(verdict),
            _ => Self::Free,
        }
    }

    fn of_disposition(case: &Case<'_>) -> Self {
        let verdict = case.weigh().verdict;
        if matches!(verdict, TargetVerdict::Outranked { .. }) {
            return Self::Outranked(verdict);
        }
        let words = Words::of(&case.wish.target, &case.wish.members);
        let Some(entry) = case.entry_detailed(&words) else {
            return Self::Free;
        };
        let question = case.question;
        let is_own = entry.event == question.event.sequence;
        let is_said_anew = matches!(verdict, TargetVerdict::Delivery { .. })
            && !write::names_its_call(&question.reading.facts);
        if is_said_anew || (!is_own && told::is_news_by_its_clock(question)) {
            return Self::Free;
        }
        let newest = case.history.counting().next();
        match verdict {
            TargetVerdict::Stale { newest } => Self::Old(newest),
            _ if newest.is_some_and(|it| it.delivery == entry.delivery) => {
                // Without a call it says again where the lead is, and that is news elsewhere.
                match question.reading.facts.call {
                    Some(_) => Self::Since(entry.event),
                    None => Self::Free,
                }
            }
            _ => {
                let told = case.history.reported().map(|report| report.event);
                let decided = newest.map(|it| it.event);
                decided.max(told).map_or(Self::Free, Self::Old)
            }
        }
    }

    /// What that makes of one of them; `None`: it is weighed by itself.
    pub(super) fn on(&self, case: &Case<'_>) -> Option<Weighed> {
        match self {
            Self::Free => None,
            Self::Outranked(verdict) => Some(verdict.clone().into()),
            Self::Held(verdict) => (case.slot.target != LEADPING).then(|| verdict.clone().into()),
            Self::Old(newest) => Some(case.overtaken_by(*newest)),
            Self::Since(since) => {
                let report = case.history.reported()?;
                let own = case.question.event.sequence;
                let reporter = case.question.policy.reports.get(&report.source);
                let goes_on = reporter.is_some_and(|it| it.kind == NLPEARL);
                let is_over = report.event > *since && report.event != own && !goes_on;
                is_over.then(|| case.overtaken_by(report.event))
            }
        }
    }
}

/// Who holds the lead, or will once it is known at LeadPing, if that is a stronger source. What
/// LeadPing itself reports is where the lead is.
fn held(question: &Question<'_>) -> Option<TargetVerdict> {
    let policy = question.policy;
    let own = question.event;
    let reported = policy.reports.get(&own.source);
    let course = question.history.targets.get(LEADPING)?.course.as_ref()?;
    let course = match &course.waits {
        Some(waits) if question.history.lead_id.is_none() => {
            (waits.event < own.sequence).then(|| waits.course())?
        }
        _ => course.clone(),
    };
    let is_held = authority::is_held_from(&policy.decide, &course, &own.source);
    let is_told = reported.is_some_and(|it| it.kind == LEADPING);
    (is_held && !is_told).then_some(TargetVerdict::Outranked {
        by: course.source,
        stays: course.words,
    })
}
