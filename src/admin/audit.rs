//! What is changed through the API is written down: before it is done, and what came of it. And
//! `GET /api/v1/audit`, which shows it.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};

use super::auth::Caller;
use super::page::{Page, PageQuery};
use super::{Shared, fault, store_problem};
use crate::problem::Problem;
use crate::store::{AuditRow, NewAudit};

/// Something that somebody is about to do.
pub(super) struct Change {
    pub(super) caller: Caller,
    /// `links.set`, `targets.pause`, …
    pub(super) what: &'static str,
    /// Names, ids and causes of ours; never a body or a secret.
    pub(super) about: Option<String>,
}

/// What came of it, in a few words for the trail.
pub(super) trait Told {
    fn told(&self) -> String;
}

/// Does it, written down before and after. Whoever asked may go meanwhile: what was begun is done,
/// and its outcome is known.
pub(super) async fn audited<T: Told + Send + 'static>(
    admin: &Shared,
    change: Change,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let audit = NewAudit {
        who: change.caller.name.to_string(),
        what: change.what,
        about: change.about,
        at: admin.clock.now(),
    };
    let key = admin.store.audit(audit).await;
    let key = key.map_err(|error| store_problem(&error))?;
    let store = admin.store.clone();
    let done = tokio::spawn(async move {
        let result = work.await;
        let outcome = match &result {
            Ok(done) => done.told(),
            Err(problem) => format!("refused, {}", problem.status().as_u16()),
        };
        if let Err(error) = store.audit_outcome(key, outcome).await {
            tracing::error!(%error, audit.number = key.0, "what came of a change could not be written down");
        }
        result
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a change ended badly");
        Err(fault())
    })
}

/// What people changed, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageQuery),
    responses((status = 200, body = Page<AuditRow>)))]
pub(super) async fn list_audit(
    State(admin): State<Shared>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    let query = PageQuery::read(query)?;
    let rows = admin.store.audits(query.cursor, query.limit()).await;
    let rows = rows.map_err(|error| store_problem(&error))?;
    Ok(Json(Page::of(rows, query.limit(), |row| row.number)))
}
