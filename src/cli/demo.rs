//! `demo`: everything on this machine, no account needed: the sandbox, the bridge on a throw-away
//! store, sample webhooks signed and sent over HTTP; then what became of each, row by row.
//!
//! It watches the bridge only through its admin API, as an operator would.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::Exit;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, SourceConfig};
use crate::map;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::secret::Secret;

mod report;
mod samples;

use samples::{SAMPLES, Sample};

/// How long the round may take before what is missing counts as missing.
const ROUND: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(25);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Exit after the round: 0 when every sample ended as expected
    #[arg(long)]
    pub once: bool,
}

/// One sample and what became of it.
pub(super) struct Outcome<'a> {
    pub(super) sample: &'a Sample,
    pub(super) http_status: u16,
    pub(super) event_id: Option<String>,
    /// As the admin API shows it, once it came to rest.
    pub(super) event: Option<Value>,
}

pub async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let place = Place::make()?;
    let demo = Demo::start(&place).await?;
    report::opening(&demo);
    let outcomes = demo.round().await?;
    let met = report::rows(&outcomes);
    report::closing(&demo, &outcomes, met);
    if !args.once {
        report::waiting(&demo);
        tokio::signal::ctrl_c().await?;
    }
    demo.app.stop().await;
    demo.sandbox.stop().await;
    Ok(if met { Exit::Fine } else { Exit::Unmet }.into())
}

/// A directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn make() -> anyhow::Result<Self> {
        let name = format!("leadping-bridge-demo-{}", uuid::Uuid::now_v7());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) struct Demo {
    app: App,
    sandbox: Sandbox,
    pub(super) config: Config,
    pub(super) config_path: PathBuf,
    pub(super) webhooks: String,
    pub(super) admin: String,
    pub(super) sandbox_url: String,
    client: reqwest::Client,
}

impl Demo {
    async fn start(place: &Place) -> anyhow::Result<Self> {
        let token = uuid::Uuid::now_v7().to_string();
        let sandbox = Sandbox::start(SandboxOptions {
            token: Some(Secret::new(token.clone())),
            ..SandboxOptions::default()
        })?;
        let config_path = write_files(&place.0, &token, &sandbox.base_url())?;
        let (config, _) = config::load(&config_path, std::iter::empty())
            .map_err(|findings| anyhow::anyhow!("the demo's config has faults: {findings:?}"))?;
        let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
        let tables =
            tables.with_context(|| format!("the shipped tables have faults: {findings:?}"))?;
        let app = App::start(config.clone(), tables, Clock::System).await?;
        Ok(Self {
            webhooks: format!("http://{}", app.webhook_address),
            admin: format!("http://{}", app.admin_address),
            sandbox_url: sandbox.base_url(),
            app,
            sandbox,
            config,
            config_path,
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Sends every sample, each once the one before it has come to rest: so the call webhook
    /// amends what the lead webhook set, as between systems that take their time.
    async fn round(&self) -> anyhow::Result<Vec<Outcome<'_>>> {
        let started = Instant::now();
        let mut outcomes = Vec::new();
        for sample in SAMPLES {
            let mut outcome = self.send(sample).await?;
            while !is_at_rest(&outcome) && started.elapsed() < ROUND {
                tokio::time::sleep(LOOK_EVERY).await;
                let events = self.events().await?;
                outcome.event = outcome.event_id.as_ref().and_then(|id| {
                    let mut events = events.iter();
                    events.find(|event| event["id"] == id.as_str()).cloned()
                });
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn send(&self, sample: &'static Sample) -> anyhow::Result<Outcome<'_>> {
        let source = &self.config.sources[sample.source];
        let url = format!("{}/webhooks/{}", self.webhooks, source.name);
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in sign(source, sample)? {
            request = request.header(name, value);
        }
        let response = request.body(sample.body).send().await?;
        let http_status = response.status().as_u16();
        let answer: Value = response.json().await.unwrap_or_default();
        Ok(Outcome {
            sample,
            http_status,
            event_id: answer["id"].as_str().map(str::to_owned),
            event: None,
        })
    }

    async fn events(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/api/v1/events?limit=100", self.admin);
        let page: Value = self
            .client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }
}

fn is_at_rest(outcome: &Outcome<'_>) -> bool {
    let Some(_) = &outcome.event_id else {
        return true;
    };
    outcome
        .event
        .as_ref()
        .is_some_and(|event| event["state"] == "settled" || event["state"] == "parked")
}

fn sign(
    source: &SourceConfig,
    sample: &Sample,
) -> anyhow::Result<Vec<(http::HeaderName, http::HeaderValue)>> {
    let auth = source
        .auth
        .first()
        .context("a source has at least one auth entry")?;
    let secret = match (&auth.scheme, sample.forged) {
        (_, true) => Secret::new("not the secret"),
        (config::AuthScheme::Header { secret, .. }, false) => secret.load()?,
        (config::AuthScheme::HmacSha256(hmac), false) => hmac.secret.load()?,
        _ => anyhow::bail!("the demo signs by header and by HMAC only"),
    };
    let now = jiff::Timestamp::now();
    let signed = crate::verify::sign(auth, &secret, sample.body.as_bytes(), now, "demo")?;
    Ok(signed.headers)
}

/// The demo's config, secrets and tables: the shipped tables, secrets made for this run.
fn write_files(place: &Path, token: &str, sandbox: &str) -> anyhow::Result<PathBuf> {
    let mappings = place.join("mappings");
    std::fs::create_dir(&mappings)?;
    std::fs::write(
        mappings.join("voice.toml"),
        include_str!("../../mappings/voice.toml"),
    )?;
    std::fs::write(
        mappings.join("crm.toml"),
        include_str!("../../mappings/crm.toml"),
    )?;
    for (name, secret) in [
        ("voice.secret", uuid::Uuid::now_v7().to_string()),
        ("crm.secret", uuid::Uuid::now_v7().to_string()),
        ("leadping.secret", token.to_owned()),
    ] {
        std::fs::write(place.join(name), secret)?;
    }
    let path = place.join("bridge.toml");
    let text = include_str!("demo/bridge.toml")
        .replace("{place}", &place.display().to_string())
        .replace("{sandbox}", sandbox);
    std::fs::write(&path, text)?;
    Ok(path)
}
