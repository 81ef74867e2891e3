//! Contradictions, and what only looks like one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::event::Facts;
use crate::lead::identity::{Register, Subject, meet};
use crate::lead::{LEADPING, LeadKey, LeadState, SystemId};

/// Leads and links in memory.
#[derive(Default)]
struct Known {
    links: HashMap<SystemId, LeadKey>,
    leads: HashMap<LeadKey, Arc<LeadState>>,
}

impl Register for Known {
    type Error = Infallible;

    fn lead_of(&mut self, id: &SystemId) -> Result<Option<LeadKey>, Infallible> {
        Ok(self.links.get(id).copied())
    }

    fn load_lead(&mut self, lead: LeadKey) -> Result<Arc<LeadState>, Infallible> {
        Ok(self.leads[&lead].clone())
    }

    fn save_lead(
        &mut self,
        lead: Option<LeadKey>,
        state: &Arc<LeadState>,
    ) -> Result<LeadKey, Infallible> {
        let next = 1 + i64::try_from(self.leads.len()).unwrap();
        let lead = lead.unwrap_or(LeadKey(next));
        self.leads.insert(lead, state.clone());
        Ok(lead)
    }

    fn point(
        &mut self,
        id: &SystemId,
        lead: LeadKey,
        _pearl_id: Option<&str>,
    ) -> Result<(), Infallible> {
        self.links.insert(id.clone(), lead);
        Ok(())
    }

    fn absorb(&mut self, _gone: LeadKey, _stays: LeadKey) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Known {
    fn all(&self) -> Vec<(SystemId, Option<String>)> {
        let links = self.links.iter();
        let mut all: Vec<_> = links
            .map(|(id, lead)| (id.clone(), self.leads[lead].lead_id().map(str::to_owned)))
            .collect();
        all.sort();
        all
    }

    /// An event of voice, about its lead of this name.
    fn voice(&mut self, own: &str, leadping: Option<&str>, crm: Option<&str>) -> Subject {
        self.meet("voice", own, leadping, crm.map(|id| ("crm", id)))
    }

    fn meet(
        &mut self,
        source: &str,
        own: &str,
        leadping: Option<&str>,
        other: Option<(&str, &str)>,
    ) -> Subject {
        let facts = Facts {
            source_lead_id: Some(own.to_owned()),
            lead_id: leadping.map(str::to_owned),
            links: other
                .into_iter()
                .map(|(system, id)| (system.to_owned(), id.to_owned()))
                .collect(),
            calls: vec![String::from("call")],
            ..Facts::default()
        };
        let Ok(subject) = meet(self, source, &facts);
        subject
    }
}

/// CRM lead 69 is LeadPing lead A; voice's `x` is, too.
fn known() -> Known {
    let mut known = Known::default();
    known.meet("crm", "69", Some("A"), None);
    known.voice("x", Some("A"), Some("69"));
    assert!(
        known
            .all()
            .iter()
            .all(|(_, lead)| lead.as_deref() == Some("A"))
    );
    known
}

#[test]
fn another_systems_id_of_another_leadping_lead_contradicts_and_teaches_nothing() {
    for (own, leadping) in [("y", Some("B")), ("x", Some("B")), ("z", None)] {
        let mut known = known();
        known.voice("b", Some("B"), None);
        if own == "z" {
            known.voice("z", Some("B"), None);
        }
        let before = known.all();
        let subject = known.voice(own, leadping, Some("69"));
        let why = subject.state.contradiction.as_deref().unwrap();
        let systems = match leadping {
            Some(_) => "its lead at `crm` is linked to another one",
            None => "its leads at `voice` and at `crm` are linked to different LeadPing leads",
        };
        assert!(why.contains(systems), "{why}");
        assert!(subject.lead.is_none() && subject.learnt.is_empty());
        assert!(subject.state.ids.is_empty() && subject.state.calls.is_empty());
        assert_eq!(known.all(), before);
    }
    // Nobody has heard of the LeadPing lead yet.
    let mut known = known();
    assert!(
        known
            .voice("y", Some("C"), Some("69"))
            .state
            .contradiction
            .is_some()
    );
    assert_eq!(known.lead_of(&SystemId::new(LEADPING, "C")), Ok(None));
}

#[test]
fn what_only_joins_or_moves_is_none() {
    let mut known = known();
    // Several ids of one source, each time of the same lead.
    assert!(
        known
            .voice("x2", Some("A"), Some("69"))
            .state
            .contradiction
            .is_none()
    );
    assert!(
        known
            .voice("x3", None, Some("69"))
            .state
            .contradiction
            .is_none()
    );
    // A source's newer word on its own id.
    assert!(
        known
            .voice("x", Some("B"), None)
            .state
            .contradiction
            .is_none()
    );
    assert!(
        known
            .meet("crm", "69", Some("B"), Some(("voice", "x")))
            .state
            .contradiction
            .is_none()
    );
    // Two leads turn out to be one.
    known.meet("crm", "70", None, None);
    known.voice("w", Some("W"), None);
    let joined = known.voice("w", Some("W"), Some("70"));
    assert!(joined.state.contradiction.is_none());
    assert_eq!(known.lead_of(&SystemId::new("crm", "70")), Ok(joined.lead));
    let mut unlinked = Known::default();
    unlinked.voice("x", None, Some("69"));
    unlinked.meet("crm", "70", None, Some(("voice", "y")));
    assert!(
        unlinked
            .voice("y", None, Some("69"))
            .state
            .contradiction
            .is_none()
    );
}
