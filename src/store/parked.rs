//! What is parked, and what a person does about it: let it go on, or give it up. Bounded steps; whoever
//! asks for the next one may as well not ask.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Decided, Decider, Store, StoreError, rows};
use crate::decision::ParkCause;
use crate::delivery::DeliveryId;
use crate::event::{EventId, Sequence};

/// Which of the parked.
#[derive(Debug, Clone)]
pub enum Parked {
    Event(EventId),
    Delivery(DeliveryId),
    /// Everything with this cause, oldest first, some at a time.
    Cause {
        cause: ParkCause,
        after: ParkedPlace,
    },
}

/// How far the parked of one cause have been gone through: store rows of events and deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParkedPlace {
    pub event: i64,
    pub delivery: i64,
}

impl fmt::Display for ParkedPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.event, self.delivery)
    }
}

impl FromStr for ParkedPlace {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (event, delivery) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self {
            event: event.parse()?,
            delivery: delivery.parse()?,
        })
    }
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedAction {
    /// Decide its event again, now, with today's tables.
    Release,
    /// Send a delivery's stored request.
    ReleaseAsIs,
    Discard,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FreedTo {
    /// A call is to be made.
    Due,
    /// Its target is in shadow mode: recorded, not sent.
    Withheld,
    /// Decided, and nothing is to be sent: stale, unchanged, ignored, …
    Settled,
    /// Something newer was decided for its lead and target.
    Superseded,
    /// Decided again, and still parked.
    Parked,
    Discarded,
}

impl FreedTo {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Withheld => "withheld",
            Self::Settled => "settled",
            Self::Superseded => "superseded",
            Self::Parked => "parked",
            Self::Discarded => "discarded",
        }
    }
}

/// What one step did.
#[derive(Debug, Clone, Default)]
pub struct Freed {
    /// One for each event or delivery that was parked.
    pub results: Vec<FreedTo>,
    pub decided: Vec<Decided>,
    /// Targets that have one more delivery to take without a decision, one entry each.
    pub woken: Vec<String>,
    /// Where to go on; `None` when that was the last.
    pub next: Option<ParkedPlace>,
}

/// What waits for one cause.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ParkedRow {
    pub cause: ParkCause,
    pub events: i64,
    pub deliveries: i64,
    #[serde(serialize_with = "rows::timestamp")]
    pub oldest_at: Timestamp,
    pub suggestion: String,
    /// The oldest of its events, which has the status in full.
    #[serde(skip)]
    pub first_event: Option<Sequence>,
}

/// Why the newest events of a cause are parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ParkedReasons {
    /// So many of them, the newest, were looked at.
    pub newest: i64,
    /// The most frequent reasons among those, at most three.
    pub most: Vec<ParkedReason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ParkedReason {
    pub why: String,
    pub events: i64,
}

impl Store {
    /// Why the newest events of a cause wait, where one cause stands for many reasons.
    pub async fn parked_reasons(&self, cause: ParkCause) -> Result<ParkedReasons, StoreError> {
        let Self::Sqlite(store) = self;
        store.parked_reasons(cause).await
    }

    /// What is parked, by cause, in the order of causes.
    pub async fn parked(&self) -> Result<Vec<ParkedRow>, StoreError> {
        self.parked_after(None, u32::MAX).await
    }

    /// The same, in pages: at most `limit` causes behind `after`.
    pub async fn parked_after(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ParkedRow>, StoreError> {
        let Self::Sqlite(store) = self;
        store.parked_after(after, limit).await
    }

    /// Lets what is parked go on, or gives it up, in one bounded step.
    pub async fn free_parked(
        &self,
        parked: Parked,
        action: ParkedAction,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Freed, StoreError> {
        let Self::Sqlite(store) = self;
        store.free_parked(parked, action, by, now).await
    }
}
