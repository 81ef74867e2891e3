//! Links as the store's verbs take and show them. Plain data; which ids are one lead is learnt by
//! `lead::identity`.

use serde::Serialize;

use super::{Decided, LeadQuery};
use crate::lead::SystemId;

/// Two ids that are said to be one lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// An id at a source.
    pub id: SystemId,
    /// LeadPing's id of the lead, or its id at another source.
    pub same_as: SystemId,
    /// NLPearl's campaign that `id` belongs to.
    pub pearl_id: Option<String>,
}

/// One lead by several ids, as an event would name it: its id at the source first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLead {
    pub ids: Vec<SystemId>,
    /// NLPearl's campaign that the first id belongs to.
    pub pearl_id: Option<String>,
}

/// What a link taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Learnt {
    New,
    Known,
    /// The id meant another LeadPing lead before.
    Moved,
    /// Nothing: LeadPing knows the two as two leads.
    Contradicts,
}

#[derive(Debug, Clone)]
pub struct Linked {
    pub learnt: Learnt,
    /// The LeadPing lead that the id meant before, if it meant another.
    pub moved_from: Option<String>,
    /// What waited for it.
    pub decided: Vec<Decided>,
}

/// A page of links, in the order of source and id.
#[derive(Debug, Clone, Default)]
pub struct LinkPage {
    pub limit: u32,
    /// Only links behind this id.
    pub after: Option<SystemId>,
    pub source: Option<String>,
    /// Only links of this lead; they fit one page.
    pub lead: Option<LeadQuery>,
}

#[derive(Debug, Clone)]
pub struct Links {
    pub rows: Vec<LinkRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<SystemId>,
}

/// A source's id of a lead, and who that is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    pub source: String,
    pub source_lead_id: String,
    pub lead_id: Option<String>,
    /// Where LeadPing's id is not known: another id of the same lead.
    pub same_as: Option<SystemId>,
    pub pearl_id: Option<String>,
}
