//! `explain`: what one payload would become, and why; or what a recorded event became, and what it
//! would become by other tables. Writes nothing; reads the store, beside a running bridge.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::Exit;
use super::config_file::refuse;
use super::input::{of_store, open_store, read_payload, read_text};
use super::plan::load_both;
use super::send::{parse_kind, unknown_source};
use crate::config::{Config, SourceConfig};
use crate::decider::Rules;
use crate::event::{EventId, EventKind};
use crate::explain;
use crate::map;
use crate::review::{self, ByTables, PayloadStory};
use crate::systems;
use crate::verify::{Gate, RawWebhook, verify};

mod event_report;
mod headers;
mod report;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The configured source that would send it
    #[arg(long, required_unless_present = "event")]
    pub source: Option<String>,
    /// The payload; `-` reads standard input
    #[arg(required_unless_present = "event")]
    pub file: Option<PathBuf>,
    /// Explain this recorded event instead: what it became, and what it would become
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "file", "headers", "kind"])]
    pub event: Option<EventId>,
    /// Explain it by these tables: a directory like `mappings.dir` [default: the tables in force]
    #[arg(long, value_name = "DIR")]
    pub mappings: Option<PathBuf>,
    /// The headers it came with, to explain its verification: a file of `Name: value` lines, also
    /// as `curl -v` prints them
    #[arg(long, value_name = "FILE")]
    pub headers: Option<PathBuf>,
    /// Take it as this kind, as the route would: lead or call
    #[arg(long, value_parser = parse_kind)]
    pub kind: Option<EventKind>,
    /// Print the story as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Story {
    /// Absent without `--headers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<Verification>,
    #[serde(flatten)]
    payload: PayloadStory,
}

#[derive(Serialize)]
struct Verification {
    admitted: bool,
    /// The `[[auth]]` entry that passed, from 1.
    entry: Option<usize>,
    because: String,
}

/// 0 when explained; 1 when the payload would be answered 400, or no such event is recorded; 2 and
/// 64 for what cannot be used; 69 for a store that cannot be read.
pub async fn run(args: ExplainArgs, config: Config) -> anyhow::Result<ExitCode> {
    match (&args.event, &args.source, &args.file) {
        (Some(event), ..) => explain_event(*event, &args, config).await,
        (None, Some(source), Some(file)) => explain_payload((source, file), &args, &config).await,
        (None, ..) => Err(Exit::WrongUsage.because("name a payload or an event")),
    }
}

async fn explain_payload(
    (source, file): (&str, &Path),
    args: &ExplainArgs,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let Some(source) = config.sources.get(source) else {
        return Err(Exit::WrongUsage.because(unknown_source(source, config)));
    };
    let dir = args.mappings.as_ref().unwrap_or(&config.mappings.dir);
    let (tables, findings) = map::load_dir(dir, &config.mapping_kinds());
    let Some(tables) = tables else {
        return Ok(refuse(&findings));
    };
    let body = Bytes::from(read_payload(file)?);
    if !matches!(
        systems::body::parse(&body),
        Ok(serde_json::Value::Object(_))
    ) {
        return Err(Exit::Unmet.because("the payload is not a JSON object; the bridge answers 400"));
    }
    let now = Timestamp::now();
    let headers = args.headers.as_deref();
    let verification = headers
        .map(|path| explain_verification(path, source, &body, now))
        .transpose()?;
    let store = open_store(config)?;
    let file_of_table = dir.join(format!("{}.toml", source.mapping));
    let rules = Arc::new(Rules::new(config, tables)).snapshot();
    let event = explain::as_if_received(&source.name, args.kind, body, now);
    let told = review::explain_payload(store.as_ref(), &rules, config, (event, now)).await;
    let story = Story {
        verification,
        payload: told.map_err(|error| of_store(config, error))?,
    };
    if args.json {
        println!("{:#}", serde_json::to_value(&story)?);
    } else {
        print!("{}", report::payload(&story, &file_of_table));
    }
    Ok(Exit::Fine.into())
}

async fn explain_event(
    id: EventId,
    args: &ExplainArgs,
    config: Config,
) -> anyhow::Result<ExitCode> {
    let config = Arc::new(config);
    let dir = args.mappings.as_ref().unwrap_or(&config.mappings.dir);
    let both = match load_both(dir, &config) {
        Ok(both) => both,
        Err(findings) => return Ok(refuse(&findings)),
    };
    let tables = ByTables {
        current: both.current,
        candidate: args.mappings.is_some().then_some(both.candidate),
    };
    let Some(store) = open_store(&config)? else {
        let path = config.store.path.display();
        return Err(Exit::Unavailable.because(format!(
            "there is no store at {path} (`store.url`): no event was recorded yet"
        )));
    };
    let told = review::explain_event(&store, &config, tables, (id, Timestamp::now())).await;
    let Some(story) = told.map_err(|error| of_store(&config, error))? else {
        return Err(Exit::Unmet.because(format!(
            "no event {id} is recorded; it may have been removed after `store.retention_days`"
        )));
    };
    if args.json {
        println!("{:#}", serde_json::to_value(&story)?);
    } else {
        let file = |dir: &Path| {
            let source = config.sources.get(&story.became.source);
            let mapping = source.map_or(&story.became.source, |source| &source.mapping);
            dir.join(format!("{mapping}.toml"))
        };
        print!("{}", event_report::text(&story, &file(dir)));
    }
    Ok(Exit::Fine.into())
}

fn explain_verification(
    path: &Path,
    source: &SourceConfig,
    body: &Bytes,
    now: Timestamp,
) -> anyhow::Result<Verification> {
    let hint = "name a file of `Name: value` lines";
    let head = headers::read(&read_text(path, hint)?).map_err(|line| {
        let shown = path.display();
        Exit::WrongUsage.because(format!("{shown}:{line}: not a `Name: value` line"))
    })?;
    let gate = Gate::load(source).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Exit::BadConfig.because(format!(
            "the source's secrets are needed to verify: {}",
            faults.join("; ")
        ))
    })?;
    let raw = RawWebhook {
        headers: &head.headers,
        query: head.query.as_deref(),
        body,
    };
    Ok(match verify(raw, &gate, now) {
        Ok(verified) => Verification {
            admitted: true,
            entry: Some(verified.position() + 1),
            because: String::from("the credential is right"),
        },
        Err(refused) => Verification {
            admitted: false,
            entry: None,
            because: refused.to_string(),
        },
    })
}
