//! `POST /api/v1/leads/forget`: erases a lead, and proves it.
//!
//! The rows go first, then whatever else in the store names the person, then the log is emptied
//! and the files are searched byte by byte. What is found and told are numbers: neither the answer
//! nor the log repeats an id. Erased for good: there is no way back but a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::{Admin, Shared, bad, bad_body, store_problem};
use crate::event::Sequence;
use crate::problem::Problem;
use crate::store::{
    Decider, EraseStep, Erased, LeadQuery, Mention, Person, PersonRows, StoreError,
};
use crate::systems::person::contacts;

/// Bodies read at once.
const READ: usize = 128;
/// A shorter id stands in too many places that are not about the lead.
const SHORTEST_NEEDLE: usize = 6;
/// Up to this size the file is written anew where traces are left: a matter of a second.
const SMALL_BYTES: u64 = 256 << 20;
/// A call under way ends within the target's timeout; then the next look.
const BUSY_LOOKS: u32 = 120;
const BUSY_PAUSE: Duration = Duration::from_millis(250);
/// Ids of others' events told.
const MOST_TOLD: usize = 20;

/// Whom to forget.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetBody {
    /// Any id of the lead: LeadPing's or a source's.
    pub lead: String,
    /// Write the store's file anew if traces are left in it, however large it is.
    #[serde(default)]
    pub rewrite: bool,
}

/// What went, and what the proof found.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forgotten {
    pub events: usize,
    pub deliveries: usize,
    pub attempts: usize,
    pub links: usize,
    pub rejects: usize,
    /// Ids, numbers and addresses that were searched for.
    pub searched: usize,
    /// Ids too short to be searched for.
    pub too_short: usize,
    /// Numbers and addresses that stand in events of other leads as well, and were left there.
    pub shared: usize,
    /// The newest of those events.
    pub shared_events: Vec<String>,
    /// File → how often it still holds what was searched for.
    pub traces: BTreeMap<String, u64>,
    /// The file was written anew.
    pub rewritten: bool,
    /// Nothing of what was searched for is in any file, and nothing is shared.
    pub proven: bool,
}

/// Erase a lead, for good, and prove it
#[utoipa::path(post, path = "/api/v1/leads/forget", tag = "leads", request_body = ForgetBody,
    responses((status = 200, body = Forgotten)))]
pub(super) async fn forget_lead(
    State(admin): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ForgetBody>, JsonRejection>,
) -> Result<Json<Forgotten>, Problem> {
    let Json(body) = body.map_err(|rejection| {
        bad_body(
            &rejection,
            "the body is a JSON object with the string lead, and optionally rewrite",
        )
    })?;
    if body.lead.trim().is_empty() {
        return Err(bad("lead is an id of the lead"));
    }
    let change = Change {
        caller,
        what: "leads.forget",
        about: Some(format!("subject {}", subject(&body.lead))),
    };
    let at = admin.clone();
    let forgotten = audited(&admin, change, async move { forget(&at, body).await });
    forgotten.await.map(Json)
}

impl Told for Forgotten {
    fn told(&self) -> String {
        let proof = match self.proven {
            true => "proven",
            false => "not proven",
        };
        format!("{} events, {proof}", self.events)
    }
}

async fn forget(admin: &Admin, body: ForgetBody) -> Result<Forgotten, Problem> {
    let failed = |error: StoreError| store_problem(&error);
    let subject = subject(&body.lead);
    let query = LeadQuery {
        id: body.lead,
        sources: admin.sources.clone(),
    };
    let person = admin.store.person(query).await.map_err(failed)?;
    let rows = admin.store.rows_of(person.clone()).await.map_err(failed)?;
    if person.leads.is_empty() && rows.is_empty() {
        let none = "no event, link or delivery is of a lead with this id";
        return Err(Problem::new(StatusCode::NOT_FOUND, none));
    }
    let contacts = contacts_of(admin, &rows).await.map_err(failed)?;
    let mut forgotten = Forgotten::default();
    let needles = needles(&person, contacts, &mut forgotten);
    let mut erased = erase(admin, &person, rows).await?;
    for worker in &admin.workers {
        worker
            .forget_leads(&|lead_id| person.ids.iter().any(|id| is_address_of(lead_id, &id.id)))
            .await;
    }
    let needles = erase_mentions(admin, needles, (&mut erased, &mut forgotten)).await?;
    erased.rejects = admin
        .store
        .erase_rejects(needles.clone())
        .await
        .map_err(failed)?;
    prove(admin, needles, body.rewrite, &mut forgotten)
        .await
        .map_err(failed)?;
    forgotten.events = erased.events;
    forgotten.deliveries = erased.deliveries;
    forgotten.attempts = erased.attempts;
    forgotten.links = erased.links;
    forgotten.rejects = erased.rejects;
    tracing::info!(
        subject,
        events = erased.events,
        proven = forgotten.proven,
        "a lead was forgotten"
    );
    Ok(forgotten)
}

/// What may stay of an id in a log: that it was this one, to those who know it.
fn subject(id: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(id)[..8])
}

/// LeadPing's id is the address; NLPearl's has its campaign in front.
fn is_address_of(address: &str, id: &str) -> bool {
    address == id
        || address
            .strip_suffix(id)
            .is_some_and(|rest| rest.ends_with('/'))
}

async fn contacts_of(admin: &Admin, rows: &PersonRows) -> Result<BTreeSet<String>, StoreError> {
    let rules = admin.rules.snapshot();
    let mut found = BTreeSet::new();
    for places in rows.events.chunks(READ) {
        for event in admin.store.events_at(places.to_vec()).await? {
            let facts = rules.read(&event).facts;
            found.extend(contacts(&event.body, &facts));
        }
    }
    Ok(found)
}

fn needles(person: &Person, contacts: BTreeSet<String>, forgotten: &mut Forgotten) -> Vec<String> {
    let ids: BTreeSet<String> = person.ids.iter().map(|id| id.id.clone()).collect();
    let (long, short): (Vec<String>, Vec<String>) =
        ids.into_iter().partition(|id| id.len() >= SHORTEST_NEEDLE);
    forgotten.too_short = short.len();
    let mut needles = long;
    needles.extend(contacts);
    needles.dedup();
    needles
}

/// Rows in short steps; a call under way is waited for.
async fn erase(admin: &Admin, person: &Person, mut rows: PersonRows) -> Result<Erased, Problem> {
    let failed = |error: StoreError| store_problem(&error);
    let mut erased = Erased::default();
    let mut looks = 0;
    loop {
        let mut step = EraseStep::Erased(Erased::default());
        while !rows.is_empty() {
            step = admin.store.erase_some(&mut rows).await.map_err(failed)?;
            match step {
                EraseStep::Erased(more) => erased.add(more),
                EraseStep::Busy => break,
            }
        }
        if step != EraseStep::Busy {
            step = admin
                .store
                .erase_lead(person.clone())
                .await
                .map_err(failed)?;
        }
        match step {
            EraseStep::Erased(more) => {
                erased.add(more);
                return Ok(erased);
            }
            EraseStep::Busy if looks == BUSY_LOOKS => {
                let busy = "a call of this lead is under way and does not end; nothing of that call was erased: ask again";
                return Err(Problem::new(StatusCode::CONFLICT, busy));
            }
            EraseStep::Busy => {
                looks += 1;
                tokio::time::sleep(BUSY_PAUSE).await;
                rows = admin.store.rows_of(person.clone()).await.map_err(failed)?;
            }
        }
    }
}

/// Events of no lead that name the person go too; what stands in events of other leads is theirs
/// as well. Returns what must be nowhere any more.
async fn erase_mentions(
    admin: &Admin,
    needles: Vec<String>,
    (erased, forgotten): (&mut Erased, &mut Forgotten),
) -> Result<Vec<String>, Problem> {
    let failed = |error: StoreError| store_problem(&error);
    let mut mentions: Vec<Mention> = Vec::new();
    let mut after = Sequence(0);
    loop {
        let page = admin.store.mentions(needles.clone(), after);
        let (found, next) = page.await.map_err(failed)?;
        mentions.extend(found);
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    let others = || mentions.iter().filter(|mention| mention.has_lead);
    let shared: BTreeSet<usize> = others()
        .flat_map(|mention| mention.needles.iter().copied())
        .collect();
    forgotten.shared = shared.len();
    forgotten.shared_events = others()
        .rev()
        .take(MOST_TOLD)
        .map(|mention| mention.id.to_string())
        .collect();
    let mut rows = PersonRows::default();
    let nobodys = mentions.iter().filter(|mention| !mention.has_lead);
    let own = nobodys.filter(|mention| mention.needles.iter().any(|it| !shared.contains(it)));
    rows.events = own.map(|mention| mention.event).collect();
    erased.add(erase(admin, &Person::default(), rows).await?);
    let left = needles.into_iter().enumerate();
    Ok(left
        .filter(|(place, _)| !shared.contains(place))
        .map(|(_, needle)| needle)
        .collect())
}

async fn prove(
    admin: &Admin,
    needles: Vec<String>,
    rewrite: bool,
    forgotten: &mut Forgotten,
) -> Result<(), StoreError> {
    let store = &admin.store;
    forgotten.searched = needles.len();
    // What a reader keeps in the log is searched there.
    store.empty_log().await?;
    let mut traces = store.traces(needles.clone()).await?;
    let left = |traces: &[crate::store::FileTraces]| traces.iter().any(|file| file.traces > 0);
    // Pages keep what moved off them until they are written anew.
    if left(&traces) && (rewrite || store.size_bytes().await? <= SMALL_BYTES) {
        store.rewrite().await?;
        store.empty_log().await?;
        traces = store.traces(needles).await?;
        forgotten.rewritten = true;
    }
    forgotten.proven = !left(&traces) && forgotten.shared == 0;
    forgotten.traces = traces
        .into_iter()
        .map(|file| (file.file, file.traces))
        .collect();
    Ok(())
}
