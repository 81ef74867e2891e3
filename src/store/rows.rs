//! Between rows and nouns: times as milliseconds, states as words, ids as bytes.
//!
//! What fits no variant is reported as corrupt, never guessed.

use jiff::Timestamp;
use serde::Serializer;
use uuid::Uuid;

use super::StoreError;

pub fn to_ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub fn from_ms(ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(ms).map_err(|_| StoreError::Corrupt(format!("the time {ms}")))
}

pub fn parse_word<T>(
    word: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    what: &str,
) -> Result<T, StoreError> {
    parse(word).ok_or_else(|| StoreError::Corrupt(format!("{what} `{word}`")))
}

pub fn parse_uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Corrupt(String::from("an id of wrong length")))
}

/// RFC 3339 with milliseconds, as every answer of the API shows times.
pub fn timestamp<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

pub fn optional_timestamp<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => timestamp(at, serializer),
        None => serializer.serialize_none(),
    }
}
