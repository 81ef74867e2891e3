//! SQLite: one file, one writer thread, group commit.
//!
//! Every write goes through the writer: it takes what is queued, runs it in one transaction, syncs
//! once, then answers. If any piece fails, the transaction is rolled back and each piece runs on
//! its own, so one bad piece fails alone. Reads have their own connections. A second process on
//! the same file is refused by a lock file.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::{Desk, StoreError, Undecided};

mod amend;
mod append;
mod audit;
mod backup;
mod check;
mod decide;
mod deliver;
mod entries;
mod events;
mod flow;
mod erase;
mod files;
mod forget;
mod gauge;
mod history;
mod hits;
mod known;
mod ledger;
mod link;
mod links;
mod list;
mod log;
mod parked;
mod recorded;
mod replay;
mod revise;
mod stored;
mod tail;
mod target;
mod timeline;
mod version;
mod writer;

#[cfg(test)]
mod tests;

pub use backup::{RestoreError, back_up, compact, restore};
pub use check::{Look, check};

use writer::{Job, Scope, Task};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Appends that may wait for the writer; past it webhooks are told to come back.
const QUEUE: usize = 4096;
/// Events handed on in memory; past it the decider reads them from the file.
const HANDOVER: usize = 1024;
/// Ended transactions whose askers are still to be answered.
const UNANSWERED: usize = 8;
const READERS: usize = 2;

/// The store on one SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore {
    jobs: mpsc::Sender<Job>,
    desk: Seat,
    readers: Arc<Readers>,
    writable: Arc<AtomicBool>,
    ended: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.readers.path)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    slots: tokio::sync::Semaphore,
    file: Arc<File>,
}

impl Readers {
    fn of(path: &Path, file: Arc<File>) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            slots: tokio::sync::Semaphore::new(READERS),
            file,
        }
    }
}

/// Who decides beside the writer. Not kept alive from here: it knows the store.
type Seat = Arc<OnceLock<Weak<dyn Desk>>>;

/// What the writer hands on after each commit, in the order recorded.
pub type Handover = mpsc::Receiver<Undecided>;

/// One group commit, as it went.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// From its first statement to the end of its sync.
    pub took: Duration,
    /// Table rows inserted, changed and removed.
    pub rows: u64,
}

/// Called after every commit.
pub type CommitObserver = Box<dyn Fn(Commit) + Send>;

impl SqliteStore {
    /// Opens or creates the file, brings its tables up to date, starts the writer. Needs a runtime.
    pub fn open(path: &Path, on_commit: CommitObserver) -> Result<(Self, Handover), StoreError> {
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            let mut made = std::fs::DirBuilder::new();
            made.recursive(true).mode(0o700);
            made.create(directory).map_err(|error| {
                StoreError::Unavailable(format!("cannot create {}: {error}", directory.display()))
            })?;
        }
        let lock = lock(path)?;
        make_private(path)?;
        let mut connection = connect(path, OpenFlags::default())?;
        migrations::migrations::runner()
            .run(&mut connection)
            .map_err(|error| StoreError::Unavailable(format!("migration failed: {error}")))?;
        let file = open_file(path)?;
        let log = log::Log::start(path, file.clone(), &mut connection)?;
        let scope = Scope::load(connection)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (handover, handed) = mpsc::channel(HANDOVER);
        let (ended, to_answer) = mpsc::channel(UNANSWERED);
        let desk = Seat::default();
        tokio::spawn(writer::answer_all(to_answer, handover, desk.clone()));
        let writable = Arc::new(AtomicBool::new(true));
        let writer = writer::Writer {
            scope,
            queue,
            ended,
            desk: desk.clone(),
            writable: writable.clone(),
            on_commit,
            log,
            _file: file.clone(),
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name(String::from("store-writer"))
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let store = Self {
            jobs,
            desk,
            readers: Arc::new(Readers::of(path, file)),
            writable,
            ended: Arc::new(Mutex::new(Some(thread))),
        };
        Ok((store, handed))
    }

    /// Opens the file beside whoever writes it; `None` if there is none. Writing fails.
    pub fn open_for_reading(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        recognise(path)?;
        let file = open_file(path)?;
        let (jobs, _nobody_writes) = mpsc::channel(1);
        Ok(Some(Self {
            jobs,
            desk: Seat::default(),
            readers: Arc::new(Readers::of(path, file)),
            writable: Arc::new(AtomicBool::new(false)),
            ended: Arc::new(Mutex::new(None)),
        }))
    }

    pub fn decide_at(&self, desk: &Arc<dyn Desk>) {
        // The first one stays: a bridge has one.
        let _ = self.desk.set(Arc::downgrade(desk));
    }

    pub fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    pub async fn try_write(&self) -> Result<(), StoreError> {
        self.write(|scope| scope.set_fact("tried", "1")).await
    }

    /// Runs `work` in the next transaction; returns once that is on disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Scope) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = Task::new(work, reply);
        self.jobs
            .send(Job::Task(Box::new(task)))
            .await
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs `work` on a reading connection.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let _slot = self.readers.slots.acquire().await.map_err(|_| closed())?;
        tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().ok().and_then(|mut idle| idle.pop());
            let connection = match idle {
                Some(connection) => connection,
                None => {
                    let connection = connect(&readers.path, OpenFlags::default())?;
                    connection
                        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2000;")?;
                    connection
                }
            };
            let result = work(&connection);
            if let Ok(mut idle) = readers.idle.lock() {
                idle.push(connection);
            }
            result
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// Lets the writer finish what is queued and end.
    pub async fn close(&self) {
        // The queue may be gone already; then there is nothing to wait for.
        if self.jobs.send(Job::Close).await.is_err() {
            return;
        }
        let thread = self.ended.lock().ok().and_then(|mut ended| ended.take());
        if let Some(thread) = thread
            && tokio::task::spawn_blocking(move || thread.join())
                .await
                .is_err()
        {
            tracing::error!("the store's writer could not be waited for");
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable(String::from("the store is closed"))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Plans do not depend on bound values: without this each new value prepares a statement anew
    // wherever a partial index could apply, which cost more than all the rest of the writer.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        // The first two hold for a file that is made here; those of an older one stay. Seven bodies
        // fit where two times three did, and each page of the log costs two calls.
        "PRAGMA page_size = 8192;
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON;
         PRAGMA cache_size = -16000;
         PRAGMA wal_autocheckpoint = 16000;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Whether the file is a store as this version writes it; nothing of it is changed.
fn recognise(path: &Path) -> Result<(), StoreError> {
    const NONE: StoreError = StoreError::Foreign("it is no store of leadping-bridge");
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let ask = |question: &str| -> Result<i64, StoreError> {
        let answer = connection.query_row(question, [], |row| row.get(0));
        answer.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => NONE,
            _ => error.into(),
        })
    };
    let tables =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('event', 'refinery_schema_history')";
    if ask(tables)? < 2 {
        return Err(NONE);
    }
    let has = ask("SELECT coalesce(max(version), 0) FROM refinery_schema_history")?;
    let known = migrations::migrations::runner();
    let known = known
        .get_migrations()
        .iter()
        .map(|one| i64::from(one.version()));
    if known.max() != Some(has) {
        return Err(StoreError::Foreign(
            "another version of leadping-bridge wrote it; use that one, or start this one on it once",
        ));
    }
    Ok(())
}

/// The file beside SQLite's own handles, to be read and synced. Whoever closes one handle of a file
/// gives up every lock that the process has on it (POSIX), SQLite's as well; then another process
/// that closes the store would take itself for the last one and remove the log. So there is one such
/// handle, and it outlives the connections.
fn open_file(path: &Path) -> Result<Arc<File>, StoreError> {
    let opened = File::open(path).map(Arc::new);
    opened.map_err(|error| {
        StoreError::Unavailable(format!("cannot open {}: {error}", path.display()))
    })
}

/// Makes the file, if there is none, for its owner alone: leads' numbers and names stand in it. SQLite
/// gives the files beside it the same permissions; those of a file that is there stay.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!(
            "cannot create {}: {error}",
            path.display()
        ))),
    }
}

/// One process per file: the lock is held as long as the returned handle lives.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&name)
        .map_err(|error| {
            StoreError::Unavailable(format!("cannot open {}: {error}", path.display()))
        })?;
    file.try_lock().map_err(|_| {
        StoreError::Unavailable(format!(
            "{} is in use by another leadping-bridge",
            path.display()
        ))
    })?;
    Ok(file)
}

impl From<rusqlite::Error> for StoreError {
    /// Only SQLite's own words, never values of ours.
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NotFound,
            rusqlite::Error::SqliteFailure(code, _) => Self::Unavailable(code.to_string()),
            other => Self::Corrupt(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(format!("JSON in a row: {:?} error", error.classify()))
    }
}
