//! One lead's story, for people: who it is in which system, what each target has of it, and its
//! events, newest first, each with what was decided, what was sent, and every try of it.
//!
//! What a person said or is called stands in no row here: of what was sent only category, outcome
//! and the names of the other members.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{EventRow, Store, StoreError, rows};
use crate::delivery::DeliveryId;
use crate::event::{Event, Sequence};
use crate::lead::{Previous, SystemId};

/// A page of one lead's events, newest first.
#[derive(Debug, Clone)]
pub struct LeadPage {
    /// What the id may mean: one system, or each that could know it.
    pub ids: Vec<SystemId>,
    pub limit: u32,
    /// Only events recorded before this one.
    pub before: Option<Sequence>,
    /// Targets in shadow mode: what is withheld there counts as what they have.
    pub shadowed: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum LeadFound {
    One(Box<LeadTimeline>),
    /// The id means different leads in different systems.
    Several(Vec<SystemId>),
}

#[derive(Debug, Clone)]
pub struct LeadTimeline {
    pub lead: LeadCard,
    /// With what was recorded of each, newest first.
    pub events: Vec<(EventRow, Event)>,
    /// Where the next page begins, if there is more.
    pub next: Option<Sequence>,
}

/// Who a lead is, and how it stands.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct LeadCard {
    /// LeadPing's id.
    pub lead_id: Option<String>,
    /// Every id that is known, in every system; LeadPing's under `leadping`.
    pub ids: Vec<SystemId>,
    /// NLPearl lead id → its campaign.
    pub pearls: BTreeMap<String, String>,
    /// Distinct calls seen.
    pub calls: usize,
    /// What it was last decided to be, as tables see it.
    pub previous: Option<Previous>,
    pub has: Vec<TargetHas>,
}

/// What one target has of the lead, or is about to have.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TargetHas {
    pub target: String,
    /// The lead's address there, where it can have several.
    pub address: Option<String>,
    /// It is LeadPing's record of the lead, not a disposition.
    pub is_record: bool,
    /// `there`, `on_its_way` or `unsent`; `told` where the target itself has said otherwise since;
    /// `nothing` where nothing that was decided got there.
    pub state: &'static str,
    pub category: Option<String>,
    /// Of another system than LeadPing: the status.
    pub outcome: Option<String>,
    /// The names of all members that were given.
    pub members: Vec<String>,
    /// The delivery that set it.
    pub delivery: Option<DeliveryId>,
    /// The target's id of it.
    pub entry_id: Option<String>,
    /// The source whose event set or told it.
    pub source: Option<String>,
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub at: Option<Timestamp>,
}

/// One try of a delivery.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AttemptRow {
    pub number: u32,
    /// `set`, `amend`, `look_up`, …
    pub call: String,
    /// Method and path.
    pub request: String,
    /// `None`: no complete answer came.
    pub http_status: Option<u16>,
    pub result: String,
    #[serde(serialize_with = "rows::timestamp")]
    pub started_at: Timestamp,
    pub duration_ms: i64,
}

impl Store {
    /// A page of the timeline of the lead with this id.
    pub async fn lead_timeline(&self, page: LeadPage) -> Result<LeadFound, StoreError> {
        let Self::Sqlite(store) = self;
        store.lead_timeline(page).await
    }
}
