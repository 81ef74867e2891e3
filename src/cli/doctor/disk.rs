//! The store's disk: writable, with room, and honest about what it has written.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Notes;

/// Syncs measured; the median of them is told.
const SYNCS: usize = 21;
/// No disk that survives a power cut is that fast, unless its cache has a battery.
const IMPLAUSIBLE: Duration = Duration::from_micros(30);
/// Each answered webhook waits for one.
const SLOW: Duration = Duration::from_millis(50);
const LITTLE_BYTES: u64 = 1 << 30;
const TOO_LITTLE_BYTES: u64 = 100 << 20;

pub(super) fn look(store: &Path) -> Notes {
    let mut notes = Notes::about("store");
    let directory = match store.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let Some(nearest) = nearest(&directory) else {
        notes.error(
            format!("{} cannot be looked at", directory.display()),
            "name a directory that can be reached in store.url",
        );
        return notes;
    };
    match measure(&nearest) {
        Ok(median) => judge_syncs(&mut notes, median),
        Err(error) => notes.error(
            format!("{} cannot be written: {error}", nearest.display()),
            "let the user that runs the bridge own the directory of store.url, on a disk with room",
        ),
    }
    look_at_readers(&mut notes, store);
    look_at_file_system(&mut notes, &nearest);
    look_at_room(&mut notes, &nearest);
    notes
}

/// The directory, or what of its path is there already: `serve` makes the rest.
fn nearest(directory: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(directory).ok()?;
    let there = absolute.ancestors().find(|it| it.is_dir())?;
    there.canonicalize().ok()
}

/// The median of a few durable pages, in a file that is removed again.
fn measure(directory: &Path) -> std::io::Result<Duration> {
    let path = directory.join(format!(".leadping-bridge-doctor-{}", std::process::id()));
    let measured = File::create_new(&path).and_then(|mut file| {
        let page = [0x5a; 4096];
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            file.write_all(&page)?;
            let started = Instant::now();
            file.sync_data()?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        Ok(times[SYNCS / 2])
    });
    let removed = std::fs::remove_file(&path);
    let median = measured?;
    removed.map(|()| median)
}

fn judge_syncs(notes: &mut Notes, median: Duration) {
    let told = format!("writable; one durable page takes {median:.1?} (median of {SYNCS})");
    if median < IMPLAUSIBLE {
        notes.warning(
            format!("{told}: too fast for a disk that survives a power cut"),
            "use a local disk whose cache is protected, or none; what is answered must be on it",
        );
    } else if median > SLOW {
        notes.warning(
            format!("{told}: each group of webhooks waits for one"),
            "use a faster disk for the directory of store.url",
        );
    } else {
        notes.ok(told);
    }
}

/// Whether every user of this machine can read what stands in the store.
fn look_at_readers(notes: &mut Notes, store: &Path) {
    let open_to_all = |path: &Path, right: u32| {
        let there = std::fs::metadata(path);
        there.is_ok_and(|there| there.permissions().mode() & right != 0)
    };
    let Ok(whole) = store.canonicalize() else {
        return; // `serve` makes it, for its owner alone.
    };
    let is_reached = whole.ancestors().skip(1).all(|it| open_to_all(it, 0o001));
    if is_reached && open_to_all(&whole, 0o004) {
        let path = store.display();
        notes.warning(
            format!(
                "{path} can be read by every user of this machine, and leads' data stand in it"
            ),
            format!("chmod o= {path}*"),
        );
    }
}

fn look_at_file_system(notes: &mut Notes, directory: &Path) {
    // Not everywhere is such a list.
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return;
    };
    let Some(kind) = file_system(&mounts, directory) else {
        return;
    };
    let network = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "9p",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
        "afs",
    ];
    if ["tmpfs", "ramfs"].contains(&kind) {
        notes.error(
            format!(
                "{} lies in memory ({kind}): a restart loses every webhook",
                directory.display()
            ),
            "put store.url on a disk",
        );
    } else if kind == "overlay" {
        notes.warning(
            format!(
                "{} lies in a container's own layer: it goes with the container",
                directory.display()
            ),
            "mount a volume there",
        );
    } else if network.contains(&kind) {
        notes.warning(
            format!(
                "{} lies on a network file system ({kind})",
                directory.display()
            ),
            "put store.url on a local disk: locks and syncs over a network cannot be relied on",
        );
    } else {
        notes.ok(format!("file system {kind}"));
    }
}

/// The kind of the mount that holds the path: the last one with the longest mount point.
fn file_system<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mut found: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let (head, tail) = line.split_once(" - ")?;
        let (point, kind) = (head.split(' ').nth(4)?, tail.split(' ').next()?);
        let point = point.replace("\\040", " ");
        let is_longer = found.is_none_or(|(length, _)| point.len() >= length);
        if is_longer && path.starts_with(&point) {
            found = Some((point.len(), kind));
        }
    }
    found.map(|(_, kind)| kind)
}

fn look_at_room(notes: &mut Notes, directory: &Path) {
    let free = match rustix::fs::statvfs(directory) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => {
            notes.warning(
                format!("the free space cannot be asked for: {error}"),
                "look at it with df",
            );
            return;
        }
    };
    let told = format!("{} MiB free", free >> 20);
    let remedy =
        "make room: a full disk has every webhook refused; retention_days decides how much is kept";
    match free {
        0..TOO_LITTLE_BYTES => notes.error(told, remedy),
        TOO_LITTLE_BYTES..LITTLE_BYTES => notes.warning(told, remedy),
        _ => notes.ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /memory rw,nosuid shared:5 - tmpfs tmpfs rw
31 22 0:27 / /data rw shared:6 - ext4 /dev/vdb rw
32 31 0:28 / /data/my\\040net rw shared:7 - nfs4 server:/x rw
33 22 0:29 / /data rw shared:8 - xfs /dev/vdc rw
";

    #[test]
    fn the_innermost_mount_counts_and_of_two_the_last() {
        for (path, kind) in [
            ("/", "ext4"),
            ("/var/x", "ext4"),
            ("/memory/x", "tmpfs"),
            ("/memoryfile", "ext4"),
            ("/data", "xfs"),
            ("/data/my net/store", "nfs4"),
        ] {
            assert_eq!(file_system(MOUNTS, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(file_system("", Path::new("/")), None);
        assert_eq!(file_system("broken", Path::new("/")), None);
    }

    #[test]
    fn a_sync_is_neither_too_fast_nor_too_slow() {
        for (micros, level) in [
            (3, Level::Warning),
            (200, Level::Ok),
            (8_000, Level::Ok),
            (90_000, Level::Warning),
        ] {
            let mut notes = Notes::about("store");
            judge_syncs(&mut notes, Duration::from_micros(micros));
            assert_eq!(notes.found[0].level, level, "{micros} µs");
        }
    }

    #[test]
    fn the_directory_is_measured_and_left_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        measure(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let deep = directory.path().join("not/there/yet");
        let there = directory.path().canonicalize().unwrap();
        assert_eq!(nearest(&deep), Some(there));
    }
}
