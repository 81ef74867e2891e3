//! The store's files as a whole: the log emptied into the file, the file written anew, and both
//! searched byte by byte, free pages included.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::{FileTraces, StoreError};
use super::writer::Job;
use super::{SqliteStore, closed};

const BLOCK: usize = 1 << 20;
const EMPTY_TRIES: u32 = 20;
const EMPTY_PAUSE: Duration = Duration::from_millis(50);

impl SqliteStore {
    /// Runs `work` on the writer's connection, outside any transaction; webhooks wait for it.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Alone(Box::new(move |connection| {
            // Whoever asked may have gone.
            let _ = reply.send(work(connection));
        }));
        self.jobs.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Moves everything committed into the file and cuts the log to nothing. `false`: a reader
    /// kept it from that.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        for _ in 0..EMPTY_TRIES {
            let truncated = self.alone(|connection| {
                let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
                let busy: i64 = connection.query_row(truncate, [], |row| row.get(0))?;
                Ok(busy == 0)
            });
            if truncated.await? {
                return Ok(true);
            }
            // The checkpoint beside the writer was under way; it takes milliseconds.
            tokio::time::sleep(EMPTY_PAUSE).await;
        }
        Ok(false)
    }

    /// Writes the whole file anew: what was removed is nowhere in it any more.
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        self.alone(rewrite).await
    }

    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let statement =
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            let bytes: i64 = connection.query_row(statement, [], |row| row.get(0))?;
            Ok(u64::try_from(bytes).unwrap_or(0))
        })
        .await
    }

    /// Counts these bytes in every file of the store.
    pub async fn traces(&self, needles: Vec<String>) -> Result<Vec<FileTraces>, StoreError> {
        let readers = self.readers.clone();
        let searched =
            tokio::task::spawn_blocking(move || traces(&readers.path, &readers.file, &needles));
        searched
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

/// The copy that this takes stands on the disk meanwhile, not in memory.
pub(super) fn rewrite(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA auto_vacuum = INCREMENTAL;")?;
    let rewritten = connection.execute_batch("VACUUM");
    connection.execute_batch("PRAGMA temp_store = MEMORY")?;
    Ok(rewritten?)
}

/// A file that belongs to the store of this path.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// `store`: the file at `path`, which nobody else may open and close in this process.
fn traces(path: &Path, store: &File, needles: &[String]) -> Result<Vec<FileTraces>, StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::Unavailable(format!("reading the store's files: {error}"))
    };
    let whole = FromStart { file: store, at: 0 };
    let mut found = vec![found_in(path, search(whole, needles).map_err(failed)?)];
    for ending in ["-wal", "-journal"] {
        let file = beside(path, ending);
        match File::open(&file) {
            Ok(opened) => found.push(found_in(&file, search(opened, needles).map_err(failed)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found)
}

fn found_in(file: &Path, (bytes_read, traces): (u64, u64)) -> FileTraces {
    let name = file.file_name().unwrap_or_default();
    FileTraces {
        file: name.to_string_lossy().into_owned(),
        bytes_read,
        traces,
    }
}

/// Reads a file that others read as well from its first byte.
struct FromStart<'f> {
    file: &'f File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read_at(into, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// How many bytes were read, and how often one of the needles stands in them.
fn search(mut file: impl Read, needles: &[String]) -> std::io::Result<(u64, u64)> {
    let mut first = [false; 256];
    for needle in needles {
        if let Some(byte) = needle.as_bytes().first() {
            first[usize::from(*byte)] = true;
        }
    }
    let longest = needles.iter().map(String::len).max().unwrap_or(0).max(1);
    let (mut read, mut found) = (0, 0);
    let mut window: Vec<u8> = Vec::with_capacity(BLOCK + longest);
    loop {
        let got = file.by_ref().take(BLOCK as u64).read_to_end(&mut window)?;
        read += got as u64;
        // What could be the beginning of a needle is looked at with the next block.
        let is_last = got == 0;
        let end = match is_last {
            true => window.len(),
            false => window.len().saturating_sub(longest - 1),
        };
        for at in 0..end {
            if first[usize::from(window[at])] {
                let rest = &window[at..];
                let here = |needle: &&String| rest.starts_with(needle.as_bytes());
                found += needles.iter().filter(here).count() as u64;
            }
        }
        if is_last {
            return Ok((read, found));
        }
        window.drain(..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let size = self.0.len().min(into.len()).min(7);
            into[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    #[test]
    fn every_trace_is_counted_once_wherever_it_stands() {
        let needles = [String::from("lead_7Q2M4"), String::from("ann@example.com")];
        for gap in [0, 1, 5, BLOCK - 11, BLOCK - 5, BLOCK, 2 * BLOCK - 1] {
            let mut file = vec![b'l'; gap];
            file.extend(b"lead_7Q2M4");
            file.extend(vec![0; gap]);
            file.extend(b"ann@example.comlead_7Q2M");
            let (read, found) = search(Dripping(&file), &needles).unwrap();
            assert_eq!((read, found), (file.len() as u64, 2), "gap {gap}");
        }
        assert_eq!(search(Dripping(b"lead_7Q2M5"), &needles).unwrap(), (10, 0));
        assert_eq!(search(Dripping(b""), &needles).unwrap(), (0, 0));
    }
}
