//! `/api/v1/parked`: what waits, by cause; `POST …/release` lets it go on, `POST …/discard` gives it
//! up. One request does a bounded step of a cause and says where the next one begins.

use std::collections::BTreeMap;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::advice::{ParkedCause, advise};
use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::page::{MAX_LIMIT, Page, limit_of};
use super::{Shared, ask, bad, bad_body, store_problem};
use crate::decider::Request;
use crate::decision::ParkCause;
use crate::problem::Problem;
use crate::store::{Parked, ParkedAction, STAYS_DISCARDED};

/// Which of the parked: exactly one of `event`, `delivery` and `cause`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParkedBody {
    /// An event's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// A delivery's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// A cause, as `GET /api/v1/parked` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Of a cause: from the last answer's `next_cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Send deliveries as they are stored, without deciding again.
    #[serde(default)]
    pub as_is: bool,
}

#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParkedFreed {
    /// What became of how many: `due`, `withheld`, `settled`, `superseded`, `parked`, `discarded`.
    pub results: BTreeMap<String, u64>,
    /// There may be more of this cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ParkedQuery {
    /// Causes of one page, 1 to 500; 500 unless said.
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    cursor: Option<String>,
}

/// What waits for a person, by cause, with how many, since when, and what to do
#[utoipa::path(get, path = "/api/v1/parked", tag = "parked", params(ParkedQuery),
    responses((status = 200, body = Page<ParkedCause>)))]
pub(super) async fn list_parked(
    State(admin): State<Shared>,
    query: Result<Query<ParkedQuery>, QueryRejection>,
) -> Result<Json<Page<ParkedCause>>, Problem> {
    let Query(query) = query.map_err(|_| bad("the query takes limit and cursor"))?;
    let limit = limit_of(query.limit.or(Some(MAX_LIMIT)));
    let items = admin.store.parked_after(query.cursor, limit).await;
    let items = items.map_err(|error| store_problem(&error))?;
    let is_full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let last = items.last().filter(|_| is_full);
    let next_cursor = last.map(|row| row.cause.as_str().to_owned());
    let items = advise(&admin, items).await;
    let items = items.map_err(|error| store_problem(&error))?;
    Ok(Json(Page { items, next_cursor }))
}

/// Let it go on: decided again now, with today's tables
#[utoipa::path(post, path = "/api/v1/parked/release", tag = "parked", request_body = ParkedBody,
    responses((status = 200, body = ParkedFreed)))]
pub(super) async fn release_parked(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ParkedBody>, JsonRejection>,
) -> Result<Json<ParkedFreed>, Problem> {
    let body = read_body(body)?;
    let action = match body.as_is {
        true => ParkedAction::ReleaseAsIs,
        false => ParkedAction::Release,
    };
    free_parked(&admin, caller, body, action).await.map(Json)
}

/// Give it up for good
#[utoipa::path(post, path = "/api/v1/parked/discard", tag = "parked", request_body = ParkedBody,
    responses((status = 200, body = ParkedFreed)))]
pub(super) async fn discard_parked(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ParkedBody>, JsonRejection>,
) -> Result<Json<ParkedFreed>, Problem> {
    let body = read_body(body)?;
    if body.as_is {
        return Err(bad("as_is is about releasing"));
    }
    free_parked(&admin, caller, body, ParkedAction::Discard)
        .await
        .map(Json)
}

fn read_body(body: Result<Json<ParkedBody>, JsonRejection>) -> Result<ParkedBody, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with one of the strings event, delivery and cause, and optionally cursor and as_is")
    })?;
    Ok(body)
}

/// Releases or discards, written down beside it.
pub async fn free_parked(
    admin: &Shared,
    caller: Caller,
    body: ParkedBody,
    action: ParkedAction,
) -> Result<ParkedFreed, Problem> {
    let parked = read_parked(body)?;
    let change = Change {
        caller,
        what: match action {
            ParkedAction::Release => "parked.release",
            ParkedAction::ReleaseAsIs => "parked.release_as_is",
            ParkedAction::Discard => "parked.discard",
        },
        about: Some(match &parked {
            Parked::Event(id) => format!("event {id}"),
            Parked::Delivery(id) => format!("delivery {id}"),
            Parked::Cause { cause, .. } => format!("cause {cause}"),
        }),
    };
    let at = admin.clone();
    let freed = audited(admin, change, async move {
        let freed = ask(&at, |reply| Request::FreeParked {
            parked,
            action,
            reply,
        })
        .await?;
        let mut results = BTreeMap::new();
        for result in freed.results {
            *results.entry(result.as_str().to_owned()).or_default() += 1;
        }
        Ok(ParkedFreed {
            results,
            next_cursor: freed.next.map(|place| place.to_string()),
        })
    });
    freed.await
}

impl Told for ParkedFreed {
    fn told(&self) -> String {
        told(&self.results)
    }
}

/// `3 due, 1 still parked`.
pub fn told(results: &BTreeMap<String, u64>) -> String {
    let told: Vec<String> = results
        .iter()
        .map(|(result, count)| match result.as_str() {
            "parked" => format!("{count} still parked: what it waits for is not there yet"),
            STAYS_DISCARDED => format!(
                "{count} discarded before, and what it was parked for still holds: it stays discarded, and is looked at again only by a replay that names it"
            ),
            "settled" => format!("{count} settled, nothing to send"),
            result => format!("{count} {result}"),
        })
        .collect();
    match told.is_empty() {
        true => String::from("nothing"),
        false => told.join(", "),
    }
}

fn read_parked(body: ParkedBody) -> Result<Parked, Problem> {
    let of_delivery = ["refused", "exhausted", "unsure"];
    match (body.event, body.delivery, body.cause) {
        (Some(_), None, None) if body.as_is => {
            Err(bad("only a delivery can be sent as it is stored"))
        }
        (Some(id), None, None) => {
            let id = id.parse().map_err(|_| bad("event is an event's id"))?;
            Ok(Parked::Event(id))
        }
        (None, Some(id), None) => {
            let id = id.parse().map_err(|_| bad("delivery is a delivery's id"))?;
            Ok(Parked::Delivery(id))
        }
        (None, None, Some(cause)) => {
            let cause = ParkCause::from_stored(cause);
            if body.as_is && !of_delivery.contains(&cause.class()) {
                return Err(bad("only deliveries can be sent as they are stored"));
            }
            let after = body.cursor.as_deref().map(str::parse).transpose();
            let after = after.map_err(|_| bad("cursor is the last answer's next_cursor"))?;
            let after = after.unwrap_or_default();
            Ok(Parked::Cause { cause, after })
        }
        _ => Err(bad("name one of event, delivery and cause")),
    }
}
