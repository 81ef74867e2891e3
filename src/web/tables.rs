//! Tables: the rows in force, what they leave uncovered, which tables were in force before, and what
//! changed between two of them.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::diff::{self, Line};
use super::page::{Shell, Tab, Trouble, render};
use super::words::{self, Moment};
use super::{Dashboard, Shared};
use crate::config::SourceKind;
use crate::diagnostic::{Severity, SourceFile};
use crate::map::{self, MemberValue, Row, RowResult, Table};
use crate::store::TableVersion;
use crate::systems::{self, members::Body};

/// The newest that are listed.
const VERSIONS: usize = 40;

#[derive(Template)]
#[template(path = "tables.html")]
struct TablesPage {
    shell: Shell,
    tables: Vec<TableView>,
    versions: Vec<VersionView>,
    sources: Vec<String>,
}

struct TableView {
    name: String,
    vendor: &'static str,
    hash: String,
    rows: Vec<RowView>,
    unmapped: String,
    uncovered: Vec<String>,
    warnings: Vec<Warning>,
}

struct RowView {
    number: u32,
    line: u32,
    name: String,
    matches: Vec<String>,
    conditions: Vec<String>,
    then: Vec<Then>,
    hits: String,
    is_unused: bool,
}

/// What a row does at one place.
struct Then {
    place: String,
    what: String,
    class: &'static str,
}

struct Warning {
    line: usize,
    text: String,
}

/// A set of tables that was in force, and how each of its tables differs from the set before.
struct VersionView {
    hash: String,
    at: Moment,
    by: &'static str,
    is_in_force: bool,
    tables: Vec<TableOfVersion>,
}

struct TableOfVersion {
    mapping: String,
    hash: String,
    /// Of the set before, where it was another.
    before: Option<String>,
}

pub(super) async fn show_tables(State(dashboard): State<Shared>) -> Result<Response, Trouble> {
    let (shell, _) = Shell::load(&dashboard, Tab::Tables, "Tables").await?;
    let versions = dashboard
        .admin
        .store
        .table_versions(None, VERSIONS + 1)
        .await?;
    let tables = dashboard.admin.rules.tables();
    let mut views = Vec::new();
    for (name, table) in &tables.tables {
        let at = dashboard.clone();
        let (name, table) = (name.clone(), table.clone());
        // Looking a table over runs its expressions: not on a thread that answers others.
        let view = tokio::task::spawn_blocking(move || table_view(&at, &name, &table));
        views.push(view.await.map_err(|error| {
            tracing::error!(%error, "a table could not be looked over");
            Trouble::new(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                "A table could not be looked over; the log says why.",
            )
        })?);
    }
    Ok(render(&TablesPage {
        shell,
        tables: views,
        versions: version_views(&dashboard, &versions),
        sources: dashboard.admin.sources.clone(),
    }))
}

fn table_view(dashboard: &Dashboard, name: &str, table: &Table) -> TableView {
    let kind = table.kind;
    let hits = dashboard.admin.rules.hits(name, table);
    let file = SourceFile {
        path: format!("{name}.toml").into(),
        text: table.text.clone(),
    };
    let (_, findings) = map::parse_table(name, &file, Some(kind));
    let findings = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Warning);
    let known = systems::known_statuses(kind).into_iter();
    let uncovered = known.filter(|status| {
        let of = |row: &&Row| row.statuses.as_ref().is_none_or(|all| all.contains(status));
        !table.rows().iter().any(|row| of(&row))
    });
    TableView {
        name: name.to_owned(),
        vendor: systems::vendor(kind),
        hash: table.hash.to_string(),
        uncovered: uncovered
            .map(|status| systems::status_label(kind, &status))
            .collect(),
        rows: table
            .rows()
            .iter()
            .map(|row| row_view(kind, row, hits.row(row.reference.number)))
            .collect(),
        unmapped: words::count(i64::try_from(hits.unmapped).unwrap_or(i64::MAX)),
        warnings: findings
            .map(|finding| Warning {
                line: finding.position().0,
                text: finding.message.clone(),
            })
            .collect(),
    }
}

fn row_view(kind: SourceKind, row: &Row, hits: u64) -> RowView {
    let mut conditions = Vec::new();
    conditions.extend(row.on.map(|on| format!("{} webhook", on.as_str())));
    if !row.sub_statuses.is_empty() {
        conditions.push(format!("sub-status {}", row.sub_statuses.join(", ")));
    }
    if !row.reason_ids.is_empty() {
        let ids: Vec<String> = row.reason_ids.iter().map(ToString::to_string).collect();
        conditions.push(format!("reason {}", ids.join(", ")));
    }
    conditions.extend(row.when.as_ref().map(|when| when.text.clone()));
    let statuses = row.statuses.iter().flatten();
    let matches: Vec<String> = statuses
        .map(|status| systems::status_label(kind, status))
        .collect();
    RowView {
        number: row.reference.number,
        line: row.reference.line,
        name: row.reference.name.clone().unwrap_or_default(),
        matches: if row.statuses.is_none() {
            vec![String::from("any status")]
        } else {
            matches
        },
        conditions,
        then: then(row),
        hits: words::count(i64::try_from(hits).unwrap_or(i64::MAX)),
        is_unused: hits == 0,
    }
}

fn then(row: &Row) -> Vec<Then> {
    let one = |place: &str, what: &str, class| {
        vec![Then {
            place: place.to_owned(),
            what: what.to_owned(),
            class,
        }]
    };
    let tables = match &row.result {
        RowResult::Ignore(why) => return one("ignore", why, "k-quiet"),
        RowResult::Park(why) => return one("park", why, "k-wait"),
        RowResult::Targets(tables) => tables,
    };
    let views = tables.iter().map(|table| {
        let literal = |name: &str| {
            let member = table.members.iter().find(|member| member.name == name)?;
            match &member.value {
                MemberValue::Literal(value) => Some(
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                ),
                _ => Some(format!("{name} by template")),
            }
        };
        let category = literal("category");
        let words: Vec<String> = ["category", "outcome", "status", "subStatus", "reasonId"]
            .into_iter()
            .filter_map(literal)
            .collect();
        let names: Vec<&str> = table.members.iter().map(|member| member.name).collect();
        Then {
            // What nearly every row sets needs no word.
            place: match table.body {
                Body::Disposition => String::new(),
                body => body.what().to_owned(),
            },
            what: if words.is_empty() {
                names.join(", ")
            } else {
                words.join(" · ")
            },
            class: category
                .as_deref()
                .map_or("k-written", super::tally::class_of),
        }
    });
    views.collect()
}

fn version_views(dashboard: &Dashboard, versions: &[TableVersion]) -> Vec<VersionView> {
    let now = dashboard.admin.clock.now();
    let in_force = dashboard.admin.rules.tables().hash.to_string();
    let listed = versions.iter().take(VERSIONS).enumerate();
    listed
        .map(|(place, version)| {
            let before = versions.get(place + 1);
            let tables = version.tables.iter().map(|(mapping, hash)| TableOfVersion {
                mapping: mapping.clone(),
                hash: hash.clone(),
                before: before
                    .and_then(|before| before.tables.get(mapping))
                    .filter(|before| *before != hash)
                    .cloned(),
            });
            VersionView {
                hash: version.hash.clone(),
                at: Moment::new(version.loaded_at, now),
                by: version.loaded_by.as_str(),
                is_in_force: place == 0 && version.hash == in_force,
                tables: tables.collect(),
            }
        })
        .collect()
}

#[derive(Deserialize)]
pub(super) struct TextQuery {
    /// The table that it is compared with, by its hash.
    before: Option<String>,
    line: Option<usize>,
}

#[derive(Template)]
#[template(path = "table.html")]
struct TableText {
    shell: Shell,
    hash: String,
    before: Option<String>,
    lines: Vec<NumberedLine>,
    difference: Vec<Line>,
}

struct NumberedLine {
    number: usize,
    text: String,
    is_meant: bool,
}

/// The text of a table that is or was in force, or how it differs from another.
pub(super) async fn show_text(
    State(dashboard): State<Shared>,
    Path(hash): Path<String>,
    Query(query): Query<TextQuery>,
) -> Result<Response, Trouble> {
    let text = text_of(&dashboard, &hash).await?;
    let difference = match &query.before {
        Some(before) => diff::diff(&text_of(&dashboard, before).await?, &text),
        None => Vec::new(),
    };
    let (shell, _) = Shell::load(&dashboard, Tab::Tables, "Table").await?;
    let lines = text.lines().enumerate().map(|(index, text)| NumberedLine {
        number: index + 1,
        text: text.to_owned(),
        is_meant: query.line == Some(index + 1),
    });
    Ok(render(&TableText {
        shell,
        lines: lines.collect(),
        hash,
        before: query.before,
        difference,
    }))
}

async fn text_of(dashboard: &Shared, hash: &str) -> Result<String, Trouble> {
    let text = dashboard.admin.store.table_text(hash).await?;
    text.ok_or_else(|| Trouble::not_found("No table with this hash is kept."))
}
