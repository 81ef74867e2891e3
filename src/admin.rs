//! The admin listener: `/api/v1/…` and `/metrics`, for operators and their tools.
//!
//! Reads pages from the store and counters from memory. What it changes it has others do: the
//! decider (links, what is parked, replays), a target's worker (pauses), `app` (reloads); each
//! change is written down beside it (`audit`). Who may ask is `auth`'s. Every route stands in the
//! OpenAPI document, because the router is made of the same list (`document`).

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::config::Config;
use crate::decider;
use crate::deliver::TargetWorker;
use crate::problem::Problem;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

mod advice;
mod audit;
pub mod auth;
mod bodies;
mod document;
mod events;
mod explain;
mod gauges;
mod leads;
mod forget;
mod links;
mod mappings;
mod page;
mod parked;
mod plan;
mod rejects;
mod replay;
mod targets;

pub use advice::{ParkedCause, RowToPaste, advise};
pub use bodies::{BareBody, uncover_body};
pub use document::document;
pub use explain::{Tried, TryBody, try_payload};
pub use forget::{ForgetBody, Forgotten};
pub use leads::read_lead;
pub use links::{LinkBody, LinkSet, LinkView, LinksBody, LinksSet, MAX_LINKS, SameAs};
pub use mappings::Reloaded;
pub use parked::{ParkedBody, ParkedFreed, free_parked, told};
pub use plan::PlanBoard;
pub use replay::{Forecast, ReplayBody};
pub use targets::{TargetView, pause_target, resume_target, targets_now};

use auth::Doorman;

/// The answer to a body that is not taken.
type RefusalOf = Box<dyn Fn(&[u8]) -> Option<Problem> + Send + Sync>;

/// What the admin listener works with.
pub struct Admin {
    pub store: Store,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub workers: Vec<Arc<TargetWorker>>,
    pub decider: mpsc::Sender<decider::Request>,
    pub rules: Arc<decider::Rules>,
    pub replay: Arc<decider::ReplayBoard>,
    pub plan: Arc<PlanBoard>,
    pub sources: Vec<String>,
    pub doorman: Arc<Doorman>,
    /// Reads the tables again.
    pub reload: Box<dyn Fn() -> BoxFuture<'static, Reloaded> + Send + Sync>,
    /// What the webhook listener would answer to a body that it does not take.
    pub refusal_of: RefusalOf,
}

type Shared = Arc<Admin>;

/// The admin listener's routes.
pub fn router(admin: Shared) -> Router {
    let (api, _) = document::routes().split_for_parts();
    api.route("/metrics", get(gauges::metrics))
        .fallback(|| async { not_found() })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes other methods; see /api/v1/openapi.json",
            )
        })
        .layer(middleware::from_fn_with_state(admin.clone(), admit))
        .with_state(admin)
}

async fn admit(State(admin): State<Shared>, mut request: Request, next: Next) -> Response {
    let now = admin.clock.now();
    let admitted = admin
        .doorman
        .admit(request.method(), request.headers(), now);
    let mut response = match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.problem().into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// Nobody has that name: who there is.
fn nobody_named(kind: &str, name: &str, names: &[&str]) -> String {
    /// Longer than any name.
    const MOST: usize = 64;
    let shown = name.chars().filter(|character| !character.is_control());
    let shown: String = shown.take(MOST).collect();
    format!(
        "no {kind} is named `{shown}`; there are: {}",
        names.join(", ")
    )
}

/// A source that is asked for and not found: a slip, unless it had that name once.
fn no_such_source(admin: &Admin, name: &str) -> Problem {
    let names: Vec<&str> = admin.sources.iter().map(String::as_str).collect();
    bad(&nobody_named("source", name, &names))
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail.to_owned())
}

/// A body that could not be read: what it should have been, or that it is too large.
fn bad_body(rejection: &JsonRejection, expected: &str) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is larger than this path takes",
        ),
        _ => bad(expected),
    }
}

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the bridge is stopping")
}

/// A fault of ours that the log tells of.
fn fault() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "this is a fault of the bridge; see the log",
    )
}

/// Has the decider do it, between two batches of events.
async fn ask<T>(
    admin: &Admin,
    request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> decider::Request,
) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
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
