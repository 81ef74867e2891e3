//! Recording: a verified webhook becomes an event on disk, or a known duplicate.
//!
//! Reads the facts once, computes the duplicate key, and waits for the commit. Nothing is answered
//! from memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::SourceConfig;
use crate::event::{EventId, EventKind};
use crate::store::{Appended, DedupeRule, NewEvent, RejectedRequest, Store, StoreError};
use crate::systems;
use crate::verify::VerifiedWebhook;

/// A verified and parsed webhook, on its way to the disk.
pub struct NewWebhook {
    pub source: Arc<SourceConfig>,
    pub forced_kind: Option<EventKind>,
    pub verified: VerifiedWebhook,
    pub parsed: Value,
    pub received_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    New(EventId),
    Duplicate(EventId),
}

/// Why nothing was recorded; the sender should come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("too much is waiting to be written")]
    Overloaded,
    #[error("the store cannot write")]
    Unavailable,
}

/// A verified request that is no JSON object we accept.
pub struct Reject {
    pub source: String,
    pub reason: &'static str,
    pub size_bytes: usize,
    pub at: Timestamp,
    /// The first bytes.
    pub body: Bytes,
}

#[derive(Debug, Clone)]
pub struct Recorder {
    store: Store,
}

impl Recorder {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Returns once the event is on disk.
    pub async fn record(&self, webhook: NewWebhook) -> Result<Recorded, RecordError> {
        let NewWebhook {
            source,
            forced_kind,
            verified,
            parsed,
            received_at,
        } = webhook;
        let reading = systems::read(&source, forced_kind, &parsed);
        let sender_id = verified
            .sender_id()
            .or(reading.facts.sender_event_id.as_deref());
        let dedupe = dedupe_rule(&source, sender_id, &parsed);
        let event = NewEvent {
            id: EventId::new_at(received_at),
            source: source.name.clone(),
            forced_kind,
            received_at,
            body: verified.body().clone(),
            parsed,
            reading,
            dedupe,
        };
        match self.store.append(event).await {
            Ok(Appended::New(id)) => Ok(Recorded::New(id)),
            Ok(Appended::Duplicate(of)) => Ok(Recorded::Duplicate(of)),
            Err(StoreError::Overloaded) => Err(RecordError::Overloaded),
            Err(error) => {
                tracing::error!(source.name = %source.name, %error, "a webhook could not be written; its sender is told to come back");
                Err(RecordError::Unavailable)
            }
        }
    }

    pub fn record_reject(&self, reject: Reject) {
        self.store.record_reject(RejectedRequest {
            source: reject.source,
            reason: reject.reason,
            size_bytes: reject.size_bytes,
            at: reject.at,
            body: reject.body,
        });
    }

    pub fn is_ready(&self) -> bool {
        self.store.is_writable()
    }
}

/// By the sender's id where it gives one; else by the canonical body, within the time in which a
/// sender repeats itself, or against the newest event of the same lead: a status that really came
/// back is no duplicate.
fn dedupe_rule(source: &SourceConfig, sender_id: Option<&str>, parsed: &Value) -> DedupeRule {
    let (class, bytes) = match sender_id {
        Some(id) => (b'i', id.as_bytes().to_vec()),
        None => (b'b', canonical(parsed)),
    };
    let mut hash = Sha256::new();
    hash.update(&source.name);
    hash.update([0, class]);
    hash.update(&bytes);
    let digest = hash.finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    DedupeRule {
        key,
        within: if sender_id.is_some() {
            source.dedupe_window
        } else {
            source.redelivery
        },
        or_newest_of_lead: sender_id.is_none(),
    }
}

/// The body with its members sorted: the same webhook written differently has the same hash.
fn canonical(parsed: &Value) -> Vec<u8> {
    let mut sorted = parsed.clone();
    sorted.sort_all_objects();
    // Writing a value that was parsed into memory cannot fail.
    serde_json::to_vec(&sorted).unwrap_or_default()
}

/// How often retention looks for what is old.
pub const RETENTION_EVERY: Duration = Duration::from_secs(600);
