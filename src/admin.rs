//! The admin listener: `/api/v1/…` and `/metrics`, for operators and their tools.
//!
//! Reads pages from the store and counters from memory. What it changes (links, what is parked, replays) it
//! has the decider do. On
//! loopback without a token it answers only requests that name a loopback host, so that a web
//! page in somebody's browser cannot reach it by a name of its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::decider;
use crate::deliver::TargetWorker;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

mod events;
mod gauges;
mod forget;
mod links;
mod mappings;
mod parked;
mod replay;
mod targets;

pub use forget::{ForgetBody, Forgotten};
pub use links::{LinkBody, LinkSet, LinkView, LinksBody, LinksSet, MAX_LINKS, SameAs};
pub use parked::{ParkedBody, ParkedFreed};
pub use replay::{Forecast, ReplayBody};

/// What the admin listener works with.
pub struct Admin {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub workers: Vec<Arc<TargetWorker>>,
    pub decider: mpsc::Sender<decider::Request>,
    pub rules: Arc<decider::Rules>,
    pub replay: Arc<decider::ReplayBoard>,
    pub sources: Vec<String>,
    pub token: Option<Secret>,
}

type Shared = Arc<Admin>;

/// The admin listener's routes.
pub fn router(admin: Shared) -> Router {
    Router::new()
        .route("/metrics", get(gauges::metrics))
        .route("/api/v1/events", get(events::list_events))
        .route(
            "/api/v1/events/replay",
            get(replay::progress)
                .post(replay::start)
                .delete(replay::cancel),
        )
        .route("/api/v1/events/{id}", get(events::show_event))
        .route("/api/v1/parked", get(parked::list_parked))
        .route("/api/v1/parked/release", post(parked::release))
        .route("/api/v1/parked/discard", post(parked::discard))
        .route("/api/v1/leads/forget", post(forget::forget_lead))
        .route("/api/v1/mappings", get(mappings::list_mappings))
        .route("/api/v1/targets", get(targets::list_targets))
        .route(
            "/api/v1/links",
            get(links::list_links)
                .put(links::set_link)
                .post(links::set_links),
        )
        .fallback(|| async { not_found() })
        .layer(middleware::from_fn_with_state(admin.clone(), admit))
        .with_state(admin)
}

/// With a token: the right one. Without: only a loopback host.
async fn admit(State(admin): State<Shared>, request: Request, next: Next) -> Response {
    let admitted = match &admin.token {
        Some(token) => bears(request.headers(), token),
        None => names_loopback(request.headers()),
    };
    if admitted {
        return next.run(request).await;
    }
    if admin.token.is_some() {
        return Problem::new(
            StatusCode::UNAUTHORIZED,
            "send the admin token as `Authorization: Bearer …`",
        )
        .into_response();
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "without `admin.token` this listener answers only to localhost, 127.0.0.1 or [::1] as Host",
    )
    .into_response()
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail.to_owned())
}

/// Has the decider do it, between two batches of events.
async fn ask<T>(
    admin: &Admin,
    request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> decider::Request,
) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    let stopping = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the bridge is stopping");
    let sent = admin.decider.send(request(reply)).await;
    sent.map_err(|_| stopping())?;
    let answer = answer.await.map_err(|_| stopping())?;
    answer.map_err(|error| match error {
        StoreError::NotFound => {
            Problem::new(StatusCode::NOT_FOUND, "nothing with this id is parked")
        }
        error => store_problem(&error),
    })
}

/// Our own store failed: fixed words for the caller, the reason in the log.
fn store_problem(error: &StoreError) -> Problem {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the store cannot answer; see the log",
    );
    tracing::error!(%error, request.id = %problem.request_id(), "an admin request failed at the store");
    problem
}

fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    // Digests have one length: the comparison tells nothing about the token's.
    Sha256::digest(given)
        .ct_eq(&Sha256::digest(token.expose()))
        .into()
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
    else {
        return false;
    };
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
