//! `/api/v1/plan`: `POST` has recorded traffic decided again with other tables, in memory; `GET`
//! shows how far that is, and what would differ once it is done; `DELETE` cancels it.
//!
//! One at a time, over a bounded number of events, on a thread of its own; it writes nothing and
//! sends nothing. What was recorded after it began is not in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::explain::{candidates, faulty};
use super::{Shared, bad, bad_body, fault, store_problem};
use crate::plan::{Plan, Sides};
use crate::problem::Problem;
use crate::review::{self, Progress, ReviewError, Work};
use crate::store::{RecordedFrom, RecordedSpan, Store, StoreError};

/// What the bridge decides again beside its work; the command `plan` has no such bound.
const MOST_EVENTS: u64 = 200_000;
const DEFAULT_EVENTS: u64 = 10_000;

/// Other tables, and the traffic to try them on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanBody {
    /// Mapping → the text of its table; those not named stay as they are.
    tables: BTreeMap<String, String>,
    /// So many of the newest events, at most 200000; 10000 unless said.
    #[serde(default)]
    last: Option<u64>,
    /// The events received since then instead; at most the newest 200000.
    #[serde(default)]
    since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PlanState {
    /// None since the bridge started.
    #[default]
    None,
    Running,
    Finished,
    Cancelled,
    /// The store failed; see the log.
    Failed,
}

/// How far the newest plan is, and what it found.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(super) struct PlanProgress {
    state: PlanState,
    /// Events decided, of about so many.
    events_done: u64,
    events: u64,
    /// Content hash of the set in force, and of the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Hashes>,
    /// Warnings about the tables.
    findings: Vec<String>,
    /// What would differ, once it is finished: as `plan --json` tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    comparison: Option<Value>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct Hashes {
    current: String,
    candidate: String,
}

/// The newest plan, for those who ask.
#[derive(Debug, Default)]
pub struct PlanBoard(Mutex<Newest>);

#[derive(Debug, Default)]
struct Newest {
    number: u64,
    stop: CancellationToken,
    progress: PlanProgress,
}

impl PlanBoard {
    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> PlanProgress {
        self.lock().progress.clone()
    }

    /// The number of a new plan and what ends it, unless one is running.
    fn begin(&self, progress: PlanProgress) -> Option<(u64, CancellationToken)> {
        let mut newest = self.lock();
        if newest.progress.state == PlanState::Running {
            return None;
        }
        newest.number += 1;
        newest.stop = CancellationToken::new();
        newest.progress = progress;
        Some((newest.number, newest.stop.clone()))
    }

    /// Notes something about this plan, while it runs; `false` once it was cancelled.
    fn note(&self, number: u64, change: impl FnOnce(&mut PlanProgress)) -> bool {
        let mut newest = self.lock();
        let runs = newest.number == number && newest.progress.state == PlanState::Running;
        if runs {
            change(&mut newest.progress);
        }
        runs
    }
}

/// Decide recorded traffic again with other tables, in memory, and see what would differ
#[utoipa::path(post, path = "/api/v1/plan", tag = "mappings", request_body = PlanBody,
    responses((status = 202, body = PlanProgress)))]
pub(super) async fn start_plan(
    State(admin): State<Shared>,
    body: Result<Json<PlanBody>, JsonRejection>,
) -> Result<(StatusCode, Json<PlanProgress>), Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with the object tables (mapping → text), and optionally last or since")
    })?;
    let last = body.last.unwrap_or(match body.since {
        Some(_) => MOST_EVENTS,
        None => DEFAULT_EVENTS,
    });
    if !(1..=MOST_EVENTS).contains(&last) || (body.last.is_some() && body.since.is_some()) {
        return Err(bad(&format!(
            "last is 1 to {MOST_EVENTS}, and since stands in its place"
        )));
    }
    let at = admin.clone();
    let tables = tokio::task::spawn_blocking(move || candidates(&at, body.tables));
    let (candidate, findings) = tables
        .await
        .map_err(|_| fault())?
        .map_err(|findings| faulty(&findings))?;
    let current = (*admin.rules.tables()).clone();
    let from = bounded(&admin.store, last, body.since).await;
    let (from, events) = from.map_err(|error| store_problem(&error))?;
    let progress = PlanProgress {
        state: PlanState::Running,
        events,
        tables: Some(Hashes {
            current: current.hash.to_string(),
            candidate: candidate.hash.to_string(),
        }),
        findings,
        ..PlanProgress::default()
    };
    let run = admin.plan.begin(progress.clone());
    let run = run.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "a plan is running"))?;
    let plan = Plan::new(&admin.config, Sides { current, candidate });
    tokio::spawn(carry_out(admin, run, from, plan));
    Ok((StatusCode::ACCEPTED, Json(progress)))
}

/// How far the newest plan is, and what it found
#[utoipa::path(get, path = "/api/v1/plan", tag = "mappings",
    responses((status = 200, body = PlanProgress)))]
pub(super) async fn plan_progress(State(admin): State<Shared>) -> Json<PlanProgress> {
    Json(admin.plan.progress())
}

/// Cancel the plan under way
#[utoipa::path(delete, path = "/api/v1/plan", tag = "mappings",
    responses((status = 200, body = PlanProgress)))]
pub(super) async fn cancel_plan(
    State(admin): State<Shared>,
) -> Result<Json<PlanProgress>, Problem> {
    let (number, stop) = {
        let newest = admin.plan.lock();
        (newest.number, newest.stop.clone())
    };
    stop.cancel();
    let cancelled = admin
        .plan
        .note(number, |progress| progress.state = PlanState::Cancelled);
    match cancelled {
        true => Ok(Json(admin.plan.progress())),
        false => Err(Problem::new(StatusCode::CONFLICT, "no plan is running")),
    }
}

/// The newest of them, and about how many those are.
async fn bounded(
    store: &Store,
    last: u64,
    since: Option<Timestamp>,
) -> Result<(RecordedFrom, u64), StoreError> {
    let (newest, recent) = (RecordedFrom::Last(last), since.map(RecordedFrom::Since));
    let of_newest = store.recorded_span(newest).await?;
    let of_recent = match recent {
        Some(recent) => store.recorded_span(recent).await?,
        None => of_newest,
    };
    let first = |span: Option<RecordedSpan>| span.map_or(i64::MAX, |span| span.first.0);
    let (from, span) = match recent {
        Some(recent) if first(of_recent) >= first(of_newest) => (recent, of_recent),
        _ => (newest, of_newest),
    };
    let events = span.map_or(0, |span| (span.last.0 - span.first.0 + 1).unsigned_abs());
    Ok((from, events))
}

/// Carries a plan out, and says how far it is and how it ends.
async fn carry_out(
    admin: Shared,
    (number, stop): (u64, CancellationToken),
    from: RecordedFrom,
    plan: Plan,
) {
    let (at, ending) = (admin.clone(), stop.clone());
    let on_progress = move |done: Progress| {
        at.plan.note(number, |progress| {
            progress.events_done = done.events.unsigned_abs();
        });
        if at.decider.is_closed() {
            ending.cancel();
        }
    };
    let work = Work {
        on_progress: Box::new(on_progress),
        stop,
    };
    let planned = review::plan(&admin.store, from, plan, work).await;
    let at = admin.clone();
    let compared = tokio::task::spawn_blocking(move || {
        let planned = planned?;
        let comparison = serde_json::to_value(planned.plan.finish(&at.config));
        let comparison = comparison.map_err(|error| ReviewError::Failed(error.to_string()))?;
        Ok((comparison, planned.plan.events().unsigned_abs()))
    });
    let ended: Result<(Value, u64), ReviewError> = match compared.await {
        Ok(compared) => compared,
        Err(error) => Err(ReviewError::Failed(error.to_string())),
    };
    admin.plan.note(number, |progress| match ended {
        Ok((comparison, events)) => {
            progress.state = PlanState::Finished;
            progress.events_done = events;
            progress.comparison = Some(comparison);
        }
        Err(ReviewError::Cancelled) => progress.state = PlanState::Cancelled,
        Err(error) => {
            tracing::error!(%error, "a plan ended before its end");
            progress.state = PlanState::Failed;
        }
    });
}
