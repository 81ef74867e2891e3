//! How often each row of the tables in force spoke, written down now and then by whoever counts.

use super::super::{KeptHits, StoreError};
use super::SqliteStore;

impl SqliteStore {
    pub async fn row_hits(&self) -> Result<Vec<KeptHits>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT mapping, hash, hits FROM row_hits")?;
            let kept = statement.query_map([], |row| {
                Ok(KeptHits {
                    mapping: row.get(0)?,
                    hash: row.get(1)?,
                    hits: row.get(2)?,
                })
            })?;
            Ok(kept.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn save_row_hits(&self, hits: Vec<KeptHits>) -> Result<(), StoreError> {
        self.write(move |scope| {
            let mut statement = scope.connection.prepare_cached(
                "INSERT INTO row_hits (mapping, hash, hits) VALUES (?1, ?2, ?3)
                 ON CONFLICT (mapping) DO UPDATE SET hash = excluded.hash, hits = excluded.hits",
            )?;
            for kept in &hits {
                statement.execute((&kept.mapping, &kept.hash, &kept.hits))?;
            }
            Ok(())
        })
        .await
    }
}
