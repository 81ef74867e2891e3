//! The leads of a replay: which ids mean whom, what is known of each, and its past under either
//! set of tables. It grows with the number of leads, not of events.
//!
//! Ids are found by a hash of 128 bits, so that each stands here once.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Sides;
use super::past::{Name, Names, Past};
use crate::lead::identity::{self, Register, Subject};
use crate::lead::{ForeseenKeys, LeadKey, LeadState, SystemId};
use crate::store::KnownLead;

#[derive(Debug, Default)]
pub(super) struct Leads {
    pub(super) names: Names,
    by_id: HashMap<u128, LeadKey>,
    leads: HashMap<LeadKey, Lead>,
    made: ForeseenKeys,
    /// Leads that became part of others since this was last asked.
    absorbed: Vec<(LeadKey, LeadKey)>,
}

#[derive(Debug, Default)]
struct Lead {
    ids: Box<[(Name, Box<str>)]>,
    calls: Vec<Box<str>>,
    pearls: BTreeMap<String, String>,
    /// One and the same while both tables lead to the same.
    pasts: Sides<Option<Arc<Past>>>,
}

/// What an id is found by.
pub fn id_key(id: &SystemId) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        id.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

impl Leads {
    pub(super) fn count(&self) -> usize {
        self.leads.len()
    }

    /// Takes in what the link table knows, where the events have not taught otherwise.
    pub(super) fn know(&mut self, known: KnownLead) {
        if self.leads.contains_key(&known.lead) {
            return;
        }
        self.keep(known.lead, &known.ids, &[], &known.pearls);
        for id in &known.ids {
            self.by_id.entry(id_key(id)).or_insert(known.lead);
        }
    }

    /// The lead that an event is about, made if need be; `None`: it names no id at all.
    pub(super) fn meet(&mut self, source: &str, facts: &crate::event::Facts) -> Subject {
        let Ok(subject) = identity::meet(self, source, facts);
        if subject.lead.is_some() || subject.state.contradiction.is_some() {
            return subject;
        }
        let ids = identity::ids_of(source, facts);
        if ids.is_empty() {
            return subject;
        }
        let Ok(subject) = identity::adopt(self, subject, &ids);
        subject
    }

    pub(super) fn absorbed(&mut self) -> Vec<(LeadKey, LeadKey)> {
        std::mem::take(&mut self.absorbed)
    }

    pub(super) fn pasts(&self, lead: Option<LeadKey>) -> Sides<Option<Arc<Past>>> {
        lead.and_then(|lead| self.leads.get(&lead))
            .map(|lead| lead.pasts.clone())
            .unwrap_or_default()
    }

    pub(super) fn set_pasts(&mut self, lead: LeadKey, mut pasts: Sides<Option<Arc<Past>>>) {
        if pasts.current == pasts.candidate {
            pasts.candidate.clone_from(&pasts.current);
        }
        self.leads.entry(lead).or_default().pasts = pasts;
    }

    /// What was decided for each lead, on both sides.
    pub(super) fn all_pasts(&self) -> impl Iterator<Item = Sides<Option<&Past>>> {
        self.leads.values().map(|lead| Sides {
            current: lead.pasts.current.as_deref(),
            candidate: lead.pasts.candidate.as_deref(),
        })
    }

    fn keep(
        &mut self,
        lead: LeadKey,
        ids: &[SystemId],
        calls: &[String],
        pearls: &BTreeMap<String, String>,
    ) {
        let names = &mut self.names;
        let kept = self.leads.entry(lead).or_default();
        let same_ids =
            kept.ids.len() == ids.len()
                && kept.ids.iter().zip(ids).all(|((system, known), id)| {
                    **known == *id.id && names.name(*system) == id.system
                });
        if !same_ids {
            kept.ids = ids
                .iter()
                .map(|id| (names.number_of(&id.system), id.id.as_str().into()))
                .collect();
        }
        if kept.pearls != *pearls {
            kept.pearls.clone_from(pearls);
        }
        // Calls are only ever added.
        let known = kept.calls.len();
        kept.calls
            .extend(calls.iter().skip(known).map(|call| call.as_str().into()));
    }
}

impl Register for Leads {
    type Error = Infallible;

    fn lead_of(&mut self, id: &SystemId) -> Result<Option<LeadKey>, Infallible> {
        Ok(self.by_id.get(&id_key(id)).copied())
    }

    fn load_lead(&mut self, lead: LeadKey) -> Result<Arc<LeadState>, Infallible> {
        let Some(lead) = self.leads.get(&lead) else {
            return Ok(Arc::default());
        };
        Ok(Arc::new(LeadState {
            ids: lead
                .ids
                .iter()
                .map(|(system, id)| SystemId::new(self.names.name(*system), &**id))
                .collect(),
            calls: lead.calls.iter().map(|call| call.to_string()).collect(),
            pearls: lead.pearls.clone(),
            ..LeadState::default()
        }))
    }

    fn save_lead(
        &mut self,
        lead: Option<LeadKey>,
        state: &Arc<LeadState>,
    ) -> Result<LeadKey, Infallible> {
        let lead = lead.unwrap_or_else(|| self.made.make());
        self.keep(lead, &state.ids, &state.calls, &state.pearls);
        Ok(lead)
    }

    fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        _pearl_id: Option<&str>,
    ) -> Result<(), Infallible> {
        self.by_id.insert(id_key(id), lead);
        Ok(())
    }

    fn absorb(&mut self, gone: LeadKey, stays: LeadKey) -> Result<(), Infallible> {
        let gone_pasts = self.leads.remove(&gone).unwrap_or_default().pasts;
        let names = &mut self.names;
        let kept = self.leads.entry(stays).or_default();
        let mut join = |kept: &mut Option<Arc<Past>>, gone: Option<Arc<Past>>| {
            *kept = match (kept.take(), gone) {
                (Some(past), Some(gone)) => Some(Arc::new(past.joined(&gone, names))),
                (past, gone) => past.or(gone),
            };
        };
        join(&mut kept.pasts.current, gone_pasts.current);
        join(&mut kept.pasts.candidate, gone_pasts.candidate);
        self.absorbed.push((gone, stays));
        Ok(())
    }
}
