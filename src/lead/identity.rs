//! Which lead an event is about, and what its ids teach: a link is learnt from an event that names
//! ids of two systems. Pure over a [`Register`], so that the store and a replay in memory learn
//! alike.
//!
//! An event's own LeadPing id is the newest word on its own lead id. Another system's id that belongs
//! to a different LeadPing lead contradicts it: `contradiction` has the rule. Whose lead such an event
//! is about nobody knows, and nothing is learnt from it.

use std::sync::Arc;

use super::{LEADPING, LeadKey, LeadState, SystemId};
use crate::event::Facts;

mod contradiction;

/// Where leads and links are kept.
pub trait Register {
    type Error;
    fn lead_of(&mut self, id: &SystemId) -> Result<Option<LeadKey>, Self::Error>;
    fn load_lead(&mut self, lead: LeadKey) -> Result<Arc<LeadState>, Self::Error>;
    /// `None` makes a new lead.
    fn save_lead(
        &mut self,
        lead: Option<LeadKey>,
        state: &Arc<LeadState>,
    ) -> Result<LeadKey, Self::Error>;
    /// From now on `id` means `lead`.
    fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        pearl_id: Option<&str>,
    ) -> Result<(), Self::Error>;
    /// `gone` became part of `stays`, with all that was decided for it; its ids point there already.
    fn absorb(&mut self, gone: LeadKey, stays: LeadKey) -> Result<(), Self::Error>;
}

/// The lead that an event is about, once its ids were looked up and learnt.
pub struct Subject {
    pub lead: Option<LeadKey>,
    /// Shared with whoever keeps it: most events change nothing of it.
    pub state: Arc<LeadState>,
    /// Ids that were new to this lead: what waited for them can be decided.
    pub learnt: Vec<SystemId>,
}

/// Every id of the lead that an event names, each once, the sender's own first.
pub fn ids_of(source: &str, facts: &Facts) -> Vec<SystemId> {
    let mut ids: Vec<SystemId> = Vec::with_capacity(2);
    for (system, id) in named_by(source, facts) {
        // LeadPing's own webhooks name the same id twice.
        if !ids.iter().any(|known| known.is(system, id)) {
            ids.push(SystemId::new(system, id));
        }
    }
    ids
}

/// The same, as (system, id), and perhaps twice.
pub(super) fn named_by<'a>(
    source: &'a str,
    facts: &'a Facts,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let own = facts.source_lead_id.iter().map(move |id| (source, &**id));
    let leadping = facts.lead_id.iter().map(|id| (LEADPING, &**id));
    let links = facts.links.iter().map(|(system, id)| (&**system, &**id));
    own.chain(leadping).chain(links)
}

/// The lead of a newly decided event, which also teaches the calls that it names.
pub fn meet<R: Register>(
    register: &mut R,
    source: &str,
    facts: &Facts,
) -> Result<Subject, R::Error> {
    let ids = ids_of(source, facts);
    let mut subject = meet_again(register, &ids, facts)?;
    if subject.state.contradiction.is_none() && subject.state.has_new_call(&facts.calls) {
        Arc::make_mut(&mut subject.state).learn_calls(&facts.calls);
        if subject.lead.is_none() {
            subject = adopt(register, subject, &ids)?;
        }
        register.save_lead(subject.lead, &subject.state)?;
    }
    Ok(subject)
}

/// The lead of an event with these ids, whose calls are known.
pub fn meet_again<R: Register>(
    register: &mut R,
    ids: &[SystemId],
    facts: &Facts,
) -> Result<Subject, R::Error> {
    let leads = leads_of(register, ids)?;
    if let Some(why) = contradiction::among(register, ids, &leads)? {
        let state = LeadState {
            contradiction: Some(why),
            ..LeadState::default()
        };
        return Ok(Subject {
            lead: None,
            state: Arc::new(state),
            learnt: Vec::new(),
        });
    }
    resolve_among(register, (ids, leads), facts.pearl_id.as_deref())
}

/// A lead of its own for an event that names only its own id.
pub fn adopt<R: Register>(
    register: &mut R,
    subject: Subject,
    ids: &[SystemId],
) -> Result<Subject, R::Error> {
    let mut state = subject.state;
    Arc::make_mut(&mut state).ids = ids.to_vec();
    let lead = register.save_lead(None, &state)?;
    for id in ids {
        register.point(id, lead, None)?;
    }
    Ok(Subject {
        lead: Some(lead),
        state,
        learnt: subject.learnt,
    })
}

/// Finds the lead of `ids` (the sender's id first, then others it named), and learns from them;
/// `pearl_id` is where the sender has it.
pub fn resolve<R: Register>(
    register: &mut R,
    ids: &[SystemId],
    pearl_id: Option<&str>,
) -> Result<Subject, R::Error> {
    let leads = leads_of(register, ids)?;
    resolve_among(register, (ids, leads), pearl_id)
}

fn leads_of<R: Register>(
    register: &mut R,
    ids: &[SystemId],
) -> Result<Vec<Option<LeadKey>>, R::Error> {
    ids.iter().map(|id| register.lead_of(id)).collect()
}

fn resolve_among<R: Register>(
    register: &mut R,
    (ids, leads): (&[SystemId], Vec<Option<LeadKey>>),
    pearl_id: Option<&str>,
) -> Result<Subject, R::Error> {
    let leadping = ids.iter().position(|id| id.system == LEADPING);
    // LeadPing's own id decides; else the first id that is known.
    let mut lead = match leadping {
        Some(place) => leads[place],
        None => leads.iter().copied().flatten().next(),
    };
    let mut missing = Vec::new();
    let mut joined = false;
    for (place, id) in ids.iter().enumerate() {
        match leads[place] {
            None => missing.push(id.clone()),
            Some(known) if lead == Some(known) => {}
            Some(_) => {
                // A merge just now may have moved it.
                let known = register.lead_of(id)?.filter(|known| lead != Some(*known));
                let Some(known) = known else { continue };
                let other = register.load_lead(known)?;
                if other.lead_id().is_none() || leadping.is_none() {
                    joined |= lead.is_some();
                    lead = Some(merge(register, lead, known, &other)?);
                } else if place == 0 {
                    // The sender now names another LeadPing lead for its own lead.
                    unlink(register, known, other, id)?;
                    missing.push(id.clone());
                }
            }
        }
    }
    let state = match lead {
        Some(lead) => register.load_lead(lead)?,
        None => Arc::default(),
    };
    let mut subject = Subject {
        lead,
        state,
        learnt: Vec::new(),
    };
    let own = ids.first().filter(|id| id.system != LEADPING);
    let learnt_pearl = match (own, pearl_id) {
        (Some(own), Some(pearl_id)) if subject.state.pearl_of(&own.id) != Some(pearl_id) => {
            Arc::make_mut(&mut subject.state).learn_pearl(&own.id, pearl_id)
        }
        _ => false,
    };
    if ids.len() > 1 && !missing.is_empty() {
        // The pearl is that of the sender's own id.
        let own = ids.first().zip(pearl_id);
        learn(register, &mut subject, missing, own)?;
    } else if learnt_pearl && subject.lead.is_some() {
        // What waited for the lead's place in a campaign can be decided.
        register.save_lead(subject.lead, &subject.state)?;
        subject.learnt.clone_from(&subject.state.ids);
    } else if joined {
        // No id is new, but what one of the two waited for the other may have known.
        subject.learnt.clone_from(&subject.state.ids);
    }
    Ok(subject)
}

fn learn<R: Register>(
    register: &mut R,
    subject: &mut Subject,
    missing: Vec<SystemId>,
    own: Option<(&SystemId, &str)>,
) -> Result<(), R::Error> {
    let state = Arc::make_mut(&mut subject.state);
    state.ids.extend(missing.iter().cloned());
    let lead = register.save_lead(subject.lead, &subject.state)?;
    subject.lead = Some(lead);
    for id in &missing {
        let pearl_id = own
            .filter(|(own, _)| *own == id)
            .map(|(_, pearl_id)| pearl_id);
        register.point(id, lead, pearl_id)?;
    }
    // An id learnt frees what waited for any id of this lead.
    subject.learnt.clone_from(&subject.state.ids);
    Ok(())
}

/// Two leads turn out to be one: `other`, which has no LeadPing id, becomes part of `lead`.
fn merge<R: Register>(
    register: &mut R,
    lead: Option<LeadKey>,
    other: LeadKey,
    gone: &Arc<LeadState>,
) -> Result<LeadKey, R::Error> {
    let Some(lead) = lead else {
        return Ok(other);
    };
    let state = register.load_lead(lead)?;
    if state.lead_id().is_some() && gone.lead_id().is_some() {
        return Ok(lead);
    }
    // The side that is known at LeadPing stays; what was decided for the other is its past too.
    let (stays, mut kept, goes, lost) = if gone.lead_id().is_some() {
        (other, gone.clone(), lead, state)
    } else {
        (lead, state, other, gone.clone())
    };
    for id in &lost.ids {
        register.point(id, stays, None)?;
    }
    Arc::make_mut(&mut kept).absorb(Arc::unwrap_or_clone(lost));
    register.save_lead(Some(stays), &kept)?;
    register.absorb(goes, stays)?;
    Ok(stays)
}

fn unlink<R: Register>(
    register: &mut R,
    lead: LeadKey,
    mut state: Arc<LeadState>,
    id: &SystemId,
) -> Result<(), R::Error> {
    Arc::make_mut(&mut state).ids.retain(|known| known != id);
    register.save_lead(Some(lead), &state)?;
    Ok(())
}
