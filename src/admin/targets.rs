//! `GET /api/v1/targets`, and the gauges of `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{Admin, Shared, store_problem};
use crate::clock::until;
use crate::config::TargetMode;
use crate::deliver::health::Health;
use crate::delivery::DeliveryState;
use crate::problem::Problem;
use crate::store::TargetRow;

#[derive(Serialize)]
pub(super) struct Targets {
    items: Vec<TargetView>,
}

/// A target as the API shows it.
#[derive(Serialize)]
pub struct TargetView {
    pub name: String,
    pub base_url: String,
    pub mode: TargetMode,
    /// `open`, `paused`, `waiting` (Retry-After) or `failing` (breaker open).
    pub state: &'static str,
    /// The status that paused it.
    pub paused_http_status: Option<u16>,
    /// Nothing, or only a probe, is sent before then.
    pub next_try_at: Option<String>,
    pub rate_limit: RateView,
    pub concurrency: usize,
    pub deliveries: BTreeMap<String, i64>,
    pub oldest_due_at: Option<String>,
}

#[derive(Serialize)]
pub struct RateView {
    pub requests: u32,
    pub per_seconds: f64,
    pub burst: u32,
}

pub(super) async fn list_targets(State(admin): State<Shared>) -> Result<Json<Targets>, Problem> {
    let items = targets_now(&admin).await?;
    Ok(Json(Targets { items }))
}

/// Every target as it stands now.
pub async fn targets_now(admin: &Admin) -> Result<Vec<TargetView>, Problem> {
    let rows = admin
        .store
        .targets()
        .await
        .map_err(|error| store_problem(&error))?;
    let now = admin.clock.now();
    let views = admin
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
    Ok(views)
}

fn state_of(health: &Health, now: jiff::Timestamp) -> (&'static str, Option<jiff::Timestamp>) {
    let gate = health.gate.as_ref().filter(|gate| now < gate.until);
    match (gate, &health.pause, &health.breaker.open) {
        (Some(gate), _, _) if gate.is_long => ("paused", Some(gate.until)),
        (_, Some(pause), _) => ("paused", Some(pause.probe_at)),
        (Some(gate), _, _) => ("waiting", Some(gate.until)),
        (None, None, Some(open)) => ("failing", Some(open.probe_at)),
        (None, None, None) => ("open", None),
    }
}

/// Brings the gauges up to date: from counts that the store keeps, no table is scanned.
pub(super) async fn update_gauges(admin: &Shared) {
    let rows: Vec<TargetRow> = match admin.store.targets().await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::warn!(%error, "the gauges show what was last read");
            return;
        }
    };
    let now = admin.clock.now();
    for row in rows {
        for state in DeliveryState::ALL {
            let count = row.deliveries.get(state.as_str()).copied().unwrap_or(0);
            let count = u64::try_from(count).unwrap_or(0);
            admin
                .metrics
                .set_deliveries(&row.name, state.as_str(), count);
        }
        let age = row
            .oldest_due_at
            .map_or(Duration::ZERO, |at| until(at, now));
        admin.metrics.set_oldest_due(&row.name, age);
    }
}
