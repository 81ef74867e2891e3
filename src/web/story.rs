//! One event as a person reads it: what came, which row spoke, what was decided and why, what was
//! sent, and how each try ended.

use jiff::Timestamp;

use super::Dashboard;
use super::tally::class_of;
use super::words::{self, Moment};
use crate::decision::{DecisionRecord, TargetVerdict, Verdict};
use crate::delivery::DeliveryState;
use crate::event::{EventState, Facts};
use crate::lead::LEADPING;
use crate::lead::course::Words;
use crate::store::{AttemptRow, DeliveryRow, EventRow};

pub(super) struct EventView {
    pub(super) id: String,
    pub(super) at: Moment,
    pub(super) source: String,
    /// The status, where the body was read.
    pub(super) status: String,
    /// What it is besides its status: a call, the sender's name of it, the call it is about.
    pub(super) about: Vec<String>,
    pub(super) lead_id: Option<String>,
    pub(super) state: &'static str,
    pub(super) state_class: &'static str,
    pub(super) cause: Option<String>,
    /// What became of it, in a word or two.
    pub(super) headline: String,
    /// The colour of that.
    pub(super) class: &'static str,
    pub(super) why: Vec<Why>,
    pub(super) row: Option<RowView>,
    pub(super) deliveries: Vec<DeliveryView>,
    pub(super) repeated: Option<String>,
}

/// One reason.
pub(super) struct Why {
    /// The target that it is about; empty: the event.
    pub(super) target: String,
    pub(super) word: &'static str,
    pub(super) text: String,
}

pub(super) struct RowView {
    pub(super) text: String,
    pub(super) line: u32,
    pub(super) table: String,
}

pub(super) struct DeliveryView {
    pub(super) target: String,
    pub(super) what: String,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) cause: Option<String>,
    pub(super) entry_id: Option<String>,
    /// When it is tried next, while it is due.
    pub(super) due: Option<Moment>,
    pub(super) tries: Vec<TryView>,
}

pub(super) struct TryView {
    pub(super) number: u32,
    pub(super) request: String,
    pub(super) answer: String,
    pub(super) result: String,
    pub(super) at: Moment,
    pub(super) took: String,
}

impl EventView {
    pub(super) fn of(dashboard: &Dashboard, event: &EventRow, facts: Option<&Facts>) -> Self {
        let now = dashboard.admin.clock.now();
        let (headline, class) = headline(event);
        let decision = event.decision.as_ref();
        Self {
            id: event.id.to_string(),
            at: Moment::new(event.received_at, now),
            source: event.source.clone(),
            status: facts.map_or_else(String::new, |facts| status_of(dashboard, event, facts)),
            about: facts.map(about).unwrap_or_default(),
            lead_id: event
                .lead_id
                .clone()
                .or_else(|| event.source_lead_id.clone()),
            state: event.state.as_str(),
            state_class: state_class(event.state),
            cause: event.cause.as_ref().map(|cause| cause.as_str().to_owned()),
            headline,
            class,
            why: decision.map(reasons).unwrap_or_default(),
            row: decision.and_then(row_of),
            deliveries: event
                .deliveries
                .iter()
                .map(|delivery| delivery_view(delivery, now))
                .collect(),
            repeated: (event.duplicates > 0)
                .then(|| words::count_of(i64::from(event.duplicates), "repeated webhook")),
        }
    }
}

fn status_of(dashboard: &Dashboard, event: &EventRow, facts: &Facts) -> String {
    let status = facts.status.as_ref().map(ToString::to_string);
    super::tally::status_label(dashboard, &event.source, &status.unwrap_or_default())
}

fn about(facts: &Facts) -> Vec<String> {
    let mut about = Vec::new();
    about.extend(facts.sub_status.clone());
    about.extend(facts.reason_id.map(|id| format!("reason {id}")));
    about.extend(facts.kind.map(|kind| kind.as_str().to_owned()));
    about.extend(facts.event_name.clone());
    about.extend(facts.call.as_ref().map(|call| format!("call {call}")));
    about
}

fn row_of(decision: &DecisionRecord) -> Option<RowView> {
    let row = decision.row.as_ref()?;
    Some(RowView {
        text: row.to_string(),
        line: row.line,
        table: decision.table.clone().unwrap_or_default(),
    })
}

pub(super) fn state_class(state: EventState) -> &'static str {
    match state {
        EventState::Received | EventState::Decided => "calm",
        EventState::Settled => "good",
        EventState::Parked => "wait",
        EventState::Discarded => "",
    }
}

fn delivery_class(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "good",
        DeliveryState::Due | DeliveryState::InFlight => "calm",
        DeliveryState::Parked => "wait",
        DeliveryState::Superseded | DeliveryState::Discarded | DeliveryState::Withheld => "",
    }
}

fn headline(event: &EventRow) -> (String, &'static str) {
    let parked = event.state == EventState::Parked;
    let Some(decision) = &event.decision else {
        return (String::from("not decided yet"), "k-quiet");
    };
    let word = |word: &str| (word.to_owned(), if parked { "k-wait" } else { "k-quiet" });
    match decision.verdict {
        Verdict::Invalid => return word("invalid"),
        Verdict::Unmapped => return word("unmapped"),
        Verdict::Ignored => return word("ignored"),
        Verdict::Parked => return word("parked by a row"),
        Verdict::Matched => {}
    }
    let written = event.deliveries.iter().find(|one| one.category.is_some());
    if let Some(delivery) = written {
        let category = delivery.category.as_deref().unwrap_or_default();
        return (what(delivery), class_of(category));
    }
    let own = decision.targets.get(LEADPING);
    match own.or_else(|| decision.targets.values().next()) {
        Some(verdict) => word(verdict.as_str()),
        None => word("matched"),
    }
}

fn what(delivery: &DeliveryRow) -> String {
    let words = [&delivery.category, &delivery.outcome];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    if words.is_empty() {
        String::from("an update")
    } else {
        words.join(" · ")
    }
}

fn delivery_view(delivery: &DeliveryRow, now: Timestamp) -> DeliveryView {
    DeliveryView {
        target: delivery.target.clone(),
        what: what(delivery),
        state: delivery.state.as_str(),
        class: delivery_class(delivery.state),
        cause: delivery
            .cause
            .as_ref()
            .map(|cause| cause.as_str().to_owned())
            .or_else(|| {
                let status = delivery.held_http_status?;
                Some(format!(
                    "held: it answered {status}, whose fault that is is being asked"
                ))
            })
            .or_else(|| {
                let newer = delivery.gave_way_to?;
                Some(format!("not sent: event no. {} is newer", newer.0))
            }),
        entry_id: delivery.entry_id.clone(),
        due: (delivery.state == DeliveryState::Due).then(|| Moment::new(delivery.due_at, now)),
        tries: delivery
            .tries
            .iter()
            .map(|one| try_view(one, now))
            .collect(),
    }
}

fn try_view(one: &AttemptRow, now: Timestamp) -> TryView {
    TryView {
        number: one.number,
        request: if one.request.is_empty() {
            one.call.replace('_', " ")
        } else {
            one.request.clone()
        },
        answer: one
            .http_status
            .map_or_else(|| String::from("no answer"), |status| status.to_string()),
        result: one.result.clone(),
        at: Moment::new(one.started_at, now),
        took: words::span_ms(one.duration_ms),
    }
}

/// Why it was decided so: one reason for the event, or one for each target.
pub(super) fn reasons(decision: &DecisionRecord) -> Vec<Why> {
    let own = |word, text: Option<&str>, otherwise: &str| {
        vec![Why {
            target: String::new(),
            word,
            text: text.unwrap_or(otherwise).to_owned(),
        }]
    };
    let why = decision.why.as_deref();
    let mut reasons = match decision.verdict {
        Verdict::Invalid => own("invalid", why, "something that a decision needs is missing"),
        Verdict::Unmapped => own("unmapped", why, "no row of the table matches this status"),
        Verdict::Ignored => own("ignored", why, "nothing has to be done"),
        Verdict::Parked => own("parked", why, "a row asks for a person"),
        Verdict::Matched => decision
            .targets
            .iter()
            .map(|(target, verdict)| Why {
                target: target.clone(),
                word: verdict.as_str(),
                text: reason(verdict),
            })
            .collect(),
    };
    reasons.extend(decision.told.as_ref().map(|told| Why {
        target: String::new(),
        word: "told",
        text: told.to_string(),
    }));
    reasons
}

fn reason(verdict: &TargetVerdict) -> String {
    match verdict {
        TargetVerdict::Unlinked => {
            String::from("no id of this lead is known there; it waits for a link")
        }
        TargetVerdict::Echo { .. } => String::from("our own write coming back"),
        TargetVerdict::Stale { newest } => format!(
            "older than what the lead already has: event no. {} was applied",
            newest.0
        ),
        TargetVerdict::Outranked { by, stays } => {
            format!("{by} has the say here; it stays {}", short(stays))
        }
        TargetVerdict::Unchanged { .. } => String::from("the target already has exactly this"),
        TargetVerdict::Looping {
            returns,
            per_seconds,
        } => format!(
            "decided back to what it was {} within {}: two tables contradict each other",
            words::count_of(i64::try_from(returns.len()).unwrap_or(i64::MAX), "time"),
            words::span(std::time::Duration::from_secs(*per_seconds)),
        ),
        TargetVerdict::Folded { .. } => {
            String::from("detail that goes along with a call that was not sent yet")
        }
        TargetVerdict::Delivery { supersedes, .. } if supersedes.is_empty() => {
            String::from("news: it makes a call of its own")
        }
        TargetVerdict::Delivery { supersedes, .. } => format!(
            "news: it makes a call of its own; {} not sent yet gave way",
            words::count_of(i64::try_from(supersedes.len()).unwrap_or(i64::MAX), "call")
        ),
        TargetVerdict::Amend { .. } => {
            String::from("detail of what was decided before: it is added to that entry")
        }
        TargetVerdict::Absent => String::from("the lead is not at this target, which is no fault"),
        TargetVerdict::Invalid { why } => why.clone(),
        TargetVerdict::Off => {
            String::from("this target is not configured; nothing is written there")
        }
    }
}

fn short(stays: &Words) -> String {
    let parts = [&stays.category, &stays.outcome];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(" · ")
}
