//! `/api/v1/plan`: `POST` has recorded traffic decided again with other tables, in memory; `GET`
//! shows how far that is, and what would differ once it is done; `DELETE` cancels it.
//!
//! One at a time, over a bounded number of events, on a thread of its own; it writes nothing and
//! sends nothing. What was recorded after it began is not in it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use utoipa::ToSchema;

use super::explain::{candidates, faulty};
use super::{Shared, bad, bad_body, fault, store_problem};
use crate::event::Sequence;
use crate::lead::SystemId;
use crate::lead::identity::ids_of;
use crate::plan::{Plan, Sides, id_key};
use crate::problem::Problem;
use crate::store::{Decider, RecordedFrom, RecordedSpan, Store, StoreError, Undecided};

/// What the bridge decides again beside its work; the command `plan` has no such bound.
const MOST_EVENTS: u64 = 200_000;
const DEFAULT_EVENTS: u64 = 10_000;
/// Events read at once; between two of them it can be cancelled.
const PAGE: usize = 500;

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
    progress: PlanProgress,
}

impl PlanBoard {
    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> PlanProgress {
        self.lock().progress.clone()
    }

    /// The number of a new plan, unless one is running.
    fn begin(&self, progress: PlanProgress) -> Option<u64> {
        let mut newest = self.lock();
        if newest.progress.state == PlanState::Running {
            return None;
        }
        newest.number += 1;
        newest.progress = progress;
        Some(newest.number)
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
    let span = span(&admin.store, last, body.since).await;
    let span = span.map_err(|error| store_problem(&error))?;
    let progress = PlanProgress {
        state: PlanState::Running,
        events: span.map_or(0, |span| (span.last.0 - span.first.0 + 1).unsigned_abs()),
        tables: Some(Hashes {
            current: current.hash.to_string(),
            candidate: candidate.hash.to_string(),
        }),
        findings,
        ..PlanProgress::default()
    };
    let number = admin.plan.begin(progress.clone());
    let number = number.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "a plan is running"))?;
    let plan = Plan::new(&admin.config, Sides { current, candidate });
    let since = body.since.unwrap_or(Timestamp::MIN);
    let run = Run {
        admin: admin.clone(),
        number,
        since,
    };
    tokio::task::spawn_blocking(move || run.finish(plan, span));
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
    let number = admin.plan.lock().number;
    let cancelled = admin
        .plan
        .note(number, |progress| progress.state = PlanState::Cancelled);
    match cancelled {
        true => Ok(Json(admin.plan.progress())),
        false => Err(Problem::new(StatusCode::CONFLICT, "no plan is running")),
    }
}

async fn span(
    store: &Store,
    last: u64,
    since: Option<Timestamp>,
) -> Result<Option<RecordedSpan>, StoreError> {
    let newest = store.recorded_span(RecordedFrom::Last(last)).await?;
    let Some(since) = since else {
        return Ok(newest);
    };
    let recent = store.recorded_span(RecordedFrom::Since(since)).await?;
    Ok(newest.zip(recent).map(|(newest, recent)| RecordedSpan {
        first: newest.first.max(recent.first),
        last: newest.last,
    }))
}

/// A plan under way, on a thread that may wait.
struct Run {
    admin: Shared,
    number: u64,
    since: Timestamp,
}

impl Run {
    fn finish(self, plan: Plan, span: Option<RecordedSpan>) {
        let board = &self.admin.plan;
        let ended = self.decide_all(plan, span).and_then(|plan| {
            let comparison = plan.map(|plan| plan.finish(&self.admin.config));
            Ok(comparison.map(serde_json::to_value).transpose()?)
        });
        let failed = ended.is_err();
        if let Err(error) = &ended {
            tracing::error!(%error, "a plan ended before its end");
        }
        board.note(self.number, |progress| {
            progress.comparison = ended.ok().flatten();
            progress.state = match failed {
                true => PlanState::Failed,
                false => PlanState::Finished,
            };
        });
    }

    /// `None` if it was cancelled.
    fn decide_all(
        &self,
        mut plan: Plan,
        span: Option<RecordedSpan>,
    ) -> Result<Option<Plan>, StoreError> {
        let Some(span) = span else {
            return Ok(Some(plan));
        };
        let (runtime, store) = (Handle::current(), &self.admin.store);
        let rules = plan.reader();
        let mut recall = |sequence: Sequence| {
            let before = Sequence(sequence.0 - 1);
            let events = runtime.block_on(store.recorded(before, sequence, 1))?;
            Ok(events.into_iter().next())
        };
        let mut seen: HashSet<u128> = HashSet::new();
        let mut after = Sequence(span.first.0 - 1);
        loop {
            let events = runtime.block_on(store.recorded(after, span.last, PAGE))?;
            let Some(last) = events.last() else {
                return Ok(Some(plan));
            };
            after = last.sequence;
            let recent = events
                .into_iter()
                .filter(|event| event.received_at >= self.since);
            let events: Vec<Undecided> = recent
                .map(|event| {
                    let reading = rules.read(&event);
                    Undecided { event, reading }
                })
                .collect();
            let ids: Vec<SystemId> = events
                .iter()
                .flat_map(|event| ids_of(&event.event.source, &event.reading.facts))
                .filter(|id| seen.insert(id_key(id)))
                .collect();
            plan.know(runtime.block_on(store.known_leads(ids))?);
            for event in &events {
                plan.decide(event, &mut recall)?;
            }
            let done = plan.events().unsigned_abs();
            let stopping = self.admin.decider.is_closed();
            let runs = self
                .admin
                .plan
                .note(self.number, |progress| progress.events_done = done);
            if !runs || stopping {
                return Ok(None);
            }
        }
    }
}
