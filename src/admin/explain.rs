//! `POST /api/v1/explain`: what one payload would become, and why. `POST /api/v1/mappings/try`: the
//! same by a table that is not in force. `GET /api/v1/events/{id}/explain`: a recorded event's story.
//! All decide as the daemon does, and write nothing.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use utoipa::ToSchema;

use super::{Admin, Shared, bad, bad_body, fault, not_found, store_problem};
use crate::config::SourceConfig;
use crate::decider::Rules;
use crate::diagnostic::{Finding, Severity, SourceFile};
use crate::event::EventKind;
use crate::explain;
use crate::map::{self, Tables};
use crate::problem::Problem;
use crate::review::{self, ByTables, EventStory, PayloadStory, ReviewError};

/// A webhook that did not come in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainBody {
    /// The configured source that would send it.
    source: String,
    /// Take it as this kind, as the route would.
    #[serde(default)]
    kind: Option<EventKind>,
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryBody {
    /// The configured source that would send it.
    pub source: String,
    /// Take it as this kind, as the route would.
    #[serde(default)]
    pub kind: Option<EventKind>,
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// The text of a table to take in the place of the source's own; that in force unless given.
    #[serde(default)]
    pub table: Option<String>,
}

/// What it would become by that table.
#[derive(Serialize, ToSchema)]
pub struct Tried {
    /// Warnings about the table.
    pub findings: Vec<String>,
    /// As `explain` tells it.
    #[schema(value_type = Object)]
    pub explanation: PayloadStory,
}

/// What one payload would become, and why: row, decision, requests
#[utoipa::path(post, path = "/api/v1/explain", tag = "mappings", request_body = ExplainBody,
    responses((status = 200, body = Object, description = "As `explain --json` prints it")))]
pub(super) async fn explain(
    State(admin): State<Shared>,
    body: Result<Json<ExplainBody>, JsonRejection>,
) -> Result<Json<PayloadStory>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with the string source, the object payload, and optionally kind (lead or call)")
    })?;
    let rules = admin.rules.clone();
    tell(&admin, rules, (&body.source, body.kind, body.payload))
        .await
        .map(Json)
}

/// What one payload would become by a table that is not in force
#[utoipa::path(post, path = "/api/v1/mappings/try", tag = "mappings", request_body = TryBody,
    responses((status = 200, body = Tried)))]
pub(super) async fn try_mapping(
    State(admin): State<Shared>,
    body: Result<Json<TryBody>, JsonRejection>,
) -> Result<Json<Tried>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with the string source, the object payload, and optionally the strings kind (lead or call) and table")
    })?;
    try_payload(&admin, body).await.map(Json)
}

/// What a payload would become, by the tables in force or by one that is not.
pub async fn try_payload(admin: &Shared, body: TryBody) -> Result<Tried, Problem> {
    let (rules, findings) = match body.table {
        None => (admin.rules.clone(), Vec::new()),
        Some(text) => {
            let source = source(admin, &body.source)?;
            let mapping = source.mapping.clone();
            let at = admin.clone();
            // Checking a table runs its expressions: not on a thread that answers others.
            let tables = tokio::task::spawn_blocking(move || candidates(&at, [(mapping, text)]));
            let tables = tables.await.map_err(|_| fault())?;
            let (tables, findings) = tables.map_err(|findings| faulty(&findings))?;
            (Arc::new(Rules::new(&admin.config, tables)), findings)
        }
    };
    let explanation = tell(admin, rules, (&body.source, body.kind, body.payload)).await?;
    Ok(Tried {
        findings,
        explanation,
    })
}

fn source<'a>(admin: &'a Admin, name: &str) -> Result<&'a SourceConfig, Problem> {
    admin
        .config
        .sources
        .get(name)
        .ok_or_else(|| bad(&format!("source is one of: {}", admin.sources.join(", "))))
}

async fn tell(
    admin: &Shared,
    rules: Arc<Rules>,
    (name, kind, payload): (&str, Option<EventKind>, Box<RawValue>),
) -> Result<PayloadStory, Problem> {
    let source = source(admin, name)?;
    let body = Bytes::from(Box::<str>::from(payload).into_boxed_bytes());
    // What the listener would not take became of no event.
    if let Some(refusal) = (admin.refusal_of)(&body) {
        return Err(refusal);
    }
    let now = admin.clock.now();
    let event = explain::as_if_received(&source.name, kind, body, now);
    let at = admin.clone();
    off_thread(async move {
        let rules = rules.snapshot();
        review::explain_payload(Some(&at.store), &rules, &at.config, (event, now)).await
    })
    .await
}

/// Deciding runs expressions: not on a thread that answers others.
async fn off_thread<T: Send + 'static>(
    work: impl Future<Output = Result<T, ReviewError>> + Send + 'static,
) -> Result<T, Problem> {
    let runtime = Handle::current();
    let told = tokio::task::spawn_blocking(move || runtime.block_on(work));
    told.await
        .map_err(|_| fault())?
        .map_err(|error| match error {
            ReviewError::Store(error) => store_problem(&error),
            error => {
                tracing::error!(%error, "an explanation failed");
                fault()
            }
        })
}

/// What a recorded event became, and what it would become: as it came in, and now
#[utoipa::path(get, path = "/api/v1/events/{id}/explain", tag = "events",
    params(("id" = String, Path, description = "The event's id")),
    responses((status = 200, body = Object, description = "As `explain --event` prints it as JSON")))]
pub(super) async fn explain_event(
    State(admin): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<EventStory>, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let tables = ByTables {
        current: (*admin.rules.tables()).clone(),
        candidate: None,
    };
    let now = admin.clock.now();
    let told = off_thread(async move {
        review::explain_event(&admin.store, &admin.config, tables, (id, now)).await
    });
    told.await?.map(Json).ok_or_else(not_found)
}

/// The tables in force with others in the place of some, checked as a reload checks them; with
/// their warnings. Else the errors.
pub(super) fn candidates(
    admin: &Admin,
    others: impl IntoIterator<Item = (String, String)>,
) -> Result<(Tables, Vec<String>), Vec<String>> {
    let kinds = admin.config.mapping_kinds();
    let mut tables = admin.rules.tables().tables.clone();
    let mut found: Vec<Finding> = Vec::new();
    for (mapping, text) in others {
        let Some(kind) = kinds.get(&mapping) else {
            let names: Vec<&str> = kinds.keys().map(String::as_str).collect();
            let unknown = format!(
                "no source uses a mapping of this name: {}",
                names.join(", ")
            );
            return Err(vec![unknown]);
        };
        let file = SourceFile {
            path: PathBuf::from(format!("{mapping}.toml")),
            text: text.into(),
        };
        let (table, findings) = map::parse_table(&mapping, &file, Some(*kind));
        found.extend(findings);
        tables.extend(table.map(|table| (mapping, Arc::new(table))));
    }
    let failed = found
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let told = found.iter().map(ToString::to_string).collect();
    match failed {
        true => Err(told),
        false => Ok((Tables::new(tables), told)),
    }
}

/// Every fault of a table, each on its line.
pub(super) fn faulty(findings: &[String]) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, findings.join("\n"))
}
