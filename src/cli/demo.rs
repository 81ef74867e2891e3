//! `demo`: everything on this machine, no account needed: the sandbox, the bridge on a throw-away
//! store and the shipped tables for both ways, sample webhooks signed and sent over HTTP; then what
//! became of each, row by row, and what the pretended systems told of what was written to them.
//!
//! It watches the bridge only through its admin API, as an operator would: `round` sends and looks,
//! `line` says it in words, `report` prints.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::Exit;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::map;
use crate::sandbox::{CapillaryLogin, Sandbox, SandboxOptions, WebhookReceiver};
use crate::secret::Secret;

mod line;
mod report;
mod round;
mod samples;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Exit after the round: 0 when every sample ended as expected
    #[arg(long)]
    pub once: bool,
}

pub async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let place = Place::make()?;
    let demo = Demo::start(&place).await?;
    report::opening(&demo);
    let outcomes = demo.round().await?;
    let met = report::rows(&outcomes) & report::calls(&demo.sandbox);
    report::closing(&demo, &outcomes, met);
    if !args.once {
        report::waiting(&demo);
        tokio::signal::ctrl_c().await?;
    }
    demo.app.stop().await;
    demo.sandbox.stop().await;
    Ok(if met { Exit::Fine } else { Exit::Unmet }.into())
}

/// A payload to send by hand, beside the configuration.
const OWN: &str = "voicemail.json";

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
    pub(super) sandbox: Sandbox,
    pub(super) config: Config,
    pub(super) config_path: PathBuf,
    pub(super) webhooks: String,
    pub(super) admin: String,
    client: reqwest::Client,
}

impl Demo {
    async fn start(place: &Place) -> anyhow::Result<Self> {
        let [leadping, nlpearl, capillary] = [(); 3].map(|()| uuid::Uuid::now_v7().to_string());
        let nlpearl = format!("account:{nlpearl}");
        let sandbox = Sandbox::start(SandboxOptions {
            token: Some(Secret::new(leadping.clone())),
            nlpearl_key: Some(Secret::new(nlpearl.clone())),
            capillary_login: CapillaryLogin {
                basic: Some((String::from("till.01"), Secret::new(capillary.clone()))),
                ..CapillaryLogin::default()
            },
            ..SandboxOptions::default()
        })?;
        samples::put_people(&sandbox).map_err(anyhow::Error::msg)?;
        let keys = [
            ("leadping", leadping),
            ("nlpearl", nlpearl),
            ("capillary", capillary),
        ];
        let config_path = write_files(&place.0, &keys, &sandbox.base_url())?;
        let (config, _) = config::load(&config_path, std::iter::empty())
            .map_err(|findings| anyhow::anyhow!("the demo's config has faults: {findings:?}"))?;
        let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
        let tables =
            tables.with_context(|| format!("the shipped tables have faults: {findings:?}"))?;
        let app = App::start(config.clone(), tables, Clock::System).await?;
        let webhooks = format!("http://{}", app.webhook_address);
        for source in config.sources.values() {
            let url = format!("{webhooks}/webhooks/{}", source.name);
            sandbox.send_webhooks(WebhookReceiver::of_source(source, url)?);
        }
        Ok(Self {
            webhooks,
            admin: format!("http://{}", app.admin_address),
            app,
            sandbox,
            config,
            config_path,
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }
}

/// The demo's config, secrets and tables: the shipped tables for both ways, secrets made for this
/// run. `keys`: what the systems take from callers.
fn write_files(place: &Path, keys: &[(&str, String)], sandbox: &str) -> anyhow::Result<PathBuf> {
    let mappings = place.join("mappings");
    std::fs::create_dir(&mappings)?;
    for (name, table) in [
        ("voice", include_str!("../../mappings/two-way/voice.toml")),
        ("crm", include_str!("../../mappings/two-way/crm.toml")),
        (
            "leadping",
            include_str!("../../mappings/two-way/leadping.toml"),
        ),
    ] {
        std::fs::write(mappings.join(format!("{name}.toml")), table)?;
    }
    let made = || uuid::Uuid::now_v7().simple().to_string();
    let senders = [
        ("voice", made()),
        ("crm", made()),
        // 32 digits are 24 bytes in base64.
        ("leadping-webhook", format!("whsec_{}", made())),
    ];
    for (name, secret) in keys.iter().chain(&senders) {
        std::fs::write(place.join(format!("{name}.secret")), secret)?;
    }
    std::fs::write(place.join(OWN), samples::one_to_send())?;
    let path = place.join("bridge.toml");
    let text = include_str!("demo/bridge.toml")
        .replace("{place}", &place.display().to_string())
        .replace("{sandbox}", sandbox);
    std::fs::write(&path, text)?;
    Ok(path)
}
