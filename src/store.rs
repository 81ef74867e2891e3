//! The store: the verbs of the walk, durable when they return.
//!
//! Closed on purpose: [`Store`] is an enum with one variant per engine, and no word of a database
//! leaves `store/`. A verb that returned `Ok` has been committed and synced. Deciding happens
//! inside the store's transaction, but the judgement itself is handed in ([`Decider`]) and pure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::decision::{DecisionRecord, ParkCause};
use crate::delivery::{Attempt, DeliveryId, DeliveryState, Lease, Patience};
use crate::event::{Event, EventId, EventState, Reading, Sequence};
use crate::lead::{LeadKey, SystemId};

mod audit;
pub mod flow;
mod care;
mod erase;
mod gauge;
mod hits;
mod judgement;
mod latency;
mod life;
mod links;
mod page;
mod parked;
mod recorded;
mod rejects;
mod replay;
mod retention;
pub mod rows;
pub mod sqlite;
mod timeline;

pub use audit::{AuditKey, AuditRow, NewAudit};
pub use care::{Backup, Compacted, Fault, Restored};
pub use erase::{EraseStep, Erased, FileTraces, Mention, Person, PersonRows};
pub use flow::{Flow, FlowSpan};
pub use gauge::ParkedCount;
pub use hits::KeptHits;
pub use judgement::{Decided, Decider, Desk, Leased};
pub use latency::Latency;
pub use links::{Learnt, LinkPage, LinkRow, Linked, Links, NamedLead, NewLink};
pub use page::{EventPage, EventsFound, LeadQuery};
pub use parked::{
    Freed, FreedTo, Parked, ParkedAction, ParkedPlace, ParkedReason, ParkedReasons, ParkedRow,
};
pub use recorded::{KnownLead, Peeked, RecordedFrom, RecordedSpan};
pub use rejects::RejectRow;
pub use replay::{ReplayOf, ReplaySpan, ReplayStep, STAYS_DISCARDED};
pub use retention::{StepSize, Sweep, SweepAt, Swept};
pub use timeline::{AttemptRow, LeadCard, LeadFound, LeadPage, LeadTimeline, TargetHas};

/// Why a verb did not happen. Nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// More work is queued than is sane; try again in a moment.
    #[error("the store has too much queued")]
    Overloaded,
    /// The disk or the database refused.
    #[error("the store cannot write or read: {0}")]
    Unavailable(String),
    /// The file is no store, or not one that this version reads.
    #[error("{0}")]
    Foreign(&'static str),
    /// A row says something that cannot be.
    #[error("the store holds something that cannot be: {0}")]
    Corrupt(String),
    /// The lease is not ours any more: somebody else settled it.
    #[error("the lease of this delivery has passed to somebody else")]
    LeaseLost,
    #[error("there is no such thing in the store")]
    NotFound,
}

/// A verified webhook that is to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its place in the order is given by the store.
    pub undecided: Undecided,
    pub dedupe: DedupeRule,
}

/// What makes an event a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupeRule {
    /// Hash of source and sender's id, or of source and canonical body.
    pub key: [u8; 16],
    /// An event with the same key recorded within this time is the same.
    pub within: Duration,
    /// So is the newest recorded event of the source's lead, however old.
    pub or_newest_of_lead: bool,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    New(EventId),
    Duplicate(EventId),
}

/// An event with what was read from its body, ready to be decided.
#[derive(Debug, Clone)]
pub struct Undecided {
    pub event: Event,
    pub reading: Reading,
}

/// Which parked events to decide again.
#[derive(Debug, Clone)]
pub enum Again {
    /// Parked for one of these classes of cause (`unmapped`, `invalid`, `row`).
    Classes(Vec<&'static str>),
}

/// How a try ended, for the store.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub row: i64,
    pub token: i64,
    pub attempts: Vec<Attempt>,
    pub outcome: Outcome,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Delivered {
        entry_id: Option<String>,
    },
    /// Due again at `at`.
    Retry {
        at: Timestamp,
        fate_unknown: bool,
        patience: Option<Patience>,
    },
    /// Due, but held until it is known whose refusal it was.
    Held {
        http_status: u16,
        fate_unknown: bool,
    },
    Parked(ParkCause),
    /// The target went into shadow mode.
    Withheld,
    /// Something newer was decided, and it is of no use any more.
    Superseded,
}

/// What becomes of held deliveries once it is known whose refusal it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldFate {
    /// Parked as their own fault.
    Own,
    /// Due again at this time.
    DueAt(Timestamp),
}

/// A delivery that was refused with a status that may be the target's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDelivery {
    pub row: i64,
    pub lead_id: String,
    pub http_status: u16,
    pub attempts: u32,
}

/// What `take_due` may take.
#[derive(Debug, Clone)]
pub struct TakeDue {
    pub target: String,
    pub limit: usize,
    pub now: Timestamp,
    /// A probe: the oldest due one whatever its time, of a lead that is not among these.
    pub probe_not: Option<Vec<String>>,
    /// In shadow mode only deliveries of unknown fate are taken, to be looked up.
    pub look_only: bool,
}

/// What was taken, and what is left to take.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub leases: Vec<Lease>,
    pub left: Takeable,
}

/// How much of a target's work could be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Takeable {
    /// Due now, counted up to a small bound.
    pub ready: usize,
    /// When the next one is due; in the past if any is ready.
    pub next_at: Option<Timestamp>,
}

/// What the store remembers of a target between runs.
#[derive(Debug, Clone, Default)]
pub struct TargetMemory {
    /// The saved health, as JSON.
    pub health: Option<String>,
    pub held: Vec<HeldDelivery>,
    /// LeadPing ids of the leads last written successfully, newest first.
    pub recent_leads: Vec<String>,
}

/// The entry that an amend is of, as it stands when the amend is about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct AmendedEntry {
    /// The store's row of the set that made it.
    pub set: i64,
    /// That set's id, which marks the entry.
    pub delivery: DeliveryId,
    /// `None`: the target did not tell; it has to be looked up.
    pub entry_id: Option<String>,
    pub timestamp: Timestamp,
}

/// What becomes of an amend that is about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Amending {
    Entry(AmendedEntry),
    /// Its entry never got there, and nothing newer was decided: it is the set now.
    BecameSet,
    /// Its entry never got there, and newer things were decided.
    Outdated,
}

/// The ids and the times that a look-up needs to recognise an entry as ours.
#[derive(Debug, Clone, Default)]
pub struct KnownEntries {
    /// Entry ids of this lead's deliveries at the target.
    pub ids: Vec<String>,
}

/// An event as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EventRow {
    pub id: EventId,
    pub sequence: Sequence,
    pub source: String,
    pub source_lead_id: Option<String>,
    pub lead_id: Option<String>,
    #[serde(serialize_with = "rows::timestamp")]
    pub received_at: Timestamp,
    pub state: EventState,
    pub cause: Option<ParkCause>,
    pub duplicates: u32,
    pub decision: Option<DecisionRecord>,
    pub deliveries: Vec<DeliveryRow>,
}

/// A delivery as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub target: String,
    pub lead_id: String,
    pub state: DeliveryState,
    pub category: Option<String>,
    pub outcome: Option<String>,
    pub cause: Option<ParkCause>,
    /// The status it is held with, while it is not known whose refusal that was.
    pub held_http_status: Option<u16>,
    pub attempts: u32,
    pub entry_id: Option<String>,
    /// The event that a superseded one gave way to, before it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gave_way_to: Option<Sequence>,
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub settled_at: Option<Timestamp>,
    #[serde(serialize_with = "rows::timestamp")]
    pub due_at: Timestamp,
    pub last_http_status: Option<u16>,
    pub last_result: Option<String>,
    pub last_duration_ms: Option<i64>,
    /// Every try, oldest first; only where one lead or one event is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<AttemptRow>,
}

/// What one target has before it.
#[derive(Debug, Clone, Serialize)]
pub struct TargetRow {
    pub name: String,
    /// Delivery state → how many.
    pub deliveries: std::collections::BTreeMap<String, i64>,
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub oldest_due_at: Option<Timestamp>,
}

/// A verified request that could not be an event.
#[derive(Debug, Clone)]
pub struct RejectedRequest {
    pub source: String,
    pub reason: &'static str,
    pub size_bytes: usize,
    pub at: Timestamp,
    /// The first bytes.
    pub body: Bytes,
}

/// A set of mapping tables that is about to come into force.
#[derive(Debug, Clone)]
pub struct TablesLoaded {
    /// Of the set.
    pub hash: String,
    pub tables: Vec<TableLoaded>,
    pub at: Timestamp,
    pub by: LoadedBy,
}

#[derive(Debug, Clone)]
pub struct TableLoaded {
    pub mapping: String,
    /// As decisions name it.
    pub hash: String,
    pub text: Arc<str>,
}

/// What made the tables come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadedBy {
    Start,
    /// The watcher saw a change.
    File,
    Signal,
    Api,
}

impl LoadedBy {
    pub const ALL: [Self; 4] = [Self::Start, Self::File, Self::Signal, Self::Api];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Api => "api",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// A set of tables that was in force until the next one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TableVersion {
    /// Its place among them.
    #[serde(skip)]
    pub version: i64,
    pub hash: String,
    /// Mapping name → hash of its text.
    pub tables: std::collections::BTreeMap<String, String>,
    /// When it had been read and was written down: the moment before it came into force.
    #[serde(serialize_with = "rows::timestamp")]
    pub loaded_at: Timestamp,
    pub loaded_by: LoadedBy,
}

/// The engine in use.
#[derive(Debug, Clone)]
pub enum Store {
    Sqlite(sqlite::SqliteStore),
}

/// Each verb is the engine's own; see there for how.
impl Store {
    /// Appends one event durably, or finds that it is a duplicate. It is decided in the same
    /// transaction if there is a desk ([`Store::decide_at`]) and nothing older is undecided.
    pub async fn append(&self, event: NewEvent) -> Result<Appended, StoreError> {
        let Self::Sqlite(store) = self;
        store.append(event).await
    }

    /// From now on, while `desk` lives, events are decided in the transaction that appends them.
    /// The first desk stays.
    pub fn decide_at(&self, desk: &Arc<dyn Desk>) {
        let Self::Sqlite(store) = self;
        store.decide_at(desk);
    }

    /// Keeps a rejected request for diagnosis, if there is room in the queue.
    pub fn record_reject(&self, reject: RejectedRequest) {
        let Self::Sqlite(store) = self;
        store.record_reject(reject);
    }

    /// Whether the last write succeeded.
    pub fn is_writable(&self) -> bool {
        let Self::Sqlite(store) = self;
        store.is_writable()
    }

    /// Tries to write, so that `is_writable` tells the truth again.
    pub async fn try_write(&self) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.try_write().await
    }

    /// Recorded events that are not decided yet, oldest first.
    pub async fn undecided(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        let Self::Sqlite(store) = self;
        store.undecided(limit).await
    }

    /// Decides `batch`, in order, in one transaction. Events already decided are left alone.
    pub async fn decide(
        &self,
        batch: Vec<Undecided>,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        let Self::Sqlite(store) = self;
        store.decide(batch, by, now).await
    }

    /// Parks an event as invalid whose deciding the store cannot write: one bad row must not stop
    /// the rest.
    pub async fn park_undecidable(
        &self,
        event: Undecided,
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        let Self::Sqlite(store) = self;
        store.park_undecidable(event, now).await
    }

    /// Decides parked events again, oldest first, at most `limit`, recorded after `after`.
    /// Returns what came of them and the last one looked at, `None` when there are no more.
    pub async fn decide_again(
        &self,
        again: Again,
        after: Sequence,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<(Vec<Decided>, Option<Sequence>), StoreError> {
        let Self::Sqlite(store) = self;
        store.decide_again(again, after, by, now).await
    }

    /// What deciding this event now would see of its lead, and what would be decided before it;
    /// writes nothing.
    pub async fn peek(&self, event: Undecided, by: Arc<dyn Decider>) -> Result<Peeked, StoreError> {
        let Self::Sqlite(store) = self;
        store.peek(event, by).await
    }

    /// Learns the ids of one lead as from an event that names them, and decides what waited.
    pub async fn learn_lead(
        &self,
        named: NamedLead,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Linked, StoreError> {
        let Self::Sqlite(store) = self;
        store.learn_lead(named, by, now).await
    }

    /// Teaches many links in one transaction, in their order, and decides what waited for each.
    pub async fn set_links(
        &self,
        links: Vec<NewLink>,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Vec<Linked>, StoreError> {
        let Self::Sqlite(store) = self;
        store.set_links(links, by, now).await
    }

    pub async fn links(&self, page: LinkPage) -> Result<Links, StoreError> {
        let Self::Sqlite(store) = self;
        store.links(page).await
    }

    /// Takes due deliveries under a lease: heads of their leads, oldest due first.
    pub async fn take_due(&self, take: TakeDue) -> Result<Taken, StoreError> {
        let Self::Sqlite(store) = self;
        store.take_due(take).await
    }

    /// Writes down how a try ended; the lease must still be ours. Returns when the lead's next
    /// delivery, or this one again, is due.
    pub async fn settle(&self, settlement: Settlement) -> Result<Option<Timestamp>, StoreError> {
        let Self::Sqlite(store) = self;
        store.settle(settlement).await
    }

    /// Frees held deliveries, or parks them as their own.
    pub async fn release_held(
        &self,
        target: &str,
        rows: Vec<i64>,
        fate: HeldFate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.release_held(target.to_owned(), rows, fate, now).await
    }

    /// Entry ids that our deliveries of this lead made at the target.
    pub async fn known_entries(
        &self,
        lead: LeadKey,
        target: &str,
    ) -> Result<KnownEntries, StoreError> {
        let Self::Sqlite(store) = self;
        store.known_entries(lead, target.to_owned()).await
    }

    /// What an amend under lease has to do now.
    pub async fn amending(&self, row: i64, token: i64) -> Result<Amending, StoreError> {
        let Self::Sqlite(store) = self;
        store.amending(row, token).await
    }

    /// The target's id of the entry that this set made, found out later.
    pub async fn learn_entry(&self, set: i64, entry_id: String) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.learn_entry(set, entry_id).await
    }

    /// The target's history lacks the entry that this set made.
    pub async fn mark_gone(&self, set: i64) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.mark_gone(set).await
    }

    /// What is remembered of a target from earlier runs.
    pub async fn target_memory(&self, target: &str) -> Result<TargetMemory, StoreError> {
        let Self::Sqlite(store) = self;
        store.target_memory(target.to_owned()).await
    }

    pub async fn save_health(&self, target: &str, health: String) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.save_health(target.to_owned(), health).await
    }

    /// Makes deliveries of an interrupted try due again, their fate unknown: those leased before
    /// `leased_before`. They are looked up not before `lookup_after` has passed since their start.
    pub async fn recover_leases(
        &self,
        target: &str,
        leased_before: Timestamp,
        lookup_after: Duration,
    ) -> Result<usize, StoreError> {
        let Self::Sqlite(store) = self;
        store
            .recover_leases(target.to_owned(), leased_before, lookup_after)
            .await
    }

    /// A target in shadow mode: everything due whose fate is known is withheld.
    pub async fn withhold_due(&self, target: &str, now: Timestamp) -> Result<usize, StoreError> {
        let Self::Sqlite(store) = self;
        store.withhold_due(target.to_owned(), now).await
    }

    pub async fn events(&self, page: EventPage) -> Result<EventsFound, StoreError> {
        let Self::Sqlite(store) = self;
        store.events(page).await
    }

    pub async fn targets(&self) -> Result<Vec<TargetRow>, StoreError> {
        let Self::Sqlite(store) = self;
        store.targets().await
    }

    /// Keeps which tables are about to come into force, with their texts; the set that was in force
    /// last is not kept twice.
    pub async fn remember_tables(&self, loaded: TablesLoaded) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.remember_tables(loaded).await
    }

    /// The sets of tables that were in force, newest first: those before `before`.
    pub async fn table_versions(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TableVersion>, StoreError> {
        let Self::Sqlite(store) = self;
        store.table_versions(before, limit).await
    }

    /// The text of a table that is still kept.
    pub async fn table_text(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let Self::Sqlite(store) = self;
        store.table_text(hash.to_owned()).await
    }

    /// Where reading recorded events again begins and ends; `None` if there are none.
    pub async fn recorded_span(
        &self,
        from: RecordedFrom,
    ) -> Result<Option<RecordedSpan>, StoreError> {
        let Self::Sqlite(store) = self;
        store.recorded_span(from).await
    }

    /// A page of recorded events of any state, in the order recorded.
    pub async fn recorded(
        &self,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Self::Sqlite(store) = self;
        store.recorded(after, through, limit).await
    }

    /// Events of this source that wait for a link, in the order recorded.
    pub async fn unlinked(
        &self,
        source: &str,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Self::Sqlite(store) = self;
        store.unlinked(source.to_owned(), after, limit).await
    }

    /// Recorded events of a lead, of any state, in the order recorded: the newest through
    /// `through`.
    pub async fn recorded_of(
        &self,
        lead: LeadQuery,
        through: Sequence,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Self::Sqlite(store) = self;
        store.recorded_of(lead, through, limit).await
    }

    /// The leads that these ids mean today, each once or more; unknown ids are left out.
    pub async fn known_leads(&self, ids: Vec<SystemId>) -> Result<Vec<KnownLead>, StoreError> {
        let Self::Sqlite(store) = self;
        store.known_leads(ids).await
    }

    /// What became of the events received in a span, and how long deliveries took.
    pub async fn flow(&self, span: FlowSpan) -> Result<Flow, StoreError> {
        let Self::Sqlite(store) = self;
        store.flow(span).await
    }

    /// Merges old counts of the flow in one bounded step; returns whether there may be more to do.
    pub async fn compact_flow(&self, now: Timestamp) -> Result<bool, StoreError> {
        let Self::Sqlite(store) = self;
        store.compact_flow(now).await
    }

    /// Ends the writer after everything queued has been written.
    pub async fn close(&self) {
        let Self::Sqlite(store) = self;
        store.close().await;
    }
}
