//! `/api/v1/events/replay`: `POST` forecasts what deciding recorded events again would do, and with
//! `start` has it done; `GET` shows how far it is, `DELETE` cancels it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::{Admin, Shared, bad, bad_body, nobody_named, stopping, store_problem};
use crate::decider::{ReplayOrder, ReplayProgress, ReplayState, Request};
use crate::event::{EventId, Sequence};
use crate::problem::Problem;
use crate::store::{Decider, LeadQuery, RecordedFrom, ReplayOf, ReplaySpan, StoreError};

const MAX_IDS: usize = 200;
const DEFAULT_SHARE: u8 = 50;

/// Which events: `ids`, or `lead`, or `source` and `since` to `until`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Of each target's rate, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u8>,
    /// Else it is only forecast.
    #[serde(default)]
    pub start: bool,
}

/// What it would do: each event judged on its own, as the lead is now.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forecast {
    pub events: u64,
    pub results: BTreeMap<String, u64>,
    /// Target → calls.
    pub calls: BTreeMap<String, u64>,
    pub share: u8,
    /// At that share of the slowest target's rate.
    pub duration_seconds: u64,
    pub started: bool,
}

/// Forecast what deciding recorded events again would do, and with `start` have it done
#[utoipa::path(post, path = "/api/v1/events/replay", tag = "events", request_body = ReplayBody,
    responses((status = 200, body = Forecast)))]
pub(super) async fn start_replay(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ReplayBody>, JsonRejection>,
) -> Result<Json<Forecast>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with ids, lead, or source, since and until, and optionally share and start")
    })?;
    let (start, share) = (body.start, body.share.unwrap_or(DEFAULT_SHARE));
    if !(1..=100).contains(&share) {
        return Err(bad("share is 1 to 100, in percent of a target's rate"));
    }
    let of = read_of(body, &admin.sources)?;
    let span = span_of(&admin, &of).await?;
    let mut forecast = Forecast {
        share,
        ..Forecast::default()
    };
    if let Some(span) = span {
        look_ahead(&admin, (&of, span), &mut forecast)
            .await
            .map_err(|error| store_problem(&error))?;
    }
    let Some(span) = span.filter(|_| start) else {
        return Ok(Json(forecast));
    };
    let change = Change {
        caller,
        what: "events.replay",
        about: Some(about(&of)),
    };
    let at = admin.clone();
    let started = audited(&admin, change, async move {
        let number = at.replay.begin(share, forecast.events);
        let number =
            number.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "a replay is running"))?;
        let order = ReplayOrder {
            of,
            span,
            share,
            number,
        };
        at.replay.note(&order);
        if let Err(error) = at.replay.keep(&at.store).await {
            at.replay.end(ReplayState::Failed);
            return Err(store_problem(&error));
        }
        let sent = at.decider.send(Request::Replay(order)).await;
        sent.map_err(|_| stopping())?;
        forecast.started = true;
        Ok(forecast)
    });
    started.await.map(Json)
}

impl Told for Forecast {
    fn told(&self) -> String {
        format!("started, {} events", self.events)
    }
}

/// Which events, without any id of a person.
fn about(of: &ReplayOf) -> String {
    let named = [
        (!of.ids.is_empty()).then(|| format!("{} ids", of.ids.len())),
        of.lead.as_ref().map(|_| String::from("one lead")),
        of.source.as_ref().map(|source| format!("source {source}")),
        of.since.map(|since| format!("since {since:.0}")),
        of.until.map(|until| format!("until {until:.0}")),
    ];
    named.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How far the newest replay is
#[utoipa::path(get, path = "/api/v1/events/replay", tag = "events",
    responses((status = 200, body = ReplayProgress)))]
pub(super) async fn replay_progress(State(admin): State<Shared>) -> Json<ReplayProgress> {
    Json(admin.replay.progress())
}

/// Cancel the replay under way; what was decided stays decided
#[utoipa::path(delete, path = "/api/v1/events/replay", tag = "events",
    responses((status = 200, body = ReplayProgress)))]
pub(super) async fn cancel_replay(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ReplayProgress>, Problem> {
    let change = Change {
        caller,
        what: "events.replay.cancel",
        about: None,
    };
    let at = admin.clone();
    let cancelled = audited(&admin, change, async move {
        if !at.replay.end(ReplayState::Cancelled) {
            return Err(Problem::new(StatusCode::CONFLICT, "no replay is running"));
        }
        let progress = at.replay.progress();
        let kept = at.replay.keep(&at.store).await;
        kept.map_err(|error| store_problem(&error))?;
        Ok(progress)
    });
    cancelled.await.map(Json)
}

impl Told for ReplayProgress {
    fn told(&self) -> String {
        format!("cancelled after {} events", self.events_done)
    }
}

fn read_of(body: ReplayBody, sources: &[String]) -> Result<ReplayOf, Problem> {
    let has_span = body.source.is_some() || body.since.is_some() || body.until.is_some();
    let kinds = [!body.ids.is_empty(), body.lead.is_some(), has_span];
    if kinds.iter().filter(|given| **given).count() != 1 {
        return Err(bad(
            "name events by ids, or a lead, or source, since and until",
        ));
    }
    if body.ids.len() > MAX_IDS {
        return Err(bad(&format!("at most {MAX_IDS} ids at once")));
    }
    if let Some(source) = &body.source
        && !sources.contains(source)
    {
        let names: Vec<&str> = sources.iter().map(String::as_str).collect();
        return Err(bad(&nobody_named("source", source, &names)));
    }
    let ids: Result<Vec<EventId>, _> = body.ids.iter().map(|id| id.parse()).collect();
    Ok(ReplayOf {
        ids: ids.map_err(|_| bad("ids are ids of events"))?,
        lead: body.lead.map(|id| LeadQuery {
            id,
            sources: sources.to_vec(),
        }),
        source: body.source,
        since: body.since,
        until: body.until,
    })
}

/// Up to the newest event there is now: what comes in later is not replayed.
async fn span_of(admin: &Admin, of: &ReplayOf) -> Result<Option<ReplaySpan>, Problem> {
    let from = of.since.map_or(RecordedFrom::Last(1), RecordedFrom::Since);
    let span = admin.store.recorded_span(from).await;
    let span = span.map_err(|error| store_problem(&error))?;
    Ok(span.map(|span| ReplaySpan {
        after: match of.since {
            Some(_) => Sequence(span.first.0 - 1),
            None => Sequence(0),
        },
        through: span.last,
    }))
}

async fn look_ahead(
    admin: &Admin,
    (of, mut span): (&ReplayOf, ReplaySpan),
    forecast: &mut Forecast,
) -> Result<(), StoreError> {
    let by: Arc<dyn Decider> = admin.rules.snapshot();
    let now = admin.clock.now();
    loop {
        let step = admin
            .store
            .forecast_replay(of.clone(), span, by.clone(), now)
            .await?;
        for (result, count) in step.results {
            *forecast.results.entry(result.to_owned()).or_default() += count;
            forecast.events += count;
        }
        for (target, count) in step.calls {
            *forecast.calls.entry(target).or_default() += count;
        }
        match step.next {
            Some(next) => span.after = next,
            None => break,
        }
    }
    let times = admin.workers.iter().filter_map(|worker| {
        let calls = forecast.calls.get(worker.name())?;
        Some(worker.config().rate_limit.time_for(*calls, forecast.share))
    });
    let longest: Duration = times.max().unwrap_or_default();
    forecast.duration_seconds = longest.as_secs_f64().ceil() as u64;
    Ok(())
}
