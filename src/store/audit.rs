//! What people did through the admin API: who, what, when, and what came of it. A row is written
//! before the change is made, so that no change is without one; its outcome follows.

use jiff::Timestamp;
use serde::Serialize;

use super::{Store, StoreError, rows};

/// One change, or one look at something that is masked otherwise. Names no person and holds no
/// body: ids, names and causes of ours only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// The token's name; `loopback` where none is asked for.
    pub who: String,
    /// `links.set`, `parked.release`, `targets.pause`, …
    pub what: &'static str,
    /// What it was done to: `cause refused:leadping:422`, `target leadping`, …
    pub about: Option<String>,
    pub at: Timestamp,
}

/// The row of a change whose outcome is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditKey(pub i64);

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AuditRow {
    pub number: i64,
    #[serde(serialize_with = "rows::timestamp")]
    pub at: Timestamp,
    pub who: String,
    pub what: String,
    pub about: Option<String>,
    /// `None`: the bridge ended before it was known.
    pub outcome: Option<String>,
}

impl Store {
    /// Writes down that somebody is about to do something.
    pub async fn audit(&self, audit: NewAudit) -> Result<AuditKey, StoreError> {
        let Self::Sqlite(store) = self;
        store.audit(audit).await
    }

    /// What came of it, in a few words.
    pub async fn audit_outcome(&self, key: AuditKey, outcome: String) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.audit_outcome(key, outcome).await
    }

    /// Newest first, at most `limit`, only those before `before`.
    pub async fn audits(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let Self::Sqlite(store) = self;
        store.audits(before, limit).await
    }
}
