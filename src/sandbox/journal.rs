//! The journal: the last requests, in the order in which they took effect, and a count of all.
//!
//! It keeps bodies, because it is for tests and trying things out. Nothing of it reaches a log.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::System;
use super::fault::Operation;

/// Larger bodies are not kept.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// The oldest entries give way beyond this, even below the number of entries allowed.
const MAX_TEXT_BYTES: usize = 128 * 1024 * 1024;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// From 1, over all requests since the start or the last reset.
    pub number: u64,
    pub at: Timestamp,
    pub system: System,
    pub method: String,
    /// Without the query.
    pub path: String,
    pub operation: Operation,
    /// Did it change anything here?
    pub applied: bool,
    /// `None`: the connection was closed or left hanging on request.
    pub status: Option<u16>,
    pub lead_id: Option<String>,
    /// The delivery id of a `[lb:…]` in `reason` or `notes`.
    pub marker: Option<String>,
    /// The fault that was carried out.
    pub fault: Option<&'static str>,
    pub body: Option<Arc<str>>,
}

impl JournalEntry {
    /// The body as JSON; null if there was none or it was not JSON.
    pub fn json_body(&self) -> Value {
        let body = self.body.as_deref().unwrap_or("null");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    pub(super) fn to_json(&self) -> Value {
        let body = match (self.json_body(), &self.body) {
            (Value::Null, Some(text)) => Value::from(&**text),
            (body, _) => body,
        };
        json!({
            "number": self.number,
            "at_ms": self.at.as_millisecond(),
            "system": self.system,
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "applied": self.applied,
            "status": self.status,
            "lead_id": self.lead_id,
            "marker": self.marker,
            "fault": self.fault,
            "body": body,
        })
    }
}

#[derive(Debug)]
pub(super) struct Journal {
    entries: VecDeque<JournalEntry>,
    total: u64,
    text_bytes: usize,
    max_entries: usize,
}

impl Journal {
    pub fn new(max_entries: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            total: 0,
            text_bytes: 0,
            max_entries,
        }
    }

    /// All requests ever recorded, also those that have given way.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes the entry in and numbers it.
    pub fn record(&mut self, mut entry: JournalEntry) {
        self.total += 1;
        entry.number = self.total;
        entry.body = entry.body.filter(|body| body.len() <= MAX_BODY_BYTES);
        self.text_bytes += text_length(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > self.max_entries || self.text_bytes > MAX_TEXT_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.text_bytes -= text_length(&oldest);
        }
    }

    /// The entries that are still kept with a number above `number`.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &JournalEntry> {
        let first = self.entries.front().map_or(1, |entry| entry.number);
        let skip = number.saturating_add(1).saturating_sub(first);
        self.entries
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }
}

/// Everything of an entry that a caller can make long.
fn text_length(entry: &JournalEntry) -> usize {
    let body = entry.body.as_ref().map_or(0, |body| body.len());
    let lead = entry.lead_id.as_ref().map_or(0, String::len);
    let marker = entry.marker.as_ref().map_or(0, String::len);
    entry.path.len() + body + lead + marker
}

/// The id inside the last `[lb:…]` of a text.
pub(super) fn marker_in(text: &str) -> Option<&str> {
    let (_, tail) = text.rsplit_once("[lb:")?;
    tail.split_once(']').map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> JournalEntry {
        JournalEntry {
            number: 0,
            at: Timestamp::UNIX_EPOCH,
            system: System::Leadping,
            method: "POST".to_owned(),
            path: "/dispositions".to_owned(),
            operation: Operation::Set,
            applied: true,
            status: Some(201),
            lead_id: None,
            marker: None,
            fault: None,
            body: None,
        }
    }

    fn numbers(journal: &Journal, after: u64) -> Vec<u64> {
        journal.after(after).map(|entry| entry.number).collect()
    }

    #[test]
    fn the_oldest_give_way_and_the_count_goes_on() {
        let mut journal = Journal::new(3);
        for _ in 0..5 {
            journal.record(entry());
        }
        assert_eq!(journal.total(), 5);
        assert_eq!(numbers(&journal, 0), [3, 4, 5]);
        assert_eq!(numbers(&journal, 4), [5]);
        assert_eq!(numbers(&journal, u64::MAX), [0u64; 0]);
    }

    #[test]
    fn large_bodies_are_not_kept() {
        let mut journal = Journal::new(3);
        journal.record(JournalEntry {
            body: Some("x".repeat(MAX_BODY_BYTES + 1).into()),
            ..entry()
        });
        assert_eq!(
            journal.after(0).next().and_then(|entry| entry.body.clone()),
            None
        );
    }

    #[test]
    fn the_last_marker_of_a_text_counts() {
        assert_eq!(marker_in("booked [lb:0197]"), Some("0197"));
        assert_eq!(marker_in("[lb:old] and [lb:new] end"), Some("new"));
        assert_eq!(marker_in("[lb:open"), None);
        assert_eq!(marker_in("no marker"), None);
    }
}
