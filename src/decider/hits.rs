//! How often each row spoke since its table came into force: for people. Counted in memory, and
//! written down every minute and at a stop: what a crash loses is less than that. What was decided
//! with the table before, and is told a moment later, is not told apart.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Rules;
use crate::map::{Table, TableHash};
use crate::store::{Decided, KeptHits, Store, StoreError};

/// Mapping → its table's hits.
#[derive(Default)]
pub(super) struct Hits {
    counted: Mutex<HashMap<String, RowHits>>,
    /// As written down last.
    saved: Mutex<Vec<KeptHits>>,
}

/// Of one table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RowHits {
    #[serde(skip)]
    hash: Option<TableHash>,
    /// Of each row, in the order of the file.
    rows: Vec<u64>,
    /// Events that no row matched.
    pub unmapped: u64,
}

impl RowHits {
    fn of(table: &Table) -> Self {
        Self {
            hash: Some(table.hash.clone()),
            rows: vec![0; table.rows().len()],
            unmapped: 0,
        }
    }

    /// Of the row with this number, from 1.
    pub fn row(&self, number: u32) -> u64 {
        let place = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        place
            .and_then(|place| self.rows.get(place))
            .copied()
            .unwrap_or(0)
    }

    fn count(&mut self, event: &Decided) {
        let place = event
            .row
            .and_then(|row| usize::try_from(row).ok()?.checked_sub(1));
        match place.and_then(|place| self.rows.get_mut(place)) {
            Some(hits) => *hits += 1,
            None if event.words.contains(&"unmapped") => self.unmapped += 1,
            None => {}
        }
    }
}

impl Hits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, RowHits>> {
        lock(&self.counted)
    }

    /// As they are to be written down.
    fn kept(&self) -> Vec<KeptHits> {
        let counted = self.lock();
        let kept = counted.iter().filter_map(|(mapping, hits)| {
            Some(KeptHits {
                mapping: mapping.clone(),
                hash: hits.hash.as_ref()?.to_string(),
                hits: serde_json::to_string(hits).ok()?,
            })
        });
        let mut kept: Vec<KeptHits> = kept.collect();
        kept.sort_by(|one, other| one.mapping.cmp(&other.mapping));
        kept
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rules {
    pub(super) fn count_hits(&self, decided: &[Decided]) {
        let tables = self.tables.load();
        let mut hits = self.hits.lock();
        for event in decided {
            let Some(source) = self.sources.get(&event.source) else {
                continue;
            };
            let Some(table) = tables.get(&source.mapping) else {
                continue;
            };
            match hits.get_mut(&source.mapping) {
                Some(known) if known.hash.as_ref() == Some(&table.hash) => known.count(event),
                _ => {
                    let mut fresh = RowHits::of(table);
                    fresh.count(event);
                    hits.insert(source.mapping.clone(), fresh);
                }
            }
        }
    }

    /// Goes on where the last process was, for tables that are in force still.
    pub async fn recall_hits(&self, store: &Store) -> Result<(), StoreError> {
        let saved = store.row_hits().await?;
        let tables = self.tables.load();
        let mut counted = self.hits.lock();
        for kept in saved {
            let table = tables.get(&kept.mapping);
            let Some(table) = table.filter(|table| table.hash.to_string() == kept.hash) else {
                continue;
            };
            // Counts that cannot be read begin again.
            if let Ok(mut hits) = serde_json::from_str::<RowHits>(&kept.hits) {
                hits.hash = Some(table.hash.clone());
                hits.rows.resize(table.rows().len(), 0);
                counted.insert(kept.mapping, hits);
            }
        }
        Ok(())
    }

    /// Writes down what was counted, if it is something new.
    pub async fn save_hits(&self, store: &Store) -> Result<(), StoreError> {
        let kept = self.hits.kept();
        if *lock(&self.hits.saved) == kept {
            return Ok(());
        }
        store.save_row_hits(kept.clone()).await?;
        *lock(&self.hits.saved) = kept;
        Ok(())
    }

    /// Of this table, if it is the one in force.
    pub fn hits(&self, mapping: &str, table: &Table) -> RowHits {
        let hits = self.hits.lock();
        let known = hits.get(mapping);
        let known = known.filter(|known| known.hash.as_ref() == Some(&table.hash));
        known.cloned().unwrap_or_else(|| RowHits::of(table))
    }
}
