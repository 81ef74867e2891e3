//! `leadping-bridge sandbox`: the stand-ins on an address of one's choice, until they are stopped.
//!
//! Says where they listen, where their webhooks go and how to make them misbehave; everything else
//! is `crate::sandbox`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;

use super::send::unknown_source;
use super::{Exit, GlobalArgs, config_file};
use crate::config::{Config, TargetSystem};
use crate::sandbox::{CapillaryLogin, RequestLimit, Sandbox, SandboxOptions, WebhookReceiver};
use crate::secret::Secret;

const WRONG_USAGE: u8 = 2;

/// Pretends to be LeadPing, NLPearl and Capillary on one address: strict, stateful, in memory,
/// with faults on request. Their paths never meet.
#[derive(Debug, clap::Args)]
// On `--help`; `-h` has the example alone.
#[command(after_long_help = "Example:
  leadping-bridge sandbox --token secret --strict-leads
  leadping-bridge sandbox --webhook voice=http://127.0.0.1:8080/webhooks/voice
  curl -X POST http://127.0.0.1:8090/_sandbox/faults \\
    -d '{\"on\":\"set\",\"system\":\"capillary\",\"times\":3,\"fault\":{\"answer\":{\"status\":521}}}'
  curl -X POST http://127.0.0.1:8090/_sandbox/nlpearl/leads \\
    -d '{\"id\":\"68c3f1a2b4d5e6f708192a3b\",\"pearlId\":\"p1\",\"outboundId\":\"o1\",\"externalId\":\"2\"}'
  curl -X POST http://127.0.0.1:8090/_sandbox/nlpearl/leads/68c3f1a2b4d5e6f708192a3b/status \\
    -d '{\"status\":100}'

Faults: answer, answer_after_apply, drop_before, drop_after_apply, delay_ms, truncate_after_apply,
hang_after_apply; on set, amend, update, read, token or any; at one system or, without `system`,
at all. Leads: POST /_sandbox/leads, /_sandbox/nlpearl/leads, /_sandbox/capillary/leads. What the
campaign or the staff does: POST …/leads/{id}/status. What arrived: GET /_sandbox/journal; what
was fired: GET /_sandbox/webhooks. The control interface asks for no token.

Credentials: LeadPing takes --token; NLPearl `{AccountId}:{SecretKey}` as a bearer; Capillary Basic
with the MD5 of the password, or a token of POST /v3/oauth/token/generate.")]
pub struct SandboxArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// LeadPing's bearer token; any that is not empty if absent
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SANDBOX_TOKEN",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub token: Option<String>,
    /// NLPearl's bearer, `AccountId:SecretKey`; any of that form if absent
    #[arg(
        long,
        value_name = "KEY",
        env = "SANDBOX_NLPEARL_KEY",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub nlpearl_key: Option<String>,
    /// Capillary's user and password, `user:password`; any user if absent
    #[arg(
        long,
        value_name = "LOGIN",
        env = "SANDBOX_CAPILLARY_LOGIN",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub capillary_login: Option<String>,
    /// Capillary's OAuth client, `key:secret`; any if absent
    #[arg(
        long,
        value_name = "CLIENT",
        env = "SANDBOX_CAPILLARY_OAUTH",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub capillary_oauth: Option<String>,
    /// Fire the webhooks of this source of the configuration to a URL, signed with the source's
    /// first credential; may be repeated [default: no webhooks]
    #[arg(long = "webhook", value_name = "SOURCE=URL", value_parser = source_and_url)]
    pub webhooks: Vec<(String, String)>,
    /// Requests that LeadPing admits within --per-seconds; 0 lifts the limit
    #[arg(long, value_name = "NUMBER", default_value_t = RequestLimit::LEADPING.requests)]
    pub requests: u32,
    /// The span of LeadPing's rate limit
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = RequestLimit::LEADPING.per_seconds,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub per_seconds: u32,
    /// Answer 404 for leads that were not created under /_sandbox
    #[arg(long)]
    pub strict_leads: bool,
}

fn source_and_url(text: &str) -> Result<(String, String), String> {
    let (source, url) = text.split_once('=').ok_or("expected SOURCE=URL")?;
    let parsed = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
    match parsed.scheme() {
        "http" | "https" => Ok((source.to_owned(), url.to_owned())),
        _ => Err("expected http or https".to_owned()),
    }
}

/// Runs until Ctrl-C or SIGTERM.
pub async fn run(args: SandboxArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    // The configuration is read only if there is something that it has to say.
    let config = match args.webhooks.is_empty() {
        true => None,
        false => match config_file::load_config(global) {
            Ok(config) => Some(config),
            Err(code) => return Ok(code),
        },
    };
    let receivers = match config
        .as_ref()
        .map(|config| receivers(&args.webhooks, config))
    {
        Some(Ok(receivers)) => receivers,
        Some(Err(code)) => return Ok(code),
        None => BTreeMap::new(),
    };
    let listen = args.listen;
    let token = match &args.token {
        Some(_) => "the given token",
        None => "any bearer token",
    };
    let outbounds = config.as_ref().map(outbounds).unwrap_or_default();
    let options = match options(args) {
        Ok(options) => SandboxOptions {
            nlpearl_outbounds: outbounds,
            ..options
        },
        Err(why) => {
            eprintln!("{why}");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let sandbox = Sandbox::start(options)
        .with_context(|| format!("the sandbox cannot listen on {listen}"))?;
    let url = sandbox.base_url();
    println!("LeadPing   {url}   accepts {token}");
    println!("NLPearl    {url}/v1/Outbound and /v2/Outbound");
    println!("Capillary  {url}/v2/leads and /v3/oauth/token/generate");
    println!("control    {url}/_sandbox   journal {url}/_sandbox/journal");
    for (source, receiver) in receivers {
        let shown = receiver.url.split('?').next().unwrap_or_default();
        println!("webhooks   of {source} go to {shown}");
        sandbox.send_webhooks(receiver);
    }
    stop_asked_for()
        .await
        .context("cannot listen for signals")?;
    sandbox.stop().await;
    Ok(Exit::Fine.into())
}

/// The error names the option that is wrong and nothing of its value.
fn options(args: SandboxArgs) -> Result<SandboxOptions, String> {
    let nlpearl_key = two_parts("nlpearl-key", args.nlpearl_key)?;
    let key = |(account, secret): (String, Secret)| format!("{account}:{}", secret.expose());
    Ok(SandboxOptions {
        listen: args.listen,
        token: args.token.map(Secret::new),
        limit: RequestLimit {
            requests: args.requests,
            per_seconds: args.per_seconds,
        },
        nlpearl_key: nlpearl_key.map(key).map(Secret::new),
        capillary_login: CapillaryLogin {
            basic: two_parts("capillary-login", args.capillary_login)?,
            oauth: two_parts("capillary-oauth", args.capillary_oauth)?,
            ..CapillaryLogin::default()
        },
        strict_leads: args.strict_leads,
        ..SandboxOptions::default()
    })
}

/// Checked here and not where options are read: that would repeat a wrong value, and half of it
/// is a secret.
fn two_parts(option: &str, text: Option<String>) -> Result<Option<(String, Secret)>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    match text.split_once(':') {
        Some((first, second)) if !first.is_empty() && !second.is_empty() => {
            Ok(Some((first.to_owned(), Secret::new(second))))
        }
        _ => Err(format!("--{option} must be two parts with a colon between")),
    }
}

/// NLPearl's webhooks name the pearl, and paths of v1 its outbound alone.
fn outbounds(config: &Config) -> BTreeMap<String, String> {
    let mut outbounds = BTreeMap::new();
    for target in config.targets.values() {
        if let TargetSystem::Nlpearl(nlpearl) = &target.system {
            outbounds.clone_from(&nlpearl.outbound_ids);
        }
    }
    outbounds
}

/// The sources that are to be sent webhooks.
fn receivers(
    webhooks: &[(String, String)],
    config: &Config,
) -> Result<BTreeMap<String, WebhookReceiver>, ExitCode> {
    let mut receivers: BTreeMap<String, WebhookReceiver> = BTreeMap::new();
    for (name, url) in webhooks {
        let receiver = match receiver(name, url, config) {
            Ok(receiver) => receiver,
            Err((code, why)) => {
                eprintln!("{why}");
                return Err(code);
            }
        };
        let mut others = receivers.iter();
        if let Some((other, _)) = others.find(|(_, other)| other.system == receiver.system) {
            eprintln!("`{name}` and `{other}` are of one kind: it has one receiver");
            return Err(ExitCode::from(WRONG_USAGE));
        }
        receivers.insert(name.clone(), receiver);
    }
    Ok(receivers)
}

fn receiver(name: &str, url: &str, config: &Config) -> Result<WebhookReceiver, (ExitCode, String)> {
    let source = config.sources.get(name);
    let source =
        source.ok_or_else(|| (ExitCode::from(WRONG_USAGE), unknown_source(name, config)))?;
    WebhookReceiver::of_source(source, url).map_err(|error| {
        let why = format!("cannot send webhooks as source `{name}`: {error}");
        (Exit::BadConfig.into(), why)
    })
}

#[cfg(unix)]
async fn stop_asked_for() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_asked_for() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
