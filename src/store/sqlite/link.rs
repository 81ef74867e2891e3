//! Links: which ids of which systems are one lead.
//!
//! A link is learnt from an event that names ids of two systems, or set by a person. An event's
//! own LeadPing id is the newest word on its own lead id; another system's id that already belongs
//! to a different LeadPing lead is left where it is.

use super::super::StoreError;
use super::writer::Scope;
use crate::lead::{LEADPING, LeadKey, LeadState, SystemId};

/// The lead that an event is about, once its ids were looked up and learnt.
pub(super) struct Subject {
    pub(super) lead: Option<LeadKey>,
    pub(super) state: LeadState,
    /// Ids that were new to this lead: what waited for them can be decided.
    pub(super) learnt: Vec<SystemId>,
}

impl Scope {
    /// Finds the lead of `own` (the sender's id first, then others it named), and learns from it.
    pub(super) fn resolve(
        &mut self,
        ids: &[SystemId],
        pearl_id: Option<&str>,
    ) -> Result<Subject, StoreError> {
        let leads = ids
            .iter()
            .map(|id| self.lead_of(id))
            .collect::<Result<Vec<_>, _>>()?;
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
                    let known = self.lead_of(id)?.filter(|known| lead != Some(*known));
                    let Some(known) = known else { continue };
                    let other = self.load_lead(known)?;
                    if other.lead_id().is_none() || leadping.is_none() {
                        joined |= lead.is_some();
                        lead = Some(self.merge(lead, known, &other)?);
                    } else if place == 0 {
                        // The sender now names another LeadPing lead for its own lead.
                        self.unlink(known, other, id)?;
                        missing.push(id.clone());
                    }
                }
            }
        }
        let state = match lead {
            Some(lead) => self.load_lead(lead)?,
            None => LeadState::default(),
        };
        let mut subject = Subject {
            lead,
            state,
            learnt: Vec::new(),
        };
        if ids.len() > 1 && !missing.is_empty() {
            self.learn(&mut subject, missing, pearl_id)?;
        } else if joined {
            // No id is new, but what one of the two waited for the other may have known.
            subject.learnt.clone_from(&subject.state.ids);
        }
        Ok(subject)
    }

    fn learn(
        &mut self,
        subject: &mut Subject,
        missing: Vec<SystemId>,
        pearl_id: Option<&str>,
    ) -> Result<(), StoreError> {
        subject.state.ids.extend(missing.iter().cloned());
        let lead = self.save_lead(subject.lead, &subject.state)?;
        subject.lead = Some(lead);
        for id in &missing {
            self.point(id, lead, pearl_id)?;
        }
        // An id learnt frees what waited for any id of this lead.
        subject.learnt.clone_from(&subject.state.ids);
        Ok(())
    }

    pub(super) fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        pearl_id: Option<&str>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO link (system, id, lead, pearl_id) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (system, id) DO UPDATE
                 SET lead = excluded.lead, pearl_id = coalesce(excluded.pearl_id, pearl_id)",
            )?
            .execute((&id.system, &id.id, lead.0, pearl_id))?;
        self.known.learn_link(id, lead);
        Ok(())
    }

    /// Two leads turn out to be one: `other`, which has no LeadPing id, becomes part of `lead`.
    fn merge(
        &mut self,
        lead: Option<LeadKey>,
        other: LeadKey,
        gone: &LeadState,
    ) -> Result<LeadKey, StoreError> {
        let Some(lead) = lead else {
            return Ok(other);
        };
        let mut state = self.load_lead(lead)?;
        if state.lead_id().is_some() && gone.lead_id().is_some() {
            return Ok(lead);
        }
        // The side that is known at LeadPing has the history; it stays.
        let (stays, mut kept, goes, lost) = if gone.lead_id().is_some() {
            (other, gone.clone(), lead, std::mem::take(&mut state))
        } else {
            (lead, state, other, gone.clone())
        };
        kept.learn_calls(&lost.calls);
        for id in &lost.ids {
            self.point(id, stays, None)?;
            if !kept.ids.contains(id) {
                kept.ids.push(id.clone());
            }
        }
        self.save_lead(Some(stays), &kept)?;
        self.connection
            .prepare_cached("DELETE FROM lead WHERE lead = ?1")?
            .execute([goes.0])?;
        self.known.forget_lead(goes);
        Ok(stays)
    }

    fn unlink(
        &mut self,
        lead: LeadKey,
        mut state: LeadState,
        id: &SystemId,
    ) -> Result<(), StoreError> {
        state.ids.retain(|known| known != id);
        self.save_lead(Some(lead), &state)?;
        Ok(())
    }
}
