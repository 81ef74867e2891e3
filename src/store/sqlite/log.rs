//! The write-ahead log: kept short and written over, beside the writer.
//!
//! A log that grows is what makes a sync slow: the file system must also make its new size durable,
//! behind whatever else it has to write. So it is emptied into the file early, and begins again at
//! its start. A thread of its own carries over what is there (`PASSIVE`: nobody waits for it) and
//! syncs it, again and again until little is left; that the writer carries over itself, between two
//! commits. Only when nothing is left does SQLite begin the log again.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::super::StoreError;
use super::connect;

/// An idle log is emptied as well, so that the file alone is nearly all there is.
const IDLE_EVERY: Duration = Duration::from_secs(1);
/// From here on the log is worth emptying: 16 MiB. A page that changed often meanwhile is carried
/// over once.
const LONG_PAGES: u32 = 2000;
/// A reader that stays keeps the log from beginning again; then only so often.
const STEP_PAGES: u32 = 1000;
/// The thread goes on until so little is left.
const LITTLE_PAGES: u32 = 64;
/// A writer that is faster than the thread does not keep it for ever.
const MAX_PASSES: usize = 3;
/// What the writer may carry over itself: some milliseconds.
const REST_PAGES: u32 = 800;
/// So long a log is carried over by the writer whatever is left, 128 MiB: webhooks wait, disks end.
const TOO_LONG_PAGES: u32 = 16_000;

#[derive(Default)]
struct Shared {
    /// In the log after the last commit.
    pages: AtomicU32,
    /// Of these the thread has carried over so many, and not looked since.
    carried: AtomicU32,
    stopping: AtomicBool,
}

pub(super) struct Log {
    shared: Arc<Shared>,
    /// The length at which the thread is called next.
    call_at: u32,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Log {
    /// `file`: the same as at `path`, to be synced.
    pub(super) fn start(
        path: &Path,
        file: Arc<File>,
        writer: &mut Connection,
    ) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::default())?;
        connection.execute_batch("PRAGMA cache_size = -500; PRAGMA wal_autocheckpoint = 0;")?;
        let shared = Arc::new(Shared::default());
        let seen = shared.clone();
        // It stands in place of SQLite's own checkpoints.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            let pages = u32::try_from(pages).unwrap_or(u32::MAX);
            seen.pages.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let state = shared.clone();
        let thread = std::thread::Builder::new()
            .name(String::from("store-checkpoint"))
            .spawn(move || carry_over(&connection, &file, &state))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            shared,
            call_at: LONG_PAGES,
            thread: Some(thread),
        })
    }

    /// Between two commits: calls the thread, or carries the rest over.
    pub(super) fn empty_if_nearly(&mut self, writer: &Connection) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        if pages < LONG_PAGES {
            self.call_at = LONG_PAGES;
            return;
        }
        let carried = self.shared.carried.swap(0, Ordering::Relaxed);
        if carried > 0 {
            if pages.saturating_sub(carried) <= REST_PAGES || pages >= TOO_LONG_PAGES {
                let _ = checkpoint(writer);
                self.call_at = pages + STEP_PAGES;
                return;
            }
            // Too much came meanwhile: once more beside the writer.
            self.call_at = pages;
        }
        if pages >= self.call_at {
            self.call_at = u32::MAX;
            if let Some(thread) = &self.thread {
                thread.thread().unpark();
            }
        }
    }

    pub(super) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the checkpoint thread panicked");
            }
        }
    }
}

fn carry_over(connection: &Connection, file: &File, shared: &Shared) {
    let mut done = 0;
    while !shared.stopping.load(Ordering::Relaxed) {
        std::thread::park_timeout(IDLE_EVERY);
        let pages = shared.pages.load(Ordering::Relaxed);
        if pages == done {
            continue;
        }
        done = pages;
        let mut carried = pass(connection, file);
        if pages < LONG_PAGES {
            continue;
        }
        for _ in 1..MAX_PASSES {
            if shared.pages.load(Ordering::Relaxed) <= carried + LITTLE_PAGES {
                break;
            }
            carried = pass(connection, file);
        }
        shared.carried.store(carried.max(1), Ordering::Relaxed);
    }
}

/// SQLite syncs the file only once the whole log is in it, which beside a busy writer is never: all
/// of that would be left to the writer.
fn pass(connection: &Connection, file: &File) -> u32 {
    let carried = checkpoint(connection);
    if let Err(error) = file.sync_data() {
        tracing::warn!(%error, "syncing the store's file failed; it is tried again before the log is given up");
    }
    carried
}

/// How many pages of the log are in the file now. A log in use is tried again later.
fn checkpoint(connection: &Connection) -> u32 {
    let carried: Result<i64, _> =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2));
    match carried {
        Ok(pages) => u32::try_from(pages).unwrap_or(0),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; it is tried again");
            0
        }
    }
}
