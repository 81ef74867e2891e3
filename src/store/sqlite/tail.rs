//! Keys of the newest events, in memory until they are merged into their tables in order of hash.
//!
//! A hash lands on a random page of its index: written one by one, each would cost a page of the
//! log. Collected by the thousand and merged in order, neighbours share pages. The keys are in the
//! event rows as well, so a start reads what was not merged yet, from `indexed_through` on.

use std::collections::HashSet;

use foldhash::HashMap;
use rusqlite::OptionalExtension;

use super::super::StoreError;
use super::writer::Scope;

/// Keys collected before a generation is merged.
const GENERATION: usize = 8192;
/// Keys merged in one go, once half as many have come in: neighbours share pages, and a page
/// written once for sixteen keys costs the log less than one written for each.
const STEP: usize = 512;

#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub(super) sequence: i64,
    pub(super) dedupe_hash: i64,
    pub(super) lead_hash: Option<i64>,
}

/// Newest sequence by hash.
#[derive(Default)]
struct Generation {
    keys: Vec<Keys>,
    by_dedupe: HashMap<i64, i64>,
    by_lead: HashMap<i64, i64>,
}

impl Generation {
    fn of(keys: Vec<Keys>) -> Self {
        let mut generation = Self::default();
        for keys in keys {
            generation.push(keys);
        }
        generation
    }

    fn push(&mut self, keys: Keys) {
        self.keys.push(keys);
        self.by_dedupe.insert(keys.dedupe_hash, keys.sequence);
        if let Some(lead_hash) = keys.lead_hash {
            self.by_lead.insert(lead_hash, keys.sequence);
        }
    }
}

/// A full generation on its way into the tables.
#[derive(Default)]
struct Merging {
    generation: Generation,
    /// (hash, sequence), in order.
    dedupe: Vec<(i64, i64)>,
    lead: Vec<(i64, i64)>,
    /// How far both are merged, committed.
    done: usize,
    /// The same, in the open transaction.
    written: usize,
}

impl Merging {
    fn of(generation: Generation) -> Self {
        let mut dedupe: Vec<_> = generation
            .keys
            .iter()
            .map(|keys| (keys.dedupe_hash, keys.sequence))
            .collect();
        let mut lead: Vec<_> = generation
            .keys
            .iter()
            .filter_map(|keys| Some((keys.lead_hash?, keys.sequence)))
            .collect();
        dedupe.sort_unstable();
        lead.sort_unstable();
        Self {
            generation,
            dedupe,
            lead,
            done: 0,
            written: 0,
        }
    }

    fn length(&self) -> usize {
        self.dedupe.len().max(self.lead.len())
    }
}

#[derive(Default)]
pub(super) struct Tail {
    active: Generation,
    merging: Merging,
    /// Keys that the open transaction has added.
    added: usize,
    /// Keys added since the last step of the merge.
    since_step: usize,
    /// Events that were erased: their keys are never merged. Nearly always none.
    erased: HashSet<i64>,
    /// The same, in the open transaction.
    erasing: HashSet<i64>,
}

impl Scope {
    /// Reads the keys that are in no table yet.
    pub(super) fn load_tail(&mut self) -> Result<(), StoreError> {
        let through = self.number("indexed_through")?;
        let mut statement = self.connection.prepare(
            "SELECT sequence, dedupe_hash, lead_hash FROM event WHERE sequence > ?1 ORDER BY sequence",
        )?;
        let keys = statement
            .query_map([through], |row| {
                Ok(Keys {
                    sequence: row.get(0)?,
                    dedupe_hash: row.get(1)?,
                    lead_hash: row.get(2)?,
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        self.tail.active = Generation::of(keys);
        Ok(())
    }

    pub(super) fn add_keys(&mut self, keys: Keys) {
        self.tail.active.push(keys);
        self.tail.added += 1;
        self.tail.since_step += 1;
    }

    /// The event is being erased.
    pub(super) fn forget_keys_of(&mut self, event: i64) {
        self.tail.erasing.insert(event);
    }

    /// The newest event whose duplicate key has this hash.
    pub(super) fn newest_by_dedupe(&self, hash: i64) -> Result<Option<i64>, StoreError> {
        let tail = &self.tail;
        let recent = tail.active.by_dedupe.get(&hash);
        if let Some(sequence) = recent.or_else(|| tail.merging.generation.by_dedupe.get(&hash)) {
            return Ok(Some(*sequence));
        }
        Ok(self
            .connection
            .prepare_cached("SELECT max(sequence) FROM event_dedupe WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))?)
    }

    /// The newest event of the source's lead with this hash.
    pub(super) fn newest_by_lead(&self, hash: i64) -> Result<Option<i64>, StoreError> {
        let tail = &self.tail;
        let recent = tail.active.by_lead.get(&hash);
        if let Some(sequence) = recent.or_else(|| tail.merging.generation.by_lead.get(&hash)) {
            return Ok(Some(*sequence));
        }
        Ok(self
            .connection
            .prepare_cached("SELECT max(sequence) FROM event_lead WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?
            .flatten())
    }

    /// Merges a few keys, at the end of a transaction, before its commit.
    pub(super) fn merge_keys(&mut self) -> Result<(), StoreError> {
        let merging = &self.tail.merging;
        let (from, length) = (merging.done, merging.length());
        if from == length {
            return Ok(());
        }
        if self.tail.since_step < STEP / 2 {
            return Ok(());
        }
        let to = (from + STEP).min(length);
        for (table, keys) in [
            (
                "INSERT OR IGNORE INTO event_dedupe (hash, sequence) VALUES (?1, ?2)",
                &merging.dedupe,
            ),
            (
                "INSERT OR IGNORE INTO event_lead (hash, sequence) VALUES (?1, ?2)",
                &merging.lead,
            ),
        ] {
            let mut insert = self.connection.prepare_cached(table)?;
            let tail = &self.tail;
            let is_erased = |of: &i64| tail.erased.contains(of) || tail.erasing.contains(of);
            for key in keys.iter().take(to).skip(from) {
                if !is_erased(&key.1) {
                    insert.execute(*key)?;
                }
            }
        }
        let last = merging.generation.keys.last().map(|keys| keys.sequence);
        self.tail.merging.written = to;
        if let Some(last) = last.filter(|_| to == length) {
            self.set_fact("indexed_through", &last.to_string())?;
        }
        Ok(())
    }

    /// The transaction is on disk.
    pub(super) fn keys_committed(&mut self) {
        let tail = &mut self.tail;
        tail.added = 0;
        tail.erased.extend(tail.erasing.drain());
        if tail.merging.done != tail.merging.written {
            tail.since_step = 0;
        }
        tail.merging.done = tail.merging.written;
        let is_merged = tail.merging.done == tail.merging.length();
        if is_merged && tail.active.keys.len() >= GENERATION {
            // What was erased before the generation that is merged now stands nowhere.
            let merged = tail
                .merging
                .generation
                .keys
                .last()
                .map(|keys| keys.sequence);
            tail.erased.retain(|event| Some(*event) > merged);
            tail.merging = Merging::of(std::mem::take(&mut tail.active));
        }
    }

    /// The transaction never was.
    pub(super) fn keys_rolled_back(&mut self) {
        let tail = &mut self.tail;
        if tail.added > 0 {
            let mut keys = std::mem::take(&mut tail.active.keys);
            keys.truncate(keys.len() - tail.added);
            tail.active = Generation::of(keys);
        }
        tail.added = 0;
        tail.erasing.clear();
        tail.merging.written = tail.merging.done;
    }
}
