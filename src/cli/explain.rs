//! `explain`: one payload → how it is verified, what it says, which row speaks, what would be sent.
//! Writes nothing; reads the store for the lead's history, if there is one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::Serialize;

use super::Exit;
use super::config_file::refuse;
use super::send::{parse_kind, read_payload, unknown_source};
use crate::config::{Config, SourceConfig};
use crate::decide::Question;
use crate::decider::{Rules, Snapshot};
use crate::event::EventKind;
use crate::explain::{self, Explanation};
use crate::lead::LeadHistory;
use crate::map;
use crate::store::sqlite::SqliteStore;
use crate::store::{Decider, Store, Undecided};
use crate::verify::{Gate, RawWebhook, verify};

mod report;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The configured source that would send it
    #[arg(long)]
    pub source: String,
    /// The payload; `-` reads standard input
    pub file: PathBuf,
    /// A file of `Name: value` lines: the headers it came with, to explain its verification
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
    /// Whether a store was there to read the lead's past from.
    history_read: bool,
    #[serde(flatten)]
    explanation: Explanation,
}

#[derive(Serialize)]
struct Verification {
    admitted: bool,
    /// The `[[auth]]` entry that passed, from 1.
    entry: Option<usize>,
    because: String,
}

/// 0 when explained; 1 when the payload would be answered 400; 2 and 64 for what cannot be used.
pub async fn run(args: ExplainArgs, config: Config) -> anyhow::Result<ExitCode> {
    let Some(source) = config.sources.get(&args.source) else {
        eprintln!("{}", unknown_source(&args.source, &config));
        return Ok(ExitCode::from(2));
    };
    let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
    let Some(tables) = tables else {
        return Ok(refuse(&findings));
    };
    let body = Bytes::from(
        read_payload(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?,
    );
    if !matches!(
        serde_json::from_slice(&body),
        Ok(serde_json::Value::Object(_))
    ) {
        eprintln!("error: the payload is not a JSON object; the bridge answers 400");
        return Ok(Exit::Unmet.into());
    }
    let table = tables
        .get(&source.mapping)
        .cloned()
        .context("the source's mapping was loaded")?;
    let now = Timestamp::now();
    if args.headers.is_some()
        && let Err(faults) = Gate::load(source)
    {
        for fault in faults {
            eprintln!("error: the source's secrets are needed to verify: {fault}");
        }
        return Ok(Exit::BadConfig.into());
    }
    let verification = args
        .headers
        .as_deref()
        .map(|path| explain_verification(path, source, &body, now))
        .transpose()?;
    let rules = Arc::new(Rules::new(&config, tables)).snapshot();
    let event = explain::as_if_received(&source.name, args.kind, body, now);
    let reading = rules.read(&event);
    let event = Undecided { event, reading };
    let past = past_of(&event, &config, &rules).await?;
    let history = past
        .clone()
        .unwrap_or_else(|| LeadHistory::of_unknown_lead(&event.event.source, &event.reading.facts));
    let question = Question {
        event: &event.event,
        reading: &event.reading,
        history: &history,
        shadowed: rules.rules().shadowed(),
        places: rules.rules().places(),
        policy: rules.rules().policy(),
        now,
    };
    let story = Story {
        verification,
        history_read: past.is_some(),
        explanation: explain::explain(&question, &table, &config),
    };
    if args.json {
        anstream::println!("{:#}", serde_json::to_value(&story)?);
    } else {
        report::print(&story, &table, &config);
    }
    Ok(Exit::Fine.into())
}

/// The lead's past, read beside a running bridge; `None` where there is no store yet.
async fn past_of(
    event: &Undecided,
    config: &Config,
    rules: &Arc<Snapshot>,
) -> anyhow::Result<Option<LeadHistory>> {
    let Some(store) = SqliteStore::open_for_reading(&config.store.path)? else {
        return Ok(None);
    };
    let store = Store::Sqlite(store);
    Ok(Some(
        store.peek_history(event.clone(), rules.clone()).await?,
    ))
}

fn explain_verification(
    path: &Path,
    source: &SourceConfig,
    body: &Bytes,
    now: Timestamp,
) -> anyhow::Result<Verification> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut headers = HeaderMap::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let value: HeaderValue = value.trim().parse().ok()?;
            Some((name, value))
        });
        let (name, value) = parsed.with_context(|| {
            format!(
                "{}:{}: not a `Name: value` line",
                path.display(),
                number + 1
            )
        })?;
        headers.append(name, value);
    }
    let gate = Gate::load(source).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "the source's secrets are needed to verify: {}",
            faults.join("; ")
        )
    })?;
    let raw = RawWebhook {
        headers: &headers,
        query: None,
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
