//! `GET /api/v1/events` and `GET /api/v1/events/{id}`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Shared, not_found, store_problem};
use crate::decision::ParkCause;
use crate::event::{EventState, Sequence};
use crate::problem::Problem;
use crate::store::{EventPage, EventRow, LeadQuery};

pub(super) const DEFAULT_LIMIT: u32 = 50;
pub(super) const MAX_LIMIT: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    cursor: Option<i64>,
    source: Option<String>,
    state: Option<String>,
    lead: Option<String>,
    /// A park cause.
    cause: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

pub(super) async fn list_events(
    State(admin): State<Shared>,
    query: Result<Query<EventQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page<EventRow>>, Problem> {
    let Query(query) = query.map_err(|_| {
        let known = "the query takes limit, cursor, source, state, lead and cause";
        Problem::new(StatusCode::BAD_REQUEST, known)
    })?;
    let state = query.state.map(|word| parse_state(&word)).transpose()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let page = EventPage {
        limit,
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
    let items = admin
        .store
        .events(page)
        .await
        .map_err(|error| store_problem(&error))?;
    let is_full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let last = items.last().filter(|_| is_full);
    Ok(Json(Page {
        next_cursor: next_cursor(last.map(|event| event.sequence)),
        items,
    }))
}

pub(super) fn next_cursor(next: Option<Sequence>) -> Option<String> {
    next.map(|sequence| sequence.0.to_string())
}

pub(super) async fn show_event(
    State(admin): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<EventRow>, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let page = EventPage {
        limit: 1,
        id: Some(id),
        ..EventPage::default()
    };
    let found = admin.store.events(page).await;
    let found = found.map_err(|error| store_problem(&error))?;
    found.into_iter().next().map(Json).ok_or_else(not_found)
}

fn parse_state(word: &str) -> Result<EventState, Problem> {
    EventState::parse(word).ok_or_else(|| {
        let words = EventState::ALL.map(EventState::as_str).join(", ");
        Problem::new(StatusCode::BAD_REQUEST, format!("state is one of: {words}"))
    })
}
