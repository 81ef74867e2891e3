//! `/api/v1/parked`: what waits, by cause; `POST …/release` lets it go on, `POST …/discard` gives it
//! up. One request does a bounded step of a cause and says where the next one begins.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::events::Page;
use super::{Shared, ask, bad, store_problem};
use crate::decider::Request;
use crate::decision::ParkCause;
use crate::problem::Problem;
use crate::store::{Parked, ParkedAction, ParkedRow};

/// Which of the parked: exactly one of `event`, `delivery` and `cause`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ParkedFreed {
    /// What became of how many: `due`, `withheld`, `settled`, `superseded`, `parked`, `discarded`.
    pub results: BTreeMap<String, u64>,
    /// There may be more of this cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

pub(super) async fn list_parked(
    State(admin): State<Shared>,
) -> Result<Json<Page<ParkedRow>>, Problem> {
    let items = admin.store.parked().await;
    Ok(Json(Page {
        items: items.map_err(|error| store_problem(&error))?,
        next_cursor: None,
    }))
}

pub(super) async fn release(
    state: State<Shared>,
    body: Result<Json<ParkedBody>, JsonRejection>,
) -> Result<Json<ParkedFreed>, Problem> {
    let body = read_body(body)?;
    let action = match body.as_is {
        true => ParkedAction::ReleaseAsIs,
        false => ParkedAction::Release,
    };
    free(state, body, action).await
}

pub(super) async fn discard(
    state: State<Shared>,
    body: Result<Json<ParkedBody>, JsonRejection>,
) -> Result<Json<ParkedFreed>, Problem> {
    let body = read_body(body)?;
    if body.as_is {
        return Err(bad("as_is is about releasing"));
    }
    free(state, body, ParkedAction::Discard).await
}

fn read_body(body: Result<Json<ParkedBody>, JsonRejection>) -> Result<ParkedBody, Problem> {
    let Json(body) = body.map_err(|_| {
        bad("the body is a JSON object with one of the strings event, delivery and cause, and optionally cursor and as_is")
    })?;
    Ok(body)
}

async fn free(
    State(admin): State<Shared>,
    body: ParkedBody,
    action: ParkedAction,
) -> Result<Json<ParkedFreed>, Problem> {
    let parked = read_parked(body)?;
    let freed = ask(&admin, |reply| Request::FreeParked {
        parked,
        action,
        reply,
    })
    .await?;
    let mut results = BTreeMap::new();
    for result in freed.results {
        *results.entry(result.as_str().to_owned()).or_default() += 1;
    }
    Ok(Json(ParkedFreed {
        results,
        next_cursor: freed.next.map(|place| place.to_string()),
    }))
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
