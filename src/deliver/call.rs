//! The only outbound HTTP: one request, one answer, bounded in time and size.
//!
//! Never retries, never follows a redirect, never logs a body. A refusal is data, not an error.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, HeaderValue, RETRY_AFTER};

use super::credential::{Authorization, Credential};
use crate::config::TargetConfig;
use crate::systems::outbound::{Method, Request};

/// The most of an answer's body that is read; a lead's history is far smaller.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What came back.
#[derive(Debug)]
pub enum Exchange {
    Complete {
        status: u16,
        retry_after: Option<String>,
        /// Empty where it was longer than we read.
        body: Bytes,
    },
    /// The connection never opened.
    Unreachable,
    /// Bytes were sent, no complete answer came.
    Silence,
}

/// One target's HTTP client and credential.
#[derive(Debug)]
pub struct Caller {
    client: reqwest::Client,
    base: reqwest::Url,
    credential: Credential,
    timeout: Duration,
}

impl Caller {
    pub fn new(config: &TargetConfig) -> anyhow::Result<Self> {
        let client = client(config)?
            .connect_timeout(config.timeout / 2)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(config.concurrency)
            .build()?;
        Ok(Self {
            client,
            base: reqwest::Url::parse(&config.base_url)?,
            credential: Credential::load(&config.system)?,
            timeout: config.timeout,
        })
    }

    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Makes the call; returns what came back and how long it took.
    pub async fn call(
        &self,
        request: &Request,
        authorization: Option<Authorization>,
    ) -> (Exchange, Duration) {
        let started = Instant::now();
        let exchange = self.exchange(request, authorization);
        let exchange = tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or(Exchange::Silence);
        (exchange, started.elapsed())
    }

    async fn exchange(&self, request: &Request, authorization: Option<Authorization>) -> Exchange {
        let call = prepare(&self.client, &self.base, request, authorization);
        let response = match call.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => return Exchange::Unreachable,
            Err(_) => return Exchange::Silence,
        };
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        match read_body(response).await {
            Ok(body) => Exchange::Complete {
                status,
                retry_after,
                body,
            },
            Err(_) => Exchange::Silence,
        }
    }
}

/// A client as every call to a target has it: nothing is repeated, followed or sent through a proxy
/// that the configuration does not name.
pub fn client(config: &TargetConfig) -> anyhow::Result<reqwest::ClientBuilder> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("leadping-bridge/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true);
    Ok(match &config.proxy {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy)?),
        None => builder,
    })
}

/// The request as it goes out.
pub fn prepare(
    client: &reqwest::Client,
    base: &reqwest::Url,
    request: &Request,
    authorization: Option<Authorization>,
) -> reqwest::RequestBuilder {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(&request.path);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    };
    let mut call = client
        .request(method, url)
        .header(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(Authorization { name, value }) = authorization {
        call = call.header(name, value);
    }
    match &request.body {
        Some(body) => call.json(body),
        None => call,
    }
}

/// The whole body; empty if it is longer than we read.
///
/// # Errors
/// It broke off.
pub async fn read_body(mut response: reqwest::Response) -> reqwest::Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(Bytes::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
