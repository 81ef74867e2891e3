//! OTLP over HTTP: pushes spans and the metrics of `/metrics` to a collector.
//!
//! One task, one client, no retries: what the collector does not take is dropped and counted.
//! That it does not is logged when it begins and when it ends, not in between. Nothing of the
//! bridge waits for it; at a stop what is queued is sent, within a bound. `messages` makes the
//! bodies.

mod messages;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::traces::{Span, Traces};
use crate::config::{HeaderSecret, OtlpConfig};

/// Spans of one request.
const MAX_BATCH: usize = 512;
/// Spans wait so long for others.
const LINGER: Duration = Duration::from_secs(1);
/// What is left at a stop is sent within this, or lost.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Brings the gauges up to date and gives the text of `/metrics`.
pub type Scrape = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// The other end of [`Traces`].
pub struct Queue(Option<mpsc::Receiver<Span>>);

/// Where spans go, and from where they are exported.
pub fn traces(config: Option<&OtlpConfig>, metrics: &Metrics) -> (Traces, Queue) {
    match config.filter(|config| config.traces) {
        None => (Traces::default(), Queue(None)),
        Some(config) => {
            let dropped = metrics.spans_dropped();
            let (traces, spans) = Traces::sampling(config.sample_ratio, dropped);
            (traces, Queue(Some(spans)))
        }
    }
}

/// Why a header cannot be sent; never shows the secret.
pub fn unusable_header(header: &HeaderSecret) -> Option<String> {
    header_value(header)
        .err()
        .map(|fault| format!("{} is not usable: {fault}", header.secret))
}

fn header_value(header: &HeaderSecret) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(header.name.as_bytes())?;
    let secret = header.secret.load()?;
    let mut value = HeaderValue::from_str(&format!("{}{}", header.prefix, secret.expose()))
        .map_err(|_| anyhow::anyhow!("it has a character that no header may have"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// A running export.
pub struct Exporter {
    closing: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporter {
    /// An error leaves the bridge as it is without export.
    pub fn start(
        config: &OtlpConfig,
        Queue(spans): Queue,
        metrics: &Metrics,
        scrape: Scrape,
    ) -> anyhow::Result<Self> {
        let closing = CancellationToken::new();
        let export = Export {
            post: Post::to(config)?,
            spans,
            batch: Vec::new(),
            scrape: config.metrics.then_some(scrape),
            started_at: SystemTime::now(),
            dropped: metrics.spans_dropped(),
        };
        let task = tokio::spawn(export.run(config.interval, closing.clone()));
        Ok(Self { closing, task })
    }

    /// Sends what is queued, for a bounded time.
    pub async fn stop(mut self) {
        self.closing.cancel();
        match tokio::time::timeout(LAST_WORDS, &mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the export of telemetry ended badly"),
            Err(_) => {
                self.task.abort();
                tracing::warn!("the collector is too slow; the newest telemetry is lost");
            }
        }
    }
}

struct Export {
    post: Post,
    spans: Option<mpsc::Receiver<Span>>,
    batch: Vec<Span>,
    /// `None`: metrics are not exported.
    scrape: Option<Scrape>,
    started_at: SystemTime,
    dropped: Counter,
}

impl Export {
    async fn run(mut self, interval: Duration, closing: CancellationToken) {
        let mut linger = tokio::time::interval(LINGER);
        let mut scrape = tokio::time::interval(interval);
        loop {
            tokio::select! {
                () = closing.cancelled() => break,
                () = receive(self.spans.as_mut(), &mut self.batch) => {
                    if self.batch.len() >= MAX_BATCH {
                        self.send_spans().await;
                    }
                }
                _ = linger.tick() => self.send_spans().await,
                _ = scrape.tick(), if self.scrape.is_some() => self.send_metrics().await,
            }
        }
        self.send_rest().await;
    }

    async fn send_rest(&mut self) {
        if let Some(mut spans) = self.spans.take() {
            spans.close();
            while spans.recv_many(&mut self.batch, MAX_BATCH).await > 0 {
                self.send_spans().await;
            }
        }
        self.send_spans().await;
        self.send_metrics().await;
    }

    async fn send_spans(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.batch);
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        if !self.post.send("traces", messages::traces(spans)).await {
            self.dropped.inc_by(count);
        }
    }

    async fn send_metrics(&mut self) {
        if let Some(scrape) = &self.scrape {
            let text = scrape().await;
            let body = messages::metrics(&text, self.started_at, SystemTime::now());
            self.post.send("metrics", body).await;
        }
    }
}

/// Adds what is queued to the batch; never, where no traces are exported.
async fn receive(spans: Option<&mut mpsc::Receiver<Span>>, batch: &mut Vec<Span>) {
    let room = MAX_BATCH.saturating_sub(batch.len()).max(1);
    let received = match spans {
        Some(spans) => spans.recv_many(batch, room).await,
        None => 0,
    };
    if received == 0 {
        // No traces, or nobody who makes any: the stop is near.
        std::future::pending::<()>().await;
    }
}

/// The way to one collector.
struct Post {
    client: reqwest::Client,
    endpoint: String,
    header: Option<(HeaderName, HeaderValue)>,
    is_failing: bool,
}

impl Post {
    fn to(config: &OtlpConfig) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("leadping-bridge/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(config.timeout)
            .build()?;
        Ok(Self {
            client,
            endpoint: config.endpoint.clone(),
            header: config.header.as_ref().map(header_value).transpose()?,
            is_failing: false,
        })
    }

    /// Whether the collector took it.
    async fn send(&mut self, signal: &'static str, body: Vec<u8>) -> bool {
        let mut request = self
            .client
            .post(format!("{}/v1/{signal}", self.endpoint))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body);
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        let fault = match request.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
            Err(error) if error.is_connect() => Some(String::from("it cannot be reached")),
            Err(error) if error.is_timeout() => Some(String::from("it does not answer in time")),
            Err(_) => Some(String::from("it answers nothing complete")),
        };
        match (&fault, self.is_failing) {
            (Some(fault), false) => {
                tracing::warn!(
                    signal,
                    "the collector of telemetry fails: {fault}; what it does not take is dropped and counted, webhooks and deliveries are not concerned"
                );
            }
            (None, true) => tracing::info!("the collector of telemetry takes it again"),
            _ => {}
        }
        self.is_failing = fault.is_some();
        fault.is_none()
    }
}
