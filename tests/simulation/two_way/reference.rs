//! The rules of deciding, said once more and as plainly as possible: an event after the other, no
//! store, no time that passes, nothing shared with the code that is tested. Slow and small.
//!
//! What the world did is an input: which deliveries a target refused or gave way to newer ones, and
//! which webhook was taken for an echo (that it may be taken for one is checked here). What a system
//! itself says counts by the rules of `told`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leadping_bridge::delivery::DeliveryId;

use super::ground::RETURNS;
use super::said::{Members, Said, System, Wants};
use super::told::Report;

const TERMINAL: &str = "Converted";
const WINDOW: SignedDuration = SignedDuration::from_secs(600);
/// Entries of a lead at a target that are looked at.
const ENTRIES: usize = 16;

/// What became of a delivery in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Refused,
    GaveWay,
}

/// A delivery, as it ended.
#[derive(Debug, Clone)]
pub struct Sent {
    pub id: String,
    pub ended: Timestamp,
    pub fate: Fate,
    /// The event that it gave way to.
    pub gave_way_to: Option<i64>,
}

/// What the world shows of one event.
pub struct Seen {
    /// By target.
    pub deliveries: BTreeMap<String, Sent>,
    /// The write that it was taken for the echo of.
    pub echo_of: Option<String>,
    /// What its sender says was taken for what it has.
    pub is_told: bool,
}

/// What an event should have become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    pub parked: Option<&'static str>,
    /// Target → verdict.
    pub verdicts: BTreeMap<&'static str, &'static str>,
}

/// A set or an amend, in the order decided.
#[derive(Debug, Clone)]
pub struct Write {
    pub id: String,
    /// The set's, where this is an amend.
    pub entry: String,
    pub event: i64,
    pub members: Members,
    pub ended: Timestamp,
    pub fate: Fate,
    pub gave_way_to: Option<i64>,
    /// From the event after this one on everybody knew that it was refused.
    known_after: i64,
    echoed_by: Option<i64>,
    /// Then it was there, whether its answer had come or not.
    pub(super) heard_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) event: i64,
    pub(super) at: Timestamp,
    pub(super) has_clock: bool,
    source: String,
    call: Option<String>,
}

/// What a lead is at one target.
#[derive(Debug, Default)]
pub struct AtTarget {
    pub writes: Vec<Write>,
    pub(super) entries: Vec<Entry>,
    pub(super) applied: i64,
    pub(super) words: Option<Words>,
    pub(super) report: Option<Report>,
    /// Writes that have given way by now.
    pub(super) given_way: BTreeSet<String>,
    pub(super) setter: String,
    is_final: bool,
    had: BTreeSet<Words>,
    returns: Vec<Timestamp>,
}

/// Category and outcome; elsewhere the status.
pub(super) type Words = (String, String);

fn words(target: &str, members: &Members) -> Words {
    let text = |member: &str| {
        members
            .get(member)
            .map_or(String::new(), ToString::to_string)
    };
    match target {
        "leadping" => (text("category"), text("outcome")),
        _ => (String::new(), text("status") + &text("reasonId")),
    }
}

#[derive(Debug, Default)]
pub struct Lead {
    pub at: BTreeMap<&'static str, AtTarget>,
    /// Ids that are known to be of one lead.
    together: Vec<BTreeSet<System>>,
    /// Source → newest stamp that was applied, and the newest event.
    pub(super) stamps: BTreeMap<String, (Option<Timestamp>, i64)>,
    waiting: BTreeSet<i64>,
    /// What holds the lead before it is known at LeadPing: the event, its source, what it wants.
    held: Option<(i64, String, bool, Words)>,
}

/// 0 is strongest.
pub(super) fn rank(source: &str) -> usize {
    let order = ["crm", "voice"];
    order
        .iter()
        .position(|it| *it == source)
        .unwrap_or(order.len())
}

pub struct Reference<'w> {
    pub events: &'w BTreeMap<i64, Said>,
    pub seen: &'w BTreeMap<i64, Seen>,
    pub supersede: bool,
    /// The newest event at the end of each time in which targets refused: by then that was known.
    pub refusals: &'w [i64],
    pub leads: BTreeMap<u64, Lead>,
    pub expected: BTreeMap<i64, Expected>,
    /// Events that told what their own system has.
    pub told: BTreeSet<i64>,
    /// Events that were parked: some are decided again at each start.
    pub waited: BTreeSet<i64>,
}

impl Reference<'_> {
    pub fn run(&mut self) {
        let events = self.events;
        for (sequence, said) in events {
            let lead = self.leads.entry(said.lead).or_default();
            if lead.learn(&said.names) {
                let waiting = lead
                    .waiting
                    .iter()
                    .filter(|it| lead.is_one(said, &events[it]));
                for waiting in waiting.copied().collect::<Vec<_>>() {
                    self.decide(waiting, *sequence);
                }
            }
            self.decide(*sequence, *sequence);
        }
    }

    /// `turn`: the event that is being recorded meanwhile.
    fn decide(&mut self, sequence: i64, turn: i64) {
        let (said, seen) = (&self.events[&sequence], &self.seen[&sequence]);
        let lead = self.leads.entry(said.lead).or_default();
        let mut expected = Expected::default();
        let now = self.events[&turn].received_at;
        let about = Heard { said, turn };
        let is_echo = lead.is_echo(said, seen);
        if !is_echo && lead.is_told(&about) {
            self.told.insert(sequence);
        }
        match said.wants() {
            Wants::Nothing => {}
            Wants::Person => expected.parked = Some("row"),
            Wants::Unknown => expected.parked = Some("unmapped"),
            Wants::Calls { is_final, calls } => {
                let case = Case {
                    said,
                    seen,
                    is_echo,
                    is_final,
                    is_news: lead.has_news(said),
                    turn,
                    now,
                    supersede: self.supersede,
                    refusals: self.refusals,
                };
                // What may not be said at LeadPing is said nowhere.
                let (first, others): (Vec<_>, Vec<_>) = calls
                    .into_iter()
                    .partition(|(target, _)| *target == "leadping");
                let mut bearing = match first.first() {
                    Some(_) => Bearing::Free,
                    None => lead.bearing_without_a_word(&case),
                };
                for (target, members) in first.into_iter().chain(others) {
                    let wanted = words(target, &members);
                    let detailed = lead.detailed(&case, target, &wanted);
                    let verdict = lead.weigh(&case, target, &members, bearing);
                    if target == "leadping" {
                        bearing = lead.bearing(&case, verdict, detailed);
                    }
                    if verdict == "unlinked" {
                        if lead.is_held_from(&case, &wanted) {
                            bearing = Bearing::Overruled;
                        }
                        lead.hold(&case, wanted);
                    }
                    expected.verdicts.insert(target, verdict);
                }
                lead.note(said, &expected);
            }
        }
        for (verdict, cause) in [("unlinked", "unlinked"), ("looping", "looping")] {
            if expected.verdicts.values().any(|it| *it == verdict) {
                expected.parked = expected.parked.or(Some(cause));
            }
        }
        match expected.parked {
            Some("unlinked") => lead.waiting.insert(sequence),
            _ => lead.waiting.remove(&sequence),
        };
        if expected.parked.is_some() {
            self.waited.insert(sequence);
        }
        self.expected.insert(sequence, expected);
    }
}

/// What an event's word at LeadPing means for what else it wants.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bearing {
    Free,
    /// A stronger source holds the lead.
    Overruled,
    /// More about what the lead is no more.
    Old,
    /// More about what it is since this event.
    Since(i64),
}

/// An event when it is decided.
pub(super) struct Heard<'c> {
    pub(super) said: &'c Said,
    pub(super) turn: i64,
}

struct Case<'c> {
    said: &'c Said,
    seen: &'c Seen,
    is_echo: bool,
    is_final: bool,
    /// Its own system was changed again, by its clock.
    is_news: bool,
    turn: i64,
    now: Timestamp,
    supersede: bool,
    refusals: &'c [i64],
}

impl Case<'_> {
    fn known_after(&self) -> i64 {
        let mut ends = self.refusals.iter().copied();
        ends.find(|end| *end >= self.turn).unwrap_or(i64::MAX)
    }
}

impl Lead {
    /// Ids named together are one lead's; whether that was news.
    fn learn(&mut self, names: &BTreeSet<System>) -> bool {
        let (mut one, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.together)
            .into_iter()
            .partition(|known| !known.is_disjoint(names));
        let is_news = !one.iter().any(|known| known.is_superset(names));
        let mut joined = names.clone();
        joined.extend(one.drain(..).flatten());
        self.together = others;
        self.together.push(joined);
        is_news
    }

    /// Both are known to be about the same.
    fn is_one(&self, one: &Said, other: &Said) -> bool {
        let mut known = self.together.iter();
        known.any(|known| !known.is_disjoint(&one.names) && !known.is_disjoint(&other.names))
    }

    /// What waits for the lead's link, recorded before, is not left by a weaker source.
    fn is_held_from(&self, case: &Case<'_>, wanted: &Words) -> bool {
        let said = case.said;
        self.held.as_ref().is_some_and(|(event, by, is_final, to)| {
            let leaves = (is_terminal(to) && to.0 != wanted.0) || (*is_final && to != wanted);
            *event < said.sequence && leaves && rank(&said.source) > rank(by)
        })
    }

    fn hold(&mut self, case: &Case<'_>, wanted: Words) {
        let said = case.said;
        let own = said.sequence;
        let stays = self.held.as_ref().is_some_and(|(event, by, ..)| {
            *event > own || (*event < own && rank(&said.source) > rank(by))
        });
        if !stays && (is_terminal(&wanted) || case.is_final) {
            self.held = Some((own, said.source.clone(), case.is_final, wanted));
        }
    }

    /// The entry that the event is more about: its event, and whether it is the newest.
    fn detailed(&self, case: &Case<'_>, target: &str, wanted: &Words) -> Option<(i64, bool)> {
        let at = self.at.get(target)?;
        let entry = &at.entries[at.entry_detailed(case, target, wanted)?];
        let newest = at.counting().next();
        let is_newest = newest.is_some_and(|newest| newest.id == entry.id);
        Some((entry.event, is_newest))
    }

    fn has_news(&self, said: &Said) -> bool {
        let mut reports = self.at.values().filter_map(|at| at.report.as_ref());
        said.stamp.is_some() && reports.any(|report| report.event == said.sequence)
    }

    fn bearing(&self, case: &Case<'_>, verdict: &str, detailed: Option<(i64, bool)>) -> Bearing {
        let own = case.said.sequence;
        match (verdict, detailed) {
            ("outranked", _) => Bearing::Overruled,
            ("unlinked", _) | (_, None) => Bearing::Free,
            ("delivery", _) if !case.said.is_of_call => Bearing::Free,
            (_, Some((event, _))) if case.is_news && event != own => Bearing::Free,
            ("stale", _) | (_, Some((_, false))) => Bearing::Old,
            (_, Some((event, true))) => Bearing::Since(event),
        }
    }

    /// What says nothing at LeadPing does not lead away from what a stronger source holds; and what
    /// LeadPing itself said counts until it says, or is told, something else.
    fn bearing_without_a_word(&self, case: &Case<'_>) -> Bearing {
        let said = case.said;
        let at = self.at.get("leadping");
        if said.own() == "leadping" {
            let is_old = at.is_some_and(|at| {
                let has = at.has(case.turn);
                at.has_said_since(said) || has.is_some_and(|has| has.event > said.sequence)
            });
            return if is_old { Bearing::Old } else { Bearing::Free };
        }
        let is_weaker = |than: &str| rank(&said.source) > rank(than);
        let is_held = match (self.knows(said, System::Leadping), &self.held) {
            (false, Some((event, by, ..))) => *event < said.sequence && is_weaker(by),
            _ => at.is_some_and(|at| at.is_held() && is_weaker(&at.setter)),
        };
        if is_held {
            Bearing::Overruled
        } else {
            Bearing::Free
        }
    }

    fn knows(&self, said: &Said, system: System) -> bool {
        let mut known = self.together.iter();
        known.any(|known| known.contains(&system) && !known.is_disjoint(&said.names))
    }

    /// The stamps that later events are compared with.
    fn note(&mut self, said: &Said, expected: &Expected) {
        let applies =
            |verdict: &&str| ["echo", "unchanged", "detail", "delivery"].contains(verdict);
        if expected.verdicts.values().any(applies) {
            let newest = self.stamps.entry(said.source.clone()).or_default();
            *newest = (newest.0.max(said.stamp), newest.1.max(said.sequence));
        }
    }

    fn weigh(
        &mut self,
        case: &Case<'_>,
        target: &'static str,
        members: &Members,
        bearing: Bearing,
    ) -> &'static str {
        let said = case.said;
        let (system, nowhere) = match target {
            "leadping" => (System::Leadping, "unlinked"),
            "nlpearl" => (System::Nlpearl, "absent"),
            _ => (System::Capillary, "absent"),
        };
        let is_echo = case.is_echo;
        if !self.knows(said, system) {
            // Our own write coming back waits for nothing.
            return match nowhere {
                "unlinked" if is_echo => "echo",
                _ => nowhere,
            };
        }
        let is_late = matches!(
            (self.stamps.get(&said.source), said.stamp),
            (Some((Some(newest), _)), Some(ours)) if ours < *newest
        );
        let at = self.at.entry(target).or_default();
        let verdict = match () {
            () if is_echo => "echo",
            () if is_late || at.applied > said.sequence => "stale",
            () if bearing == Bearing::Overruled => "outranked",
            () if at.is_overtaken(said, target, bearing) => at.has_it(case.turn, members),
            () => at.weigh(case, target, members),
        };
        // An echo is news at no other target than its own.
        let is_said_here = !is_echo || said.own() == target;
        if is_said_here && ["echo", "unchanged", "detail", "delivery"].contains(&verdict) {
            at.applied = at.applied.max(said.sequence);
        }
        verdict
    }

    /// The world says whether it was taken for one; it must be one of the writes that may still
    /// come back, and if one certainly could, it must have been.
    fn is_echo(&mut self, said: &Said, seen: &Seen) -> bool {
        let mut may = Vec::new();
        for (target, at) in &mut self.at {
            may.extend(at.writes.iter_mut().filter(|write| {
                write.event < said.sequence
                    && decided_at(&write.id) <= said.received_at
                    && said.reports(target, &write.entry, &write.members)
                    && write.echoed_by.is_none_or(|by| by == said.sequence)
            }));
        }
        let is_awaited = |write: &Write| {
            write.fate == Fate::Delivered && write.ended + WINDOW >= said.received_at
        };
        let must_be = |write: &Write| {
            let was_there = match said.is_fired {
                true => write.ended <= said.received_at,
                false => write.ended < said.received_at,
            };
            is_awaited(write) && was_there
        };
        let taken = match &seen.echo_of {
            Some(of) => may
                .into_iter()
                .find(|write| write.id == *of && is_awaited(write)),
            None => may.into_iter().find(|write| must_be(write)),
        };
        if let Some(write) = taken {
            write.echoed_by = Some(said.sequence);
            write.heard_at = Some(said.received_at);
            return true;
        }
        false
    }
}

impl AtTarget {
    fn is_gone(&self, write: &Write, turn: i64) -> bool {
        match write.fate {
            Fate::Delivered => false,
            Fate::Refused => write.known_after < turn,
            Fate::GaveWay => self.given_way.contains(&write.id),
        }
    }

    /// What the world had give way to this event has done so from now on.
    pub(super) fn let_give_way(&mut self, to: i64) -> Vec<String> {
        let writes = self.writes.iter();
        let gone = writes.filter(|write| write.gave_way_to == Some(to));
        let gone: Vec<String> = gone.map(|write| write.id.clone()).collect();
        self.given_way.extend(gone.iter().cloned());
        gone
    }

    /// The entry's set and amends that count, oldest first.
    fn writes_of<'a>(
        &'a self,
        entry: &'a Entry,
        turn: i64,
    ) -> impl DoubleEndedIterator<Item = &'a Write> {
        let writes = self.writes.iter().filter(|write| write.entry == entry.id);
        writes.filter(move |write| !self.is_gone(write, turn))
    }

    /// `None`: it never got there, or gave way.
    pub(super) fn members_of(&self, entry: &Entry, turn: i64) -> Option<Members> {
        let has_set = self
            .writes_of(entry, turn)
            .any(|write| write.id == entry.id);
        let newest = self.writes_of(entry, turn).next_back();
        newest
            .filter(|_| has_set)
            .map(|write| write.members.clone())
    }

    fn words_of(&self, target: &str, entry: &Entry, turn: i64) -> Words {
        let first = self
            .writes
            .iter()
            .find(|write| write.id == entry.id)
            .unwrap();
        let members = self.writes_of(entry, turn).next_back().unwrap_or(first);
        words(target, &members.members)
    }

    fn weigh(&mut self, case: &Case<'_>, target: &str, members: &Members) -> &'static str {
        let (said, turn) = (case.said, case.turn);
        let is_disposition = target == "leadping";
        let same_call = |entry: &Entry| match (&entry.call, &said.call) {
            (Some(known), Some(named)) => !is_disposition || known == named,
            _ => true,
        };
        let wanted = words(target, members);
        if let Some(place) = self.entry_detailed(case, target, &wanted) {
            let entry = self.entries[place].clone();
            let is_newest = place + 1 == self.entries.len();
            let members_there = self.members_of(&entry, turn);
            if self.is_told_over(said, &entry, members_there.is_some()) {
                return "stale";
            }
            match members_there {
                Some(has) => return self.detail(case, (target, place), (has, members)),
                None if !is_newest => return "stale",
                // What did not get there then is sent now.
                None => {}
            }
        }
        if self.leaves_terminal(&wanted) && rank(&said.source) > rank(&self.setter) {
            return "outranked";
        }
        let has = self.counting().find_map(|entry| {
            Some((
                entry.id.clone(),
                same_call(entry),
                self.members_of(entry, turn)?,
            ))
        });
        if let Some((id, true, has)) = has
            && covers(&has, members)
        {
            let entry = self
                .entries
                .iter_mut()
                .find(|entry| entry.id == id)
                .unwrap();
            if is_disposition {
                entry.call = entry.call.take().or_else(|| said.call.clone());
            }
            self.go_on(case, wanted);
            return "unchanged";
        }
        let comes_back = self.words.as_ref() != Some(&wanted) && self.had.contains(&wanted);
        self.returns.retain(|at| *at + WINDOW > said.received_at);
        // What waited that long feeds no loop.
        let is_fresh = case.now <= said.received_at + WINDOW;
        if comes_back && is_fresh && self.returns.len() >= RETURNS {
            return "looping";
        }
        self.set(case, target, members.clone());
        self.go_on(case, wanted);
        "delivery"
    }

    fn is_held(&self) -> bool {
        self.is_final || self.words.as_ref().is_some_and(is_terminal)
    }

    /// A campaign that goes on is told to stop again.
    fn is_overtaken(&self, said: &Said, target: &str, bearing: Bearing) -> bool {
        match (bearing, &self.report) {
            (Bearing::Old, _) => true,
            (Bearing::Since(since), Some(report)) => {
                report.event > since && report.event != said.sequence && target != "nlpearl"
            }
            _ => false,
        }
    }

    /// The verdict on what is overtaken.
    fn has_it(&self, turn: i64, members: &Members) -> &'static str {
        let has = self.has(turn).and_then(|has| self.members_of(&has, turn));
        match has {
            Some(has) if covers(&has, members) => "unchanged",
            _ => "stale",
        }
    }

    /// Which entry this is more about: a call webhook, any entry of its call that says the same;
    /// any other, the newest of its source and call, if that says the same.
    fn entry_detailed(&self, case: &Case<'_>, target: &str, wanted: &Words) -> Option<usize> {
        let said = case.said;
        if target != "leadping" {
            return None;
        }
        let counting = match said.is_of_call {
            true => self.entries.len().min(ENTRIES),
            false => self.counting().count(),
        };
        let mut candidates = (0..self.entries.len())
            .rev()
            .take(counting)
            .filter(|place| {
                let entry = &self.entries[*place];
                let same_call = match (&entry.call, &said.call) {
                    (Some(known), Some(named)) => known == named,
                    _ => true,
                };
                entry.source == said.source && same_call
            });
        let says_so =
            |place: &usize| self.words_of(target, &self.entries[*place], case.turn) == *wanted;
        let detailed = match said.is_of_call {
            true => candidates.find(says_so),
            false => candidates.next().filter(says_so),
        };
        let newest = self.counting().next();
        detailed.filter(|place| {
            let entry = &self.entries[*place];
            let is_current = newest.is_some_and(|newest| newest.id == entry.id);
            is_current || entry.event == said.sequence || !case.is_news
        })
    }

    fn detail(
        &mut self,
        case: &Case<'_>,
        (target, place): (&str, usize),
        (mut has, members): (Members, &Members),
    ) -> &'static str {
        let said = case.said;
        let is_newest = place + 1 == self.entries.len() && self.counting().next().is_some();
        let entry = &mut self.entries[place];
        entry.call = entry.call.take().or_else(|| said.call.clone());
        let entry = entry.id.clone();
        let is_so = covers(&has, members);
        has.extend(members.clone());
        let wanted = words(target, &has);
        if !is_so {
            match case.seen.deliveries.get(target) {
                Some(_) => self.write(case, target, (Some(entry), has)),
                // It goes with what was to be sent: nothing of that may say less.
                None => {
                    let writes = self.writes.iter_mut().filter(|write| write.entry == entry);
                    writes.for_each(|write| write.members.clone_from(&has));
                }
            }
        }
        if is_newest {
            self.go_on(case, wanted);
        }
        if is_so { "unchanged" } else { "detail" }
    }

    fn set(&mut self, case: &Case<'_>, target: &str, members: Members) {
        let gave_way = self.let_give_way(case.said.sequence);
        assert!(
            case.supersede || gave_way.is_empty(),
            "nothing gives way in a queue"
        );
        self.write(case, target, (None, members));
        let id = self.writes.last().unwrap().id.clone();
        self.entries.push(Entry {
            id,
            event: case.said.sequence,
            at: case.said.stamp.unwrap_or(case.said.received_at),
            has_clock: case.said.stamp.is_some(),
            source: case.said.source.clone(),
            call: case.said.call.clone(),
        });
    }

    fn write(
        &mut self,
        case: &Case<'_>,
        target: &str,
        (entry, members): (Option<String>, Members),
    ) {
        let said = case.said;
        let sent = case.seen.deliveries.get(target).cloned();
        let sent = sent.unwrap_or_else(|| Sent {
            // The verdicts differ, then.
            id: format!("nothing, for {}", said.sequence),
            ended: said.received_at,
            fate: Fate::Delivered,
            gave_way_to: None,
        });
        let Sent {
            id,
            ended,
            fate,
            gave_way_to,
        } = sent;
        self.writes.push(Write {
            entry: entry.unwrap_or_else(|| id.clone()),
            id,
            event: said.sequence,
            members,
            ended,
            fate,
            gave_way_to,
            known_after: case.known_after(),
            echoed_by: None,
            heard_at: None,
        });
    }

    pub(super) fn leaves_terminal(&self, wanted: &Words) -> bool {
        self.words.as_ref().is_some_and(|now| {
            (is_terminal(now) && !is_terminal(wanted)) || (self.is_final && now != wanted)
        })
    }

    /// These words are the newest.
    fn go_on(&mut self, case: &Case<'_>, wanted: Words) {
        let said = case.said;
        if self.words.as_ref() != Some(&wanted) && self.had.contains(&wanted) {
            self.returns.retain(|at| *at + WINDOW > said.received_at);
            self.returns.push(said.received_at);
        }
        self.go_to(said, case.is_final, wanted);
    }

    pub(super) fn go_to(&mut self, said: &Said, is_final: bool, wanted: Words) {
        let stays = self
            .words
            .as_ref()
            .is_some_and(|now| *now == wanted || (!now.0.is_empty() && now.0 == wanted.0));
        let same_words = self.words.as_ref() == Some(&wanted);
        let leaves = self.leaves_terminal(&wanted);
        // What a stronger source set stays its own when a weaker one says it again.
        if leaves || !stays || rank(&self.setter) >= rank(&said.source) {
            self.setter.clone_from(&said.source);
        }
        self.is_final = is_final || (self.is_final && same_words && !leaves);
        if same_words {
            return;
        }
        if let Some(before) = self.words.replace(wanted) {
            self.had.insert(before);
        }
    }

    /// Newest first, without what the target itself has spoken over.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Entry> {
        let over = self.report.as_ref().and_then(|report| report.over.clone());
        let newest = self.entries.iter().rev().take(ENTRIES);
        newest.take_while(move |entry| Some(&entry.id) != over.as_ref())
    }

    /// What got there, oldest first: each entry with all that was said of it.
    pub fn history(&self) -> Vec<(String, Members)> {
        let there = self.entries.iter().filter_map(|entry| {
            let writes = self.writes.iter().filter(|write| write.entry == entry.id);
            let mut there = writes
                .filter(|write| write.fate == Fate::Delivered)
                .peekable();
            let is_there = there.peek().is_some_and(|first| first.id == entry.id);
            let newest = there.last().filter(|_| is_there)?;
            Some((entry.id.clone(), newest.members.clone()))
        });
        there.collect()
    }
}

fn is_terminal(words: &Words) -> bool {
    words.0 == format!("\"{TERMINAL}\"")
}

/// As the id of its delivery tells.
fn decided_at(delivery: &str) -> Timestamp {
    let id: Option<DeliveryId> = delivery.parse().ok();
    id.and_then(DeliveryId::decided_at)
        .unwrap_or(Timestamp::MIN)
}

fn covers(has: &Members, wanted: &Members) -> bool {
    wanted
        .iter()
        .all(|(member, value)| has.get(member) == Some(value))
}
