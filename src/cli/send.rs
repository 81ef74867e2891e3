//! `send`: signs a payload as its source would and posts it to a running bridge.
//!
//! For trying things out and for operators' scripts; it goes the way every webhook goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::input::read_payload;
use crate::config::{AuthConfig, AuthScheme, Config, SourceConfig};
use crate::diagnostic::did_you_mean;
use crate::event::EventKind;
use crate::secret::{Secret, SecretError};
use crate::verify::{Signed, sign};

const WRONG_USAGE: u8 = 2;
const BAD_CONFIG: u8 = 64;
const UNREACHABLE: u8 = 69;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: leadping-bridge send --source voice payload.json")]
pub struct SendArgs {
    /// The configured source to sign as (its first credential is used)
    #[arg(long)]
    pub source: String,
    /// The payload; `-` reads standard input
    pub file: PathBuf,
    /// Where the bridge listens [default: server.listen of the config]
    #[arg(long)]
    pub url: Option<String>,
    /// Force the event's kind: lead or call
    #[arg(long, value_parser = parse_kind)]
    pub kind: Option<EventKind>,
    /// Print status and answer as one JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn parse_kind(word: &str) -> Result<EventKind, String> {
    EventKind::parse(word).ok_or_else(|| "expected `lead` or `call`".to_owned())
}

/// 0 on a 2xx answer, 1 on any other, 69 when no bridge answers.
pub async fn run(args: SendArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(source) = config.sources.get(&args.source) else {
        eprintln!("{}", unknown_source(&args.source, config));
        return Ok(ExitCode::from(WRONG_USAGE));
    };
    let body = read_payload(&args.file)?;
    let signed = match signed(source, &body) {
        Ok(signed) => signed,
        Err(error) => {
            eprintln!("cannot sign as source `{}`: {error:#}", source.name);
            return Ok(ExitCode::from(BAD_CONFIG));
        }
    };
    let base = base_url(args.url, config);
    let kind = args
        .kind
        .map_or(String::new(), |kind| format!("/{}", kind.as_str()));
    let url = signed.url(&format!("{base}/webhooks/{}{kind}", source.name));
    let request = client(&base)?
        .post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .headers(signed.headers.into_iter().collect())
        .body(body);
    let answer = async {
        let response = request.send().await?;
        Ok((response.status(), response.text().await?))
    };
    match answer.await {
        Ok((status, text)) => {
            print(status, &text, args.json);
            Ok(ExitCode::from(u8::from(!status.is_success())))
        }
        Err(error) => {
            eprintln!(
                "no answer from {base}: {:#}; is the bridge running there?",
                told(error)
            );
            Ok(ExitCode::from(UNREACHABLE))
        }
    }
}

pub(super) fn unknown_source(name: &str, config: &Config) -> String {
    let names = config.sources.keys().map(String::as_str);
    let hint = match did_you_mean(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the config names: {}", names.collect::<Vec<_>>().join(", ")),
    };
    format!("no source is called `{name}`; {hint}")
}

fn signed(source: &SourceConfig, body: &[u8]) -> anyhow::Result<Signed> {
    let auth = source.auth.first().context("it has no [[auth]] entry")?;
    let secret = load_secret(auth)?;
    let message_id = format!("msg_{}", Uuid::now_v7().simple());
    Ok(sign(auth, &secret, body, Timestamp::now(), &message_id)?)
}

fn load_secret(auth: &AuthConfig) -> Result<Secret, SecretError> {
    match &auth.scheme {
        AuthScheme::Header { secret, .. }
        | AuthScheme::Query { secret, .. }
        | AuthScheme::Basic {
            password: secret, ..
        }
        | AuthScheme::StandardWebhooks { secret, .. } => secret.load(),
        AuthScheme::HmacSha256(hmac) => hmac.secret.load(),
        AuthScheme::None => Ok(Secret::new("")),
    }
}

fn print(status: http::StatusCode, text: &str, json: bool) {
    if json {
        let answer = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let whole = json!({ "status": status.as_u16(), "answer": answer });
        println!("{whole}");
    } else {
        println!("{status}\n{}", text.trim_end());
    }
}

/// Where the running bridge is reached, without a trailing slash.
pub(super) fn base_url(url: Option<String>, config: &Config) -> String {
    base_of(url, config.server.listen)
}

/// As given, or by the address that it listens on.
pub(super) fn base_of(url: Option<String>, listen: SocketAddr) -> String {
    match url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(listen)),
    }
}

/// An address that listens everywhere is reached on this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A client for the bridge at `base`: no proxy, no redirect, no hidden retry.
pub(super) fn client(base: &str) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(TIMEOUT);
    if base.starts_with("https:") {
        client.build()
    } else {
        // Without this an image that ships no CA certificates could not build a client at all.
        client.tls_certs_only([]).build()
    }
}

/// The error without the URL: its query may be the credential.
pub(super) fn told(error: reqwest::Error) -> anyhow::Error {
    anyhow::Error::from(error.without_url())
}

#[cfg(test)]
mod tests;
