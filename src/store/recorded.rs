//! What is read of recorded events by those who decide them again, and write nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Undecided;
use crate::event::Sequence;
use crate::lead::{LeadHistory, LeadKey, SystemId};

/// An event that has not been recorded, and what deciding it would see.
#[derive(Debug, Clone)]
pub struct Peeked {
    pub event: Undecided,
    pub history: LeadHistory,
    /// What waits for a link that it teaches, in order, each with what its own deciding would see
    /// but for what becomes of those before it.
    pub decided_first: Vec<(Undecided, LeadHistory)>,
}

/// From where recorded events are read again.
#[derive(Debug, Clone, Copy)]
pub enum RecordedFrom {
    /// So many of the newest.
    Last(u64),
    /// Those received since then; a few older ones may stand among them.
    Since(Timestamp),
}

/// The first and the last event of what is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSpan {
    pub first: Sequence,
    pub last: Sequence,
}

/// A lead as the link table knows it.
#[derive(Debug, Clone)]
pub struct KnownLead {
    pub lead: LeadKey,
    pub ids: Vec<SystemId>,
    /// NLPearl lead id → pearl id.
    pub pearls: BTreeMap<String, String>,
}
