//! `/api/v1/mappings`: the tables in force, with how often each row spoke, and which were in force
//! before; the text of each; and reading them again.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::page::{Page, PageQuery};
use super::{Shared, not_found, store_problem};
use crate::decider::RefusedTables;
use crate::problem::Problem;
use crate::store::TableVersion;

/// The newest, which are listed beside the tables in force.
const VERSIONS: usize = 100;

#[derive(Serialize, ToSchema)]
pub(super) struct Mappings {
    in_force: SetView,
    /// What is in the files now, if it has faults: then the tables in force are older.
    refused: Option<RefusedTables>,
    /// Newest first, up to a hundred; each was in force until the one before it in this list.
    versions: Vec<TableVersion>,
}

#[derive(Serialize, ToSchema)]
struct SetView {
    hash: String,
    tables: Vec<TableView>,
}

#[derive(Serialize, ToSchema)]
struct TableView {
    mapping: String,
    kind: &'static str,
    /// As decisions name it.
    hash: String,
    rows: Vec<RowView>,
    /// Events that no row matched, counted as the rows' hits are.
    unmapped: u64,
}

#[derive(Serialize, ToSchema)]
struct RowView {
    number: u32,
    name: Option<String>,
    line: u32,
    /// Events that it decided since the table came into force, over restarts; a crash loses the last
    /// minute's.
    hits: u64,
}

/// The tables in force, row by row, and which were in force before
#[utoipa::path(get, path = "/api/v1/mappings", tag = "mappings",
    responses((status = 200, body = Mappings)))]
pub(super) async fn list_mappings(State(admin): State<Shared>) -> Result<Json<Mappings>, Problem> {
    let versions = admin
        .store
        .table_versions(None, VERSIONS)
        .await
        .map_err(|error| store_problem(&error))?;
    let tables = admin.rules.tables();
    let views = tables.tables.iter().map(|(mapping, table)| {
        let hits = admin.rules.hits(mapping, table);
        let rows = table.rows().iter().map(|row| RowView {
            number: row.reference.number,
            name: row.reference.name.clone(),
            line: row.reference.line,
            hits: hits.row(row.reference.number),
        });
        TableView {
            mapping: mapping.clone(),
            kind: table.kind.as_str(),
            hash: table.hash.to_string(),
            rows: rows.collect(),
            unmapped: hits.unmapped,
        }
    });
    Ok(Json(Mappings {
        in_force: SetView {
            hash: tables.hash.to_string(),
            tables: views.collect(),
        },
        refused: admin.rules.refused().as_deref().cloned(),
        versions,
    }))
}

/// Which sets of tables were in force, newest first
#[utoipa::path(get, path = "/api/v1/mappings/versions", tag = "mappings", params(PageQuery),
    responses((status = 200, body = Page<TableVersion>)))]
pub(super) async fn list_versions(
    State(admin): State<Shared>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<TableVersion>>, Problem> {
    let query = PageQuery::read(query)?;
    let limit = query.limit();
    let versions = admin.store.table_versions(query.cursor, limit as usize);
    let versions = versions.await.map_err(|error| store_problem(&error))?;
    Ok(Json(Page::of(versions, limit, |version| version.version)))
}

/// The text of one table, as it was in force.
#[derive(Serialize, ToSchema)]
pub(super) struct TableText {
    hash: String,
    text: String,
}

/// The text of a table that is or was in force, by its hash
#[utoipa::path(get, path = "/api/v1/mappings/tables/{hash}", tag = "mappings",
    params(("hash" = String, Path, description = "As decisions and versions name it")),
    responses((status = 200, body = TableText)))]
pub(super) async fn show_table(
    State(admin): State<Shared>,
    Path(hash): Path<String>,
) -> Result<Json<TableText>, Problem> {
    let text = admin.store.table_text(&hash).await;
    let text = text.map_err(|error| store_problem(&error))?;
    let text = text.ok_or_else(not_found)?;
    Ok(Json(TableText { hash, text }))
}

/// What became of reading the tables again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Reloaded {
    /// Other tables are in force now.
    Loaded { hash: String },
    /// They are what they were.
    Unchanged { hash: String },
    /// They have faults; the old ones stay in force.
    Refused { findings: Vec<String> },
    /// The store cannot take them down; the old ones stay in force, and it is tried again.
    NotYet,
}

impl Told for Reloaded {
    fn told(&self) -> String {
        match self {
            Self::Loaded { hash } => format!("loaded {hash}"),
            Self::Unchanged { .. } => String::from("unchanged"),
            Self::Refused { findings } => format!("{} findings", findings.len()),
            Self::NotYet => String::from("not yet"),
        }
    }
}

/// Read the tables again; a bad table never replaces a good one
#[utoipa::path(post, path = "/api/v1/mappings/reload", tag = "mappings",
    responses((status = 200, body = Reloaded),
        (status = 422, body = Reloaded, description = "They have faults; the old ones stay in force")))]
pub(super) async fn reload_mappings(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<Reloaded>), Problem> {
    let change = Change {
        caller,
        what: "mappings.reload",
        about: None,
    };
    let reload = (admin.reload)();
    let reloaded = audited(&admin, change, async move { Ok(reload.await) }).await?;
    let status = match reloaded {
        Reloaded::Loaded { .. } | Reloaded::Unchanged { .. } => StatusCode::OK,
        Reloaded::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Reloaded::NotYet => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((status, Json(reloaded)))
}
