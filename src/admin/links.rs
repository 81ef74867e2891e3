//! `PUT /api/v1/links`: teaches which LeadPing lead a source's lead id means.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{Shared, store_problem};
use crate::decider::Request;
use crate::lead::{LEADPING, SystemId};
use crate::problem::Problem;
use crate::systems::is_only_dots;

/// Longer ids than any vendor's.
const MAX_ID: usize = 256;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// The configured source's name.
    pub source: String,
    /// The lead's id there.
    pub source_lead_id: String,
    /// The LeadPing lead id.
    pub lead_id: String,
}

/// How many parked events were decided because of the link.
#[derive(Serialize, Deserialize)]
pub struct LinkSet {
    pub decided: usize,
}

pub(super) async fn set_link(
    State(admin): State<Shared>,
    body: Result<Json<LinkBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<LinkSet>, Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail.to_owned());
    let Json(body) = body.map_err(|_| {
        bad("the body is a JSON object with the strings source, source_lead_id and lead_id")
    })?;
    if !admin.sources.contains(&body.source) {
        return Err(bad(&format!(
            "source is one of: {}",
            admin.sources.join(", ")
        )));
    }
    for (name, id) in [
        ("source_lead_id", &body.source_lead_id),
        ("lead_id", &body.lead_id),
    ] {
        if id.trim().is_empty() || id.len() > MAX_ID || is_only_dots(id) {
            return Err(bad(&format!(
                "{name} has 1 to {MAX_ID} characters, and not only dots"
            )));
        }
    }
    let (reply, answer) = oneshot::channel();
    let request = Request::SetLink {
        ids: vec![
            SystemId::new(body.source, body.source_lead_id),
            SystemId::new(LEADPING, body.lead_id),
        ],
        reply,
    };
    let stopping = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the bridge is stopping");
    admin.decider.send(request).await.map_err(|_| stopping())?;
    let decided = answer
        .await
        .map_err(|_| stopping())?
        .map_err(|error| store_problem(&error))?;
    Ok(Json(LinkSet {
        decided: decided.len(),
    }))
}
