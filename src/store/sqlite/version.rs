//! Which tables were in force when: kept as long as a kept event's decision names them, and the
//! newest hundred in any case.

use rusqlite::OptionalExtension;

use super::super::rows::{from_ms, parse_word, to_ms};
use super::super::{LoadedBy, StoreError, TableVersion, TablesLoaded};
use super::SqliteStore;
use super::writer::Scope;

/// Versions kept though no decision names them.
const MOST_UNUSED: i64 = 100;

impl SqliteStore {
    pub async fn remember_tables(&self, loaded: TablesLoaded) -> Result<(), StoreError> {
        self.write(move |scope| {
            let newest: Option<String> = scope
                .connection
                .prepare_cached("SELECT hash FROM table_version ORDER BY version DESC LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            if newest.as_deref() == Some(loaded.hash.as_str()) {
                return Ok(());
            }
            for table in &loaded.tables {
                scope
                    .connection
                    .prepare_cached(
                        "INSERT INTO table_text (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute((&table.hash, &*table.text))?;
            }
            let hashes: std::collections::BTreeMap<&str, &str> = loaded
                .tables
                .iter()
                .map(|table| (table.mapping.as_str(), table.hash.as_str()))
                .collect();
            scope
                .connection
                .prepare_cached(
                    "INSERT INTO table_version (hash, tables, loaded_at, loaded_by)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((
                    &loaded.hash,
                    serde_json::to_string(&hashes)?,
                    to_ms(loaded.at),
                    loaded.by.as_str(),
                ))?;
            scope.forget_unused_tables()
        })
        .await
    }

    pub async fn table_versions(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TableVersion>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT hash, tables, loaded_at, loaded_by, version FROM table_version
                 WHERE version < ?1 ORDER BY version DESC LIMIT ?2",
            )?;
            let mut rows = statement.query((
                before.unwrap_or(i64::MAX),
                i64::try_from(limit).unwrap_or(i64::MAX),
            ))?;
            let mut versions = Vec::new();
            while let Some(row) = rows.next()? {
                let tables: String = row.get(1)?;
                let by: String = row.get(3)?;
                versions.push(TableVersion {
                    version: row.get(4)?,
                    hash: row.get(0)?,
                    tables: serde_json::from_str(&tables)?,
                    loaded_at: from_ms(row.get(2)?)?,
                    loaded_by: parse_word(&by, LoadedBy::parse, "who loaded tables")?,
                });
            }
            Ok(versions)
        })
        .await
    }

    pub async fn table_text(&self, hash: String) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT text FROM table_text WHERE hash = ?1")?
                .query_row([hash], |row| row.get(0))
                .optional()?)
        })
        .await
    }
}

impl Scope {
    /// The table that the event's decision names, before it is replaced or removed.
    pub(super) fn table_named_by(&self, event: i64) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT json_extract(decision, '$.table') FROM event WHERE sequence = ?1",
            )?
            .query_row([event], |row| row.get(0))
            .optional()?
            .flatten())
    }

    pub(super) fn forget_unused_tables(&mut self) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM table_use WHERE decisions <= 0",
            "DELETE FROM table_version
             WHERE version <= (SELECT version FROM table_version
                               ORDER BY version DESC LIMIT 1 OFFSET ?1)
             AND NOT EXISTS (SELECT 1 FROM json_each(tables) t JOIN table_use u ON u.hash = t.value)",
        ] {
            let mut statement = self.connection.prepare_cached(statement)?;
            match statement.parameter_count() {
                0 => statement.execute([])?,
                _ => statement.execute([MOST_UNUSED])?,
            };
        }
        self.connection
            .prepare_cached(
                "DELETE FROM table_text WHERE NOT EXISTS
                   (SELECT 1 FROM table_version v, json_each(v.tables) t WHERE t.value = table_text.hash)",
            )?
            .execute([])?;
        Ok(())
    }
}
