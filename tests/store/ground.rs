//! What the tests stand on: an engine on a directory of its own, and a scene that records, decides
//! and delivers with short words. The only file that knows how an engine is opened or damaged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadping_bridge::clock::after;
use leadping_bridge::delivery::Lease;
use leadping_bridge::event::{Event, EventId, Sequence};
use leadping_bridge::store::sqlite::{Handover, SqliteStore};
use leadping_bridge::store::{
    Appended, Decided, Decider, DedupeRule, EventPage, EventRow, NewEvent, Outcome, Settlement,
    Store, StoreError, Sweep, TakeDue, Taken, Undecided,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::judge::{self, Judge};

mod migrations {
    refinery::embed_migrations!("migrations");
}

pub const TARGET: &str = "leadping";
/// 2026-08-01T10:00:00Z.
pub const START_MS: i64 = 1_785_578_400_000;
/// How long a released file may take to be released.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub enum Engine {
    Sqlite,
}

/// An engine and its files.
pub struct Ground {
    engine: Engine,
    directory: TempDir,
}

impl Ground {
    pub fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { engine, directory }
    }

    pub fn path(&self) -> std::path::PathBuf {
        let Engine::Sqlite = self.engine;
        self.directory.path().join("deep/bridge.db")
    }

    pub fn open(&self) -> Result<(Store, Handover), StoreError> {
        SqliteStore::open(&self.path(), Box::new(|_| {}))
            .map(|(store, handed)| (Store::Sqlite(store), handed))
    }

    /// Opens once the last one to have it open has let go.
    pub async fn open_when_free(&self) -> (Store, Handover) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            match self.open() {
                Ok(opened) => return opened,
                Err(error) if std::time::Instant::now() > deadline => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    fn connect(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    }

    /// The files of a store that was last opened by the version whose newest migration this was,
    /// with these rows.
    pub fn of_version(engine: Engine, version: i32, rows: &str) -> Self {
        let ground = Self::new(engine);
        std::fs::create_dir(ground.directory.path().join("deep")).unwrap();
        let mut connection = ground.connect();
        let target = refinery::Target::Version(version);
        let runner = migrations::migrations::runner().set_target(target);
        runner.run(&mut connection).unwrap();
        connection.execute_batch(rows).unwrap();
        ground
    }

    /// One number, asked past the store.
    pub fn number(&self, query: &str) -> i64 {
        let connection = self.connect();
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// Damages what is stored, past every check.
    pub fn damage(&self, statement: &str) {
        let connection = self.connect();
        connection
            .execute_batch("PRAGMA ignore_check_constraints = ON")
            .unwrap();
        assert!(
            connection.execute(statement, []).unwrap() > 0,
            "nothing was damaged"
        );
    }

    /// Deliveries counted one by one: (target, state) → how many.
    pub fn counted_deliveries(&self) -> BTreeMap<(String, String), i64> {
        self.connect()
            .prepare("SELECT target, state, count(*) FROM delivery GROUP BY target, state")
            .unwrap()
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    /// Leads and targets that have work but not exactly one head.
    pub fn leads_without_one_head(&self) -> Vec<(i64, String, i64)> {
        self.connect()
            .prepare(
                "SELECT lead, target, sum(head) FROM delivery WHERE state IN ('due', 'in_flight')
                 GROUP BY lead, target HAVING sum(head) <> 1",
            )
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START_MS + ms).unwrap()
}

/// An open store and a decider, at a time that stands still until it is advanced.
pub struct Scene {
    pub ground: Ground,
    pub store: Store,
    pub handed: Handover,
    pub judge: Arc<Judge>,
    pub now: Timestamp,
}

impl Scene {
    pub fn on(engine: Engine) -> Self {
        let ground = Ground::new(engine);
        let (store, handed) = ground.open().unwrap();
        Self {
            ground,
            store,
            handed,
            judge: Arc::default(),
            now: at(0),
        }
    }

    pub fn advance(&mut self, ms: u64) {
        self.now = after(self.now, Duration::from_millis(ms));
    }

    /// Closes the store and opens it again; what was handed on in memory is forgotten.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        (self.store, self.handed) = self.ground.open_when_free().await;
    }

    /// A webhook of `source` that is no duplicate of anything.
    pub fn new_event(&self, source: &str, body: Value) -> NewEvent {
        let id = EventId::new_at(self.now);
        let rule = DedupeRule {
            key: *id.0.as_bytes(),
            within: Duration::ZERO,
            or_newest_of_lead: false,
        };
        let reading = judge::reading(&body);
        let event = Event {
            id,
            sequence: Sequence::default(),
            source: source.to_owned(),
            forced_kind: None,
            received_at: self.now,
            body: serde_json::to_vec(&body).unwrap().into(),
        };
        NewEvent {
            undecided: Undecided { event, reading },
            dedupe: rule,
        }
    }

    pub async fn record_from(&self, source: &str, body: Value) -> EventId {
        match self
            .store
            .append(self.new_event(source, body))
            .await
            .unwrap()
        {
            Appended::New(id) => id,
            Appended::Duplicate(of) => panic!("a duplicate of {of}"),
        }
    }

    pub async fn record(&self, body: Value) -> EventId {
        self.record_from("voice", body).await
    }

    /// Everything handed on so far.
    pub fn handed_on(&mut self) -> Vec<Undecided> {
        let mut events = Vec::new();
        while let Ok(event) = self.handed.try_recv() {
            events.push(event);
        }
        events
    }

    /// Decides everything that is not decided yet, as after a restart.
    pub async fn decide(&mut self) -> Vec<Decided> {
        let mut decided = Vec::new();
        loop {
            let events = self.store.undecided(256).await.unwrap();
            if events.is_empty() {
                return decided;
            }
            let batch = events
                .into_iter()
                .map(|event| self.judge.read_again(event))
                .collect();
            let by: Arc<dyn Decider> = self.judge.clone();
            decided.extend(self.store.decide(batch, by, self.now).await.unwrap());
        }
    }

    /// Records one event and decides it.
    pub async fn carry(&mut self, body: Value) -> EventId {
        self.carry_from("voice", body).await
    }

    pub async fn carry_from(&mut self, source: &str, body: Value) -> EventId {
        let id = self.record_from(source, body).await;
        self.decide().await;
        id
    }

    pub fn due(&self, limit: usize) -> TakeDue {
        TakeDue {
            target: TARGET.to_owned(),
            limit,
            now: self.now,
            probe_not: None,
            look_only: false,
        }
    }

    pub async fn take(&self, limit: usize) -> Vec<Lease> {
        self.take_by(self.due(limit)).await.leases
    }

    pub async fn take_by(&self, take: TakeDue) -> Taken {
        self.store.take_due(take).await.unwrap()
    }

    /// Takes the one delivery that can be taken.
    pub async fn take_one(&self) -> Lease {
        let mut leases = self.take(64).await;
        assert_eq!(
            says(&leases).len(),
            1,
            "not one delivery: {:?}",
            says(&leases)
        );
        leases.remove(0)
    }

    pub async fn settle(&self, lease: &Lease, outcome: Outcome) -> Option<Timestamp> {
        self.try_settle(lease, outcome).await.unwrap()
    }

    pub async fn try_settle(
        &self,
        lease: &Lease,
        outcome: Outcome,
    ) -> Result<Option<Timestamp>, StoreError> {
        let settlement = Settlement {
            row: lease.row,
            token: lease.token,
            attempts: vec![judge::attempt(lease, self.now)],
            outcome,
            at: self.now,
        };
        self.store.settle(settlement).await
    }

    pub async fn deliver(&self, lease: &Lease, entry: &str) {
        let entry_id = Some(entry.to_owned());
        self.settle(lease, Outcome::Delivered { entry_id }).await;
    }

    /// Takes and delivers until nothing is due; what was said to the target, in order.
    pub async fn deliver_all(&self) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let leases = self.take(64).await;
            if leases.is_empty() {
                return said;
            }
            for lease in &leases {
                self.deliver(lease, &format!("entry-{}", lease.row)).await;
            }
            said.extend(says(&leases));
        }
    }

    /// The first step of a sweep; how many events went.
    pub async fn forget_before(&self, before: Timestamp) -> usize {
        let swept = self.store.sweep(Sweep::of(before)).await;
        swept.unwrap().events
    }

    pub async fn events(&self) -> Vec<EventRow> {
        let page = EventPage {
            limit: 1000,
            ..EventPage::default()
        };
        self.store.events(page).await.unwrap().rows
    }

    pub async fn event(&self, id: EventId) -> EventRow {
        let events = self.events().await;
        events
            .into_iter()
            .find(|event| event.id == id)
            .expect("the event is there")
    }

    /// Event state and cause, and the states of its deliveries, as one line.
    pub async fn line(&self, id: EventId) -> String {
        let event = self.event(id).await;
        let mut line = event.state.as_str().to_owned();
        if let Some(cause) = &event.cause {
            line.push_str(&format!(" {cause}"));
        }
        for delivery in &event.deliveries {
            line.push_str(&format!(" | {}", delivery.state.as_str()));
            if let Some(cause) = &delivery.cause {
                line.push_str(&format!(" {cause}"));
            }
            if let Some(status) = &delivery.held_http_status {
                line.push_str(&format!(" held {status}"));
            }
        }
        line
    }
}

/// What each delivery says, in order.
pub fn says(leases: &[Lease]) -> Vec<String> {
    leases
        .iter()
        .map(|lease| lease.members["outcome"].as_str().unwrap().to_owned())
        .collect()
}
