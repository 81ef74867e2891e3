//! Where a target keeps a lead: which of the ids that are known address it there. Pure.
//!
//! `decide` asks; the address goes into the delivery and comes back in `outbound`.

use std::collections::BTreeMap;

use super::nlpearl;
use crate::config::{NlpearlApi, SourceConfig, SourceKind, TargetSystem};
use crate::lead::SystemId;

/// What addresses a lead at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The LeadPing lead id.
    Leadping,
    /// The lead's id in any of these sources.
    Sources(Vec<String>),
    /// The same, within the campaign that it belongs to.
    Campaigns {
        sources: Vec<String>,
        campaigns: Campaigns,
    },
}

/// How a campaign is named in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Campaigns {
    Pearls,
    /// Pearl id → outbound id.
    Outbounds(BTreeMap<String, String>),
}

/// What is known of a lead.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    pub leadping: Option<&'a str>,
    pub others: &'a [SystemId],
    /// NLPearl lead id → pearl id.
    pub pearls: &'a BTreeMap<String, String>,
}

/// Where the lead is at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Never empty.
    At(Vec<String>),
    /// Its LeadPing id is not known.
    Unlinked,
    /// It has no id there that is known.
    Absent,
    /// It is there, and the configuration lacks what addresses it.
    Unaddressable(String),
}

impl Place {
    pub fn of<'s>(
        system: &TargetSystem,
        sources: impl Iterator<Item = (&'s String, &'s SourceConfig)>,
    ) -> Self {
        let of_kind = |kind| {
            sources
                .filter(|(_, source)| source.kind == kind)
                .map(|(name, _)| name.clone())
                .collect()
        };
        match system {
            TargetSystem::Leadping(_) => Self::Leadping,
            TargetSystem::Capillary(_) => Self::Sources(of_kind(SourceKind::Capillary)),
            TargetSystem::Nlpearl(target) => Self::Campaigns {
                sources: of_kind(SourceKind::Nlpearl),
                campaigns: match target.api {
                    NlpearlApi::V1 => Campaigns::Outbounds(target.outbound_ids.clone()),
                    NlpearlApi::V2 => Campaigns::Pearls,
                },
            },
        }
    }

    pub fn addresses(&self, lead: &Ids<'_>) -> Addresses {
        match self {
            Self::Leadping => match lead.leadping {
                Some(id) => Addresses::At(vec![id.to_owned()]),
                None => Addresses::Unlinked,
            },
            Self::Sources(sources) => {
                let ids: Vec<String> = lead.in_any_of(sources).map(str::to_owned).collect();
                if ids.is_empty() {
                    Addresses::Absent
                } else {
                    Addresses::At(ids)
                }
            }
            Self::Campaigns { sources, campaigns } => in_campaigns(sources, campaigns, lead),
        }
    }
}

impl<'a> Ids<'a> {
    fn in_any_of(&self, sources: &[String]) -> impl Iterator<Item = &'a str> {
        self.others
            .iter()
            .filter(|id| sources.contains(&id.system))
            .map(|id| id.id.as_str())
    }
}

fn in_campaigns(sources: &[String], campaigns: &Campaigns, lead: &Ids<'_>) -> Addresses {
    let mut found = Vec::new();
    for id in lead.in_any_of(sources) {
        // Until a webhook of the lead names its pearl, nobody knows where it is.
        let Some(pearl) = lead.pearls.get(id) else {
            continue;
        };
        let campaign = match campaigns {
            Campaigns::Pearls => pearl,
            Campaigns::Outbounds(known) => match known.get(pearl) {
                Some(outbound) => outbound,
                None => {
                    return Addresses::Unaddressable(format!(
                        "no outbound id is configured for pearl `{}`",
                        super::safe_text(pearl)
                    ));
                }
            },
        };
        match nlpearl::outbound::address(campaign, id) {
            Some(address) if !found.contains(&address) => found.push(address),
            Some(_) => {}
            None => {
                let why = String::from("its pearl id or lead id is not an id");
                return Addresses::Unaddressable(why);
            }
        }
    }
    if found.is_empty() {
        Addresses::Absent
    } else {
        Addresses::At(found)
    }
}

#[cfg(test)]
mod tests;
