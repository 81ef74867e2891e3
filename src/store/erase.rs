//! Erasing a person: what is found of one, what went, and what the files still hold.

use crate::lead::{LeadKey, SystemId};

/// A lead as everything of it is found.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub leads: Vec<LeadKey>,
    /// Every id in every system.
    pub ids: Vec<SystemId>,
}

/// Rows of a person, by their numbers.
#[derive(Debug, Clone, Default)]
pub struct PersonRows {
    pub events: Vec<i64>,
    pub deliveries: Vec<i64>,
}

impl PersonRows {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.deliveries.is_empty()
    }
}

/// What a step removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    pub events: usize,
    pub deliveries: usize,
    pub attempts: usize,
    pub links: usize,
    pub rejects: usize,
}

impl Erased {
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.attempts += other.attempts;
        self.links += other.links;
        self.rejects += other.rejects;
    }
}

/// How an erasing step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraseStep {
    Erased(Erased),
    /// A call is under way, or an event not decided yet: nothing was written.
    Busy,
}

/// A recorded body that holds what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub event: i64,
    pub id: crate::event::EventId,
    /// The event belongs to a lead, and so to somebody else.
    pub has_lead: bool,
    /// Which of the things looked for, by their place.
    pub needles: Vec<usize>,
}

/// A file of the store, and how often it holds what was looked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileTraces {
    pub file: String,
    pub bytes_read: u64,
    pub traces: u64,
}
