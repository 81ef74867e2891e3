//! `GET /api/v1/leads/{id}`: one lead's story. The id is LeadPing's or any source's.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::page::DEFAULT_LIMIT;
use super::{Admin, Shared, bad, store_problem};
use crate::event::{Event, EventKind, Sequence, Standing, Status};
use crate::lead::{LEADPING, SystemId};
use crate::problem::Problem;
use crate::store::{Decider, EventRow, LeadCard, LeadFound, LeadPage, StoreError, rows};

const MAX_LIMIT: u32 = 200;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LeadsQuery {
    /// Events of one page, 1 to 200; 50 unless said.
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    cursor: Option<i64>,
    /// The source whose id it is, or `leadping`; needed where an id means several leads.
    source: Option<String>,
}

/// A lead and a page of its events, newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LeadView {
    lead: LeadCard,
    items: Vec<LeadEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct LeadEvent {
    #[serde(flatten)]
    event: EventRow,
    facts: FactsView,
}

/// What the webhook said, as far as it names no person.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct FactsView {
    kind: Option<EventKind>,
    status: Option<Status>,
    sub_status: Option<String>,
    reason_id: Option<i64>,
    /// The sender's name of the event.
    event_name: Option<String>,
    /// The source's own clock.
    #[serde(serialize_with = "rows::optional_timestamp")]
    occurred_at: Option<Timestamp>,
    /// The call that it is about.
    call: Option<String>,
    /// Why it cannot be decided, or needs no decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<String>,
}

impl FactsView {
    pub(super) fn of(admin: &Admin, event: &Event) -> Self {
        let reading = admin.rules.read(event);
        let facts = reading.facts;
        Self {
            kind: facts.kind,
            status: facts.status,
            sub_status: facts.sub_status,
            reason_id: facts.reason_id,
            event_name: facts.event_name,
            occurred_at: facts.occurred_at,
            call: facts.call,
            standing: match reading.standing {
                Standing::Usable => None,
                Standing::Invalid(why) | Standing::Ignored(why) => Some(why),
            },
        }
    }
}

/// One lead's story: its ids, what each target has of it, and its events with every try
#[utoipa::path(get, path = "/api/v1/leads/{id}", tag = "leads",
    params(("id" = String, Path, description = "LeadPing's id of the lead, or any source's"), LeadsQuery),
    responses((status = 200, body = LeadView)))]
pub(super) async fn show_lead(
    State(admin): State<Shared>,
    Path(id): Path<String>,
    query: Result<Query<LeadsQuery>, QueryRejection>,
) -> Result<Json<LeadView>, Problem> {
    let Query(query) = query.map_err(|_| bad("the query takes limit, cursor and source"))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let found = read_lead(&admin, &id, query.source, (limit, query.cursor)).await?;
    let timeline = match found {
        LeadFound::One(timeline) => *timeline,
        LeadFound::Several(ids) => {
            let systems: Vec<String> = ids.into_iter().map(|id| id.system).collect();
            let detail = format!(
                "this id means different leads; name its source: {}",
                systems.join(", ")
            );
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
    };
    let items = timeline
        .events
        .into_iter()
        .map(|(event, recorded)| LeadEvent {
            facts: FactsView::of(&admin, &recorded),
            event,
        });
    Ok(Json(LeadView {
        lead: timeline.lead,
        items: items.collect(),
        next_cursor: timeline.next.map(|next| next.0.to_string()),
    }))
}

/// A page of the lead with this id: so many events, recorded before the cursor.
pub async fn read_lead(
    admin: &Admin,
    id: &str,
    source: Option<String>,
    (limit, cursor): (u32, Option<i64>),
) -> Result<LeadFound, Problem> {
    let page = LeadPage {
        ids: ids(admin, id, source)?,
        limit: limit.clamp(1, MAX_LIMIT),
        before: cursor.map(Sequence),
        shadowed: shadowed(admin),
    };
    let found = admin.store.lead_timeline(page).await;
    found.map_err(|error| match error {
        StoreError::NotFound => Problem::new(
            StatusCode::NOT_FOUND,
            "no event and no link names this lead",
        ),
        error => store_problem(&error),
    })
}

/// The id at one source, else at each that could know it.
fn ids(admin: &Admin, id: &str, source: Option<String>) -> Result<Vec<SystemId>, Problem> {
    let mut systems: Vec<&str> = admin.sources.iter().map(String::as_str).collect();
    if !systems.contains(&LEADPING) {
        systems.push(LEADPING);
    }
    if let Some(source) = source {
        systems.retain(|system| *system == source);
        if systems.is_empty() {
            let names = admin.sources.join(", ");
            return Err(bad(&format!("source is one of: {names}, {LEADPING}")));
        }
    }
    let ids = systems.into_iter().map(|system| SystemId::new(system, id));
    Ok(ids.collect())
}

fn shadowed(admin: &Admin) -> Vec<String> {
    let targets = admin.rules.shadowed().iter();
    targets
        .filter(|(_, is_shadowed)| **is_shadowed)
        .map(|(name, _)| name.clone())
        .collect()
}
