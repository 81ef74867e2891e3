//! `GET /api/v1/targets`: what each target has before it, and what keeps it from being written to.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{Shared, store_problem};
use crate::config::TargetMode;
use crate::deliver::health::Health;
use crate::problem::Problem;

#[derive(Serialize)]
pub(super) struct Targets {
    items: Vec<TargetView>,
}

/// A target as the API shows it.
#[derive(Serialize)]
struct TargetView {
    name: String,
    base_url: String,
    mode: TargetMode,
    /// `open`, `paused`, `waiting` (Retry-After) or `failing` (breaker open).
    state: &'static str,
    /// The status that paused it.
    paused_http_status: Option<u16>,
    /// Nothing, or only a probe, is sent before then.
    next_try_at: Option<String>,
    rate_limit: RateView,
    concurrency: usize,
    deliveries: BTreeMap<String, i64>,
    oldest_due_at: Option<String>,
}

#[derive(Serialize)]
struct RateView {
    requests: u32,
    per_seconds: f64,
    burst: u32,
}

pub(super) async fn list_targets(State(admin): State<Shared>) -> Result<Json<Targets>, Problem> {
    let rows = admin
        .store
        .targets()
        .await
        .map_err(|error| store_problem(&error))?;
    let now = admin.clock.now();
    let items = admin
        .workers
        .iter()
        .map(|worker| {
            let row = rows.iter().find(|row| row.name == worker.name());
            let (state, next) = state_of(&worker.health_now(), now);
            let config = worker.config();
            TargetView {
                name: worker.name().to_owned(),
                base_url: config.base_url.clone(),
                mode: config.mode,
                state,
                paused_http_status: worker.health_now().pause.map(|pause| pause.http_status),
                next_try_at: next.map(|at| format!("{at:.3}")),
                rate_limit: RateView {
                    requests: config.rate_limit.requests,
                    per_seconds: config.rate_limit.per.as_secs_f64(),
                    burst: config.rate_limit.burst,
                },
                concurrency: config.concurrency,
                deliveries: row.map(|row| row.deliveries.clone()).unwrap_or_default(),
                oldest_due_at: row
                    .and_then(|row| row.oldest_due_at)
                    .map(|at| format!("{at:.3}")),
            }
        })
        .collect();
    Ok(Json(Targets { items }))
}

/// One of [`TARGET_STATES`](crate::telemetry::metrics::TARGET_STATES), and until when.
pub(super) fn state_of(
    health: &Health,
    now: jiff::Timestamp,
) -> (&'static str, Option<jiff::Timestamp>) {
    let gate = health.gate.as_ref().filter(|gate| now < gate.until);
    match (gate, &health.pause, &health.breaker.open) {
        (Some(gate), _, _) if gate.is_long => ("paused", Some(gate.until)),
        (_, Some(pause), _) => ("paused", Some(pause.probe_at)),
        (Some(gate), _, _) => ("waiting", Some(gate.until)),
        (None, None, Some(open)) => ("failing", Some(open.probe_at)),
        (None, None, None) => ("open", None),
    }
}
