//! `doctor`: what keeps the bridge from working here, found before it matters: configuration,
//! secrets, disk, clock, targets, listeners; each finding with its remedy. Nothing is written but
//! a file of a few pages that is removed again, and no secret is printed.

mod clock;
mod disk;
mod listener;
mod secrets;
mod target;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::config_file::{inspect_all, refuse};
use super::{Exit, GlobalArgs};
use crate::config::{self, Config};
use crate::diagnostic::{Finding, Severity};

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Where senders reach the webhook listener, as they see it: asked for /healthz
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Ask no target and no listener: only what is on this machine
    #[arg(long)]
    offline: bool,
    /// Warnings count too
    #[arg(long)]
    strict: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warning,
    Error,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Note {
    /// `config`, `store`, `targets.leadping`.
    about: String,
    level: Level,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// What was found about one thing, in order.
struct Notes {
    about: String,
    found: Vec<Note>,
}

impl Notes {
    fn about(about: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            found: Vec::new(),
        }
    }

    fn ok(&mut self, what: impl Into<String>) {
        self.push(Level::Ok, what.into(), None);
    }

    fn warning(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Warning, what.into(), Some(remedy.into()));
    }

    fn error(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Error, what.into(), Some(remedy.into()));
    }

    fn push(&mut self, level: Level, what: String, remedy: Option<String>) {
        self.found.push(Note {
            about: self.about.clone(),
            level,
            what,
            remedy,
        });
    }
}

/// Exit 0 when nothing is wrong, 1 when something is, 64 when the configuration cannot be read.
pub async fn run(args: DoctorArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let (config, tables, findings) = inspect_all(&global.config, config::process_environment());
    let Some(config) = config else {
        return Ok(refuse(&findings));
    };
    let mut found = of_config(&findings, tables.is_some()).found;
    found.extend(secrets::look(&config).found);
    let directory = config.store.path.clone();
    let of_disk = tokio::task::spawn_blocking(move || disk::look(&directory));
    found.extend(of_disk.await?.found);
    let mut clocks = clock::Clocks::default();
    if !args.offline {
        for target in config.targets.values() {
            found.extend(target::look(target, &mut clocks).await.found);
        }
    }
    found.extend(clocks.look().found);
    if !args.offline {
        found.extend(of_listeners(&config, args.public_url).await);
    }
    tell(&found, args.json)?;
    let worst = found.iter().map(|note| note.level).max();
    let fails = match args.strict {
        true => Level::Warning,
        false => Level::Error,
    };
    Ok(match worst.is_some_and(|worst| worst >= fails) {
        true => Exit::Unmet.into(),
        false => ExitCode::SUCCESS,
    })
}

fn of_config(findings: &[Finding], has_tables: bool) -> Notes {
    let mut notes = Notes::about("config");
    let remedy = "`leadping-bridge check` shows the line and a hint";
    for finding in findings {
        match finding.severity {
            Severity::Error => notes.error(finding.to_string(), remedy),
            _ => notes.warning(finding.to_string(), remedy),
        }
    }
    if findings.is_empty() && has_tables {
        notes.ok("configuration and mapping tables are valid");
    }
    notes
}

async fn of_listeners(config: &Config, public_url: Option<String>) -> Vec<Note> {
    let mut notes = listener::look("server", config.server.listen).await.found;
    notes.extend(listener::look("admin", config.admin.listen).await.found);
    if let Some(url) = public_url {
        notes.extend(listener::look_outside(&url).await.found);
    }
    notes
}

fn tell(found: &[Note], json: bool) -> anyhow::Result<()> {
    if json {
        let is_ok = found.iter().all(|note| note.level != Level::Error);
        let told = serde_json::json!({ "ok": is_ok, "findings": found });
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    for note in found {
        let (word, style) = match note.level {
            Level::Ok => ("ok     ", anstyle::AnsiColor::Green.on_default()),
            Level::Warning => ("warning", anstyle::AnsiColor::Yellow.on_default()),
            Level::Error => ("error  ", anstyle::AnsiColor::Red.on_default()),
        };
        println!("{style}{word}{style:#} {}: {}", note.about, note.what);
        if let Some(remedy) = &note.remedy {
            println!("        {remedy}");
        }
    }
    Ok(())
}
