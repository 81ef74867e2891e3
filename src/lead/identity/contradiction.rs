//! Ids that contradict each other: one event names ids that are known to be of different LeadPing
//! leads. Which of them is wrong only a person can know; believed, it would write to somebody else's
//! lead. An event's own LeadPing id may move its own lead id, and nobody else's. Pure.

use super::Register;
use crate::lead::{LEADPING, LeadKey, SystemId};

/// Why it cannot be told whose lead an event with these `ids`, the sender's own first, is about;
/// `leads`: where each of them is known.
pub(super) fn among<R: Register>(
    register: &mut R,
    ids: &[SystemId],
    leads: &[Option<LeadKey>],
) -> Result<Option<String>, R::Error> {
    let named = ids.iter().position(|id| id.system == LEADPING);
    let asked = |place: &usize| named.is_none() || (*place != 0 && Some(*place) != named);
    let known = || {
        let places = (0..ids.len()).filter(asked);
        places.filter_map(|place| Some((&ids[place], leads[place]?)))
    };
    // Nearly always they are all of one lead.
    let lead = match named {
        Some(place) => leads[place],
        None => known().next().map(|(_, lead)| lead),
    };
    if known().all(|(_, known)| Some(known) == lead) {
        return Ok(None);
    }
    let mut first: Option<(&SystemId, String)> = named.map(|place| {
        let own = &ids[place];
        (own, own.id.clone())
    });
    for (id, lead) in known() {
        let state = register.load_lead(lead)?;
        let Some(lead_id) = state.lead_id() else {
            continue;
        };
        match &first {
            Some((_, other)) if other == lead_id => {}
            Some((by, _)) => return Ok(Some(why(by, id))),
            None => first = Some((id, lead_id.to_owned())),
        }
    }
    Ok(None)
}

fn why(by: &SystemId, id: &SystemId) -> String {
    let system = &id.system;
    let how = match by.system == LEADPING {
        true => {
            format!("it names a LeadPing lead, but its lead at `{system}` is linked to another one")
        }
        false => format!(
            "its leads at `{}` and at `{system}` are linked to different LeadPing leads",
            by.system
        ),
    };
    format!(
        "its ids contradict each other: {how}; if the event is right, move the link \
         (`leadping-bridge links set {system} <its lead id> <LeadPing lead id>`) and release this, \
         else mend the sender"
    )
}

#[cfg(test)]
mod tests;
