//! How often rows spoke, as their keeper writes it down.

use super::{Store, StoreError};

/// Of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHits {
    pub mapping: String,
    /// Of the table's text.
    pub hash: String,
    /// JSON.
    pub hits: String,
}

impl Store {
    /// Each mapping's, as saved last.
    pub async fn row_hits(&self) -> Result<Vec<KeptHits>, StoreError> {
        let Self::Sqlite(store) = self;
        store.row_hits().await
    }

    pub async fn save_row_hits(&self, hits: Vec<KeptHits>) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.save_row_hits(hits).await
    }
}
