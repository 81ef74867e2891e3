//! Retention: what is final and old goes, in bounded steps; links, leads and our entry ids stay.
//!
//! A step is one short transaction of the writer, so webhooks wait for a few milliseconds at most.
//! Events go in the order recorded, which is the order of their pages. Their index keys lie
//! scattered by hash: those are removed later, in the order of hash, once enough of them point
//! nowhere; until then they do no harm, because every look-up goes on to the event's row.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::super::rows::{parse_word, to_ms};
use super::super::{StepSize, StoreError, Sweep, SweepAt, Swept};
use super::SqliteStore;
use super::writer::Scope;
use crate::delivery::DeliveryState;
use crate::event::EventState;

/// What one step may do.
struct Budget {
    /// Events looked at.
    events: u32,
    /// Rows after which a step ends; one event more may be begun.
    rows: usize,
    /// Rows of another table looked at.
    aged_rows: u32,
    /// Keys looked at; neighbours share pages.
    keys: u32,
    /// Pages moved.
    pages: i64,
}

const SHORT: Budget = Budget {
    events: 256,
    rows: 256,
    aged_rows: 256,
    keys: 1024,
    pages: 32,
};
const LONG: Budget = Budget {
    events: 1024,
    rows: 1024,
    aged_rows: 1024,
    keys: 4096,
    pages: 128,
};

/// One stale key in so many is worth a pass through all.
const STALE_SHARE: i64 = 8;
/// Free pages kept for what comes in next: so many, and one in so many.
const SPARE_PAGES: i64 = 256;
const SPARE_SHARE: i64 = 8;

/// Tables whose rows only have a time (`at`), in the order written.
const AGED: [&str; 2] = ["reject", "audit"];
const KEY_TABLES: [&str; 2] = ["event_dedupe", "event_lead"];

impl SqliteStore {
    pub async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        self.write(move |scope| scope.sweep(sweep)).await
    }
}

impl Scope {
    fn sweep(&mut self, sweep: Sweep) -> Result<Swept, StoreError> {
        // Ids sort by the time recorded, so their index finds what is old without a scan.
        let floor = uuid_floor(sweep.before);
        let mut swept = Swept {
            next: SweepAt::Done,
            events: 0,
            rows: 0,
            pages: 0,
            recorded: self.next_sequence - 1,
        };
        let budget = match sweep.step {
            StepSize::Short => SHORT,
            StepSize::Long => LONG,
        };
        match sweep.at {
            SweepAt::Events { after } => self.sweep_events((after, floor), &budget, &mut swept)?,
            SweepAt::Aged => {
                // Not after each step of events: it looks at every version's tables.
                self.forget_unused_tables()?;
                for table in AGED {
                    swept.rows += self.sweep_aged(table, sweep.before, budget.aged_rows)?;
                }
                swept.next = match swept.rows {
                    0 => self.after_aged(floor)?,
                    _ => SweepAt::Aged,
                };
            }
            SweepAt::Keys { table, after } => {
                self.sweep_keys((table, after), (floor, budget.keys), &mut swept)?;
            }
            SweepAt::Space => self.sweep_space(budget.pages, &mut swept)?,
            SweepAt::Done => {}
        }
        Ok(swept)
    }

    fn sweep_events(
        &mut self,
        (after, floor): ([u8; 16], [u8; 16]),
        budget: &Budget,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT sequence, id, state FROM event WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            )?
            .query_map((after, floor, budget.events), |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, [u8; 16]>(1)?,
                    row.get::<_, String>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut looked_at = after;
        let mut left = found.len() == budget.events as usize;
        for (event, id, state) in found {
            if swept.rows >= budget.rows {
                left = true;
                break;
            }
            looked_at = id;
            let state = parse_word(&state, EventState::parse, "an event state")?;
            if matches!(state, EventState::Settled | EventState::Discarded) {
                swept.rows += self.forget_event(event)?;
                swept.events += 1;
            }
        }
        if swept.events > 0 {
            let last_place = self.next_sequence - 1;
            self.set_fact("last_place", &last_place.to_string())?;
            let stale = self.number("stale_keys")? + i64::try_from(swept.events).unwrap_or(0);
            self.set_fact("stale_keys", &stale.to_string())?;
        }
        swept.next = match left {
            true => SweepAt::Events { after: looked_at },
            false => SweepAt::Aged,
        };
        Ok(())
    }

    /// The oldest rows stand first: no index on their time is needed.
    fn sweep_aged(
        &mut self,
        table: &str,
        before: Timestamp,
        most: u32,
    ) -> Result<usize, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE at < ?1
                 AND rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?2)"
            ))?
            .execute((to_ms(before), most))?)
    }

    fn after_aged(&self, floor: [u8; 16]) -> Result<SweepAt, StoreError> {
        let stale = self.number("stale_keys")?;
        let kept = self.next_sequence - self.first_kept(floor)?;
        Ok(match stale > 0 && stale >= kept / STALE_SHARE {
            true => SweepAt::Keys {
                table: 0,
                after: (i64::MIN, i64::MIN),
            },
            false => SweepAt::Space,
        })
    }

    /// The place of the oldest event that is too young to go.
    fn first_kept(&self, floor: [u8; 16]) -> Result<i64, StoreError> {
        let young = self
            .connection
            .prepare_cached("SELECT sequence FROM event WHERE id >= ?1 ORDER BY id LIMIT 1")?
            .query_row([floor], |row| row.get(0))
            .optional()?;
        Ok(young.unwrap_or(self.next_sequence))
    }

    fn sweep_keys(
        &mut self,
        (table, after): (usize, (i64, i64)),
        (floor, most): ([u8; 16], u32),
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let Some(name) = KEY_TABLES.get(table) else {
            self.set_fact("stale_keys", "0")?;
            swept.next = SweepAt::Space;
            return Ok(());
        };
        let keys = self
            .connection
            .prepare_cached(&format!(
                "SELECT hash, sequence FROM {name} WHERE (hash, sequence) > (?1, ?2)
                 ORDER BY hash, sequence LIMIT ?3"
            ))?
            .query_map((after.0, after.1, most), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        // Those of young events need no look at their rows.
        let first_kept = self.first_kept(floor)?;
        for key in keys.iter().filter(|(_, sequence)| *sequence < first_kept) {
            swept.rows += self
                .connection
                .prepare_cached(&format!(
                    "DELETE FROM {name} WHERE hash = ?1 AND sequence = ?2
                     AND NOT EXISTS (SELECT 1 FROM event WHERE sequence = ?2)"
                ))?
                .execute(*key)?;
        }
        swept.next = match keys.last() {
            Some(last) if keys.len() == most as usize => SweepAt::Keys {
                table,
                after: *last,
            },
            _ => SweepAt::Keys {
                table: table + 1,
                after: (i64::MIN, i64::MIN),
            },
        };
        Ok(())
    }

    /// Free pages are used again before the file grows, so only what is far too much is returned.
    fn sweep_space(&mut self, most: i64, swept: &mut Swept) -> Result<(), StoreError> {
        let number = |name: &str| -> Result<i64, StoreError> {
            let statement = format!("PRAGMA {name}");
            Ok(self
                .connection
                .query_row(&statement, [], |row| row.get(0))?)
        };
        let incremental = 2;
        let (mode, free, all) = (
            number("auto_vacuum")?,
            number("freelist_count")?,
            number("page_count")?,
        );
        let surplus = free - all / SPARE_SHARE - SPARE_PAGES;
        if mode != incremental || surplus <= 0 {
            return Ok(());
        }
        let step = surplus.min(most);
        // It moves one page for each row that it is asked for.
        let mut moving = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({step})"))?;
        let mut moved = moving.query([])?;
        while moved.next()?.is_some() {}
        drop(moved);
        drop(moving);
        swept.pages = usize::try_from(free - number("freelist_count")?).unwrap_or(0);
        if swept.pages > 0 {
            swept.next = SweepAt::Space;
        }
        Ok(())
    }

    /// Removes one final event with all that only it needs; its keys stay for the pass through
    /// them. How many rows went.
    fn forget_event(&mut self, event: i64) -> Result<usize, StoreError> {
        let mut rows = self
            .connection
            .prepare_cached(
                "DELETE FROM attempt WHERE delivery IN (SELECT delivery FROM delivery WHERE event = ?1)",
            )?
            .execute([event])?;
        // What never got there tells nothing of what is there. Else the newest entry of a lead is
        // what the target has, with the newest of its amends; entry ids recognise our own; and
        // what is still to be amended needs its set.
        let gone = self
            .connection
            .prepare_cached(
                r#"DELETE FROM delivery WHERE event = ?1 AND entry_id IS NULL
                 AND (state = 'superseded' OR state = 'discarded' OR EXISTS
                   (SELECT 1 FROM delivery n WHERE n.lead = delivery.lead AND n.target = delivery.target
                    AND n.lead_id = delivery.lead_id AND n.entry IS delivery.entry
                    AND (n.members LIKE '{"lead":%') = (delivery.members LIKE '{"lead":%')
                    AND n.delivery > delivery.delivery
                    AND (n.state = 'delivered'
                         OR (n.state = 'withheld' AND delivery.state = 'withheld'))))
                 AND NOT EXISTS
                   (SELECT 1 FROM delivery a WHERE a.entry = delivery.delivery
                    AND (a.state = 'due' OR a.state = 'in_flight' OR a.state = 'parked'))
                 RETURNING target, state"#,
            )?
            .query_map([event], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        rows += gone.len();
        for (target, state) in gone {
            let state = parse_word(&state, DeliveryState::parse, "a delivery state")?;
            self.count(&target, state, -1);
        }
        Ok(rows + self.remove_event_row(event)?)
    }

    /// The event itself and its body. How many rows went.
    pub(super) fn remove_event_row(&mut self, event: i64) -> Result<usize, StoreError> {
        let table = self.table_named_by(event)?;
        self.count_use(table.as_deref(), -1);
        let mut rows = 0;
        for statement in [
            "DELETE FROM event_body WHERE sequence = ?1",
            "DELETE FROM event WHERE sequence = ?1",
        ] {
            rows += self
                .connection
                .prepare_cached(statement)?
                .execute([event])?;
        }
        Ok(rows)
    }
}

/// The smallest UUID v7 of the millisecond of `at`; times before 1970 count as 1970, as in ids.
pub(super) fn uuid_floor(at: Timestamp) -> [u8; 16] {
    let mut floor = [0; 16];
    floor[..6].copy_from_slice(&to_ms(at).max(0).to_be_bytes()[2..]);
    floor
}
