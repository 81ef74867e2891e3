//! How leads end, place by place: their disposition, LeadPing's record of them, and what other
//! systems were last told. Only what differs is kept.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::leads::Leads;
use super::past::{Names, Past, unpacked};
use super::tally::MOST_KEYS;
use super::{Sides, words};
use crate::delivery::Slot;
use crate::lead::LEADPING;
use crate::systems::leadping::record;

const OTHERS: &str = "(others)";
const NOTHING: &str = "nothing";

/// So many leads end differently in this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadEnd {
    /// The target; `leadping.lead` is LeadPing's record of the lead.
    pub at: String,
    /// Category and outcome, the status that was written back, or what changes in the record;
    /// `nothing`: nothing was said there.
    pub before: String,
    pub after: String,
    pub leads: i64,
}

/// Place, before, after → leads.
#[derive(Debug, Default)]
pub(super) struct Ends {
    counts: BTreeMap<(String, String, String), i64>,
    /// Leads that end differently anywhere.
    pub(super) leads: i64,
}

impl Ends {
    pub(super) fn of(leads: &Leads) -> Self {
        let mut ends = Self::default();
        for pasts in leads.all_pasts() {
            if let (Some(current), Some(candidate)) = (pasts.current, pasts.candidate)
                && std::ptr::eq(current, candidate)
            {
                // One and the same while both tables lead to the same.
                continue;
            }
            let differing = differing(pasts, &leads.names);
            ends.leads += i64::from(!differing.is_empty());
            for end in differing {
                ends.add(end);
            }
        }
        ends
    }

    fn add(&mut self, end: (String, String, String)) {
        let is_full = self.counts.len() >= MOST_KEYS && !self.counts.contains_key(&end);
        let end = match is_full {
            true => (end.0, String::from(OTHERS), String::from(OTHERS)),
            false => end,
        };
        *self.counts.entry(end).or_default() += 1;
    }

    /// The most frequent first.
    pub(super) fn into_list(self) -> Vec<LeadEnd> {
        let counts = self.counts.into_iter();
        let mut list: Vec<LeadEnd> = counts
            .map(|((at, before, after), leads)| LeadEnd {
                at,
                before,
                after,
                leads,
            })
            .collect();
        list.sort_by_key(|end| -end.leads);
        list
    }
}

/// Where a lead ends differently, and how.
fn differing(pasts: Sides<Option<&Past>>, names: &Names) -> Vec<(String, String, String)> {
    let said = |past: Option<&Past>| past.map(|past| said(past, names)).unwrap_or_default();
    let (before, after) = (said(pasts.current), said(pasts.candidate));
    let slots: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let nothing = Said::default();
    let differing = slots.into_iter().filter_map(|slot| {
        let of = |said: &'_ BTreeMap<String, Said>| said.get(slot).unwrap_or(&nothing).clone();
        let (before, after) = (of(&before), of(&after));
        let others: Vec<&str> = words::differing(&before.members, &after.members).collect();
        let ends = match (before.words != after.words, others.as_slice()) {
            (true, _) => (before.words, after.words),
            (false, []) => return None,
            (false, others) => {
                let after = format!("{} with other {}", after.words, others.join(", "));
                (before.words, after)
            }
        };
        Some((place(slot), ends.0, ends.1))
    });
    differing.collect()
}

/// How a lead ends in one place.
#[derive(Debug, Clone)]
struct Said {
    words: String,
    /// What was sent last; of a record what all calls come to.
    members: Map<String, Value>,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            words: String::from(NOTHING),
            members: Map::new(),
        }
    }
}

/// The slot without the lead's address there.
fn place(slot: &str) -> String {
    let place = slot.split_once(':').map_or(slot, |(target, _)| target);
    place.to_owned()
}

/// Slot → what was last said there.
fn said(past: &Past, names: &Names) -> BTreeMap<String, Said> {
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for (name, entries) in past.members() {
        let slot = names.name(name);
        let parsed = Slot::parse(slot);
        let mut entries = entries.map(unpacked);
        let new = if parsed.is_record {
            let mut entries: Vec<Map<String, Value>> = entries.collect();
            entries.reverse();
            let members = record::together(entries.iter().filter_map(record::changes));
            let words = words::listed(&members);
            (!members.is_empty()).then_some(Said { words, members })
        } else {
            entries.next().map(|members| Said {
                words: words::of_members(parsed, &members),
                members,
            })
        };
        said.extend(new.map(|new| (slot.to_owned(), new)));
    }
    // What LeadPing itself says, too.
    if let Some(previous) = past.previous() {
        let (category, outcome) = (previous.category.as_deref(), previous.outcome.as_deref());
        let own = said.entry(String::from(LEADPING)).or_default();
        own.words = words::disposition(category, outcome);
    }
    said
}
