//! How often each row spoke, since its table came into force or the bridge started: in memory, for
//! people. What was decided with the table before, and is told a moment later, is not told apart.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Rules;
use crate::map::{Table, TableHash};
use crate::store::Decided;

/// Mapping → its table's hits.
#[derive(Default)]
pub(super) struct Hits(Mutex<HashMap<String, RowHits>>);

/// Of one table.
#[derive(Debug, Clone, Default)]
pub struct RowHits {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    /// Of this table, if it is the one in force.
    pub fn hits(&self, mapping: &str, table: &Table) -> RowHits {
        let hits = self.hits.lock();
        let known = hits.get(mapping);
        let known = known.filter(|known| known.hash.as_ref() == Some(&table.hash));
        known.cloned().unwrap_or_else(|| RowHits::of(table))
    }
}
