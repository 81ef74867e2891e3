//! Asking NLPearl whose lead one is: "get lead", by its id in the campaign that its webhooks name,
//! or by the id that another system has for it. Pure.
//!
//! The answer is a lead as the lead webhook shows it, so the source's own pointers are followed in
//! it: what it teaches is what a webhook would have taught.

use std::collections::BTreeMap;

use super::outbound;
use crate::config::{NlpearlApi, NlpearlTarget, ResolveBy, ResolveConfig, SourceConfig};
use crate::event::Facts;
use crate::lead::identity::ids_of;
use crate::lead::{LEADPING, SystemId};
use crate::systems::is_only_dots;
use crate::systems::json::{self, Json, Keys};
use crate::systems::outbound::Request;

const KEYS: Keys = Keys::AnyFirstLetter;

/// How leads of one source are asked for.
#[derive(Debug, Clone)]
pub struct Inquiry {
    source: String,
    by: ResolveBy,
    api: NlpearlApi,
    /// Pearl id → outbound id.
    outbound_ids: BTreeMap<String, String>,
    /// The source of NLPearl's, whose pointers are followed in answers.
    speaker: SourceConfig,
}

/// One call, and the pearl whose leads it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub request: Request,
    pub pearl_id: String,
}

/// A lead as an answer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// NLPearl's id first; at least two.
    pub ids: Vec<SystemId>,
    pub pearl_id: String,
}

impl Named {
    pub fn is_at_leadping(&self) -> bool {
        self.ids.iter().any(|id| id.system == LEADPING)
    }
}

impl Inquiry {
    /// `speaker`: the source itself, or the one it is asked through.
    pub fn new(
        source: &str,
        resolve: &ResolveConfig,
        target: &NlpearlTarget,
        speaker: &SourceConfig,
    ) -> Self {
        Self {
            source: source.to_owned(),
            by: resolve.by.clone(),
            api: target.api,
            outbound_ids: target.outbound_ids.clone(),
            speaker: speaker.clone(),
        }
    }

    /// The calls that ask for the lead of these facts, to be made until one knows it. None: the
    /// facts or the configuration lack what addresses it.
    pub fn questions(&self, facts: &Facts) -> Vec<Question> {
        let Some(id) = &facts.source_lead_id else {
            return Vec::new();
        };
        match &self.by {
            ResolveBy::Id => facts
                .pearl_id
                .iter()
                .filter_map(|pearl| {
                    let address = outbound::address(self.campaign(pearl)?, id)?;
                    let request = outbound::get(self.api, &address);
                    Some((request, pearl))
                })
                .map(Question::of)
                .collect(),
            ResolveBy::ExternalId { pearls, .. } => pearls
                .iter()
                .filter_map(|pearl| {
                    let campaign = self.campaign(pearl)?;
                    let request = outbound::get_by_external_id(self.api, campaign, id);
                    Some((request, pearl))
                })
                .map(Question::of)
                .collect(),
        }
    }

    fn campaign<'a>(&'a self, pearl: &'a str) -> Option<&'a str> {
        match self.api {
            NlpearlApi::V2 => Some(pearl),
            NlpearlApi::V1 => self.outbound_ids.get(pearl).map(String::as_str),
        }
    }

    /// The lead that has the id `asked` at the source, as an answer names it; `None`: it names no
    /// other system's id. An error says why the answer is not about that lead.
    pub fn read(
        &self,
        asked: &str,
        pearl_id: &str,
        answer: &[u8],
    ) -> Result<Option<Named>, String> {
        let lead: Json<'_> =
            serde_json::from_slice(answer).map_err(|_| String::from("it is not JSON"))?;
        let own = json::id(KEYS.get(&lead, "id"), "id")?.ok_or("it names no lead")?;
        let links = KEYS.links(&lead, &self.speaker.links)?;
        let is_asked = match &self.by {
            ResolveBy::Id => own == asked,
            ResolveBy::ExternalId { .. } => {
                links.get(&self.source).is_some_and(|found| found == asked)
            }
        };
        if !is_asked {
            return Err(String::from("it is another lead"));
        }
        let leadping = KEYS.first_id(&lead, &self.speaker.lead)?;
        let facts = Facts {
            source_lead_id: Some(own),
            lead_id: leadping.filter(|id| !is_only_dots(id)),
            links,
            ..Facts::default()
        };
        let ids = ids_of(&self.speaker.name, &facts);
        Ok((ids.len() > 1).then(|| Named {
            ids,
            pearl_id: pearl_id.to_owned(),
        }))
    }
}

impl Question {
    fn of((request, pearl_id): (Request, &String)) -> Self {
        Self {
            request,
            pearl_id: pearl_id.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
