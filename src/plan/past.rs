//! What a replay remembers of one lead, small: names as numbers, members as text.
//!
//! Nothing is decided or changed here: it is unpacked for `decide` and for `LeadState::apply`, and
//! packed again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::decision::Decision;
use crate::delivery::DeliveryId;
use crate::event::{Event, Sequence};
use crate::lead::{Applied, Entry, LeadState, Previous, TargetHistory};

/// Sources, targets and systems, each name once.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u32);

impl Names {
    /// There are as few as the configuration ever named.
    pub(super) fn number_of(&mut self, name: &str) -> Name {
        let place = self.0.iter().position(|known| known == name);
        let place = place.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        Name(u32::try_from(place).unwrap_or(u32::MAX))
    }

    pub(super) fn name(&self, name: Name) -> &str {
        self.0
            .get(usize::try_from(name.0).unwrap_or(usize::MAX))
            .map_or("", String::as_str)
    }
}

/// A lead's past under one set of tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Past {
    previous: Option<Box<Previous>>,
    applied: Box<[(Name, Applied)]>,
    targets: Box<[TargetPast]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TargetPast {
    name: Name,
    applied: Sequence,
    has: Option<Box<Has>>,
}

/// What the target has, by the event that had it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Has {
    event: Sequence,
    members: Box<str>,
    call: Option<Box<str>>,
}

impl Past {
    pub(super) fn previous(&self) -> Option<&Previous> {
        self.previous.as_deref()
    }

    pub(super) fn applied(&self, names: &Names) -> BTreeMap<String, Applied> {
        self.applied
            .iter()
            .map(|(name, applied)| (names.name(*name).to_owned(), *applied))
            .collect()
    }

    pub(super) fn targets(&self, names: &Names) -> BTreeMap<String, TargetHistory> {
        self.targets
            .iter()
            .map(|target| {
                let history = TargetHistory {
                    applied: Some(target.applied),
                    has: target.has.as_deref().map(Has::unpacked),
                };
                (names.name(target.name).to_owned(), history)
            })
            .collect()
    }

    /// The past after this decision on `event`, as the daemon would write it.
    pub(super) fn after(&self, event: &Event, decision: &Decision, names: &mut Names) -> Self {
        let mut state = LeadState {
            previous: self.previous().cloned(),
            applied: self.applied(names),
            targets: self
                .targets
                .iter()
                .map(|target| (names.name(target.name).to_owned(), target.applied))
                .collect(),
            ..LeadState::default()
        };
        if let Some(change) = &decision.applied {
            state.apply(&event.source, event.sequence, change);
        }
        let has = |slot: &str, name: Name| {
            let sent = decision
                .deliveries
                .iter()
                .rfind(|delivery| delivery.slot() == slot);
            match sent {
                Some(sent) => Some(Box::new(Has {
                    event: event.sequence,
                    members: packed(&sent.members),
                    call: sent.call.as_deref().map(Box::from),
                })),
                None => self
                    .targets
                    .iter()
                    .find(|known| known.name == name)
                    .and_then(|known| known.has.clone()),
            }
        };
        Self {
            previous: state.previous.map(Box::new),
            applied: state
                .applied
                .iter()
                .map(|(source, applied)| (names.number_of(source), *applied))
                .collect(),
            targets: state
                .targets
                .iter()
                .map(|(target, applied)| {
                    let name = names.number_of(target);
                    TargetPast {
                        name,
                        applied: *applied,
                        has: has(target, name),
                    }
                })
                .collect(),
        }
    }
}

impl Has {
    fn unpacked(&self) -> Entry {
        Entry {
            // Never shown; the same for both sides.
            delivery: DeliveryId(Uuid::from_u128(self.event.0.unsigned_abs().into())),
            members: serde_json::from_str(&self.members)
                .expect("it is what `packed` wrote: an object"),
            call: self.call.as_deref().map(str::to_owned),
        }
    }
}

fn packed(members: &Map<String, Value>) -> Box<str> {
    serde_json::to_string(members)
        .expect("an object of JSON values can be written as JSON")
        .into()
}
