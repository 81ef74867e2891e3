//! Verified requests that could not be an event, as people look at them. Their bodies stay where
//! they are.

use jiff::Timestamp;
use serde::Serialize;

use super::{Store, StoreError, rows};

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RejectRow {
    pub number: i64,
    pub source: String,
    pub reason: String,
    pub size_bytes: i64,
    #[serde(serialize_with = "rows::timestamp")]
    pub at: Timestamp,
}

impl Store {
    /// Newest first, at most `limit`, only those before `before`.
    pub async fn rejects(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError> {
        let Self::Sqlite(store) = self;
        store.rejects(before, limit).await
    }
}
