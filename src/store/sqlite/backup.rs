//! Backup, restore, compacting: the store's file from outside the daemon.
//!
//! A backup is one consistent moment, taken beside a running bridge. After a restore the bridge
//! has forgotten what came later, its calls too: what is open is therefore looked up at its target
//! before it is sent.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::super::rows::from_ms;
use super::super::{Backup, Compacted, Fault, Restored, StoreError};
use super::check::{Look, OLDER, check_file, open_to_read};
use super::files::{beside, rewrite};
use super::lock;

/// Copies the store as it is now to a file that must not exist yet; on disk when this returns.
pub fn back_up(path: &Path, to: &Path) -> Result<Backup, StoreError> {
    let connection = open_to_read(path)?;
    // Takes the name, so that nothing is ever written over; its content comes whole or not at all.
    create(to)?;
    let partial = beside(to, ".partial");
    let written = write_copy(&connection, &partial).and_then(|()| {
        let copy = open_to_read(&partial)?;
        let faults = check_file(&copy, Look::Quick)?;
        if let Some(fault) = faults.first() {
            return Err(StoreError::Corrupt(format!(
                "{}; {}",
                fault.what, fault.remedy
            )));
        }
        let backup = describe(&copy, to)?;
        drop(copy);
        fs::rename(&partial, to).map_err(|error| failed("rename", &partial, &error))?;
        sync_directory(to)?;
        Ok(backup)
    });
    if written.is_err() {
        for half_made in [&partial, to] {
            // It may not have been made at all.
            let _ = fs::remove_file(half_made);
        }
    }
    written
}

fn create(file: &Path) -> Result<File, StoreError> {
    // Bodies hold personal data: for the owner alone.
    let options = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    options.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            StoreError::Unavailable(format!("{} exists; it is not written over", file.display()))
        }
        _ => failed("create", file, &error),
    })
}

fn write_copy(connection: &Connection, partial: &Path) -> Result<(), StoreError> {
    let file = create(partial)?;
    let name = partial.to_str().ok_or_else(|| {
        StoreError::Unavailable(format!("{} is not a name in UTF-8", partial.display()))
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    // SQLite does not sync what it wrote so.
    file.sync_all()
        .map_err(|error| failed("sync", partial, &error))
}

fn describe(connection: &Connection, file: &Path) -> Result<Backup, StoreError> {
    let bytes: i64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    let (events, newest): (i64, Option<i64>) = connection.query_row(
        "SELECT (SELECT count(*) FROM event),
                (SELECT received_at FROM event ORDER BY sequence DESC LIMIT 1)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Backup {
        file: file.to_owned(),
        bytes: u64::try_from(bytes).unwrap_or(0),
        events,
        newest_event_at: newest.map(from_ms).transpose()?,
    })
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file to be restored is not sound.
    #[error("{} is not sound: {}", .file.display(), .fault.what)]
    Unsound { file: PathBuf, fault: Fault },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a backup in the place of the store, which stays beside it under another name.
pub fn restore(path: &Path, from: &Path, now: Timestamp) -> Result<Restored, RestoreError> {
    if let Some(directory) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(|error| failed("create", directory, &error))?;
    }
    // Held to the end: no bridge starts half way.
    let _lock = lock(path)?;
    let copy = beside(path, ".restoring");
    let prepared = prepare(from, &copy);
    let (backup, looked_up_first) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            remove_with_log(&copy)?;
            return Err(error);
        }
    };
    let kept_aside = put_aside(path, now)?;
    fs::rename(&copy, path).map_err(|error| failed("rename", &copy, &error))?;
    sync_directory(path)?;
    Ok(Restored {
        file: path.to_owned(),
        kept_aside,
        events: backup.events,
        newest_event_at: backup.newest_event_at,
        looked_up_first,
    })
}

/// A checked copy beside the store, in which what is open is of unknown fate.
fn prepare(from: &Path, copy: &Path) -> Result<(Backup, usize), RestoreError> {
    remove_with_log(copy)?;
    fs::copy(from, copy).map_err(|error| failed("copy", from, &error))?;
    // A plain copy of a stopped store may have a log beside it.
    let log = beside(from, "-wal");
    if log.exists() {
        fs::copy(&log, beside(copy, "-wal")).map_err(|error| failed("copy", &log, &error))?;
    }
    let connection =
        Connection::open_with_flags(copy, OpenFlags::default()).map_err(StoreError::from)?;
    let faults = check_file(&connection, Look::Full)?;
    if let Some(fault) = faults.into_iter().find(|fault| fault.law != OLDER) {
        let file = from.to_owned();
        return Err(RestoreError::Unsound { file, fault });
    }
    let backup = describe(&connection, copy)?;
    let looked_up_first = connection
        .execute(
            "UPDATE delivery SET fate_unknown = 1 WHERE state = 'due' OR state = 'in_flight'",
            [],
        )
        .map_err(StoreError::from)?;
    // Everything in the one file, none of it in a log.
    connection
        .query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(StoreError::from)?;
    drop(connection);
    let file = File::open(copy).map_err(|error| failed("open", copy, &error))?;
    file.sync_all()
        .map_err(|error| failed("sync", copy, &error))?;
    Ok((backup, looked_up_first))
}

fn remove_with_log(file: &Path) -> Result<(), StoreError> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let file = beside(file, ending);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove", &file, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The store under another name, with its log; a log must never stand beside another file. There is
/// a store under its own name all the while, so that no start makes an empty one.
fn put_aside(path: &Path, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    // Closing empties the log into the file, if both are sound.
    let emptied = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(
        |connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())),
    );
    if let Err(error) = emptied {
        tracing::warn!(%error, "the store that is put aside is damaged; it is kept as it is");
    }
    let aside = beside(path, &format!(".{}", now.strftime("%Y%m%dT%H%M%SZ")));
    if aside.exists() {
        let what = format!("{} exists; it is not written over", aside.display());
        return Err(StoreError::Unavailable(what));
    }
    for ending in ["-wal", "-shm"] {
        let file = beside(path, ending);
        if file.exists() {
            fs::rename(&file, beside(&aside, ending))
                .map_err(|error| failed("rename", &file, &error))?;
        }
    }
    // A second name, where the file system has such a thing; else a copy.
    if fs::hard_link(path, &aside).is_err() {
        fs::copy(path, &aside).map_err(|error| failed("copy", path, &error))?;
    }
    sync_directory(path)?;
    Ok(Some(aside))
}

/// Writes the file anew and counts anew what is kept as a count; the bridge must not run.
pub fn compact(path: &Path) -> Result<Compacted, StoreError> {
    if !path.exists() {
        return Err(StoreError::NotFound);
    }
    let _lock = lock(path)?;
    let connection = open_to_read(path)?;
    if let Some(fault) = check_file(&connection, Look::Quick)?.first() {
        return Err(StoreError::Corrupt(format!(
            "{}; {}",
            fault.what, fault.remedy
        )));
    }
    let before = fs::metadata(path)
        .map_err(|error| failed("read", path, &error))?
        .len();
    connection.execute_batch(
        "BEGIN IMMEDIATE;
         DELETE FROM tally;
         INSERT INTO tally (target, state, count)
             SELECT target, state, count(*) FROM delivery GROUP BY target, state;
         DELETE FROM table_use;
         INSERT INTO table_use (hash, decisions)
             SELECT json_extract(decision, '$.table'), count(*) FROM event
             WHERE json_extract(decision, '$.table') IS NOT NULL GROUP BY 1;
         UPDATE delivery SET head = 0 WHERE head = 1 AND state <> 'due' AND state <> 'in_flight';
         UPDATE delivery SET head = (delivery =
                (SELECT o.delivery FROM delivery o WHERE o.lead = delivery.lead
                 AND o.target = delivery.target AND (o.state = 'due' OR o.state = 'in_flight')
                 ORDER BY o.state = 'in_flight' DESC, o.head DESC, o.delivery LIMIT 1))
         WHERE (state = 'due' OR state = 'in_flight') AND (lead, target) IN
               (SELECT lead, target FROM delivery WHERE state = 'due' OR state = 'in_flight'
                GROUP BY lead, target HAVING sum(head) <> 1);
         COMMIT;",
    )?;
    rewrite(&connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(connection);
    let bytes = fs::metadata(path)
        .map_err(|error| failed("read", path, &error))?
        .len();
    Ok(Compacted {
        bytes_before: before,
        bytes,
    })
}

/// A new name is only safe once its directory is.
fn sync_directory(of: &Path) -> Result<(), StoreError> {
    let directory = match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed("sync", directory, &error))
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("cannot {verb} {}: {error}", path.display()))
}
