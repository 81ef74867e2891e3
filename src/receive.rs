//! `POST /webhooks/{source}`: limits → route → raw body → verify → parse → record → answer.
//!
//! The hot path. It decides nothing and looks into no body beyond "is it a JSON object": whatever
//! a verified sender posts goes to `record`, and 2xx is said only after that has returned. The
//! rate limit counts verified webhooks, so that strangers cannot use up a sender's share.

mod body;
mod limits;
mod refusal;
mod route;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use self::body::{BodyLimits, Unfit, check_body, refusal_of};
use self::limits::InboundLimit;
use self::refusal::Refusal;
use self::route::Route;
use crate::clock::Clock;
use crate::config::SourceConfig;
use crate::event::EventKind;
use crate::listen::{Answer, Held};
use crate::record::{NewWebhook, RecordError, Recorded, Recorder, Reject};
use crate::telemetry::damper::{Damper, Say};
use crate::telemetry::metrics::ReceiveMetrics;
use crate::telemetry::traces::{TraceParent, Traces};
use crate::verify::{CredentialError, Gate, RawWebhook, verify};

/// A rejected body is kept up to here, for diagnosis.
const REJECT_BYTES: usize = 4096;
/// The label of requests that name no configured source: strangers do not choose metric labels.
const UNKNOWN_SOURCE: &str = "unknown";

/// What the receiver needs of the recorder; a scripted one stands in for it in tests.
pub trait Record: Send + Sync + 'static {
    fn record(
        &self,
        webhook: NewWebhook,
    ) -> impl Future<Output = Result<Recorded, RecordError>> + Send;
    fn record_reject(&self, reject: Reject);
    fn is_ready(&self) -> bool;
}

impl Record for Recorder {
    fn record(
        &self,
        webhook: NewWebhook,
    ) -> impl Future<Output = Result<Recorded, RecordError>> + Send {
        Self::record(self, webhook)
    }

    fn record_reject(&self, reject: Reject) {
        Self::record_reject(self, reject);
    }

    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }
}

/// What a [`Receiver`] is made of.
pub struct ReceiverParts<R = Recorder> {
    pub sources: Vec<(Arc<SourceConfig>, Gate)>,
    pub recorder: Arc<R>,
    pub metrics: Arc<ReceiveMetrics>,
    pub traces: Traces,
    pub clock: Clock,
    /// Once cancelled, webhooks are refused as unavailable.
    pub stopping: CancellationToken,
}

/// The webhook listener's side of the bridge.
pub struct Receiver<R = Recorder> {
    doors: HashMap<String, Door>,
    recorder: Arc<R>,
    metrics: Arc<ReceiveMetrics>,
    traces: Traces,
    damper: Damper,
    clock: Clock,
    stopping: CancellationToken,
    limits: BodyLimits,
}

/// One source's way in.
struct Door {
    source: Arc<SourceConfig>,
    gate: ArcSwap<Gate>,
    limit: Option<InboundLimit>,
}

impl<R: Record> Receiver<R> {
    pub fn new(parts: ReceiverParts<R>, limits: BodyLimits) -> Self {
        let doors = parts.sources.into_iter().map(|(source, gate)| {
            let door = Door {
                gate: ArcSwap::from_pointee(gate),
                limit: source.rate_limit.map(InboundLimit::new),
                source: Arc::clone(&source),
            };
            (source.name.clone(), door)
        });
        Self {
            doors: doors.collect(),
            recorder: parts.recorder,
            metrics: parts.metrics,
            traces: parts.traces,
            damper: Damper::default(),
            clock: parts.clock,
            stopping: parts.stopping,
            limits,
        }
    }

    /// Reads every source's secrets again. A source with a fault keeps the ones it has.
    pub fn reload_secrets(&self) -> Vec<(String, CredentialError)> {
        let mut faults = Vec::new();
        for (name, door) in &self.doors {
            match Gate::load(&door.source) {
                Ok(gate) => door.gate.store(Arc::new(gate)),
                Err(errors) => faults.extend(errors.into_iter().map(|error| (name.clone(), error))),
            }
        }
        faults
    }

    /// One handler and no router: there are three paths, and each layer would cost allocations
    /// per webhook.
    pub fn service(self: Arc<Self>) -> impl Answer {
        service_fn(move |request: http::Request<Held<Incoming>>| {
            let receiver = Arc::clone(&self);
            async move { Ok::<_, Infallible>(receiver.answer(request.map(Body::new)).await) }
        })
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        match Route::of(parts.uri.path()) {
            Route::Webhook {
                source,
                forced_kind,
            } => match self.doors.get(source) {
                Some(door) => self.receive(door, forced_kind, &parts, body).await,
                None => self.refuse(None, Refusal::UnknownSource, &parts, body),
            },
            Route::Live if reads => StatusCode::OK.into_response(),
            Route::Ready if reads => self.readiness(),
            Route::Live | Route::Ready => {
                self.refuse(None, Refusal::WrongMethod("GET, HEAD"), &parts, body)
            }
            Route::Unknown => self.refuse(None, Refusal::UnknownPath, &parts, body),
        }
    }

    fn readiness(&self) -> Response {
        let refusal = if self.stopping.is_cancelled() {
            Refusal::Stopping
        } else if self.recorder.is_ready() {
            return StatusCode::OK.into_response();
        } else {
            Refusal::Unavailable
        };
        refusal.problem(None).into_response()
    }

    async fn receive(
        &self,
        door: &Door,
        forced_kind: Option<EventKind>,
        parts: &Parts,
        mut body: Body,
    ) -> Response {
        let begun = Instant::now();
        let source = door.source.name.as_str();
        let recorded = match self.admit(door, forced_kind, parts, &mut body).await {
            Ok(webhook) => {
                let received_at = webhook.received_at;
                let recorded = self.recorder.record(webhook).await;
                recorded
                    .map(|recorded| (recorded, received_at))
                    .map_err(Refusal::from)
            }
            Err(refusal) => Err(refusal),
        };
        let response = match recorded {
            Ok((Recorded::New(id), received_at)) => {
                self.metrics.event(source, "accepted");
                self.metrics.recorded(source, received_at);
                if self.traces.wants(id) {
                    let times = (begun.elapsed(), received_at, self.clock.now());
                    self.traces
                        .recorded((id, source), times, sender_trace(parts));
                }
                acknowledge(StatusCode::ACCEPTED, format!(r#"{{"id":"{id}"}}"#))
            }
            Ok((Recorded::Duplicate(id), _)) => {
                self.metrics.event(source, "duplicate");
                acknowledge(
                    StatusCode::OK,
                    format!(r#"{{"id":"{id}","duplicate":true}}"#),
                )
            }
            Err(refusal) => return self.refuse(Some(door), refusal, parts, body),
        };
        self.metrics.ack(begun.elapsed());
        response
    }

    /// Everything up to the store: what comes out may be recorded.
    async fn admit(
        &self,
        door: &Door,
        forced_kind: Option<EventKind>,
        parts: &Parts,
        body: &mut Body,
    ) -> Result<NewWebhook, Refusal> {
        if parts.method != Method::POST {
            return Err(Refusal::WrongMethod("POST"));
        }
        if self.stopping.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        let bytes = body::read(body, self.limits).await?;
        let received_at = self.clock.now();
        let raw = RawWebhook {
            headers: &parts.headers,
            query: parts.uri.query(),
            body: &bytes,
        };
        let verified =
            verify(raw, &door.gate.load(), received_at).map_err(Refusal::Unauthorized)?;
        let source = &door.source;
        self.metrics.secret_use(&source.name, verified.position());
        if let Some(limit) = &door.limit {
            limit.take().map_err(Refusal::RateLimited)?;
        }
        body::with(&bytes, |parsed| {
            let parsed = parsed
                .inspect_err(|refusal| self.keep_reject(source, *refusal, &bytes, received_at))?;
            let read = (verified, &parsed);
            Ok(NewWebhook::read(source, forced_kind, read, received_at))
        })
    }

    fn keep_reject(&self, source: &SourceConfig, refusal: Refusal, body: &Bytes, at: Timestamp) {
        let Some(reason) = refusal.reject_reason() else {
            return;
        };
        self.recorder.record_reject(Reject {
            source: source.name.clone(),
            reason,
            size_bytes: body.len(),
            at,
            // A copy: a slice would keep the whole body alive.
            body: Bytes::copy_from_slice(&body[..body.len().min(REJECT_BYTES)]),
        });
    }

    fn refuse(&self, door: Option<&Door>, refusal: Refusal, parts: &Parts, body: Body) -> Response {
        let source = door.map(|door| door.source.as_ref());
        let name = source.map_or(UNKNOWN_SOURCE, |source| source.name.as_str());
        self.metrics.event(name, refusal.result());
        let problem = refusal.problem(source.map(|source| source.kind));
        let (request_id, status) = (problem.request_id(), problem.status().as_u16());
        let kind = format!("{name} {}", refusal.result());
        match self.damper.ask(&kind, self.clock.now()) {
            Say::Aloud { unsaid } if refusal == Refusal::Unavailable => {
                warn!(source.name = name, http.status = status, %request_id, unsaid, "{refusal}; the sender is asked to come back");
            }
            Say::Aloud { unsaid } => {
                info!(source.name = name, http.status = status, %request_id, unsaid, "webhook refused: {refusal}");
            }
            Say::Quietly => {
                debug!(source.name = name, http.status = status, %request_id, "webhook refused: {refusal}");
            }
        }
        let mut response = problem.into_response();
        if refusal.is_early() && !body.is_end_stream() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            // Whoever waits to be asked for the body has sent nothing that could be in the way.
            if !parts.headers.contains_key(EXPECT) {
                body::drain(body);
            }
        }
        response
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Overloaded => Self::Overloaded,
            RecordError::Unavailable => Self::Unavailable,
        }
    }
}

/// The sender's own trace, where it has one: linked, because ours is the event's.
fn sender_trace(parts: &Parts) -> Option<TraceParent> {
    let header = parts.headers.get("traceparent")?;
    TraceParent::parse(header.to_str().ok()?)
}

fn acknowledge(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests;
