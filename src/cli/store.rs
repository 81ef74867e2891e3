//! `store`: the daemon's file looked after from outside: backup and check beside a running bridge,
//! restore and compact with it stopped. No admin API is needed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::Exit;
use crate::config::Config;
use crate::store::sqlite::{self, Look, RestoreError};
use crate::store::{Fault, StoreError};

#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    action: StoreSubcommand,
}

#[derive(Debug, Subcommand)]
enum StoreSubcommand {
    /// Copy the store as it is now, also while the bridge runs
    #[command(
        after_help = "Example:\n  leadping-bridge store backup /backup/bridge-2026-08-01.db\n\n\
        Every webhook acknowledged before it began is in it. It is checked and on disk when this ends,\n\
        and never written over another file.\n\n\
        Exit codes: 0 done; 2 the file is there already; 69 the store cannot be read or the file not be\n\
        written."
    )]
    Backup(FileArgs),
    /// Put a backup in the store's place; the bridge must be stopped
    #[command(
        after_help = "Example:\n  leadping-bridge store restore /backup/bridge-2026-08-01.db\n\n\
        The file is checked first, and the store that was there is kept aside. What was still to be sent\n\
        in the backup may have been sent since: it is looked up at its target first.\n\n\
        Exit codes: 0 done; 1 the file is not sound; 69 a bridge holds the store, or the disk refused."
    )]
    Restore(FileArgs),
    /// Check the file and everything the bridge relies on in it, also while it runs
    #[command(
        after_help = "Example:\n  leadping-bridge store check --full\n  leadping-bridge store check /backup/bridge-2026-08-01.db\n\n\
        Exit codes: 0 sound; 1 something is not, each with its remedy; 69 there is no store."
    )]
    Check(CheckArgs),
    /// Write the file anew, without its free space, and count anew; the bridge must be stopped
    #[command(after_help = "Example:\n  leadping-bridge store compact\n\n\
        Takes as much free disk space as the file has. Afterwards the file gives back by itself what\n\
        retention frees.\n\n\
        Exit codes: 0 done; 69 a bridge holds the store, there is none, or the disk refused.")]
    Compact(CompactArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The backup
    file: PathBuf,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The file to check [default: store.url of the config]
    file: Option<PathBuf>,
    /// Compare every index with its table; reads much more
    #[arg(long)]
    full: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CompactArgs {
    /// Print the sizes as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: StoreArgs, config: Config) -> anyhow::Result<ExitCode> {
    let path = config.store.path;
    // Reading and writing files of any size, in a process that does nothing else.
    let done = tokio::task::spawn_blocking(move || match args.action {
        StoreSubcommand::Backup(args) => back_up(&path, &args),
        StoreSubcommand::Restore(args) => restore(&path, &args),
        StoreSubcommand::Check(args) => check(&path, &args),
        StoreSubcommand::Compact(args) => compact(&path, &args),
    });
    done.await?
}

fn unavailable(error: &dyn std::fmt::Display) -> anyhow::Result<ExitCode> {
    eprintln!("error: {error}");
    Ok(Exit::Unavailable.into())
}

fn is_missing(path: &Path) -> bool {
    let is_missing = !path.exists();
    if is_missing {
        eprintln!("error: there is no file {}", path.display());
    }
    is_missing
}

fn back_up(path: &Path, args: &FileArgs) -> anyhow::Result<ExitCode> {
    if is_missing(path) {
        return Ok(Exit::Unavailable.into());
    }
    if args.file.exists() {
        let shown = args.file.display();
        eprintln!("error: {shown} exists; it is not written over: name another file");
        return Ok(Exit::WrongUsage.into());
    }
    let backup = match sqlite::back_up(path, &args.file) {
        Ok(backup) => backup,
        Err(error) => return unavailable(&error),
    };
    if args.json {
        println!("{}", serde_json::to_string(&backup)?);
    } else {
        println!(
            "{}: {} events up to {}, {}, checked",
            args.file.display(),
            backup.events,
            told_time(backup.newest_event_at),
            told_bytes(backup.bytes)
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn restore(path: &Path, args: &FileArgs) -> anyhow::Result<ExitCode> {
    if is_missing(&args.file) {
        return Ok(Exit::Unavailable.into());
    }
    let restored = match sqlite::restore(path, &args.file, Timestamp::now()) {
        Ok(restored) => restored,
        Err(RestoreError::Store(error)) => return unavailable(&error),
        Err(error @ RestoreError::Unsound { .. }) => {
            eprintln!("error: {error}; nothing was changed");
            if let RestoreError::Unsound { fault, .. } = &error {
                print_fault(fault);
            }
            return Ok(Exit::Unmet.into());
        }
    };
    if args.json {
        println!("{}", serde_json::to_string(&restored)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{}: {} events up to {}; later ones are gone",
        restored.file.display(),
        restored.events,
        told_time(restored.newest_event_at)
    );
    println!(
        "{} deliveries still to be made are looked up at their targets first",
        restored.looked_up_first
    );
    if let Some(aside) = &restored.kept_aside {
        println!("the store that was there: {}", aside.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn check(path: &Path, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let path = args.file.as_deref().unwrap_or(path);
    if is_missing(path) {
        return Ok(Exit::Unavailable.into());
    }
    let look = match args.full {
        true => Look::Full,
        false => Look::Quick,
    };
    let faults = match sqlite::check(path, look) {
        Ok(faults) => faults,
        Err(error) => return unavailable(&error),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&faults)?);
    } else if faults.is_empty() {
        println!("{} is sound", path.display());
    }
    if !args.json {
        faults.iter().for_each(print_fault);
    }
    Ok(match faults.is_empty() {
        true => ExitCode::SUCCESS,
        false => Exit::Unmet.into(),
    })
}

fn compact(path: &Path, args: &CompactArgs) -> anyhow::Result<ExitCode> {
    let compacted = match sqlite::compact(path) {
        Ok(compacted) => compacted,
        Err(StoreError::NotFound) => {
            is_missing(path);
            return Ok(Exit::Unavailable.into());
        }
        Err(error) => return unavailable(&error),
    };
    if args.json {
        println!("{}", serde_json::to_string(&compacted)?);
    } else {
        println!(
            "{}: {}, before {}",
            path.display(),
            told_bytes(compacted.bytes),
            told_bytes(compacted.bytes_before)
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print_fault(fault: &Fault) {
    println!("{}: {} ({})", fault.law, fault.what, fault.count);
    for place in &fault.places {
        println!("    {place}");
    }
    println!("    remedy: {}", fault.remedy);
}

fn told_time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| String::from("-"), |at| format!("{at:.0}"))
}

fn told_bytes(bytes: u64) -> String {
    let kib = bytes.div_ceil(1024);
    match kib {
        0..10_240 => format!("{kib} KiB"),
        _ => format!("{} MiB", kib.div_ceil(1024)),
    }
}
