//! What a replay remembers of one lead, small: names as numbers, members as text.
//!
//! Nothing is decided or changed here: it is unpacked for `decide` and for `LeadState::apply`, and
//! packed again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::decision::{Decision, PlannedDelivery, Revision};
use crate::delivery::DeliveryId;
use crate::event::{Event, Sequence};
use crate::lead::course::Course;
use crate::lead::{Applied, Entry, EntryState, LeadState, MAX_ENTRIES, Previous, TargetHistory};

/// Sources, targets and systems, each name once.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    applied: Option<Sequence>,
    course: Option<Arc<Course>>,
    /// Newest first.
    entries: Arc<[Has]>,
}

/// One entry of the target, by the event that had it set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Has {
    event: Sequence,
    source: Name,
    timestamp: Timestamp,
    members: Arc<str>,
    call: Option<Arc<str>>,
}

impl Past {
    pub(super) fn previous(&self) -> Option<&Previous> {
        self.previous.as_deref()
    }

    /// Slot → the members of its entries, packed, the newest first.
    pub(super) fn members(&self) -> impl Iterator<Item = (Name, impl Iterator<Item = &str>)> {
        self.targets.iter().map(|target| {
            let entries = target.entries.iter();
            (target.name, entries.map(|entry| &*entry.members))
        })
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
                    applied: target.applied,
                    entries: target
                        .entries
                        .iter()
                        .map(|entry| entry.unpacked(names))
                        .collect(),
                    course: target.course.as_deref().cloned(),
                    // What comes back of a plan's calls nobody knows.
                    own_writes: Vec::new(),
                };
                (names.name(target.name).to_owned(), history)
            })
            .collect()
    }

    /// The past after this decision on `event`, as the daemon would write it.
    pub(super) fn after(&self, event: &Event, decision: &Decision, names: &mut Names) -> Self {
        // A change puts whole courses in the place of others: those stay packed.
        let mut state = self.state(names);
        if let Some(change) = &decision.applied {
            state.apply(&event.source, event.sequence, change);
        }
        Self::of(
            state,
            names,
            Parts {
                known: &self.targets,
                entries: |name, slot: &str, names: &mut Names| {
                    self.entries_after(name, (slot, event, decision), names)
                },
            },
        )
    }

    /// The past of two leads that turn out to be one.
    pub(super) fn joined(&self, gone: &Self, names: &mut Names) -> Self {
        let unpacked = |past: &Self, names: &Names| LeadState {
            courses: past.courses(names),
            ..past.state(names)
        };
        let mut state = unpacked(self, names);
        state.absorb(unpacked(gone, names));
        Self::of(
            state,
            names,
            Parts {
                known: &[],
                entries: |name, _: &str, _: &mut Names| {
                    let both = [self, gone]
                        .into_iter()
                        .filter_map(|past| past.target(name));
                    let mut entries: Vec<Has> =
                        both.flat_map(|target| target.entries.to_vec()).collect();
                    entries.sort_by_key(|entry| std::cmp::Reverse(entry.event));
                    entries.truncate(MAX_ENTRIES);
                    entries.into()
                },
            },
        )
    }

    fn target(&self, name: Name) -> Option<&TargetPast> {
        self.targets.iter().find(|known| known.name == name)
    }

    /// All but the courses.
    fn state(&self, names: &Names) -> LeadState {
        LeadState {
            previous: self.previous().cloned(),
            applied: self.applied(names),
            targets: self
                .targets
                .iter()
                .filter_map(|target| Some((names.name(target.name).to_owned(), target.applied?)))
                .collect(),
            ..LeadState::default()
        }
    }

    fn courses(&self, names: &Names) -> BTreeMap<String, Course> {
        self.targets
            .iter()
            .filter_map(|target| {
                let course = target.course.as_deref()?;
                Some((names.name(target.name).to_owned(), course.clone()))
            })
            .collect()
    }

    fn of(
        mut state: LeadState,
        names: &mut Names,
        parts: Parts<'_, impl Fn(Name, &str, &mut Names) -> Arc<[Has]>>,
    ) -> Self {
        let mut slots: Vec<Name> = parts.known.iter().map(|target| target.name).collect();
        slots.extend(state.slots().map(|slot| names.number_of(slot)));
        slots.sort_unstable();
        slots.dedup();
        let applied = state.applied.iter();
        Self {
            previous: state.previous.take().map(Box::new),
            applied: applied
                .map(|(source, applied)| (names.number_of(source), *applied))
                .collect(),
            targets: slots
                .into_iter()
                .map(|name| {
                    let slot = names.name(name).to_owned();
                    let known = parts.known.iter().find(|known| known.name == name);
                    let new = state.courses.remove(&slot).map(Arc::new);
                    TargetPast {
                        name,
                        applied: state.targets.get(&slot).copied(),
                        course: new.or_else(|| known?.course.clone()),
                        entries: (parts.entries)(name, &slot, names),
                    }
                })
                .collect(),
        }
    }

    fn entries_after(
        &self,
        name: Name,
        (slot, event, decision): (&str, &Event, &Decision),
        names: &mut Names,
    ) -> Arc<[Has]> {
        let known = self.target(name).map(|known| &known.entries);
        let sent = || {
            let all = decision.deliveries.iter();
            all.filter(|sent| sent.slot() == slot)
        };
        if decision.revisions.is_empty() && sent().next().is_none() {
            return known.cloned().unwrap_or_else(|| Arc::from([]));
        }
        let mut entries: Vec<Has> = known.map(|known| known.to_vec()).unwrap_or_default();
        for revision in &decision.revisions {
            if let Revision::Call { entry, call } = revision {
                for known in entries.iter_mut().filter(|known| known.id() == *entry) {
                    known.call = Some(call.as_str().into());
                }
            }
        }
        for sent in sent() {
            match &sent.amends {
                Some(amended) => {
                    for known in entries
                        .iter_mut()
                        .filter(|known| known.id() == amended.entry)
                    {
                        known.members = packed(&sent.members);
                    }
                }
                None => entries.insert(0, Has::of(event, sent, names)),
            }
        }
        entries.truncate(MAX_ENTRIES);
        entries.into()
    }
}

/// What a past is packed from besides a state.
struct Parts<'p, F> {
    /// Where a course stays as it was, unless the state has one.
    known: &'p [TargetPast],
    entries: F,
}

impl Has {
    fn of(event: &Event, sent: &PlannedDelivery, names: &mut Names) -> Self {
        Self {
            event: event.sequence,
            source: names.number_of(&event.source),
            timestamp: sent.timestamp,
            members: packed(&sent.members),
            call: sent.call.as_deref().map(Arc::from),
        }
    }

    /// Never shown; the same for both sides.
    fn id(&self) -> DeliveryId {
        DeliveryId(Uuid::from_u128(self.event.0.unsigned_abs().into()))
    }

    /// In a plan everything that was decided arrives at once.
    fn unpacked(&self, names: &Names) -> Entry {
        Entry {
            delivery: self.id(),
            event: self.event,
            source: names.name(self.source).to_owned(),
            members: unpacked(&self.members),
            call: self.call.as_deref().map(str::to_owned),
            timestamp: self.timestamp,
            has_clock: false,
            entry_id: None,
            there_since: None,
            state: EntryState::There,
        }
    }
}

pub(super) fn unpacked(members: &str) -> Map<String, Value> {
    serde_json::from_str(members).expect("it is what `packed` wrote: an object")
}

fn packed(members: &Map<String, Value>) -> Arc<str> {
    serde_json::to_string(members)
        .expect("an object of JSON values can be written as JSON")
        .into()
}
