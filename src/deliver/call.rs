//! The only outbound HTTP: one request, one answer, bounded in time and size.
//!
//! Never retries, never follows a redirect, never logs a body. A refusal is data, not an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};

use crate::config::TargetConfig;
use crate::secret::{Secret, SecretReference};
use crate::systems::leadping::outbound::{Method, Request};

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
    authorization: ArcSwap<HeaderValue>,
    reference: SecretReference,
    timeout: Duration,
}

impl Caller {
    pub fn new(config: &TargetConfig) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("leadping-bridge/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(config.timeout / 2)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(config.concurrency)
            .tcp_nodelay(true);
        if let Some(proxy) = &config.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy)?);
        }
        let secret = config.token.load()?;
        Ok(Self {
            client: builder.build()?,
            base: reqwest::Url::parse(&config.base_url)?,
            authorization: ArcSwap::from_pointee(authorization(&secret)?),
            reference: config.token.clone(),
            timeout: config.timeout,
        })
    }

    /// Reads a secret that lives in a file again; an unreadable one leaves the old in force.
    pub fn reload_credential(&self) {
        if !matches!(self.reference, SecretReference::File(_)) {
            return;
        }
        match self
            .reference
            .load()
            .map_err(anyhow::Error::from)
            .and_then(|s| authorization(&s))
        {
            Ok(value) => self.authorization.store(Arc::new(value)),
            Err(error) => {
                tracing::warn!(%error, "the credential cannot be read again; the old one stays")
            }
        }
    }

    /// Makes the call; returns what came back and how long it took.
    pub async fn call(&self, request: &Request) -> (Exchange, Duration) {
        let started = Instant::now();
        let exchange = tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .unwrap_or(Exchange::Silence);
        (exchange, started.elapsed())
    }

    async fn exchange(&self, request: &Request) -> Exchange {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&request.path);
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut call = self
            .client
            .request(method, url)
            .header(
                AUTHORIZATION,
                HeaderValue::clone(&self.authorization.load()),
            )
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = &request.body {
            call = call.json(body);
        }
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
            Some(body) => Exchange::Complete {
                status,
                retry_after,
                body,
            },
            None => Exchange::Silence,
        }
    }
}

/// The whole body; empty if it is longer than we read, `None` if it broke off.
async fn read_body(mut response: reqwest::Response) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Some(Bytes::new());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Some(body.freeze()),
            Err(_) => return None,
        }
    }
}

/// Whether the target's credential is there and can be sent.
pub fn check_credential(config: &TargetConfig) -> anyhow::Result<()> {
    authorization(&config.token.load()?).map(drop)
}

fn authorization(secret: &Secret) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))
        .map_err(|_| anyhow::anyhow!("the token has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}
