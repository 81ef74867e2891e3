//! What a scrape asks of the store.

use jiff::Timestamp;

use super::{Store, StoreError};

/// How much waits for one cause, or one class of causes of one source or target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedCount {
    pub cause: String,
    /// At most 1000: what is more is not counted.
    pub count: u64,
}

impl Store {
    /// How much is parked for each of these, events and deliveries; `unmapped:voice` stands for
    /// all of its statuses.
    pub async fn count_parked(&self, causes: Vec<String>) -> Result<Vec<ParkedCount>, StoreError> {
        let Self::Sqlite(store) = self;
        store.count_parked(causes).await
    }

    /// When the newest event of each source was received, where it is among the newest of all.
    pub async fn newest_by_source(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let Self::Sqlite(store) = self;
        store.newest_by_source().await
    }
}
