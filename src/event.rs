//! The event: one verified, recorded webhook, and the facts read from its body.
//!
//! Ids, states and plain data only: no IO, no clock. `systems` fills [`Facts`], `store` keeps
//! [`Event`]s, `decide` reads both.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The public id of an event: a UUID v7, so that ids sort by the time recorded.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// A fresh id that carries the time `at`.
    pub fn new_at(at: Timestamp) -> Self {
        Self(uuid_at(at))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A UUID v7 of the instant `at`; times before 1970 count as 1970.
pub(crate) fn uuid_at(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

/// The order in which events were recorded, from 1; the only clock of a source that has none.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Sequence(pub i64);

/// What a webhook is about: the lead's status, or one call.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Lead,
    Call,
}

impl EventKind {
    pub const ALL: [Self; 2] = [Self::Lead, Self::Call];

    /// The word used in tables (`on = "call"`), routes and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Call => "call",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A status as its source means it, already normalised by the source's vocabulary.
///
/// NLPearl's are numbers whatever the wire form (`100`, `"100"`, `"Success"`); Capillary's are
/// upper-case names; a name that the vocabulary does not know stays as it was sent.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(untagged)]
pub enum Status {
    Number(i64),
    Name(String),
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

/// What one webhook body says, in our words; read from the body alone, so reading twice gives the
/// same facts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// `None` only when the standing is not usable.
    pub kind: Option<EventKind>,
    /// The lead's id in the source's own system (NLPearl lead id, Capillary lead id).
    pub source_lead_id: Option<String>,
    /// The LeadPing lead id that the configured pointers name.
    pub lead_id: Option<String>,
    /// Other systems' ids of the same lead: configured source name → id.
    pub links: BTreeMap<String, String>,
    /// NLPearl's pearl id: the campaign that the lead belongs to.
    pub pearl_id: Option<String>,
    pub status: Option<Status>,
    pub sub_status: Option<String>,
    pub reason_id: Option<i64>,
    /// The source's own clock, where it has one.
    pub occurred_at: Option<Timestamp>,
    /// The id that the sender keeps across redeliveries (Capillary `eventId`).
    pub sender_event_id: Option<String>,
    /// The sender's event name (Capillary `leadStatusUpdated`).
    pub event_name: Option<String>,
    /// Every call that the body names, oldest first.
    pub calls: Vec<String>,
    /// The call that this event is about: a call webhook's id, or the last of a lead's calls.
    pub call: Option<String>,
    pub external_id: Option<String>,
    pub phone: Option<String>,
    pub call_summary: Option<String>,
    /// Seconds.
    pub call_duration: Option<f64>,
    pub call_recording: Option<String>,
    /// 1 (negative) to 5 (positive).
    pub call_sentiment: Option<i64>,
    pub call_transferred: Option<bool>,
    /// What the call collected: variable id → value.
    pub collected: Map<String, Value>,
    /// What LeadPing itself says that it now has of the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Reported>,
}

/// An entry of LeadPing's history, as LeadPing reports it: perhaps our own write coming back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reported {
    /// The entry's id there.
    pub entry_id: Option<String>,
    pub category: Option<String>,
    pub outcome: Option<String>,
    /// Who changed it, in LeadPing's word: `User`, `AI`, `Automation`, `System`, `API`.
    pub change_source: Option<String>,
    /// The delivery id of our marker, where the entry carries one.
    pub marker: Option<String>,
}

/// Whether a body can be decided at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing", content = "why")]
pub enum Standing {
    Usable,
    /// The body lacks or contradicts what a decision needs; parked with this reason.
    Invalid(String),
    /// Not ours to act on (an event name outside `events`, a call tied to no lead); settled.
    Ignored(String),
}

/// Facts with their standing: what `systems` makes of a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub facts: Facts,
    pub standing: Standing,
}

/// One recorded webhook as the decider sees it.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: EventId,
    pub sequence: Sequence,
    /// The configured source's name.
    pub source: String,
    /// The kind forced by the route (`/webhooks/{source}/call`), if any.
    pub forced_kind: Option<EventKind>,
    pub received_at: Timestamp,
    /// The raw bytes, exactly as verified.
    pub body: Bytes,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// On disk, not decided yet.
    Received,
    /// Decided; at least one of its deliveries is not final.
    Decided,
    /// Every verdict is final.
    Settled,
    /// Waits for a person or for its cause to go away.
    Parked,
    /// Given up by a person.
    Discarded,
}

impl EventState {
    pub const ALL: [Self; 5] = [
        Self::Received,
        Self::Decided,
        Self::Settled,
        Self::Parked,
        Self::Discarded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Decided => "decided",
            Self::Settled => "settled",
            Self::Parked => "parked",
            Self::Discarded => "discarded",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}
