//! Watching the mapping directory: tables are read again when they change, however they changed.
//!
//! The system's watcher makes it quick. What it does not tell (a directory that was replaced or
//! came back, a network file system, no watcher left to be had) is seen by looking at the files'
//! state once a second, which also decides whether there is anything to read at all.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::reload::Reloader;
use crate::admin::Reloaded;
use crate::store::LoadedBy;

const LOOK_EVERY: Duration = Duration::from_millis(750);
/// Editors save in several steps: wait until the files have been quiet for so long …
const QUIET: Duration = Duration::from_millis(250);
/// … but not longer than this, should they never be quiet.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What is seen of the directory without reading a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sight {
    /// The directory itself; `None`: it is not there, or may not be looked at.
    directory: Option<(u64, u64)>,
    files: u64,
}

/// Reloads when something in the mapping directory changes, until stopped.
pub(super) async fn watch(reloader: Arc<Reloader>, stop: CancellationToken) {
    let mut watching = Watching::of(reloader.dir());
    // What changed before the watch began.
    let mut seen = watching.look().await;
    watching.follow(seen);
    let mut last = reloader.reload_tables(LoadedBy::File).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = watching.told() => {}
            () = sleep(LOOK_EVERY) => {}
        }
        let now = watching.look().await;
        // What the store could not take down is tried again, as often as is looked.
        if now == seen && last != Reloaded::NotYet {
            continue;
        }
        // Taken before the tables are read: what changes meanwhile is seen the next time.
        seen = watching.quiet(now).await;
        watching.follow(seen);
        last = reloader.reload_tables(LoadedBy::File).await;
    }
}

struct Watching {
    dir: PathBuf,
    changed: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
    watcher: Option<RecommendedWatcher>,
    /// The directory that is watched.
    directory: Option<(u64, u64)>,
    /// The watcher's fault was told.
    is_told: bool,
}

impl Watching {
    fn of(dir: &Path) -> Self {
        // One waiting note is enough, however many changes there are.
        let (changed, changes) = mpsc::channel(1);
        Self {
            dir: dir.to_owned(),
            changed,
            changes,
            watcher: None,
            directory: None,
            is_told: false,
        }
    }

    /// The watcher saw something.
    async fn told(&mut self) {
        // A sender is kept here: there is always one to wait for.
        self.changes.recv().await;
    }

    async fn look(&self) -> Sight {
        let dir = self.dir.clone();
        let sight = tokio::task::spawn_blocking(move || sight_of(&dir)).await;
        // It could not be looked at: as if nothing were there.
        sight.unwrap_or(Sight {
            directory: None,
            files: 0,
        })
    }

    /// Waits until nothing changes any more, within bounds; what is seen then.
    async fn quiet(&mut self, mut seen: Sight) -> Sight {
        let latest = Instant::now() + LONGEST_WAIT;
        while Instant::now() < latest {
            sleep(QUIET).await;
            let now = self.look().await;
            if now == seen {
                break;
            }
            seen = now;
        }
        // What was told meanwhile has been looked at.
        while self.changes.try_recv().is_ok() {}
        seen
    }

    /// Watches the directory that is there now: a watch stays with the old one when it is replaced.
    fn follow(&mut self, seen: Sight) {
        if self.watcher.is_some() && seen.directory == self.directory {
            return;
        }
        self.watcher = None;
        self.directory = seen.directory;
        if seen.directory.is_none() {
            return;
        }
        let changed = self.changed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = changed.try_send(());
            }
        });
        let watching = watcher.and_then(|mut watcher| {
            // The directory, not the files: editors and Kubernetes replace files by renaming.
            watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watching {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.is_told = false;
            }
            Err(error) if !self.is_told => {
                self.is_told = true;
                tracing::warn!(%error, "the mapping directory cannot be watched; it is looked at once a second instead, and SIGHUP reloads at once");
            }
            Err(_) => {}
        }
    }
}

fn sight_of(dir: &Path) -> Sight {
    let mut files = DefaultHasher::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    for path in paths {
        path.hash(&mut files);
        // Followed: in Kubernetes the files are links.
        state_of(&path).hash(&mut files);
    }
    Sight {
        directory: std::fs::metadata(dir)
            .ok()
            .map(|found| (found.dev(), found.ino())),
        files: files.finish(),
    }
}

/// Everything that another content, another file or other permissions would change.
fn state_of(path: &Path) -> Option<(u64, u64, u64, [i64; 4])> {
    let of = |found: Metadata| {
        let times = [
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ];
        (found.dev(), found.ino(), found.size(), times)
    };
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn differs(dir: &Path, what: &str, change: impl FnOnce(&Path)) {
        let before = sight_of(dir);
        assert_eq!(
            sight_of(dir),
            before,
            "it is the same until something changes"
        );
        change(dir);
        assert_ne!(sight_of(dir), before, "{what}");
    }

    #[test]
    fn every_way_to_change_a_table_is_seen() {
        use std::fs;
        use std::os::unix::fs::{PermissionsExt, symlink};
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("mappings");
        fs::create_dir(&dir).unwrap();
        let table = |dir: &Path| dir.join("voice.toml");
        differs(&dir, "a new file", |dir| {
            fs::write(table(dir), "a").unwrap()
        });
        differs(&dir, "more in it", |dir| {
            fs::write(table(dir), "ab").unwrap()
        });
        differs(&dir, "another file of its name", |dir| {
            fs::write(dir.join(".new"), "cd").unwrap();
            fs::rename(dir.join(".new"), table(dir)).unwrap();
        });
        differs(&dir, "permissions", |dir| {
            fs::set_permissions(table(dir), fs::Permissions::from_mode(0o600)).unwrap();
        });
        differs(&dir, "a deleted file", |dir| {
            fs::remove_file(table(dir)).unwrap()
        });
        for version in ["one", "two"] {
            fs::create_dir(dir.join(version)).unwrap();
            fs::write(dir.join(version).join("voice.toml"), "x").unwrap();
        }
        let link = |version: &str| {
            symlink(version, dir.join("..tmp")).unwrap();
            fs::rename(dir.join("..tmp"), dir.join("..data")).unwrap();
        };
        link("one");
        symlink("..data/voice.toml", table(&dir)).unwrap();
        differs(&dir, "a swapped link", |_| link("two"));
        differs(&dir, "a replaced directory", |dir| {
            fs::rename(dir, place.path().join("old")).unwrap();
            fs::create_dir(dir).unwrap();
        });
        differs(&dir, "a vanished directory", |dir| {
            fs::remove_dir(dir).unwrap()
        });
        assert_eq!(sight_of(&dir).directory, None);
    }

    #[test]
    fn what_is_no_table_is_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let before = sight_of(dir.path());
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert_eq!(sight_of(dir.path()), before);
    }
}
