//! Webhooks as Capillary sends them: the shape of the sample payload, each with ids of its own,
//! signed, and ready to be written to a socket.

use std::io::Write;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub type HmacSha256 = Hmac<Sha256>;

/// Known to the sender, the bare handler and the bridge alike.
pub const SECRET: &str = "a-secret-of-the-benchmark-only";
pub const SIGNATURE_HEADER: &str = "x-signature";
pub const SIGNATURE_PREFIX: &str = "sha256=";

/// This table row ignores it.
pub const IGNORED: &str = "OPEN";
/// One after the other, each is a change that LeadPing must be told.
pub const MAPPED: [&str; 4] = ["WON", "LOST", "ON_HOLD", "DELETED"];

const SAMPLE: &str = include_str!("../../tests/payloads/capillary-lead-won.json");
/// What of the sample differs from webhook to webhook.
const PLACES: [(&str, &str); 7] = [
    ("0e5c7a52-6f1e-4f0e-9a53-0c6a4a0f1b01", "@event@"),
    ("\"id\": 2,", "\"id\": @lead@,"),
    ("\"leadId\": 2,", "\"leadId\": @lead@,"),
    ("100458_2", "100458_@lead@"),
    ("lead_7Q2M4", "lead_@lead@"),
    ("\"WON\"", "\"@status@\""),
    ("1785578399000", "@clock@"),
];

/// What one webhook says.
#[derive(Debug, Clone, Copy)]
pub struct Webhook {
    pub lead: usize,
    pub status: &'static str,
    /// Milliseconds since 1970.
    pub occurred_at_ms: i64,
}

enum Piece {
    Text(&'static str),
    Event,
    Lead,
    Status,
    Clock,
}

/// Makes webhooks; no two have the same event id.
pub struct Sender {
    pieces: Vec<Piece>,
    key: HmacSha256,
    next_event: usize,
}

impl Sender {
    pub fn new() -> Self {
        let mut sample = SAMPLE.to_owned();
        for (text, place) in PLACES {
            assert!(sample.contains(text), "the sample payload has no {text}");
            sample = sample.replace(text, place);
        }
        let pieces = String::leak(sample).split('@').map(|piece| match piece {
            "event" => Piece::Event,
            "lead" => Piece::Lead,
            "status" => Piece::Status,
            "clock" => Piece::Clock,
            text => Piece::Text(text),
        });
        Self {
            pieces: pieces.collect(),
            key: key(),
            next_event: 0,
        }
    }

    /// How many there have been.
    pub fn made(&self) -> usize {
        self.next_event
    }

    /// The body of a new event.
    pub fn body(&mut self, webhook: Webhook) -> Vec<u8> {
        let event = self.next_event;
        self.next_event += 1;
        let mut body = Vec::with_capacity(SAMPLE.len() + 64);
        for piece in &self.pieces {
            let written = match piece {
                Piece::Text(text) => body.write_all(text.as_bytes()),
                Piece::Event => write!(body, "0e5c7a52-6f1e-4f0e-9a53-{event:012x}"),
                Piece::Lead => write!(body, "{}", webhook.lead),
                Piece::Status => body.write_all(webhook.status.as_bytes()),
                Piece::Clock => write!(body, "{}", webhook.occurred_at_ms),
            };
            written.expect("writing to memory cannot fail");
        }
        body
    }

    /// Signed requests for these webhooks, in order.
    pub fn batch(&mut self, webhooks: impl IntoIterator<Item = Webhook>) -> Batch {
        let mut batch = Batch::default();
        for webhook in webhooks {
            let body = self.body(webhook);
            batch.push(&self.key, "crm", &body);
        }
        batch
    }
}

pub fn key() -> HmacSha256 {
    HmacSha256::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length")
}

/// Requests, one behind the other in memory.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// A signed request to this source.
    pub fn push(&mut self, key: &HmacSha256, source: &str, body: &[u8]) {
        let mut mac = key.clone();
        mac.update(body);
        let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
        let head = format!(
            "POST /webhooks/{source} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             {SIGNATURE_HEADER}: {SIGNATURE_PREFIX}{signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(body);
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn request(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }
}

/// A time that is over, so that a webhook's clock is never in the future.
pub fn yesterday_ms() -> i64 {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    jiff::Timestamp::now().as_millisecond() - DAY_MS
}
