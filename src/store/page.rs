//! Lists of events: what is asked for, and what a page of them holds.

use serde::{Deserialize, Serialize};

use super::EventRow;
use crate::decision::ParkCause;
use crate::event::{EventId, EventState, Sequence};

/// A page of events, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    pub limit: u32,
    /// Only events recorded before this one.
    pub before: Option<Sequence>,
    pub source: Option<String>,
    pub state: Option<EventState>,
    pub lead: Option<LeadQuery>,
    /// That event alone.
    pub id: Option<EventId>,
    /// Parked for this cause, or with a delivery that is.
    pub cause: Option<ParkCause>,
}

/// Events, newest first, and where the next page begins. A page may hold few, or none, and yet not be
/// the last: one that no index knows looks back only so far.
#[derive(Debug, Default)]
pub struct EventsFound {
    pub rows: Vec<EventRow>,
    pub next: Option<Sequence>,
}

/// A lead by its id in one of the systems named.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeadQuery {
    pub id: String,
    /// Source names; LeadPing's own ids are looked up too.
    pub sources: Vec<String>,
}
