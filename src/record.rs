//! Recording: a verified webhook becomes an event on disk, or a known duplicate.
//!
//! Reads the facts once, computes the duplicate key, and waits for the commit. Nothing is answered
//! from memory.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::SourceConfig;
use crate::event::{Event, EventId, EventKind, Reading, Sequence};
use crate::store::{Appended, DedupeRule, NewEvent, RejectedRequest, Store, StoreError, Undecided};
use crate::systems;
use crate::systems::json::{Json, shown};
use crate::verify::VerifiedWebhook;

/// A verified and parsed webhook, on its way to the disk.
pub struct NewWebhook {
    pub source: Arc<SourceConfig>,
    pub forced_kind: Option<EventKind>,
    pub verified: VerifiedWebhook,
    pub reading: Reading,
    pub dedupe: DedupeRule,
    pub received_at: Timestamp,
}

impl NewWebhook {
    /// Reads the facts, once, and what would be a duplicate.
    pub fn read(
        source: &Arc<SourceConfig>,
        forced_kind: Option<EventKind>,
        (verified, body): (VerifiedWebhook, &Json<'_>),
        received_at: Timestamp,
    ) -> Self {
        let reading = systems::read(source, forced_kind, body);
        let sender_id = verified
            .sender_id()
            .or(reading.facts.sender_event_id.as_deref());
        let dedupe = dedupe_rule(source, sender_id, body);
        Self {
            source: source.clone(),
            forced_kind,
            verified,
            reading,
            dedupe,
            received_at,
        }
    }
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
            reading,
            dedupe,
            received_at,
        } = webhook;
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
                reading,
            },
            dedupe,
        };
        match self.store.append(event).await {
            Ok(Appended::New(id)) => Ok(Recorded::New(id)),
            Ok(Appended::Duplicate(of)) => Ok(Recorded::Duplicate(of)),
            Err(StoreError::Overloaded) => Err(RecordError::Overloaded),
            Err(error) => {
                // The writer has said so once, as an error.
                tracing::debug!(source.name = %source.name, %error, "a webhook could not be written; its sender is told to come back");
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
fn dedupe_rule(source: &SourceConfig, sender_id: Option<&str>, body: &Json<'_>) -> DedupeRule {
    let mut hash = Sha256::new();
    hash.update(&source.name);
    match sender_id {
        Some(id) => {
            hash.update([0, b'i']);
            hash.update(id);
        }
        None => {
            hash.update([0, b'b']);
            hash_canonical(&mut hash, body);
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

/// Hashes a body as JSON without blanks, members sorted by name, so that the same webhook written
/// differently has the same hash.
fn hash_canonical(hash: &mut Sha256, value: &Json<'_>) {
    match value {
        Json::Object(object) => {
            // Stable: of a name that stands twice the last stays last.
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (place, (name, member)) in members.iter().enumerate() {
                let is_repeated = members.get(place + 1).is_some_and(|(next, _)| next == name);
                if !is_repeated {
                    hash_text(hash, name);
                    hash.update(b":");
                    hash_canonical(hash, member);
                    hash.update(b",");
                }
            }
            hash.update(b"}");
        }
        Json::Array(items) => {
            hash.update(b"[");
            for item in items {
                hash_canonical(hash, item);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        Json::Str(text) => hash_text(hash, text),
        Json::Number(number) => hash.update(shown(*number)),
        Json::Bool(truth) => hash.update(if *truth { "true" } else { "false" }),
        Json::Null => hash.update("null"),
    }
}

/// Its length stands before it, so that no two bodies run into each other.
fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_le_bytes());
    hash.update(b"\"");
    hash.update(text);
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
            fields: crate::config::Fields::default(),
            links: std::collections::BTreeMap::new(),
            events: Vec::new(),
            dedupe_window: std::time::Duration::from_secs(604_800),
            redelivery: std::time::Duration::from_secs(120),
            rate_limit: None,
            resolve: None,
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
        let twice = r#"{"status":7,"id":"a","status":100,"calls":["x","y"]}"#;
        assert_eq!(key(None, body), key(None, twice));
        for other in [
            r#"{"id":"a","status":110,"calls":["x","y"]}"#,
            r#"{"id":"a","status":100,"calls":["y","x"]}"#,
            r#"{"id":"a","status":"100","calls":["x","y"]}"#,
            r#"{"id":"a","status":100,"calls":["x,y"]}"#,
            r#"{"id":"a","status":100,"calls":[["x","y"]]}"#,
        ] {
            assert_ne!(key(None, body), key(None, other));
        }
    }

    #[test]
    fn the_senders_id_counts_where_it_gives_one() {
        assert_eq!(key(Some("e1"), r#"{"a":1}"#), key(Some("e1"), r#"{"a":2}"#));
        assert_ne!(key(Some("e1"), r#"{"a":1}"#), key(Some("e2"), r#"{"a":1}"#));
        let rule = dedupe_rule(&source(), Some("e1"), &Json::Null);
        assert_eq!(rule.within, source().dedupe_window);
        assert!(!rule.or_newest_of_lead);
        let rule = dedupe_rule(&source(), None, &Json::Null);
        assert_eq!(rule.within, source().redelivery);
        assert!(rule.or_newest_of_lead);
    }
}
