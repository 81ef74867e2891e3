//! Counts for the Flow page, written in the transaction of what they count: exact after any crash,
//! and one row per key and commit, however many events the commit holds. `compact_flow` merges
//! what is old into wider times and drops what nobody can ask for any more.

use std::collections::BTreeSet;

use foldhash::HashMap;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::super::flow::{
    Became, Counted, Flow, FlowCell, FlowSpan, OTHER, lag_class, status_word,
};
use super::super::rows::to_ms;
use super::super::{StoreError, Undecided};
use super::SqliteStore;
use super::writer::{Scope, number};
use crate::decision::Decision;

const MINUTE: i64 = 60_000;
const TEN_MINUTES: i64 = 10 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Statuses, sources, targets and categories told apart; more become `other`.
const MAX_KEYS: i64 = 1024;
/// Looked up and remembered; past it all are looked up anew.
const MAX_REMEMBERED: usize = 4096;
/// How far what is undecided is counted.
const COUNTED_UNDECIDED: i64 = 1000;
/// Counts merged in one transaction: so many widths of the wider time.
const STEP: i64 = 4;
/// Days are kept a little longer than the longest span that can be asked for.
const KEPT_DAYS: i64 = 100;

/// Older than `keep`, counts of the finer time are merged into `width`; `fact`: up to where they are.
struct Grain {
    fact: &'static str,
    width: i64,
    keep: i64,
}

const GRAINS: [Grain; 3] = [
    Grain {
        fact: "flow_tens",
        width: TEN_MINUTES,
        keep: 3 * HOUR,
    },
    Grain {
        fact: "flow_hours",
        width: HOUR,
        keep: 26 * HOUR,
    },
    Grain {
        fact: "flow_days",
        width: DAY,
        keep: 9 * DAY,
    },
];

/// What the writer holds of the counts.
#[derive(Default)]
pub(super) struct FlowCounts {
    /// Words of a key, joined → its number. Filled as keys are met; a rollback forgets all.
    keys: HashMap<String, i64>,
    /// How many keys there are, once asked.
    known: Option<i64>,
    /// Of the open transaction: time and key → so many more.
    pending: HashMap<(i64, i64), i64>,
    /// Up to where each of [`GRAINS`] is merged.
    merged: [i64; GRAINS.len()],
    /// The words of the key that is looked up.
    words: String,
}

impl FlowCounts {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let mut counts = Self::default();
        for (merged, grain) in counts.merged.iter_mut().zip(&GRAINS) {
            *merged = number(connection, grain.fact)?;
        }
        Ok(counts)
    }

    pub(super) fn begin(&mut self) {
        self.pending.clear();
    }

    pub(super) fn roll_back(&mut self, connection: &Connection) {
        let merged = self.merged;
        *self = Self::load(connection).unwrap_or_default();
        // If even that cannot be read: wider times are found where they were.
        for (now, before) in self.merged.iter_mut().zip(merged) {
            *now = if *now == 0 { before } else { *now };
        }
    }

    /// The start of the time in which something at `at` is counted.
    fn start_of(&self, at: i64) -> i64 {
        let grain = GRAINS.iter().zip(self.merged).rev();
        let width = grain
            .filter(|(_, merged)| at < *merged)
            .map(|(grain, _)| grain.width)
            .next()
            .unwrap_or(MINUTE);
        at.div_euclid(width) * width
    }

    fn count(&mut self, at: i64, key: i64, by: i64) {
        *self.pending.entry((self.start_of(at), key)).or_default() += by;
    }
}

impl Scope {
    /// Counts an event as what it was decided to be; the key goes into its row.
    pub(super) fn count_event(
        &mut self,
        event: &Undecided,
        decision: &Decision,
    ) -> Result<i64, StoreError> {
        let status = status_word(&event.reading.facts);
        let key = self.event_key(&event.event.source, &status, &Became::of(decision))?;
        self.flow.count(to_ms(event.event.received_at), key, 1);
        Ok(key)
    }

    /// The event is decided again, or discarded: it is counted no longer as what it was.
    fn uncount_event(&mut self, event: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let counted: Option<(i64, Option<i64>)> = self
            .connection
            .prepare_cached("SELECT received_at, flow_key FROM event WHERE sequence = ?1")?
            .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let counted = counted.and_then(|(at, key)| Some((at, key?)));
        if let Some((at, key)) = counted {
            self.flow.count(at, key, -1);
        }
        Ok(counted)
    }

    pub(super) fn recount_event(
        &mut self,
        event: &Undecided,
        decision: &Decision,
    ) -> Result<i64, StoreError> {
        self.uncount_event(event.event.sequence.0)?;
        self.count_event(event, decision)
    }

    pub(super) fn recount_discarded(&mut self, event: i64) -> Result<(), StoreError> {
        let Some((at, key)) = self.uncount_event(event)? else {
            return Ok(());
        };
        let words: Option<(String, String)> = self
            .connection
            .prepare_cached("SELECT name, detail FROM flow_key WHERE key = ?1")?
            .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((source, status)) = words else {
            return Ok(());
        };
        let key = self.event_key(&source, &status, &Became::discarded())?;
        self.flow.count(at, key, 1);
        self.connection
            .prepare_cached("UPDATE event SET flow_key = ?2 WHERE sequence = ?1")?
            .execute((event, key))?;
        Ok(())
    }

    pub(super) fn count_duplicate(
        &mut self,
        source: &str,
        received_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = self.flow_key("duplicate", [source, "", ""])?;
        self.flow.count(to_ms(received_at), key, 1);
        Ok(())
    }

    /// A delivery that was received at `received_at` reached its target at `now`.
    pub(super) fn count_delivered(
        &mut self,
        target: &str,
        received_at: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        let class = lag_class(now.saturating_sub(received_at)).to_string();
        let key = self.flow_key("delivered", [target, &class, ""])?;
        self.flow.count(now, key, 1);
        Ok(())
    }

    fn event_key(
        &mut self,
        source: &str,
        status: &str,
        became: &Became,
    ) -> Result<i64, StoreError> {
        let mut word = String::new();
        became.write_to(&mut word);
        self.flow_key("event", [source, status, &word])
    }

    fn flow_key(&mut self, what: &str, words: [&str; 3]) -> Result<i64, StoreError> {
        let mut joined = std::mem::take(&mut self.flow.words);
        joined.clear();
        for word in [what].iter().chain(&words) {
            joined.push_str(word);
            joined.push('\u{1f}');
        }
        let known = self.flow.keys.get(&joined).copied();
        let key = match known {
            Some(key) => key,
            None => {
                let key = self.find_or_add_key(what, words)?;
                // Many words are found as one key of `other`.
                if self.flow.keys.len() >= MAX_REMEMBERED {
                    self.flow.keys.clear();
                }
                self.flow.keys.insert(joined.clone(), key);
                key
            }
        };
        self.flow.words = joined;
        Ok(key)
    }

    fn find_or_add_key(&mut self, what: &str, words: [&str; 3]) -> Result<i64, StoreError> {
        let [name, detail, became] = words;
        if let Some(key) = self.find_key(what, words)? {
            return Ok(key);
        }
        let known = match self.flow.known {
            Some(known) => known,
            None => self
                .connection
                .query_row("SELECT count(*) FROM flow_key", [], |row| row.get(0))?,
        };
        let words = if known < MAX_KEYS || what != "event" {
            [name, detail, became]
        } else if known < 2 * MAX_KEYS {
            [name, OTHER, became]
        } else {
            [name, OTHER, OTHER]
        };
        if let Some(key) = self.find_key(what, words)? {
            return Ok(key);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO flow_key (what, name, detail, became) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((what, words[0], words[1], words[2]))?;
        self.flow.known = Some(known + 1);
        Ok(self.connection.last_insert_rowid())
    }

    fn find_key(
        &self,
        what: &str,
        [name, detail, became]: [&str; 3],
    ) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT key FROM flow_key WHERE what = ?1 AND name = ?2 AND detail = ?3 AND became = ?4",
            )?
            .query_row((what, name, detail, became), |row| row.get(0))
            .optional()?)
    }

    /// What the open transaction counted.
    pub(super) fn write_flow(&mut self) -> Result<(), StoreError> {
        if self.flow.pending.is_empty() {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO flow (at, key, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (at, key) DO UPDATE SET count = count + excluded.count",
        )?;
        for ((at, key), by) in self.flow.pending.drain().filter(|(_, by)| *by != 0) {
            statement.execute((at, key, by))?;
        }
        Ok(())
    }

    /// One bounded step of merging; whether there may be more to do.
    fn compact_flow(&mut self, now: i64) -> Result<bool, StoreError> {
        // What this transaction counted stands where it stood until now.
        self.write_flow()?;
        let mut more = false;
        for (index, grain) in GRAINS.iter().enumerate() {
            more |= self.merge_older(index, grain, now)?;
        }
        let oldest_kept = now - KEPT_DAYS * DAY;
        let gone = self
            .connection
            .prepare_cached("DELETE FROM flow WHERE at < ?1")?
            .execute([oldest_kept])?;
        if gone > 0 {
            self.forget_unused_keys()?;
        }
        Ok(more)
    }

    fn merge_older(&mut self, index: usize, grain: &Grain, now: i64) -> Result<bool, StoreError> {
        let from = self.flow.merged[index];
        let last = (now - grain.keep).div_euclid(grain.width) * grain.width;
        if last <= from {
            return Ok(false);
        }
        let first: Option<i64> = self
            .connection
            .prepare_cached("SELECT min(at) FROM flow WHERE at >= ?1 AND at < ?2")?
            .query_row((from, last), |row| row.get(0))?;
        let through = first.map_or(last, |first| {
            let first = first.div_euclid(grain.width) * grain.width;
            last.min(first + STEP * grain.width)
        });
        let merged = self
            .connection
            .prepare_cached(
                "SELECT at / ?3 * ?3, key, sum(count) FROM flow WHERE at >= ?1 AND at < ?2 GROUP BY 1, 2",
            )?
            .query_map((from, through, grain.width), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<Vec<(i64, i64, i64)>, _>>()?;
        self.connection
            .prepare_cached("DELETE FROM flow WHERE at >= ?1 AND at < ?2")?
            .execute((from, through))?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO flow (at, key, count) VALUES (?1, ?2, ?3)")?;
        for row in merged.into_iter().filter(|(_, _, count)| *count != 0) {
            insert.execute(row)?;
        }
        drop(insert);
        self.set_fact(grain.fact, &through.to_string())?;
        self.flow.merged[index] = through;
        Ok(through < last)
    }

    /// A status that nobody sends any more makes room for another.
    fn forget_unused_keys(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "DELETE FROM flow_key WHERE NOT EXISTS (SELECT 1 FROM flow WHERE flow.key = flow_key.key)",
        )?;
        self.flow.keys.clear();
        self.flow.known = None;
        Ok(())
    }
}

impl SqliteStore {
    pub async fn compact_flow(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |scope| scope.compact_flow(to_ms(now)))
            .await
    }

    pub async fn flow(&self, span: FlowSpan) -> Result<Flow, StoreError> {
        self.read(move |connection| read_flow(connection, span))
            .await
    }
}

fn read_flow(connection: &Connection, span: FlowSpan) -> Result<Flow, StoreError> {
    let (since, until) = (to_ms(span.since), to_ms(span.until));
    // One transaction: keys and counts of the same moment.
    let reading = connection.unchecked_transaction()?;
    let mut cells: HashMap<(usize, i64), i64> = HashMap::default();
    let mut statement =
        reading.prepare_cached("SELECT at, key, count FROM flow WHERE at >= ?1 AND at < ?2")?;
    let mut rows = statement.query((since, until))?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let slot = usize::try_from((at - since) / span.slot_ms.max(1)).unwrap_or_default();
        *cells.entry((slot, row.get(1)?)).or_default() += row.get::<_, i64>(2)?;
    }
    drop(rows);
    drop(statement);
    let named: BTreeSet<i64> = cells.keys().map(|(_, key)| *key).collect();
    let mut flow = Flow::default();
    let mut places: HashMap<i64, usize> = HashMap::default();
    for key in named {
        if let Some(counted) = read_key(&reading, key)? {
            places.insert(key, flow.counted.len());
            flow.counted.push(counted);
        }
    }
    flow.cells = cells
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .filter_map(|((slot, key), count)| {
            Some(FlowCell {
                slot,
                counted: *places.get(&key)?,
                count,
            })
        })
        .collect();
    flow.undecided = reading
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'received' LIMIT ?1)",
        )?
        .query_row([COUNTED_UNDECIDED], |row| row.get(0))?;
    reading.finish()?;
    Ok(flow)
}

fn read_key(connection: &Connection, key: i64) -> Result<Option<Counted>, StoreError> {
    let words: Option<[String; 4]> = connection
        .prepare_cached("SELECT what, name, detail, became FROM flow_key WHERE key = ?1")?
        .query_row([key], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })
        .optional()?;
    let Some([what, name, detail, became]) = words else {
        return Ok(None);
    };
    Ok(Some(match what.as_str() {
        "event" => Counted::Event {
            source: name,
            status: detail,
            became: Became::parse(&became),
        },
        "duplicate" => Counted::Duplicate { source: name },
        _ => Counted::Delivered {
            target: name,
            within_ms: detail
                .parse()
                .map_err(|_| StoreError::Corrupt(String::from("a class of lags")))?,
        },
    }))
}
