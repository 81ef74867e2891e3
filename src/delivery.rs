//! The delivery: one call that must be made to one target, and its attempts.
//!
//! States and plain data only. `decide` plans deliveries, `store` keeps them, `deliver` makes them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use crate::event::{EventId, Sequence, uuid_at};
use crate::lead::LeadKey;

/// The public id of a delivery, a UUID v7; unique across stores, because it marks our entries at
/// the target (`[lb:<delivery id>]`).
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
pub struct DeliveryId(pub Uuid);

impl DeliveryId {
    pub fn new_at(at: Timestamp) -> Self {
        Self(uuid_at(at))
    }

    /// To the millisecond; `None` of an id that carries no time.
    pub fn decided_at(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        let nanos = i32::try_from(nanos).ok()?;
        Timestamp::new(i64::try_from(seconds).ok()?, nanos).ok()
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for DeliveryId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// The member under which a delivery holds what to change in LeadPing's record of the lead.
const RECORD: &str = "lead";
/// The target whose leads have one address for good.
const ONE_ADDRESS: &str = "leadping";

/// What a delivery is about at its target: deliveries of one slot tell the same thing anew, and
/// what the newest of them told is what the target has. LeadPing's dispositions and its record of
/// the lead are two; at other targets each address is one.
pub fn slot(target: &str, lead_id: &str, members: &Map<String, Value>) -> String {
    if target != ONE_ADDRESS {
        format!("{target}:{lead_id}")
    } else if members.contains_key(RECORD) {
        format!("{target}.{RECORD}")
    } else {
        target.to_owned()
    }
}

/// A slot read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot<'a> {
    pub target: &'a str,
    /// `None`: wherever the lead was.
    pub lead_id: Option<&'a str>,
    pub is_record: bool,
}

impl<'a> Slot<'a> {
    /// LeadPing's dispositions: the only slot with a history that is amended, call by call.
    pub fn is_disposition(&self) -> bool {
        self.target == ONE_ADDRESS && !self.is_record
    }

    pub fn parse(slot: &'a str) -> Self {
        if let Some((target, lead_id)) = slot.split_once(':') {
            return Self {
                target,
                lead_id: Some(lead_id),
                is_record: false,
            };
        }
        let record = slot
            .strip_suffix(RECORD)
            .and_then(|slot| slot.strip_suffix('.'));
        Self {
            target: record.unwrap_or(slot),
            lead_id: None,
            is_record: record.is_some(),
        }
    }
}

/// Where a delivery stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Due,
    InFlight,
    Delivered,
    Parked,
    Superseded,
    Discarded,
    Withheld,
}

impl DeliveryState {
    pub const ALL: [Self; 7] = [
        Self::Due,
        Self::InFlight,
        Self::Delivered,
        Self::Parked,
        Self::Superseded,
        Self::Discarded,
        Self::Withheld,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::InFlight => "in_flight",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
            Self::Withheld => "withheld",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Still to be made: keeps the later deliveries of its lead waiting.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::InFlight)
    }

    /// Nothing will change it any more by itself or by a person.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Superseded | Self::Discarded | Self::Withheld
        )
    }
}

/// A delivery that is about to be tried, with the token that its settlement must show.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The store's own row number.
    pub row: i64,
    pub token: i64,
    pub id: DeliveryId,
    pub event: EventId,
    /// The event's place in the order recorded.
    pub sequence: Sequence,
    pub lead: LeadKey,
    /// The lead's id at the target, or its address.
    pub lead_id: String,
    pub target: String,
    /// What the row gave.
    pub members: Map<String, Value>,
    /// The event's clock, else the time received: sent as `timestamp`.
    pub timestamp: Timestamp,
    /// When the webhook was received; for the lag metric.
    pub received_at: Timestamp,
    /// Counted when the lease is taken; the first try is 1.
    pub attempt: u32,
    /// An earlier try may have reached the target: look before sending.
    pub fate_unknown: bool,
    /// Look, never send: the target is in shadow mode.
    pub look_only: bool,
    /// Amends an entry that an earlier delivery set.
    pub is_amend: bool,
    /// When its patience began: the first try that failed, and the target's lost time by then.
    pub patience: Option<Patience>,
    pub leased_at: Timestamp,
}

/// Leave to make one call now: a slot of the target and one call of its rate limit, got before the
/// work. Dropped, the slot is free again; the target's worker does not stop while it is held.
#[derive(Debug)]
pub struct Leave {
    _slot: OwnedSemaphorePermit,
    _counted: TaskTrackerToken,
}

impl Leave {
    pub fn new(slot: OwnedSemaphorePermit, counted: TaskTrackerToken) -> Self {
        Self {
            _slot: slot,
            _counted: counted,
        }
    }
}

/// From when a delivery's `give_up_after_hours` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub since: Timestamp,
    /// The target's lost time (see `target::Health`) at `since`, in milliseconds.
    pub lost_ms_then: i64,
}

/// What kind of call an attempt was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Appends a disposition and makes it the current one.
    Set,
    /// Gives an entry more detail.
    Amend,
    /// Reads the lead's history to learn what became of an earlier try.
    LookUp,
    /// Writes what only sets state, and may be made again.
    Update,
    /// Reads LeadPing's record of the lead before it is changed.
    Read,
    /// Reads it again after it was written.
    ReadBack,
    /// Asks for the token that another call needs.
    Token,
    /// The process ended during the try; recorded at the next start.
    Interrupted,
}

impl CallKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Amend => "amend",
            Self::LookUp => "look_up",
            Self::Update => "update",
            Self::Read => "read",
            Self::ReadBack => "read_back",
            Self::Token => "token",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One try of a delivery, as kept for the question "why": a row that is never updated.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub number: u32,
    pub call: CallKind,
    /// Method and path; no query, no body.
    pub request: String,
    /// `None`: no complete answer came.
    pub http_status: Option<u16>,
    /// What happened, in fixed words of ours.
    pub result: &'static str,
    pub started_at: Timestamp,
    pub duration_ms: i64,
}
