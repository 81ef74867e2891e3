//! Recording: a verified webhook becomes an event on disk, or a known duplicate.
//!
//! Reads the facts once, computes the duplicate key, and waits for the commit. Nothing is answered
//! from memory.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::SourceConfig;
use crate::event::{Event, EventId, EventKind, Sequence};
use crate::store::{Appended, DedupeRule, NewEvent, RejectedRequest, Store, StoreError, Undecided};
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
            undecided: Undecided {
                event: Event {
                    id: EventId::new_at(received_at),
                    sequence: Sequence::default(),
                    source: source.name.clone(),
                    forced_kind,
                    received_at,
                    body: verified.body().clone(),
                },
                parsed,
                reading,
            },
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
    let mut hash = Sha256::new();
    hash.update(&source.name);
    match sender_id {
        Some(id) => {
            hash.update([0, b'i']);
            hash.update(id);
        }
        None => {
            hash.update([0, b'b']);
            // Members are kept sorted, so the same webhook written differently has the same hash.
            // Hashing cannot fail to write.
            let _ = serde_json::to_writer(Hasher(&mut hash), parsed);
        }
    }
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

/// Hashes what is written to it.
struct Hasher<'a>(&'a mut Sha256);

impl std::io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AuthConfig, AuthScheme, SourceKind};

    fn source() -> SourceConfig {
        SourceConfig {
            name: String::from("voice"),
            kind: SourceKind::Nlpearl,
            mapping: String::from("voice"),
            lead: Vec::new(),
            links: std::collections::BTreeMap::new(),
            events: Vec::new(),
            dedupe_window: std::time::Duration::from_secs(604_800),
            redelivery: std::time::Duration::from_secs(120),
            rate_limit: None,
            auth: vec![AuthConfig {
                scheme: AuthScheme::None,
                not_after: None,
            }],
        }
    }

    fn key(sender_id: Option<&str>, body: &str) -> [u8; 16] {
        dedupe_rule(&source(), sender_id, &serde_json::from_str(body).unwrap()).key
    }

    #[test]
    fn a_body_is_the_same_in_any_order_and_spacing_and_no_other() {
        let body = r#"{"id":"a","status":100,"calls":["x","y"]}"#;
        let same = r#"{ "status": 100, "calls": ["x", "y"], "id": "a" }"#;
        assert_eq!(key(None, body), key(None, same));
        for other in [
            r#"{"id":"a","status":110,"calls":["x","y"]}"#,
            r#"{"id":"a","status":100,"calls":["y","x"]}"#,
            r#"{"id":"a","status":"100","calls":["x","y"]}"#,
        ] {
            assert_ne!(key(None, body), key(None, other));
        }
    }

    #[test]
    fn the_senders_id_counts_where_it_gives_one() {
        assert_eq!(key(Some("e1"), r#"{"a":1}"#), key(Some("e1"), r#"{"a":2}"#));
        assert_ne!(key(Some("e1"), r#"{"a":1}"#), key(Some("e2"), r#"{"a":1}"#));
        let rule = dedupe_rule(&source(), Some("e1"), &Value::Null);
        assert_eq!(rule.within, source().dedupe_window);
        assert!(!rule.or_newest_of_lead);
        let rule = dedupe_rule(&source(), None, &Value::Null);
        assert_eq!(rule.within, source().redelivery);
        assert!(rule.or_newest_of_lead);
    }
}
