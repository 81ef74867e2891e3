//! `GET /api/v1/rejects`: verified requests that could not be an event, for diagnosis.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};

use super::page::{Page, PageQuery};
use super::{Shared, store_problem};
use crate::problem::Problem;
use crate::store::RejectRow;

/// Verified requests that were no JSON object we take, newest first; the newest thousand are kept
#[utoipa::path(get, path = "/api/v1/rejects", tag = "events", params(PageQuery),
    responses((status = 200, body = Page<RejectRow>)))]
pub(super) async fn list_rejects(
    State(admin): State<Shared>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<RejectRow>>, Problem> {
    let query = PageQuery::read(query)?;
    let rows = admin.store.rejects(query.cursor, query.limit()).await;
    let rows = rows.map_err(|error| store_problem(&error))?;
    Ok(Json(Page::of(rows, query.limit(), |row| row.number)))
}
