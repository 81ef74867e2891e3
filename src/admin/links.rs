//! `/api/v1/links`: which ids of which systems are one lead. `GET` pages through them, `PUT`
//! teaches one, `POST` many.

use std::collections::BTreeMap;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::page::{Page, limit_of};
use super::parked::told;
use super::{Shared, ask, bad, bad_body, no_such_source, nobody_named, store_problem};
use crate::decider::Request;
use crate::lead::{LEADPING, SystemId};
use crate::problem::Problem;
use crate::store::{Decided, LeadQuery, Learnt, LinkPage, LinkRow, Linked, NewLink, StoreError};
use crate::systems::is_only_dots;

/// Longer ids than any vendor's.
const MAX_ID: usize = 256;
/// Links of one request: what one transaction holds without keeping webhooks waiting.
pub const MAX_LINKS: usize = 200;

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// The configured source's name.
    pub source: String,
    /// The lead's id there.
    pub source_lead_id: String,
    /// The LeadPing lead id.
    pub lead_id: String,
    /// NLPearl's campaign of the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearl_id: Option<String>,
}

/// What became of the link.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinkSet {
    /// `new`, `known` or `moved`.
    pub result: String,
    /// The LeadPing lead that the id meant before, where it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// Parked events that went on because of it.
    pub decided: usize,
}

/// A link as the API lists and takes it: an id at a source, and LeadPing's id of the lead or, where
/// that is not known, another id of the same lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkView {
    pub source: String,
    pub source_lead_id: String,
    #[serde(default)]
    pub lead_id: Option<String>,
    #[serde(default)]
    pub same_as: Option<SameAs>,
    /// NLPearl's campaign of the lead.
    #[serde(default)]
    pub pearl_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SameAs {
    pub source: String,
    pub source_lead_id: String,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinksBody {
    /// At most [`MAX_LINKS`].
    pub links: Vec<LinkView>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinksSet {
    /// One for each link, in their order.
    pub results: Vec<LinkResult>,
}

#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinkResult {
    /// `new`, `known`, `moved` (it meant another LeadPing lead before) or `refused`.
    pub result: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Parked events that went on because of it.
    pub decided: usize,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// Items of one page, 1 to 500; 50 unless said.
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    cursor: Option<String>,
    /// Only this source's.
    source: Option<String>,
    /// Any id of a lead.
    lead: Option<String>,
}

/// Which ids of which systems are one lead, in the order of source and id
#[utoipa::path(get, path = "/api/v1/links", tag = "links", params(LinkQuery),
    responses((status = 200, body = Page<LinkView>)))]
pub(super) async fn list_links(
    State(admin): State<Shared>,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Result<Json<Page<LinkView>>, Problem> {
    let Query(query) = query.map_err(|_| bad("the query takes limit, cursor, source and lead"))?;
    let after = match query.cursor {
        Some(cursor) => match cursor.split_once(':') {
            Some((system, id)) => Some(SystemId::new(system, id)),
            None => return Err(bad("cursor is the last page's next_cursor")),
        },
        None => None,
    };
    let source = query.source.clone();
    let page = LinkPage {
        limit: limit_of(query.limit),
        after,
        source: query.source,
        lead: query.lead.map(|id| LeadQuery {
            id,
            sources: admin.sources.clone(),
        }),
    };
    let links = admin.store.links(page).await;
    let links = links.map_err(|error| store_problem(&error))?;
    if let Some(source) =
        source.filter(|name| links.rows.is_empty() && !admin.sources.contains(name))
    {
        return Err(no_such_source(&admin, &source));
    }
    Ok(Json(Page {
        items: links.rows.into_iter().map(LinkView::from).collect(),
        next_cursor: links.next.map(|id| format!("{}:{}", id.system, id.id)),
    }))
}

impl From<LinkRow> for LinkView {
    fn from(row: LinkRow) -> Self {
        Self {
            source: row.source,
            source_lead_id: row.source_lead_id,
            lead_id: row.lead_id,
            same_as: row.same_as.map(|id| SameAs {
                source: id.system,
                source_lead_id: id.id,
            }),
            pearl_id: row.pearl_id,
        }
    }
}

/// Teach one link, and have decided what waited for it
#[utoipa::path(put, path = "/api/v1/links", tag = "links", request_body = LinkBody,
    responses((status = 200, body = LinkSet)))]
pub(super) async fn set_link(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<LinkBody>, JsonRejection>,
) -> Result<Json<LinkSet>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(
            &rejection,
            "the body is a JSON object with the strings source, source_lead_id and lead_id, and optionally pearl_id",
        )
    })?;
    let link = LinkView {
        source: body.source,
        source_lead_id: body.source_lead_id,
        lead_id: Some(body.lead_id),
        same_as: None,
        pearl_id: body.pearl_id,
    };
    let link = read_link(link, &admin.sources).map_err(|why| bad(&why))?;
    let change = Change {
        caller,
        what: "links.set",
        about: Some(format!("source {}", link.id.system)),
    };
    let links = vec![link];
    let at = admin.clone();
    let set = audited(&admin, change, async move {
        let taught = ask(&at, |reply| Request::SetLinks { links, reply }).await?;
        let moved_from = taught.iter().find_map(|linked| linked.moved_from.clone());
        let results = results_of(vec![Ok(())], taught)?.results;
        let result = results.into_iter().next().unwrap_or_default();
        match result.why {
            Some(why) => Err(Problem::new(StatusCode::CONFLICT, why)),
            None => Ok(LinkSet {
                result: result.result,
                moved_from,
                decided: result.decided,
            }),
        }
    });
    set.await.map(Json)
}

impl Told for LinkSet {
    fn told(&self) -> String {
        format!("{}, {} decided", self.result, self.decided)
    }
}

/// Teach many links; one that is refused keeps none of the others out
#[utoipa::path(post, path = "/api/v1/links", tag = "links", request_body = LinksBody,
    responses((status = 200, body = LinksSet)))]
pub(super) async fn set_links(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<LinksBody>, JsonRejection>,
) -> Result<Json<LinksSet>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(&rejection, "the body is a JSON object with a list `links` of objects with the strings source, source_lead_id, lead_id, pearl_id and the object same_as")
    })?;
    if body.links.len() > MAX_LINKS {
        return Err(bad(&format!("at most {MAX_LINKS} links at once")));
    }
    let read: Vec<Result<NewLink, String>> = body
        .links
        .into_iter()
        .map(|link| read_link(link, &admin.sources))
        .collect();
    let links: Vec<NewLink> = read.iter().flatten().cloned().collect();
    if links.is_empty() {
        return results_of(read, Vec::new()).map(Json);
    }
    let change = Change {
        caller,
        what: "links.import",
        about: Some(format!("{} links", links.len())),
    };
    let at = admin.clone();
    let set = audited(&admin, change, async move {
        let taught = ask(&at, |reply| Request::SetLinks { links, reply }).await?;
        results_of(read, taught)
    });
    set.await.map(Json)
}

/// What became of each link, in the order given.
fn results_of<T>(read: Vec<Result<T, String>>, taught: Vec<Linked>) -> Result<LinksSet, Problem> {
    let mut taught = taught.into_iter();
    let results = read.into_iter().map(|link| match link {
        Ok(_) => {
            let linked = taught.next().ok_or_else(|| {
                store_problem(&StoreError::Corrupt(String::from(
                    "a link without an answer",
                )))
            })?;
            let why = "LeadPing knows the two as two leads";
            let moved = moved(&linked.decided);
            Ok(match linked.learnt {
                Learnt::New => LinkResult::of("new", moved),
                Learnt::Known => LinkResult::of("known", moved),
                Learnt::Moved => LinkResult::of("moved", moved),
                Learnt::Contradicts => LinkResult::refused(why.to_owned()),
            })
        }
        Err(why) => Ok(LinkResult::refused(why)),
    });
    let results = results.collect::<Result<_, Problem>>()?;
    Ok(LinksSet { results })
}

impl Told for LinksSet {
    fn told(&self) -> String {
        let mut counts = BTreeMap::new();
        for result in &self.results {
            *counts.entry(result.result.clone()).or_default() += 1;
        }
        told(&counts)
    }
}

impl LinkResult {
    fn of(result: &str, decided: usize) -> Self {
        Self {
            result: result.to_owned(),
            why: None,
            decided,
        }
    }

    fn refused(why: String) -> Self {
        Self {
            why: Some(why),
            ..Self::of("refused", 0)
        }
    }
}

/// The reason never names an id: it ends in logs and terminals.
fn read_link(link: LinkView, sources: &[String]) -> Result<NewLink, String> {
    let known = |place: &str, source: &str| match sources.iter().any(|known| known == source) {
        true => Ok(()),
        false => {
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            Err(format!(
                "{place}{}",
                nobody_named("source", source, &sources)
            ))
        }
    };
    known("", &link.source)?;
    let id = SystemId::new(link.source, id("source_lead_id", &link.source_lead_id)?);
    let same_as = match (link.lead_id, link.same_as) {
        (Some(lead_id), None) => SystemId::new(LEADPING, self::id("lead_id", &lead_id)?),
        (None, Some(other)) => {
            known("same_as: ", &other.source)?;
            let id = self::id("the id of same_as", &other.source_lead_id)?;
            SystemId::new(other.source, id)
        }
        (None, None) => return Err(String::from("neither lead_id nor same_as is given")),
        (Some(_), Some(_)) => return Err(String::from("lead_id and same_as are both given")),
    };
    if id == same_as {
        return Err(String::from("the id is linked to itself"));
    }
    if id.system == LEADPING && same_as.system == LEADPING {
        return Err(String::from("two leads at LeadPing are two leads"));
    }
    let pearl_id = link.pearl_id.map(|pearl| self::id("pearl_id", &pearl));
    Ok(NewLink {
        id,
        same_as,
        pearl_id: pearl_id.transpose()?,
    })
}

/// As the ids of webhooks are read: without the blanks around it.
fn id(name: &str, id: &str) -> Result<String, String> {
    let id = id.trim();
    if id.is_empty() || id.len() > MAX_ID || is_only_dots(id) {
        return Err(format!(
            "{name} has 1 to {MAX_ID} characters, and not only dots"
        ));
    }
    Ok(id.to_owned())
}

/// Those that no longer wait.
fn moved(decided: &[Decided]) -> usize {
    decided.iter().filter(|event| event.moved()).count()
}
