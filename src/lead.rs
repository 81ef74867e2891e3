//! The lead: the subject of events and the key of order, and what we know of its past.
//!
//! [`LeadHistory`] is the whole of what a decision may look at besides the event and the tables;
//! `store` loads it in the transaction that writes the decision.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::delivery::DeliveryId;
use crate::event::Sequence;

/// The name under which the link table keeps LeadPing's own lead ids.
pub const LEADPING: &str = "leadping";

/// One lead across all systems: the store's own number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeadKey(pub i64);

/// An id of a lead in one system: a source's name or [`LEADPING`], and the id there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SystemId {
    pub system: String,
    pub id: String,
}

impl SystemId {
    pub fn new(system: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            system: system.into(),
            id: id.into(),
        }
    }
}

/// The newest event of one source that was applied: made a delivery, was unchanged, or an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub sequence: Sequence,
    /// The source's clock; `None` where the source has none.
    pub occurred_at: Option<Timestamp>,
}

/// What the lead was last decided to be, as tables see it (`previous.category`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub category: Option<String>,
    pub outcome: Option<String>,
    pub source: String,
    pub at: Timestamp,
}

/// What a target has of this lead: the newest delivery that is there or on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub delivery: DeliveryId,
    /// The members that the row gave (no lead id, no marker, no timestamp of ours).
    pub members: Map<String, Value>,
    pub call: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetHistory {
    /// The newest event of any source that was applied at this target.
    pub applied: Option<Sequence>,
    pub has: Option<Entry>,
}

/// A lead's past, as far as a decision may look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeadHistory {
    /// The LeadPing lead id, from the event or from the link table; `None`: unlinked.
    pub lead_id: Option<String>,
    /// Distinct calls that the bridge has seen for this lead, this event's included.
    pub calls: u32,
    pub previous: Option<Previous>,
    /// Newest applied event: source name → when.
    pub applied: BTreeMap<String, Applied>,
    /// Target name → what it has.
    pub targets: BTreeMap<String, TargetHistory>,
}
