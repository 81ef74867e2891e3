//! What a system itself says, once more and plainly: it counts over what was written there, unless
//! that is what it says, is newer, or is still on its way.

use jiff::Timestamp;

use super::reference::{AtTarget, Entry, Fate, Heard, Lead, Words, rank};
use super::said::Said;

/// What a system said last that was not what was written there.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) event: i64,
    stamp: Option<Timestamp>,
    words: Words,
    pub(super) over: Option<String>,
    /// Our entry, changed in its place as far as can be told.
    edited: Option<String>,
}

/// Newer by the clock that both have, else as recorded.
fn is_after(newest: (Option<Timestamp>, i64), own: (Option<Timestamp>, i64)) -> bool {
    match (newest.0, own.0) {
        (Some(newest), Some(own)) if newest != own => newest > own,
        _ => newest.1 >= own.1,
    }
}

impl Lead {
    /// Takes in what the event, which is no echo, says of its own system; whether that counts.
    pub(super) fn is_told(&mut self, heard: &Heard<'_>) -> bool {
        let said = heard.said;
        let target = match said.own() {
            "leadping" => "leadping",
            "nlpearl" => "nlpearl",
            "capillary" => "capillary",
            _ => return false,
        };
        let own = (said.stamp, said.sequence);
        let newest = self.stamps.get(&said.source);
        if said.is_of_call || newest.is_some_and(|newest| is_after(*newest, own)) {
            return false;
        }
        let at = self.at.entry(target).or_default();
        let is_known = at.words.is_some() || at.applied > 0;
        (is_known || target == "leadping") && at.is_told(heard)
    }
}

impl AtTarget {
    fn is_told(&mut self, heard: &Heard<'_>) -> bool {
        let said = heard.said;
        let own = (said.stamp, said.sequence);
        let before = self.report.clone();
        if before.is_some_and(|before| is_after((before.stamp, before.event), own)) {
            return false;
        }
        let has = self.has(heard.turn);
        if has.as_ref().is_some_and(|has| has.event > said.sequence) {
            return false;
        }
        let there = self.there(heard);
        let words = said.tells();
        let gave_way = self.let_give_way(said.sequence);
        let has = self.has(heard.turn);
        let is_coming = has.as_ref().map(|has| &has.id) != there.as_ref().map(|there| &there.id);
        let counts = match &there {
            Some(there) => self.is_over(there, heard),
            None => {
                let before = self.report.as_ref();
                (!is_coming || !gave_way.is_empty())
                    && before.is_none_or(|before| before.words != words)
            }
        };
        if !counts {
            assert!(
                gave_way.is_empty(),
                "{gave_way:?} gave way to nothing: {said:?}"
            );
            return false;
        }
        for entry in self.entries.iter().filter(|it| gave_way.contains(&it.id)) {
            self.may_give_way(said, &words, entry);
        }
        let is_news = there.is_some() || self.report.is_some() || !gave_way.is_empty();
        let may_be_edit = |there: &&Entry| {
            let marker = said.marker.as_ref();
            said.own() == "leadping" && marker.is_none_or(|marker| *marker == there.id)
        };
        let edited = there.as_ref().filter(may_be_edit);
        let edited = edited.map(|there| there.id.clone());
        let over = there.map(|there| there.id);
        let is_over = |id: &String| gave_way.contains(id) || over.as_ref() == Some(id);
        let newest = self.counting().map(|entry| entry.id.clone()).find(is_over);
        let over = newest.filter(|_| !is_coming).or(over);
        self.report = Some(Report {
            event: said.sequence,
            stamp: said.stamp,
            words: words.clone(),
            edited: edited.or_else(|| self.report.as_ref()?.edited.clone()),
            over: over.or_else(|| self.report.take()?.over),
        });
        if !is_coming {
            self.go_to(said, false, words);
            // A campaign has no clock.
            if is_news && said.stamp.is_some() {
                self.applied = self.applied.max(said.sequence);
            }
        }
        true
    }

    pub(super) fn has(&self, turn: i64) -> Option<Entry> {
        let is_there = |entry: &&Entry| self.members_of(entry, turn).is_some();
        self.counting().find(is_there).cloned()
    }

    /// Only what is older, and not a stronger source's last word.
    fn may_give_way(&self, said: &Said, words: &Words, entry: &Entry) {
        let clock = said.stamp.map(|at| at.as_second());
        let theirs = entry.has_clock.then(|| entry.at.as_second());
        let is_newer = match (clock, theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => ours > theirs,
            _ => said.sequence > entry.event,
        };
        let is_outranked = self.leaves_terminal(words) && rank(&said.source) > rank(&self.setter);
        assert!(
            is_newer && !is_outranked && said.own() != "nlpearl",
            "{entry:?} gave way to {said:?}"
        );
    }

    /// Whether more about this entry of ours would go over what the target itself said since.
    pub(super) fn is_told_over(&self, said: &Said, entry: &Entry, is_there: bool) -> bool {
        self.report.as_ref().is_some_and(|report| match is_there {
            true => report.edited.as_ref() == Some(&entry.id),
            false => said.is_of_call && report.event > entry.event,
        })
    }

    /// Whether the system said something newer than this.
    pub(super) fn has_said_since(&self, said: &Said) -> bool {
        let own = (said.stamp, said.sequence);
        self.report.as_ref().is_some_and(|report| {
            report.event != said.sequence && is_after((report.stamp, report.event), own)
        })
    }

    /// What was there when it came.
    fn there(&self, heard: &Heard<'_>) -> Option<Entry> {
        let was_there = |entry: &&Entry| {
            let mut writes = self.writes.iter();
            let set = writes.find(|write| write.id == entry.id).unwrap();
            let known = set.heard_at.map_or(set.ended, |at| at.min(set.ended));
            set.fate == Fate::Delivered && known < heard.said.received_at
        };
        self.counting().find(was_there).cloned()
    }

    fn is_over(&self, there: &Entry, heard: &Heard<'_>) -> bool {
        let said = heard.said;
        let marks = |entry: &&Entry| said.marker.as_ref() == Some(&entry.id);
        let marks_older = self
            .entries
            .iter()
            .rev()
            .take(16)
            .any(|entry| entry.id != there.id && marks(&entry));
        let is_older = said
            .stamp
            .is_some_and(|at| at.as_second() < there.at.as_second());
        let members = self.members_of(there, heard.turn).unwrap_or_default();
        !marks_older && !is_older && !said.agrees(&there.id, &members)
    }
}
