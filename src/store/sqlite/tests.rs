//! What people and scrapes ask is bounded, however much is stored: counted in steps of SQLite's
//! machine beside so many events that looking at each would show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::events::WALK;
use super::{SqliteStore, connect};
use crate::decision::ParkCause;
use crate::event::{EventId, EventState, Sequence};
use crate::lead::SystemId;
use crate::store::{EventPage, FlowSpan, LeadPage, LeadQuery, StoreError};

/// More than a walk looks at, several times.
const EVENTS: i64 = 4 * WALK;
/// The counter's grain.
const STEPS: i32 = 10;
/// A page of what an index knows, with all that is shown of each event.
const MOST_OF_A_PAGE: u64 = 20_000;
/// A walk that finds nothing: a few steps for each place.
const MOST_OF_A_WALK: u64 = 10 * WALK.unsigned_abs();

struct Counted {
    store: SqliteStore,
    steps: Arc<AtomicU64>,
    directory: tempfile::TempDir,
}

impl Counted {
    /// A store whose readers count their steps.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bridge.db");
        let (store, _handed) = SqliteStore::open(&path, Box::new(|_| {})).unwrap();
        fill(&path);
        let steps = Arc::new(AtomicU64::new(0));
        let count = steps.clone();
        let mut reader = connect(&path, rusqlite::OpenFlags::default()).unwrap();
        let step = move || {
            count.fetch_add(STEPS.unsigned_abs().into(), Ordering::Relaxed);
            false
        };
        reader.progress_handler(STEPS, Some(step)).unwrap();
        // One reader after the other asks: it is always this one.
        store.readers.idle.lock().unwrap().push(reader);
        let counted = Self {
            store,
            steps,
            directory,
        };
        counted.assert_sees_a_scan().await;
        counted
    }

    async fn assert_sees_a_scan(&self) {
        let scan = "SELECT count(*) FROM event WHERE duplicates > 0";
        let scanned = self
            .store
            .read(|connection| Ok(connection.query_row(scan, [], |row| row.get::<_, i64>(0))?));
        assert_eq!(scanned.await.unwrap(), 0);
        let steps = self.steps.load(Ordering::Relaxed);
        assert!(steps > EVENTS.unsigned_abs(), "a scan in {steps} steps");
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("bridge.db")
    }

    /// What was found, and that it took at most so many steps.
    async fn within<T>(
        &self,
        most: u64,
        what: &str,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> T {
        self.steps.store(0, Ordering::Relaxed);
        let found = asked.await.unwrap();
        let steps = self.steps.load(Ordering::Relaxed);
        assert!(steps <= most, "{what}: {steps} steps");
        found
    }
}

/// Settled events of one source, each with a delivery that was made; a few that are something else.
fn fill(path: &std::path::Path) {
    let connection = connect(path, rusqlite::OpenFlags::default()).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF;
             BEGIN;
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {EVENTS})
             INSERT INTO event (sequence, id, source, source_lead_id, lead_hash, dedupe_hash,
                                dedupe_key, received_at, state)
                 SELECT n, CAST(format('%016d', n) AS BLOB), 'voice', 'v' || n, n, n, x'00', n, 'settled' FROM n;
             INSERT INTO event_body SELECT sequence, x'7b7d' FROM event;
             INSERT INTO event_lead SELECT lead_hash, sequence FROM event;
             INSERT INTO fact VALUES ('indexed_through', {EVENTS});
             INSERT INTO delivery (id, event, lead, target, lead_id, members, timestamp, received_at,
                                   state, head, due_at)
                 SELECT id, sequence, sequence, 'leadping', 'L', '{{}}', 0, 0, 'delivered', 0, 0 FROM event;
             INSERT INTO attempt (delivery, number, call, request, result, started_at, duration_ms)
                 SELECT delivery, 1, 'set', '', 'accepted', 0, 0 FROM delivery;
             INSERT INTO tally SELECT target, state, count(*) FROM delivery GROUP BY 1, 2;
             UPDATE event SET state = 'parked', cause = 'unmapped:voice:7' WHERE sequence = 5;
             UPDATE event SET state = 'discarded' WHERE sequence = 6;
             UPDATE event SET state = 'decided' WHERE sequence = 7;
             UPDATE delivery SET state = 'due', head = 1 WHERE event = 7;
             COMMIT;"
        ))
        .unwrap();
}

fn by_state(state: EventState) -> EventPage {
    EventPage {
        limit: 50,
        state: Some(state),
        ..EventPage::default()
    }
}

fn of_source(source: &str) -> EventPage {
    EventPage {
        limit: 50,
        source: Some(source.to_owned()),
        ..EventPage::default()
    }
}

#[tokio::test]
async fn events_are_found_however_many_there_are() {
    let counted = Counted::new().await;
    let newest = EventPage {
        limit: 50,
        ..EventPage::default()
    };
    let lead = LeadQuery {
        id: String::from("v9"),
        sources: vec![String::from("voice")],
    };
    let pages = [
        ("newest", newest.clone(), 50),
        ("settled", by_state(EventState::Settled), 50),
        ("parked", by_state(EventState::Parked), 1),
        ("discarded", by_state(EventState::Discarded), 1),
        ("received", by_state(EventState::Received), 0),
        ("a source", of_source("voice"), 50),
        (
            "a cause",
            EventPage {
                cause: Some(ParkCause::from_stored(String::from("unmapped:voice:7"))),
                ..newest.clone()
            },
            1,
        ),
        (
            "a lead",
            EventPage {
                lead: Some(lead),
                ..newest.clone()
            },
            0,
        ),
        (
            "one",
            EventPage {
                id: Some(EventId(uuid::Uuid::nil())),
                ..newest
            },
            0,
        ),
    ];
    for (what, page, expected) in pages {
        let asked = counted.store.events(page);
        let found = counted.within(MOST_OF_A_PAGE, what, asked).await;
        assert_eq!(found.rows.len(), expected, "{what}");
        assert_eq!(found.next.is_some(), expected == 50, "{what}");
    }
    let asked = counted.store.events(by_state(EventState::Decided));
    let found = counted.within(MOST_OF_A_WALK, "decided", asked).await;
    assert_eq!(found.rows.len(), 1, "found behind the walk");
    assert!(found.next.is_none());
}

#[tokio::test]
async fn what_no_index_knows_is_walked_to_page_by_page() {
    let counted = Counted::new().await;
    let connection = rusqlite::Connection::open(counted.path()).unwrap();
    // Retention left a gap in the places; the silent source spoke before it.
    let gap = "UPDATE event SET source = 'crm' WHERE sequence = 2;
               DELETE FROM event WHERE sequence > 10 AND sequence < 45000;";
    connection.execute_batch(gap).unwrap();
    let mut page = of_source("crm");
    let (mut pages, mut found) = (0, Vec::new());
    loop {
        let asked = counted.store.events(page.clone());
        let next = counted
            .within(MOST_OF_A_WALK, "a silent source", asked)
            .await;
        found.extend(next.rows.iter().map(|row| row.sequence));
        pages += 1;
        match next.next {
            Some(next) => page.before = Some(next),
            None => break,
        }
    }
    assert_eq!(found, [Sequence(2)]);
    assert_eq!(pages, 3, "the gap is passed over at once");
}

#[tokio::test]
async fn what_pages_and_scrapes_ask_is_bounded() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let most = MOST_OF_A_PAGE;
    let parked = store.parked_after(None, 50);
    assert_eq!(counted.within(most, "parked", parked).await.len(), 1);
    let targets = store.targets();
    assert_eq!(counted.within(most, "targets", targets).await.len(), 1);
    let causes = vec![String::from("unmapped:voice"), String::from("refused:x")];
    let parked = counted.within(most, "parked counted", store.count_parked(causes));
    assert_eq!(parked.await[0].count, 1);
    let newest = counted.within(MOST_OF_A_WALK, "newest", store.newest_by_source());
    assert_eq!(newest.await.len(), 1);
    let span = FlowSpan {
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::MAX,
        slot_ms: 60_000,
    };
    assert_eq!(
        counted
            .within(most, "flow", store.flow(span))
            .await
            .undecided,
        0
    );
    let lead = LeadPage {
        ids: vec![SystemId::new("voice", "v9")],
        shadowed: Vec::new(),
        before: None,
        limit: 50,
    };
    counted.steps.store(0, Ordering::Relaxed);
    assert!(matches!(
        store.lead_timeline(lead).await,
        Err(StoreError::NotFound)
    ));
    assert!(counted.steps.load(Ordering::Relaxed) <= most, "a lead");
    let row = store.recorded(Sequence(EVENTS - 1), Sequence(EVENTS), 1);
    assert_eq!(counted.within(most, "a body", row).await.len(), 1);
}
