//! `/api/v1/targets`: what stands between each target and its deliveries; `POST …/pause` and
//! `…/resume` by a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::page::Page;
use super::{Admin, Shared, nobody_named, store_problem};
use crate::config::TargetMode;
use crate::deliver::TargetWorker;
use crate::deliver::health::Health;
use crate::problem::Problem;
use crate::store::{Latency, StoreError, TargetRow, rows};

/// A target as the API shows it.
#[derive(Serialize, ToSchema)]
pub struct TargetView {
    pub name: String,
    pub base_url: String,
    pub mode: TargetMode,
    /// `open`, `stopped` (by a person), `paused` (it refuses everybody, or asked for a long wait),
    /// `waiting` (Retry-After) or `failing` (breaker open).
    pub state: &'static str,
    /// Since when it is stopped, paused or failing.
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub since: Option<Timestamp>,
    /// Who stopped it: the name of the token.
    pub stopped_by: Option<String>,
    /// The status that paused it.
    pub paused_http_status: Option<u16>,
    /// Nothing, or only a probe, is sent before then.
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub next_try_at: Option<Timestamp>,
    pub rate_limit: RateView,
    pub concurrency: usize,
    /// Calls under way.
    pub calls: usize,
    /// Delivery state → how many.
    pub deliveries: BTreeMap<String, i64>,
    /// When the webhook of the oldest due delivery was received.
    #[serde(serialize_with = "rows::optional_timestamp")]
    pub oldest_due_at: Option<Timestamp>,
    /// Of its newest answered calls.
    pub latency: Option<Latency>,
}

#[derive(Serialize, ToSchema)]
pub struct RateView {
    pub requests: u32,
    pub per_seconds: f64,
    pub burst: u32,
    /// Calls made within the last `per_seconds`, about.
    pub used: u32,
}

/// What each target has before it, and what keeps it from being sent
#[utoipa::path(get, path = "/api/v1/targets", tag = "targets",
    responses((status = 200, body = Page<TargetView>)))]
pub(super) async fn list_targets(
    State(admin): State<Shared>,
) -> Result<Json<Page<TargetView>>, Problem> {
    targets_now(&admin).await.map(Page::whole).map(Json)
}

/// Every target as it stands now.
pub async fn targets_now(admin: &Admin) -> Result<Vec<TargetView>, Problem> {
    let rows = admin.store.targets().await;
    let rows = rows.map_err(|error| store_problem(&error))?;
    let mut items = Vec::new();
    for worker in &admin.workers {
        let row = rows.iter().find(|row| row.name == worker.name());
        items.push(view(admin, worker, row).await?);
    }
    Ok(items)
}

async fn view(
    admin: &Admin,
    worker: &TargetWorker,
    row: Option<&TargetRow>,
) -> Result<TargetView, Problem> {
    let latency = admin.store.latency(worker.name()).await;
    let latency = latency.map_err(|error| store_problem(&error))?;
    let health = worker.health_now();
    let standing = standing(&health, admin.clock.now());
    let config = worker.config();
    Ok(TargetView {
        name: worker.name().to_owned(),
        base_url: config.base_url.clone(),
        mode: config.mode,
        state: standing.state,
        since: standing.since,
        stopped_by: health.stopped.map(|stopped| stopped.by),
        paused_http_status: health.pause.map(|pause| pause.http_status),
        next_try_at: standing.next_try_at,
        rate_limit: RateView {
            requests: config.rate_limit.requests,
            per_seconds: config.rate_limit.per.as_secs_f64(),
            burst: config.rate_limit.burst,
            used: worker.spent_now(),
        },
        concurrency: config.concurrency,
        calls: worker.calls_now(),
        deliveries: row.map(|row| row.deliveries.clone()).unwrap_or_default(),
        oldest_due_at: row.and_then(|row| row.oldest_due_at),
        latency,
    })
}

pub(super) struct TargetStanding {
    pub(super) state: &'static str,
    since: Option<Timestamp>,
    next_try_at: Option<Timestamp>,
}

/// `state` is one of [`TARGET_STATES`](crate::telemetry::metrics::TARGET_STATES).
pub(super) fn standing(health: &Health, now: Timestamp) -> TargetStanding {
    let is = |state, since, next_try_at| TargetStanding {
        state,
        since,
        next_try_at,
    };
    if let Some(stopped) = &health.stopped {
        return is("stopped", Some(stopped.since), None);
    }
    let gate = health.gate.as_ref().filter(|gate| now < gate.until);
    match (gate, &health.pause, &health.breaker.open) {
        (Some(gate), _, _) if gate.is_long => is("paused", None, Some(gate.until)),
        (_, Some(pause), _) => is("paused", Some(pause.since), Some(pause.probe_at)),
        (Some(gate), _, _) => is("waiting", None, Some(gate.until)),
        (None, None, Some(open)) => is("failing", Some(open.since), Some(open.probe_at)),
        (None, None, None) => is("open", None, None),
    }
}

impl Told for TargetView {
    fn told(&self) -> String {
        self.state.to_owned()
    }
}

/// Stop sending to a target until it is resumed; survives a restart
#[utoipa::path(post, path = "/api/v1/targets/{name}/pause", tag = "targets",
    params(("name" = String, Path, description = "The target's name")),
    responses((status = 200, body = TargetView)))]
pub async fn pause_target(
    State(admin): State<Shared>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<TargetView>, Problem> {
    let by = caller.name.clone();
    let work = |worker: Arc<TargetWorker>| async move { worker.pause(&by).await };
    change(&admin, &name, ("targets.pause", caller), work).await
}

/// Send again; where the target itself refuses or fails, it is probed at once
#[utoipa::path(post, path = "/api/v1/targets/{name}/resume", tag = "targets",
    params(("name" = String, Path, description = "The target's name")),
    responses((status = 200, body = TargetView)))]
pub async fn resume_target(
    State(admin): State<Shared>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<TargetView>, Problem> {
    let by = caller.name.clone();
    let work = |worker: Arc<TargetWorker>| async move { worker.resume(&by).await };
    change(&admin, &name, ("targets.resume", caller), work).await
}

/// Does it to the target of this name, and shows what it then is.
async fn change<F>(
    admin: &Shared,
    name: &str,
    (what, caller): (&'static str, Caller),
    work: impl FnOnce(Arc<TargetWorker>) -> F,
) -> Result<Json<TargetView>, Problem>
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let worker = admin.workers.iter().find(|worker| worker.name() == name);
    let worker = worker.ok_or_else(|| {
        let names: Vec<&str> = admin.workers.iter().map(|worker| worker.name()).collect();
        let what = nobody_named("target", name, &names);
        Problem::new(StatusCode::NOT_FOUND, what)
    })?;
    let worker = worker.clone();
    let change = Change {
        caller,
        what,
        about: Some(format!("target {name}")),
    };
    let work = work(worker.clone());
    let at = admin.clone();
    let changed = audited(admin, change, async move {
        work.await.map_err(|error| store_problem(&error))?;
        let rows = at.store.targets().await;
        let rows = rows.map_err(|error| store_problem(&error))?;
        let row = rows.iter().find(|row| row.name == worker.name());
        view(&at, &worker, row).await
    });
    changed.await.map(Json)
}
