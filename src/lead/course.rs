//! The course of a lead at one target: what it was last decided to be there, or what the target
//! itself says that it is, by whom, what it was before, and how often it came back to that. Small
//! and bounded: it is kept beside the lead's state, and outlives the deliveries it came from. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LEADPING;
use crate::delivery::DeliveryId;
use crate::event::Sequence;

/// Earlier words remembered; the oldest are forgotten.
const MAX_HAD: usize = 16;

/// What a disposition says in short: its category and outcome. Of another system's status: the
/// status itself, as the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Words {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Words {
    /// Of the members of a call to this target.
    pub fn of(target: &str, members: &Map<String, Value>) -> Self {
        let text = |member: &str| members.get(member).and_then(Value::as_str);
        if target == LEADPING {
            return Self {
                category: text("category").map(str::to_owned),
                outcome: text("outcome").map(str::to_owned),
            };
        }
        let parts: Vec<String> = ["status", "subStatus", "reasonId"]
            .iter()
            .filter_map(|member| members.get(*member))
            .map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
            .collect();
        Self {
            category: None,
            outcome: (!parts.is_empty()).then(|| parts.join("/")),
        }
    }
}

/// One time that the lead was decided back to what it had been before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Return {
    pub event: Sequence,
    pub source: String,
    /// When that event was recorded.
    pub at: Timestamp,
    #[serde(flatten)]
    pub to: Words,
}

/// What the target itself said last that was not what we had written there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The event that told it, and its source.
    pub event: Sequence,
    pub source: String,
    /// By the target's own clock; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    #[serde(flatten)]
    pub words: Words,
    /// The newest entry that was at the target then: it, and what is older, no longer counts as
    /// what the target has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<DeliveryId>,
    /// The entry of ours that was changed in its place, as far as can be told: what is there now is
    /// somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<DeliveryId>,
}

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Course {
    #[serde(flatten)]
    pub words: Words,
    /// Who set that; of several who set the same, the strongest.
    pub source: String,
    /// The row that set it said so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// Other words that it had, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub had: Vec<Words>,
    /// Oldest first, as many as the budget looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Report>,
    /// What the lead is held by before it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
}

/// What an event wants here that not just anybody may lead away from, and that waits for the lead's
/// link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub event: Sequence,
    pub source: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    #[serde(flatten)]
    pub words: Words,
}

impl Waits {
    /// What the lead's course will be.
    pub fn course(&self) -> Course {
        Course {
            words: self.words.clone(),
            source: self.source.clone(),
            is_final: self.is_final,
            ..Course::default()
        }
    }
}

/// What an event makes of a course.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    pub words: Words,
    pub source: &'a str,
    pub is_final: bool,
    pub event: Sequence,
    /// When the event was recorded.
    pub at: Timestamp,
}

/// How far back, and how many, returns are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub most: usize,
    pub per: SignedDuration,
}

impl Course {
    /// Whether these words were had before, with others since.
    pub fn comes_back_to(&self, words: &Words) -> bool {
        self.words != *words && self.had.contains(words)
    }

    /// Not only waited for.
    fn is_begun(&self) -> bool {
        !self.source.is_empty()
    }

    /// The event that said it last: `applied`, the newest that was applied there, or a report.
    pub fn newest_word(&self, applied: Option<&Sequence>) -> Option<Sequence> {
        let told = self.reported.as_ref().map(|report| report.event);
        told.max(applied.copied())
    }

    /// The returns that count at `at`, oldest first.
    pub fn returns_at(&self, at: Timestamp, span: Span) -> impl Iterator<Item = &Return> {
        let since = at.checked_sub(span.per).unwrap_or(Timestamp::MIN);
        self.returns.iter().filter(move |back| back.at > since)
    }

    /// The course after `step`, whose own source is the one to be remembered.
    pub fn after(course: Option<&Self>, step: &Step<'_>, span: Span) -> Self {
        let Some(course) = course.filter(|course| course.is_begun()) else {
            return Self {
                words: step.words.clone(),
                source: step.source.to_owned(),
                is_final: step.is_final,
                ..Self::default()
            };
        };
        let mut next = course.clone();
        next.source = step.source.to_owned();
        next.is_final = step.is_final;
        if course.words == step.words {
            return next;
        }
        if course.comes_back_to(&step.words) {
            next.returns = course.returns_at(step.at, span).cloned().collect();
            next.returns.push(Return {
                event: step.event,
                source: step.source.to_owned(),
                at: step.at,
                to: step.words.clone(),
            });
            let surplus = next.returns.len().saturating_sub(span.most);
            next.returns.drain(..surplus);
        }
        next.go_to(&step.words);
        next
    }

    /// The course once the target itself has said where the lead is: nobody decided it back, so
    /// that is no return.
    pub fn told(course: Option<&Self>, words: &Words, (source, is_final): (&str, bool)) -> Self {
        let Some(course) = course.filter(|course| course.is_begun()) else {
            return Self {
                words: words.clone(),
                source: source.to_owned(),
                ..Self::default()
            };
        };
        let mut next = course.clone();
        next.source = source.to_owned();
        next.is_final = is_final;
        if course.words != *words {
            next.go_to(words);
        }
        next
    }

    fn go_to(&mut self, words: &Words) {
        let before = std::mem::replace(&mut self.words, words.clone());
        self.had.retain(|had| had != words);
        self.had.push(before);
        let surplus = self.had.len().saturating_sub(MAX_HAD);
        self.had.drain(..surplus);
    }
}
