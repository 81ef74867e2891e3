//! `GET /api/v1/events` and `GET /api/v1/events/{id}`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::{Page, limit_of};
use super::{Shared, bad, no_such_source, store_problem};
use crate::decision::ParkCause;
use crate::event::{EventState, Sequence};
use crate::problem::Problem;
use crate::store::{EventPage, EventRow, LeadQuery};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Items of one page, 1 to 500; 50 unless said.
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    cursor: Option<i64>,
    /// Only this source's.
    source: Option<String>,
    /// Only those that stand so.
    state: Option<String>,
    /// Only this lead's: any of its ids.
    lead: Option<String>,
    /// Only those parked for this cause, or with a delivery that is.
    cause: Option<String>,
}

/// Events, newest first
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Page<EventRow>)))]
pub(super) async fn list_events(
    State(admin): State<Shared>,
    query: Result<Query<EventQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page<EventRow>>, Problem> {
    let Query(query) = query.map_err(|_| {
        let known = "the query takes limit, cursor, source, state, lead and cause";
        Problem::new(StatusCode::BAD_REQUEST, known)
    })?;
    let state = query.state.map(|word| parse_state(&word)).transpose()?;
    let source = query.source.clone();
    let page = EventPage {
        limit: limit_of(query.limit),
        before: query.cursor.map(Sequence),
        source: query.source,
        state,
        lead: query.lead.map(|id| LeadQuery {
            id,
            sources: admin.sources.clone(),
        }),
        cause: query.cause.map(ParkCause::from_stored),
        id: None,
    };
    let found = admin
        .store
        .events(page)
        .await
        .map_err(|error| store_problem(&error))?;
    let next = found.next.map(|next| next.0);
    let is_end = found.rows.is_empty() && next.is_none();
    // What was recorded of a source that is no longer configured is shown all the same.
    if let Some(source) = source.filter(|name| is_end && !admin.sources.contains(name)) {
        return Err(no_such_source(&admin, &source));
    }
    Ok(Json(Page::until(found.rows, next)))
}

/// One event: its decision, its deliveries and every try of them
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The event's id")),
    responses((status = 200, body = EventRow)))]
pub(super) async fn show_event(
    State(admin): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<EventRow>, Problem> {
    let id = id
        .parse()
        .map_err(|_| bad("that is no event's id: it is a UUID, as `events list` shows it"))?;
    let page = EventPage {
        limit: 1,
        id: Some(id),
        ..EventPage::default()
    };
    let found = admin.store.events(page).await;
    let found = found.map_err(|error| store_problem(&error))?;
    let found = found.rows.into_iter().next().map(Json);
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no event has this id"))
}

fn parse_state(word: &str) -> Result<EventState, Problem> {
    EventState::parse(word).ok_or_else(|| {
        let words = EventState::ALL.map(EventState::as_str).join(", ");
        Problem::new(StatusCode::BAD_REQUEST, format!("state is one of: {words}"))
    })
}
