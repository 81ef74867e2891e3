//! How commands ask a running bridge: its admin API, with the token of the configuration.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Exit;
use super::send::{base_of, client};
use crate::config::Config;

/// For what searches or rewrites the whole store.
const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The admin API's address [default: admin.listen of the config]
    #[arg(
        long,
        env = "LEADPING_BRIDGE_ADMIN_URL",
        global = true,
        value_name = "URL"
    )]
    admin_url: Option<String>,
    /// The admin token [default: admin.token of the config]
    #[arg(
        long,
        env = "LEADPING_BRIDGE_ADMIN_TOKEN",
        hide_env_values = true,
        global = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,
}

/// A running bridge's admin API.
pub struct AdminApi {
    /// Without a trailing slash.
    url: String,
    token: Option<String>,
    client: reqwest::Client,
}

/// Why there is no answer to work with; it was told on stderr.
pub struct Unanswered(pub Exit);

impl From<Unanswered> for ExitCode {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.0.into()
    }
}

impl AdminApi {
    pub fn of(args: AdminArgs, config: &Config) -> anyhow::Result<Result<Self, Unanswered>> {
        let token = match (args.admin_token, &config.admin.token) {
            (Some(token), _) => Some(token),
            (None, Some(reference)) => match reference.load() {
                Ok(token) => Some(token.expose().to_owned()),
                Err(error) => {
                    eprintln!("error: {error} (for admin.token)");
                    return Ok(Err(Unanswered(Exit::BadConfig)));
                }
            },
            (None, None) => None,
        };
        let url = base_of(args.admin_url, config.admin.listen);
        Ok(Ok(Self {
            client: client(&url)?,
            url,
            token,
        }))
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let path: Vec<&str> = path.split('/').collect();
        self.get_of(&path, query).await
    }

    /// The same, of a path whose parts may hold anything.
    pub async fn get_of<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let mut url = self.url_of(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(self.client.get(url)).await
    }

    fn url_of(&self, path: &[&str]) -> anyhow::Result<reqwest::Url> {
        let context = "the admin API's address is not a URL";
        let mut url = reqwest::Url::parse(&self.url).context(context)?;
        let mut segments = url.path_segments_mut().ok().context(context)?;
        segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        drop(segments);
        Ok(url)
    }

    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let path: Vec<&str> = path.split('/').collect();
        self.send_to(method, &path, body).await
    }

    /// The same, to a path whose parts may hold anything.
    pub async fn send_to<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let url = self.url_of(path)?;
        self.ask(self.client.request(method, url).json(body)).await
    }

    /// A `POST` of what may take long: it ends when the bridge answers.
    pub async fn send_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let url = format!("{}/api/v1/{path}", self.url);
        let call = self.client.post(url).json(body).timeout(PATIENCE);
        self.ask(call).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        call: reqwest::RequestBuilder,
    ) -> anyhow::Result<Result<T, Unanswered>> {
        let call = match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        };
        let Ok(response) = call.send().await else {
            eprintln!(
                "error: no bridge answers at {}; is it running, and is this its admin listener?",
                self.url
            );
            return Ok(Err(Unanswered(Exit::Unavailable)));
        };
        let status = response.status();
        let Ok(text) = response.text().await else {
            eprintln!("error: the answer of {} broke off", self.url);
            return Ok(Err(Unanswered(Exit::Unavailable)));
        };
        if !status.is_success() {
            match detail(&text) {
                // Whoever asked named something that is not there, or wrongly.
                Some(detail) if matches!(status.as_u16(), 400 | 404) => {
                    eprintln!("error: {detail}")
                }
                Some(detail) => eprintln!("error: the bridge answered {status}: {detail}"),
                None => eprintln!("error: {} answered {status}", self.url),
            }
            let exit = match status {
                _ if status.is_server_error() => Exit::Unavailable,
                StatusCode::BAD_REQUEST => Exit::WrongUsage,
                _ => Exit::Unmet,
            };
            return Ok(Err(Unanswered(exit)));
        }
        let answer = serde_json::from_str(&text);
        Ok(Ok(answer.context(
            "the bridge's answer is not what this version expects",
        )?))
    }
}

/// What a problem document says to people.
fn detail(problem: &str) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_str(problem).ok()?;
    let detail = problem["detail"].as_str()?;
    Some(detail.replace(char::is_control, " "))
}
