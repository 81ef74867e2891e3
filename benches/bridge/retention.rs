//! (e) Retention beside full ingest: a store with a million events that are too old, driven in turn
//! with a retention time that keeps them and with one that has them removed meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadping_bridge::store::sqlite::SqliteStore;
use rusqlite::{Connection, params};

use crate::Scale;
use crate::daemon::{Daemon, Place};
use crate::ingest::ignored;
use crate::load::{Drive, drive};
use crate::report::{Bound, Report};
use crate::scrape::{self, Scrape};
use crate::spread::Spread;
use crate::webhook::Sender;

const CONNECTIONS: usize = 64;
const LEADS: usize = 1000;
/// Keeps everything.
const LONG_DAYS: u32 = 3000;
const SHORT_DAYS: u32 = 90;
/// How old the old ones are.
const AGE_DAYS: i64 = 200;
/// Each with an attempt; the rest was ignored.
const ONE_DELIVERED_IN: usize = 2;
const BODY_BYTES: usize = 700;
/// The rest is removed without load, after the rounds; it is given up after so long.
const LONGEST: Duration = Duration::from_secs(1800);
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run(scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    println!(
        "\n(e) retention of {} old events beside full ingest",
        scale.old
    );
    let place = Place::make(crate::NOWHERE)?;
    let store = place.path().join("bridge.db");
    let begun = Instant::now();
    make_tables(&store).await?;
    fill(&store, scale.old)?;
    let seconds = begun.elapsed().as_secs_f64();
    report.show("old events made in", format!("{seconds:.0} s"));
    let mut sender = Sender::new();
    let (mut quiet, mut swept) = (Vec::new(), Vec::new());
    let (mut removed, mut during, mut recorded) = (0, 0.0, 0);
    for _ in 0..scale.rounds {
        for (days, acks) in [(LONG_DAYS, &mut quiet), (SHORT_DAYS, &mut swept)] {
            place.keep_for_days(days)?;
            let before = removed_of(scale.old, &store)?;
            let daemon = Daemon::start(&place)?;
            let batch = Arc::new(ignored(&mut sender, LEADS, recorded, scale.paced));
            let to_bridge = Drive {
                address: daemon.webhooks,
                connections: CONNECTIONS,
                during: scale.paced,
                again: false,
            };
            let driven = drive(&batch, to_bridge).await?;
            recorded += driven.accepted;
            acks.extend(driven.ack_ms);
            if days == SHORT_DAYS {
                removed += removed_of(scale.old, &store)? - before;
                during += scale.paced.as_secs_f64();
            }
            scrape::wait_for(daemon.admin, Scrape::decided, driven.accepted).await?;
            let log = std::fs::metadata(store.with_extension("db-wal"))?.len();
            report.show(
                format!("  log, {days} days kept"),
                format!("{} MiB", log >> 20),
            );
            daemon.stop()?;
        }
    }
    compare(quiet, swept, report);
    let rate = removed as f64 / during;
    report.show("  removed meanwhile", format!("{rate:.0} events/s"));
    if removed == 0 {
        report.fault("nothing was removed beside the load");
    }
    alone(scale, (&place, &store), report).await
}

/// What the rounds left, to the end: the events, their keys, the space.
async fn alone(
    scale: &Scale,
    (place, store): (&Place, &Path),
    report: &mut Report,
) -> anyhow::Result<()> {
    let before = removed_of(scale.old, store)?;
    let megabytes = |path: &Path| anyhow::Ok(std::fs::metadata(path)?.len() >> 20);
    let size = megabytes(store)?;
    let begun = Instant::now();
    let daemon = Daemon::start(place)?;
    while removed_of(scale.old, store)? < scale.old && begun.elapsed() < LONGEST {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let removed = removed_of(scale.old, store)? - before;
    report.show(
        "  removed without load",
        format!("{:.0} events/s", removed as f64 / took),
    );
    if removed + before < scale.old {
        report.fault("not all that is old was removed");
    }
    while surplus(store)? > 0 && begun.elapsed() < LONGEST {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    report.show(
        "  until their space was returned",
        format!("{:.0} s", begun.elapsed().as_secs_f64()),
    );
    daemon.stop()?;
    let left = megabytes(store)?;
    report.show("  the file", format!("{size} MiB, then {left} MiB"));
    if surplus(store)? > 0 {
        report.fault("the space of what was removed was not returned");
    }
    Ok(())
}

/// Free pages that are too many: those that keys leave are no eighth of the whole.
fn surplus(store: &Path) -> anyhow::Result<i64> {
    let connection = Connection::open(store)?;
    let number = |name: &str| {
        let value = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
        value as rusqlite::Result<i64>
    };
    let keys: i64 = connection.query_row(
        "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'stale_keys'), 0)",
        [],
        |row| row.get(0),
    )?;
    let spare = number("page_count")? / 8 + 256;
    Ok(number("freelist_count")? - spare + keys)
}

fn compare(quiet: Vec<f64>, swept: Vec<f64>, report: &mut Report) {
    let (quiet, swept) = (Spread::of(quiet), Spread::of(swept));
    report.show(
        "ack p99, nothing removed",
        format!("{:.2} ms", quiet.percentile(0.99)),
    );
    report.show(
        "ack p99, old events removed",
        format!("{:.2} ms", swept.percentile(0.99)),
    );
    report.show(
        "  p50 without and with",
        format!("{:.2} and {:.2} ms", quiet.median(), swept.median()),
    );
    let ratio = swept.percentile(0.99) / quiet.percentile(0.99);
    let (must, aim) = (2.0, 1.5);
    report.judge("  p99 grows by", (ratio, ""), Bound::AtMost { must, aim });
}

async fn make_tables(store: &Path) -> anyhow::Result<()> {
    let (opened, _handed) = SqliteStore::open(store, Box::new(|_| {}))?;
    opened.close().await;
    Ok(())
}

/// They go in the order of their places, which are the first ones.
fn removed_of(old: usize, store: &Path) -> anyhow::Result<usize> {
    let first = "SELECT coalesce(min(sequence), 1) FROM event";
    let first: i64 = Connection::open(store)?.query_row(first, [], |row| row.get(0))?;
    Ok(usize::try_from(first - 1)?.min(old))
}

/// As the bridge would have left them, without its syncs.
fn fill(store: &Path, count: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(store)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")?;
    let day_ms = 86_400_000;
    let first_ms = crate::webhook::yesterday_ms() - AGE_DAYS * day_ms;
    let body = "x".repeat(BODY_BYTES);
    let transaction = connection.transaction()?;
    for number in 0..count {
        let place = i64::try_from(number)? + 1;
        let ms = first_ms + place;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        id[8..].copy_from_slice(&place.to_be_bytes());
        let hash = place.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
        let insert = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
            transaction.prepare_cached(statement)?.execute(values)
        };
        insert(
            "INSERT INTO event (sequence, id, source, source_lead_id, lead_hash, dedupe_hash,
                                dedupe_key, received_at, state)
             VALUES (?1, ?2, 'old', ?3, ?4, ?4, ?2, ?5, 'settled')",
            params![place, id, format!("old-{number}"), hash, ms],
        )?;
        insert(
            "INSERT INTO event_body VALUES (?1, ?2)",
            params![place, body.as_bytes()],
        )?;
        if number % ONE_DELIVERED_IN == 0 {
            // Its lead has a newer one, as most have.
            let lead = place / 64;
            insert(
                "INSERT INTO delivery (id, event, lead, target, lead_id, members, timestamp,
                                       received_at, state, head, due_at, attempts, settled_at)
                 VALUES (?1, ?2, ?3, 'leadping', ?4, '{}', ?5, ?5, 'delivered', 0, ?5, 1, ?5)",
                params![id, place, lead, format!("lead-{lead}"), ms],
            )?;
            insert(
                "INSERT INTO attempt (delivery, number, call, request, result, started_at, duration_ms)
                 VALUES (last_insert_rowid(), 1, 'set', 'POST /dispositions', 'accepted', ?1, 80)",
                params![ms],
            )?;
        }
    }
    transaction.execute_batch(
        "INSERT INTO event_dedupe SELECT dedupe_hash, sequence FROM event ORDER BY 1, 2;
         INSERT INTO event_lead SELECT lead_hash, sequence FROM event ORDER BY 1, 2;
         INSERT INTO fact VALUES ('indexed_through', (SELECT max(sequence) FROM event));
         INSERT INTO tally SELECT target, state, count(*) FROM delivery GROUP BY 1, 2;",
    )?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}
