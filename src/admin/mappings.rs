//! `GET /api/v1/mappings`: the tables in force, and which were in force before.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{Shared, store_problem};
use crate::decider::RefusedTables;
use crate::problem::Problem;
use crate::store::TableVersion;

const VERSIONS: usize = 100;

#[derive(Serialize)]
pub(super) struct Mappings {
    in_force: SetView,
    /// What is in the files now, if it has faults: then the tables in force are older.
    refused: Option<RefusedTables>,
    /// Newest first; each was in force until the one before it in this list.
    versions: Vec<TableVersion>,
}

#[derive(Serialize)]
struct SetView {
    hash: String,
    tables: Vec<TableView>,
}

#[derive(Serialize)]
struct TableView {
    mapping: String,
    kind: &'static str,
    /// As decisions name it.
    hash: String,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct RowView {
    number: u32,
    name: Option<String>,
    line: u32,
}

pub(super) async fn list_mappings(State(admin): State<Shared>) -> Result<Json<Mappings>, Problem> {
    let versions = admin
        .store
        .table_versions(VERSIONS)
        .await
        .map_err(|error| store_problem(&error))?;
    let tables = admin.rules.tables();
    let views = tables.tables.iter().map(|(mapping, table)| TableView {
        mapping: mapping.clone(),
        kind: table.kind.as_str(),
        hash: table.hash.to_string(),
        rows: table
            .rows()
            .iter()
            .map(|row| RowView {
                number: row.reference.number,
                name: row.reference.name.clone(),
                line: row.reference.line,
            })
            .collect(),
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
