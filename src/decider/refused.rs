//! Tables that were read and could not come into force: kept for people to see, until a set is sound.

use jiff::Timestamp;
use serde::Serialize;

/// Faults kept; all of them are in the log.
const MOST_FAULTS: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RefusedTables {
    /// When they were read.
    #[serde(serialize_with = "crate::store::rows::timestamp")]
    pub at: Timestamp,
    /// `file:line:column: error: what is wrong`, the first ones.
    pub faults: Vec<String>,
}

impl RefusedTables {
    pub fn new(at: Timestamp, mut faults: Vec<String>) -> Self {
        faults.truncate(MOST_FAULTS);
        Self { at, faults }
    }
}
