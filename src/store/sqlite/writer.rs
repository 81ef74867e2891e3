//! The writer thread: takes what is queued, commits it with one sync, answers.
//!
//! No timer: a batch is whatever queued up during the last sync. The log is emptied beside it
//! (`log.rs`).

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use foldhash::HashMap;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot};

use super::super::{Appended, Decided, Decider, Desk, Leased, NewEvent, StoreError, Undecided};
use super::decide::Sitting;
use super::flow::FlowCounts;
use super::known::Known;
use super::log::Log;
use super::tail::Tail;
use super::{Commit, CommitObserver, Seat};
use crate::delivery::DeliveryState;

/// More would only add to each answer's wait.
const MAX_BATCH: usize = 256;

/// One piece of writing.
pub(super) enum Job {
    Append {
        event: Box<NewEvent>,
        outcome: Option<AppendOutcome>,
        reply: oneshot::Sender<Result<Appended, StoreError>>,
    },
    Task(Box<dyn Work>),
    /// Work of its own, outside any transaction, after what was queued with it.
    Alone(Alone),
    Close,
}

pub(super) type Alone = Box<dyn FnOnce(&Connection) + Send>;

/// What an append did inside the transaction.
pub(super) enum AppendOutcome {
    /// New, and decided.
    Decided,
    /// New, and left to the decider.
    Undecided,
    Duplicate(crate::event::EventId),
}

/// Writing that somebody waits for. `run` may be called again after a rollback.
pub(super) trait Work: Send {
    fn run(&mut self, scope: &mut Scope) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

pub(super) struct Task<F, T> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Task<F, T> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self {
            work,
            value: None,
            reply,
        }
    }
}

impl<F, T> Work for Task<F, T>
where
    F: FnMut(&mut Scope) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, scope: &mut Scope) -> Result<(), StoreError> {
        self.value = Some((self.work)(scope)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let answer = outcome.and_then(|()| value.ok_or(StoreError::NotFound));
        // Whoever asked may have gone; what was written stays written.
        let _ = reply.send(answer);
    }
}

/// What a piece of writing works with: the connection, and what is only true once committed.
pub(super) struct Scope {
    pub(super) connection: Connection,
    /// The next event's place in the order.
    pub(super) next_sequence: i64,
    next_token: i64,
    /// The last event that is decided, as are all before it; in the open transaction.
    pub(super) decided_through: i64,
    /// The same, on disk.
    decided_on_disk: i64,
    /// What was looked up lately; this is the only writer, so it is never stale.
    pub(super) known: Known,
    /// Keys of the newest events that no table has yet.
    pub(super) tail: Tail,
    tally: HashMap<(String, DeliveryState), i64>,
    /// Table hash → so many more kept events name it.
    table_uses: HashMap<String, i64>,
    pub(super) flow: FlowCounts,
}

/// What was written down under this name, if it was.
pub(super) fn fact(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT value FROM fact WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// A fact that is a number; 0 before it was first written.
pub(super) fn number(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let number = fact(connection, name)?.map(|text| text.parse());
    number
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|_| StoreError::Corrupt(name.to_owned()))
}

impl Scope {
    pub(super) fn load(connection: Connection) -> Result<Self, StoreError> {
        let newest: i64 =
            connection.query_row("SELECT coalesce(max(sequence), 0) FROM event", [], |row| {
                row.get(0)
            })?;
        let flow = FlowCounts::load(&connection)?;
        let mut scope = Self {
            connection,
            flow,
            next_sequence: 1,
            next_token: 1,
            decided_through: 0,
            decided_on_disk: 0,
            known: Known::default(),
            tail: Tail::default(),
            tally: HashMap::default(),
            table_uses: HashMap::default(),
        };
        // Retention may have removed the newest events: a place is never given twice.
        scope.next_sequence = newest.max(scope.number("last_place")?) + 1;
        let undecided: Option<i64> = scope.connection.query_row(
            "SELECT min(sequence) FROM event WHERE state = 'received'",
            [],
            |row| row.get(0),
        )?;
        scope.decided_on_disk = undecided.unwrap_or(scope.next_sequence) - 1;
        scope.decided_through = scope.decided_on_disk;
        scope.load_tail()?;
        Ok(scope)
    }

    /// A lease's token: no two are alike while the process lives, and no lease outlives it.
    pub(super) fn new_token(&mut self) -> i64 {
        self.next_token += 1;
        self.next_token - 1
    }

    /// A fact that is a number; 0 before it was first written.
    pub(super) fn number(&self, name: &str) -> Result<i64, StoreError> {
        number(&self.connection, name)
    }

    pub(super) fn set_fact(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO fact (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute([name, value])?;
        Ok(())
    }

    /// `by` more (or fewer) deliveries of `target` stand in `state`.
    pub(super) fn count(&mut self, target: &str, state: DeliveryState, by: i64) {
        match self.tally.get_mut(&(target.to_owned(), state)) {
            Some(count) => *count += by,
            None => {
                self.tally.insert((target.to_owned(), state), by);
            }
        }
    }

    /// `by` more (or fewer) kept events name this table in their decision.
    pub(super) fn count_use(&mut self, table: Option<&str>, by: i64) {
        let Some(table) = table else {
            return;
        };
        match self.table_uses.get_mut(table) {
            Some(count) => *count += by,
            None => {
                self.table_uses.insert(table.to_owned(), by);
            }
        }
    }

    pub(super) fn moved(&mut self, target: &str, from: DeliveryState, to: DeliveryState) {
        self.count(target, from, -1);
        self.count(target, to, 1);
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.tally.clear();
        self.table_uses.clear();
        self.flow.begin();
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO tally (target, state, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (target, state) DO UPDATE SET count = count + excluded.count",
        )?;
        for ((target, state), by) in self.tally.drain().filter(|(_, by)| *by != 0) {
            statement.execute((target, state.as_str(), by))?;
        }
        drop(statement);
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO table_use (hash, decisions) VALUES (?1, ?2)
             ON CONFLICT (hash) DO UPDATE SET decisions = decisions + excluded.decisions",
        )?;
        for (table, by) in self.table_uses.drain().filter(|(_, by)| *by != 0) {
            statement.execute((table, by))?;
        }
        drop(statement);
        self.write_flow()?;
        self.merge_keys()?;
        self.connection.execute_batch("COMMIT")?;
        self.decided_on_disk = self.decided_through;
        self.keys_committed();
        Ok(())
    }

    fn roll_back(&mut self) {
        self.tally.clear();
        self.table_uses.clear();
        self.known.forget_all();
        self.decided_through = self.decided_on_disk;
        self.keys_rolled_back();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
        self.flow.roll_back(&self.connection);
    }
}

pub(super) struct Writer {
    pub(super) scope: Scope,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) ended: mpsc::Sender<Ended>,
    pub(super) desk: Seat,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) on_commit: CommitObserver,
    pub(super) log: Log,
    /// Closed after the connection.
    pub(super) _file: Arc<File>,
    pub(super) _lock: File,
}

/// The desk of one batch, with the rules that hold for all of it, also if it runs twice.
struct Session {
    desk: Arc<dyn Desk>,
    by: Arc<dyn Decider>,
    now: Timestamp,
}

/// What was decided in a transaction.
#[derive(Default)]
struct Verdicts {
    decided: Vec<Decided>,
    leased: Vec<Leased>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            let closing = batch.iter().any(|job| matches!(job, Job::Close));
            let session = self.desk.get().and_then(Weak::upgrade).map(|desk| {
                let (by, now) = desk.sit();
                Session { desk, by, now }
            });
            let mut jobs = std::mem::replace(&mut batch, Vec::with_capacity(MAX_BATCH));
            let is_alone = |job: &mut Job| matches!(job, Job::Alone(_));
            let alone: Vec<Job> = jobs.extract_if(.., is_alone).collect();
            if !jobs.is_empty() {
                self.run_all(jobs, session.as_ref());
            }
            self.log.empty_if_nearly(&self.scope.connection);
            for job in alone {
                if let Job::Alone(work) = job {
                    work(&self.scope.connection);
                }
            }
            if closing {
                self.queue.close();
            }
        }
        self.log.stop();
    }

    fn run_all(&mut self, mut jobs: Vec<Job>, session: Option<&Session>) {
        match self.run_together(&mut jobs, session) {
            Ok(verdicts) => self.answer(jobs, Ok(verdicts)),
            // One piece failed: each on its own, so that only the bad one fails.
            Err(_) => {
                for job in jobs {
                    self.run_alone(job, session);
                }
            }
        }
    }

    fn run_alone(&mut self, job: Job, session: Option<&Session>) {
        let mut job = [job];
        let mut outcome = self.run_together(&mut job, session);
        let is_append = matches!(job, [Job::Append { .. }]);
        if is_append && !matches!(outcome, Ok(_) | Err(StoreError::Unavailable(_))) {
            // Perhaps only its deciding failed. Recorded it is safe; the decider parks it.
            outcome = self.run_together(&mut job, None);
        }
        if let Err(StoreError::Unavailable(why)) = &outcome {
            // Once: whoever tries again says that it goes on.
            if self.writable.swap(false, Ordering::Relaxed) {
                tracing::error!("the store cannot write: {why}; webhooks are refused until it can");
            }
        } else {
            self.writable.store(true, Ordering::Relaxed);
        }
        self.answer(Vec::from(job), outcome);
    }

    /// All of it in one transaction, or nothing.
    fn run_together(
        &mut self,
        jobs: &mut [Job],
        session: Option<&Session>,
    ) -> Result<Verdicts, StoreError> {
        let started = Instant::now();
        let rows_before = self.scope.connection.total_changes();
        let sequence = self.scope.next_sequence;
        let result = self.try_together(jobs, session);
        if result.is_err() {
            self.scope.roll_back();
            self.scope.next_sequence = sequence;
            return result;
        }
        (self.on_commit)(Commit {
            took: started.elapsed(),
            rows: self.scope.connection.total_changes() - rows_before,
        });
        self.writable.store(true, Ordering::Relaxed);
        result
    }

    fn try_together(
        &mut self,
        jobs: &mut [Job],
        session: Option<&Session>,
    ) -> Result<Verdicts, StoreError> {
        let mut sitting = session
            .map(|session| Sitting::at(session.desk.as_ref(), session.by.as_ref(), session.now));
        self.scope.begin()?;
        for job in jobs {
            match job {
                Job::Append { event, outcome, .. } => {
                    *outcome = Some(self.scope.append(event, sitting.as_mut())?);
                }
                Job::Task(work) => work.run(&mut self.scope)?,
                Job::Alone(_) | Job::Close => {}
            }
        }
        self.scope.commit()?;
        Ok(sitting.map_or_else(Verdicts::default, |sitting| Verdicts {
            decided: sitting.decided,
            leased: sitting.leased,
        }))
    }

    fn answer(&self, jobs: Vec<Job>, outcome: Result<Verdicts, StoreError>) {
        let (outcome, verdicts) = match outcome {
            Ok(verdicts) => (Ok(()), verdicts),
            Err(error) => (Err(error), Verdicts::default()),
        };
        // Without a runtime there is nobody left to be answered.
        let _ = self.ended.blocking_send(Ended {
            jobs,
            outcome,
            verdicts,
        });
    }
}

/// Jobs whose transaction has ended.
pub(super) struct Ended {
    jobs: Vec<Job>,
    outcome: Result<(), StoreError>,
    verdicts: Verdicts,
}

/// Answers who waits, on the runtime: waking many tasks from a thread outside it costs the writer
/// more than the commit.
pub(super) async fn answer_all(
    mut ended: mpsc::Receiver<Ended>,
    handover: mpsc::Sender<Undecided>,
    desk: Seat,
) {
    while let Some(Ended {
        jobs,
        outcome,
        verdicts: Verdicts { decided, leased },
    }) = ended.recv().await
    {
        for job in jobs {
            finish(job, outcome.clone(), &handover);
        }
        if !decided.is_empty()
            && let Some(desk) = desk.get().and_then(Weak::upgrade)
        {
            desk.announce(decided, leased);
        }
    }
}

fn finish(job: Job, outcome: Result<(), StoreError>, handover: &mpsc::Sender<Undecided>) {
    match job {
        Job::Append {
            event,
            outcome: appended,
            reply,
        } => {
            let id = event.undecided.event.id;
            let answer = match (outcome, appended) {
                (Err(error), _) => Err(error),
                (Ok(()), Some(AppendOutcome::Duplicate(of))) => Ok(Appended::Duplicate(of)),
                (Ok(()), Some(AppendOutcome::Decided)) => Ok(Appended::New(id)),
                (Ok(()), Some(AppendOutcome::Undecided)) => {
                    // A full queue is no loss: the decider sees the gap and reads the file.
                    let _ = handover.try_send(event.undecided);
                    Ok(Appended::New(id))
                }
                (Ok(()), None) => Err(StoreError::NotFound),
            };
            let _ = reply.send(answer);
        }
        Job::Task(work) => work.finish(outcome),
        Job::Alone(_) | Job::Close => {}
    }
}
