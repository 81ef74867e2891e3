//! The audit trail and the rejects: two lists that keep their newest rows.

use super::super::rows::{from_ms, to_ms};
use super::super::{AuditKey, AuditRow, NewAudit, RejectRow, StoreError};
use super::SqliteStore;

/// Changes kept, whatever retention says: years of work by hand.
const KEPT_AUDITS: i64 = 100_000;
/// The most rows of one page.
const MAX_PAGE: u32 = 1000;

impl SqliteStore {
    pub async fn audit(&self, audit: NewAudit) -> Result<AuditKey, StoreError> {
        self.write(move |scope| {
            scope
                .connection
                .prepare_cached("INSERT INTO audit (at, who, what, about) VALUES (?1, ?2, ?3, ?4)")?
                .execute((to_ms(audit.at), &audit.who, audit.what, &audit.about))?;
            let newest = scope.connection.last_insert_rowid();
            scope
                .connection
                .prepare_cached("DELETE FROM audit WHERE audit <= ?1")?
                .execute([newest - KEPT_AUDITS])?;
            Ok(AuditKey(newest))
        })
        .await
    }

    pub async fn audit_outcome(&self, key: AuditKey, outcome: String) -> Result<(), StoreError> {
        self.write(move |scope| {
            scope
                .connection
                .prepare_cached("UPDATE audit SET outcome = ?2 WHERE audit = ?1")?
                .execute((key.0, &outcome))?;
            Ok(())
        })
        .await
    }

    pub async fn audits(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT audit, at, who, what, about, outcome FROM audit WHERE audit < ?1
                 ORDER BY audit DESC LIMIT ?2",
            )?;
            let mut rows =
                statement.query((before.unwrap_or(i64::MAX), limit.clamp(1, MAX_PAGE)))?;
            let mut audits = Vec::new();
            while let Some(row) = rows.next()? {
                audits.push(AuditRow {
                    number: row.get(0)?,
                    at: from_ms(row.get(1)?)?,
                    who: row.get(2)?,
                    what: row.get(3)?,
                    about: row.get(4)?,
                    outcome: row.get(5)?,
                });
            }
            Ok(audits)
        })
        .await
    }

    pub async fn rejects(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT reject, source, reason, size_bytes, at FROM reject WHERE reject < ?1
                 ORDER BY reject DESC LIMIT ?2",
            )?;
            let mut rows =
                statement.query((before.unwrap_or(i64::MAX), limit.clamp(1, MAX_PAGE)))?;
            let mut rejects = Vec::new();
            while let Some(row) = rows.next()? {
                rejects.push(RejectRow {
                    number: row.get(0)?,
                    source: row.get(1)?,
                    reason: row.get(2)?,
                    size_bytes: row.get(3)?,
                    at: from_ms(row.get(4)?)?,
                });
            }
            Ok(rejects)
        })
        .await
    }
}
