//! Many links at once, for people and their files: taught in one transaction, listed page by page.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::super::{Decider, Learnt, LinkPage, LinkRow, Linked, Links, NewLink, StoreError};
use super::SqliteStore;
use super::history::Past;
use super::writer::Scope;
use crate::lead::identity::{self, Register};
use crate::lead::{LEADPING, LeadKey, SystemId};

/// The most rows of one page.
const MAX_PAGE: u32 = 1000;

impl SqliteStore {
    pub async fn set_links(
        &self,
        links: Vec<NewLink>,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<Vec<Linked>, StoreError> {
        self.write(move |scope| {
            let mut taught = Vec::with_capacity(links.len());
            for link in &links {
                taught.push(scope.teach(link, by.as_ref(), now)?);
            }
            Ok(taught)
        })
        .await
    }

    pub async fn links(&self, page: LinkPage) -> Result<Links, StoreError> {
        self.read(move |connection| {
            // One transaction: a page shows one moment, and look-ups do not lock one by one.
            let reading = connection.unchecked_transaction()?;
            let links = match &page.lead {
                Some(lead) => of_one_lead(&reading, &page, lead)?,
                None => of_all(&reading, &page)?,
            };
            reading.finish()?;
            Ok(links)
        })
        .await
    }
}

impl Scope {
    fn teach(
        &mut self,
        link: &NewLink,
        by: &dyn Decider,
        now: Timestamp,
    ) -> Result<Linked, StoreError> {
        let before = (self.lead_of(&link.id)?, self.lead_of(&link.same_as)?);
        let belonged = match before.0 {
            Some(lead) => self.load_lead(lead)?.lead_id().map(str::to_owned),
            None => None,
        };
        let ids = [link.id.clone(), link.same_as.clone()];
        let subject = identity::resolve(self, &ids, link.pearl_id.as_deref())?;
        let after = (self.lead_of(&link.id)?, self.lead_of(&link.same_as)?);
        if after.0 != after.1 {
            return Ok(Linked {
                learnt: Learnt::Contradicts,
                moved_from: None,
                decided: Vec::new(),
            });
        }
        if let (Some(pearl_id), Some(lead)) = (&link.pearl_id, after.0) {
            self.point(&link.id, lead, Some(pearl_id))?;
        }
        let moved_from = belonged.filter(|id| subject.state.lead_id() != Some(id));
        let learnt = match moved_from {
            _ if before.0.is_some() && before.0 == before.1 => Learnt::Known,
            Some(_) => Learnt::Moved,
            None => Learnt::New,
        };
        let decided = self.decide_what_waited(&subject.state.ids, by, now)?;
        Ok(Linked {
            learnt,
            moved_from: moved_from.filter(|_| learnt == Learnt::Moved),
            decided,
        })
    }
}

/// A link as its row has it.
struct Stored {
    id: SystemId,
    lead: LeadKey,
    pearl_id: Option<String>,
}

/// Every id of the leads that somebody's id may mean.
fn of_one_lead(
    connection: &Connection,
    page: &LinkPage,
    lead: &super::super::LeadQuery,
) -> Result<Links, StoreError> {
    let past = Past(connection);
    let systems = lead.sources.iter().map(String::as_str);
    let mut leads = Vec::new();
    for system in systems.chain([LEADPING]) {
        let found = past.lead_of(&SystemId::new(system, &lead.id))?;
        leads.extend(found.filter(|found| !leads.contains(found)));
    }
    let mut rows = Vec::new();
    for lead in leads {
        for id in past.known_lead(lead)?.ids {
            let is_wanted = page
                .source
                .as_ref()
                .is_none_or(|source| *source == id.system);
            if id.system != LEADPING && is_wanted {
                let pearl_id = pearl_of(connection, &id)?;
                rows.extend(row(connection, Stored { id, lead, pearl_id })?);
            }
        }
    }
    Ok(Links { rows, next: None })
}

fn pearl_of(connection: &Connection, id: &SystemId) -> Result<Option<String>, StoreError> {
    let found = connection
        .prepare_cached("SELECT pearl_id FROM link WHERE system = ?1 AND id = ?2")?
        .query_row((&id.system, &id.id), |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

fn of_all(connection: &Connection, page: &LinkPage) -> Result<Links, StoreError> {
    let limit = page.limit.clamp(1, MAX_PAGE) as usize;
    let begin = SystemId::new(page.source.as_deref().unwrap_or_default(), "");
    let after = page.after.clone().unwrap_or(begin);
    let stored = match &page.source {
        Some(source) if after.system != *source => Vec::new(),
        Some(_) => scan(connection, "system = ?1 AND id > ?2", &after, limit)?,
        None => {
            // LeadPing's own ids stand beside the others: walking over them would only take time.
            let mut stored = match after.system.as_str() < LEADPING {
                true => scan(connection, BEFORE_LEADPING, &after, limit)?,
                false => Vec::new(),
            };
            let left = limit - stored.len();
            stored.extend(scan(connection, BEHIND_LEADPING, &after, left)?);
            stored
        }
    };
    let next = stored
        .last()
        .filter(|_| stored.len() == limit)
        .map(|last| last.id.clone());
    let mut rows = Vec::new();
    for stored in stored {
        rows.extend(row(connection, stored)?);
    }
    Ok(Links { rows, next })
}

const BEFORE_LEADPING: &str = "(system, id) > (?1, ?2) AND system < 'leadping'";
const BEHIND_LEADPING: &str = "(system, id) > (max(?1, 'leadping'), ?2) AND system > 'leadping'";

fn scan(
    connection: &Connection,
    condition: &str,
    after: &SystemId,
    limit: usize,
) -> Result<Vec<Stored>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT system, id, lead, pearl_id FROM link WHERE {condition} ORDER BY system, id LIMIT ?3"
    ))?;
    let rows = statement.query_map(
        (
            &after.system,
            &after.id,
            i64::try_from(limit).unwrap_or(i64::MAX),
        ),
        |row| {
            Ok(Stored {
                id: SystemId::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?),
                lead: LeadKey(row.get(2)?),
                pearl_id: row.get(3)?,
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A link for people: LeadPing's id, else another id of the lead. An id that is tied to no other
/// is no link.
fn row(connection: &Connection, stored: Stored) -> Result<Option<LinkRow>, StoreError> {
    let ids = Past(connection).known_lead(stored.lead)?.ids;
    let lead_id = ids.iter().find(|id| id.system == LEADPING);
    let same_as = match lead_id {
        Some(_) => None,
        // The smallest stands for the lead; beside itself it names the next one.
        None => ids.iter().filter(|id| **id != stored.id).min().cloned(),
    };
    let lead_id = lead_id.map(|id| id.id.clone());
    Ok((lead_id.is_some() || same_as.is_some()).then_some(LinkRow {
        source: stored.id.system,
        source_lead_id: stored.id.id,
        lead_id,
        same_as,
        pearl_id: stored.pearl_id,
    }))
}
