//! A lead's past after one more decision, without a store to write it down: for those who foresee
//! what several events in a row become. Pure.

use super::{Entry, EntryState, LeadHistory, LeadState, MAX_ENTRIES, TargetHistory};
use crate::decision::{Decision, PlannedDelivery, Revision};
use crate::delivery::DeliveryId;
use crate::event::Event;

impl LeadHistory {
    /// What the next event finds, this one just decided. Its calls are taken as being under way, as
    /// those of a lead that waits for nothing are; in shadow mode withheld ones count as there.
    #[must_use]
    pub fn after(&self, event: &Event, decision: &Decision) -> Self {
        let mut next = self.clone();
        if let Some(change) = &decision.applied {
            let mut state = LeadState {
                previous: next.previous.take(),
                applied: std::mem::take(&mut next.applied),
                ..LeadState::default()
            };
            state.apply(&event.source, event.sequence, change);
            next.previous = state.previous;
            next.applied = state.applied;
            for (slot, sequence) in state.targets {
                let target = next.targets.entry(slot).or_default();
                target.applied = target.applied.max(Some(sequence));
            }
            for (slot, course) in state.courses {
                next.targets.entry(slot).or_default().course = Some(course);
            }
        }
        for target in next.targets.values_mut() {
            for revision in &decision.revisions {
                target.revise(revision, event);
            }
        }
        for sent in &decision.deliveries {
            next.targets
                .entry(sent.slot())
                .or_default()
                .take(event, sent);
        }
        next
    }

    /// Takes over what was decided for the lead; what is known of it otherwise stays its own.
    pub fn take_decided(&mut self, other: &Self) {
        self.previous.clone_from(&other.previous);
        self.applied.clone_from(&other.applied);
        for (slot, decided) in &other.targets {
            let target = self.targets.entry(slot.clone()).or_default();
            // Which writes may come back depends on whose webhook it is.
            let own_writes = std::mem::take(&mut target.own_writes);
            *target = TargetHistory {
                own_writes,
                ..decided.clone()
            };
        }
    }
}

impl TargetHistory {
    fn entry(&mut self, delivery: DeliveryId) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.delivery == delivery)
    }

    fn revise(&mut self, revision: &Revision, by: &Event) {
        match revision {
            Revision::Call { entry, call } => {
                if let Some(entry) = self.entry(*entry) {
                    entry.call = Some(call.clone());
                }
            }
            Revision::Fold { into, members } => {
                if let Some(entry) = self.entry(*into) {
                    entry.members.clone_from(members);
                }
            }
            Revision::Supersede { delivery } => {
                if let Some(entry) = self.entry(*delivery) {
                    entry.state = EntryState::Absent;
                }
            }
            // Calls are taken as being under way.
            Revision::SupersedeAmends { .. } => {}
            Revision::Echoed { delivery } => {
                self.own_writes.retain(|write| write.delivery != *delivery);
                let coming = self.entry(*delivery);
                if let Some(entry) = coming.filter(|it| it.state == EntryState::OnItsWay) {
                    entry.state = EntryState::There;
                    entry.there_since = Some(by.received_at);
                }
            }
        }
    }

    fn take(&mut self, event: &Event, sent: &PlannedDelivery) {
        if let Some(amended) = &sent.amends {
            if let Some(entry) = self.entry(amended.entry) {
                entry.members.clone_from(&sent.members);
            }
            return;
        }
        let entry = Entry {
            delivery: sent.id,
            event: event.sequence,
            source: event.source.clone(),
            members: sent.members.clone(),
            call: sent.call.clone(),
            timestamp: sent.timestamp,
            // Asked of what is unsent alone.
            has_clock: false,
            entry_id: None,
            there_since: None,
            state: match sent.withheld {
                true => EntryState::There,
                false => EntryState::OnItsWay,
            },
        };
        self.entries.insert(0, entry);
        self.entries.truncate(MAX_ENTRIES);
    }
}
