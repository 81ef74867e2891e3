//! What became of each webhook: the last ones, in the order in which they were fired.
//!
//! It keeps bodies, because it is for tests and trying things out. Nothing of it reaches a log.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::System;

/// One webhook and how it went.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEntry {
    /// From 1, over all webhooks since the start.
    pub number: u64,
    pub at: Timestamp,
    pub system: System,
    pub lead_id: String,
    pub state: WebhookState,
    pub attempts: u32,
    /// What the last try was answered; `None` if nothing came back.
    pub last_status: Option<u16>,
    pub body: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    Queued,
    Sending,
    /// Not taken; its next try comes by itself.
    Waiting,
    Delivered,
    /// Answered in a way that says: do not send it again.
    Refused,
    /// Tried too often.
    GivenUp,
    /// Too many were waiting already.
    Dropped,
}

impl WebhookState {
    fn is_moving(self) -> bool {
        matches!(self, Self::Queued | Self::Sending)
    }

    /// A further state may follow.
    fn is_open(self) -> bool {
        self.is_moving() || self == Self::Waiting
    }
}

impl WebhookEntry {
    pub fn json_body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(in crate::sandbox) fn to_json(&self) -> Value {
        json!({
            "number": self.number,
            "at_ms": self.at.as_millisecond(),
            "system": self.system,
            "lead_id": self.lead_id,
            "state": self.state,
            "attempts": self.attempts,
            "last_status": self.last_status,
            "body": self.json_body(),
        })
    }
}

/// A webhook on its way.
#[derive(Debug)]
pub(in crate::sandbox) struct Parcel {
    pub number: u64,
    pub message_id: String,
    pub body: Arc<str>,
}

#[derive(Debug)]
pub(in crate::sandbox) struct Log {
    entries: VecDeque<WebhookEntry>,
    moving: usize,
    last_number: u64,
    forgotten: u64,
    max_entries: usize,
}

impl Log {
    pub fn new(max_entries: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            moving: 0,
            last_number: 0,
            forgotten: 0,
            max_entries,
        }
    }

    /// Those fired since the last reset, also those that have given way.
    pub fn total(&self) -> u64 {
        self.last_number - self.forgotten
    }

    pub fn moving(&self) -> usize {
        self.moving
    }

    /// The entries that are still kept with a number above `number`.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &WebhookEntry> {
        self.entries
            .iter()
            .filter(move |entry| entry.number > number)
    }

    pub(super) fn open(
        &mut self,
        system: System,
        lead: &str,
        body: Arc<str>,
        now: Timestamp,
    ) -> Parcel {
        self.last_number += 1;
        self.entries.push_back(WebhookEntry {
            number: self.last_number,
            at: now,
            system,
            lead_id: lead.to_owned(),
            state: WebhookState::Queued,
            attempts: 0,
            last_status: None,
            body: Arc::clone(&body),
        });
        self.moving += 1;
        // Those that are over give way, the oldest first; queues are bounded, so some are.
        while self.entries.len() > self.max_entries {
            let over = self.entries.iter().position(|entry| !entry.state.is_open());
            let gone = self.entries.remove(over.unwrap_or(0));
            let was_moving = gone.is_some_and(|entry| entry.state.is_moving());
            self.moving -= usize::from(was_moving);
        }
        Parcel {
            number: self.last_number,
            message_id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            body,
        }
    }

    /// A try begins; false if the webhook was forgotten.
    pub(super) fn take_up(&mut self, number: u64) -> bool {
        if number <= self.forgotten {
            return false;
        }
        self.close(number, WebhookState::Sending);
        true
    }

    pub(super) fn tried(&mut self, number: u64, status: Option<StatusCode>) {
        if let Some(entry) = self.entry(number) {
            entry.attempts += 1;
            entry.last_status = status.map(|status| status.as_u16());
        }
    }

    pub(super) fn close(&mut self, number: u64, state: WebhookState) {
        let Some(entry) = self.entry(number) else {
            return;
        };
        let before = std::mem::replace(&mut entry.state, state);
        self.moving += usize::from(state.is_moving());
        self.moving -= usize::from(before.is_moving());
    }

    pub(super) fn forget(&mut self) {
        self.forgotten = self.last_number;
        self.entries.clear();
        self.moving = 0;
    }

    fn entry(&mut self, number: u64) -> Option<&mut WebhookEntry> {
        let index = self
            .entries
            .binary_search_by_key(&number, |entry| entry.number)
            .ok()?;
        self.entries.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(log: &mut Log) -> u64 {
        let body = Arc::from("{}");
        log.open(System::Nlpearl, "a", body, Timestamp::UNIX_EPOCH)
            .number
    }

    #[test]
    fn what_is_over_gives_way_before_what_is_open() {
        let mut log = Log::new(2);
        let first = open(&mut log);
        let second = open(&mut log);
        log.close(second, WebhookState::Delivered);
        let third = open(&mut log);
        let kept: Vec<u64> = log.after(0).map(|entry| entry.number).collect();
        assert_eq!(kept, [first, third]);
        assert_eq!((log.moving(), log.total()), (2, 3));
        log.close(third, WebhookState::Waiting);
        assert_eq!(log.moving(), 1);
        log.take_up(third);
        let fourth = open(&mut log);
        assert_eq!(log.moving(), 2, "nothing is over, so the oldest has gone");
        log.close(first, WebhookState::Delivered);
        log.close(fourth, WebhookState::Delivered);
        assert_eq!(log.moving(), 1);
    }

    #[test]
    fn what_was_forgotten_is_not_taken_up_again() {
        let mut log = Log::new(10);
        let old = open(&mut log);
        log.forget();
        let new = open(&mut log);
        assert!(!log.take_up(old) && log.take_up(new));
        log.tried(new, Some(StatusCode::SERVICE_UNAVAILABLE));
        log.close(new, WebhookState::Waiting);
        let entry = log.after(0).next().expect("an entry");
        assert_eq!((entry.attempts, entry.last_status), (1, Some(503)));
        assert_eq!((log.moving(), log.total()), (0, 1));
    }
}
