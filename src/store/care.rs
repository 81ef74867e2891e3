//! Looking after the store's file from outside the daemon: what a check found, what a backup and a
//! restore did.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::rows;

/// Something about the store that should not be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A stable key.
    pub law: &'static str,
    pub what: String,
    /// How often; a few of the places.
    pub count: i64,
    pub places: Vec<String>,
    pub remedy: &'static str,
}

/// What a backup holds.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    pub file: PathBuf,
    pub bytes: u64,
    pub events: i64,
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub newest_event_at: Option<Timestamp>,
}

/// What a restore did.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    pub file: PathBuf,
    /// Where the store that was there stands now.
    pub kept_aside: Option<PathBuf>,
    pub events: i64,
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub newest_event_at: Option<Timestamp>,
    /// Deliveries that are looked up at their target before they are sent.
    pub looked_up_first: usize,
}

/// Sizes of the file before and after it was written anew.
#[derive(Debug, Clone, Serialize)]
pub struct Compacted {
    pub bytes_before: u64,
    pub bytes: u64,
}
