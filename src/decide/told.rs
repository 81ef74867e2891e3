//! What a webhook says that the system which sent it has of the lead: a person changed it there, or
//! an automation. Whatever the table makes of such an event, it is a fact: what we wrote there before
//! no longer counts as what the target has, and the lead's course goes on from what it is. Pure.
//!
//! Of what is written already it only ever makes a write happen that would else be spared, and never
//! spares one: webhooks come late, and a call too many is better than one that is missing. What is
//! older than it and was not sent yet gives way, by the rules of `give_way`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::echo::{self, Heard};
use super::{Question, Reported, authority, give_way};
use crate::decision::{AppliedChange, Decision, Revision, Told};
use crate::delivery::{self, DeliveryId, Slot};
use crate::event::{EventKind, Facts, Sequence, Standing};
use crate::lead::course::{Course, Report, Words};
use crate::lead::{Applied, Entry, EntryState, LEADPING, LeadHistory, Previous, TargetHistory};
use crate::systems::leadping::vocabulary::canonical_category;

/// Characters of a word that are remembered: a body's members have no bound of their own.
const MAX_WORD: usize = 128;

/// What is changed in one slot.
pub(super) struct Telling {
    slot: String,
    told: Told,
    course: Course,
    previous: Option<Previous>,
    /// What was recorded before it, and waited, is older than what the target has.
    is_newest_word: bool,
    /// What was not sent yet, and is not sent any more.
    supersedes: Vec<DeliveryId>,
    /// The entry that was changed in its place.
    edited: Option<DeliveryId>,
}

/// What the target of the event's own system still awaits, of all that we told it of this lead.
pub(super) fn hear<'q>(question: &Question<'q>) -> Option<(&'q str, Heard<'q>)> {
    let event = question.event;
    let reported = question.policy.reports.get(&event.source)?;
    let facts = &question.reading.facts;
    let own = (event.sequence, event.received_at);
    let mut heard = None;
    for (slot, history) in &question.history.targets {
        if !is_of_this_lead(&Slot::parse(slot), reported, facts) {
            continue;
        }
        match echo::listen(reported.kind, facts, own, &history.own_writes) {
            Heard::Nothing => {}
            Heard::NearMiss => heard = Some(Heard::NearMiss),
            echo => return Some((&reported.target, echo)),
        }
    }
    Some((&reported.target, heard.unwrap_or(Heard::Nothing)))
}

fn is_of_this_lead(slot: &Slot<'_>, reported: &Reported, facts: &Facts) -> bool {
    let id = facts.source_lead_id.as_deref();
    slot.target == reported.target
        && slot
            .lead_id
            .is_none_or(|address| id == address.rsplit('/').next())
}

/// What the event, which is no echo, tells of its own system. A call webhook tells of a call.
pub(super) fn listen(question: &Question<'_>) -> Vec<Telling> {
    let (facts, history) = (&question.reading.facts, question.history);
    let Some(reported) = question.policy.reports.get(&question.event.source) else {
        return Vec::new();
    };
    let says_it = question.reading.standing == Standing::Usable
        && facts.kind == Some(EventKind::Lead)
        && facts.status.is_some();
    let is_nobodys = history.contradiction.is_some();
    if !says_it || is_nobodys || history.only.is_some() || is_late(question) {
        return Vec::new();
    }
    let mut tellings: Vec<Telling> = history
        .targets
        .iter()
        .filter(|(slot, _)| {
            let slot = Slot::parse(slot);
            !slot.is_record && is_of_this_lead(&slot, reported, facts)
        })
        .filter_map(|(slot, history)| telling(question, reported, (slot, history)))
        .collect();
    // Who may leave what a person set at LeadPing does not depend on our having been there before.
    if let (LEADPING, Some(lead_id)) = (reported.kind, &history.lead_id) {
        let slot = delivery::slot(&reported.target, lead_id, &Map::new());
        if !history.targets.contains_key(&slot) {
            let nothing = TargetHistory::default();
            tellings.extend(telling(question, reported, (&slot, &nothing)));
        }
    }
    tellings
}

/// Whether its source has said something newer.
fn is_late(question: &Question<'_>) -> bool {
    let newest = question.history.applied.get(&question.event.source);
    newest.is_some_and(|newest| is_after(newest, question))
}

fn is_after(newest: &Applied, question: &Question<'_>) -> bool {
    match (question.occurred_at(), newest.occurred_at) {
        (Some(ours), Some(theirs)) if ours != theirs => ours < theirs,
        _ => newest.sequence >= question.event.sequence,
    }
}

/// What LeadPing has said, or was decided for it, since it reported this: an event that waited, or
/// comes late, is not where the lead is any more.
pub(super) fn overtaken(question: &Question<'_>) -> Option<Sequence> {
    let own = question.event;
    let reported = question.policy.reports.get(&own.source)?;
    let history = question.history.targets.get(&reported.target)?;
    if reported.kind != LEADPING {
        return None;
    }
    let told = history.reported().filter(|report| {
        let newest = Applied {
            sequence: report.event,
            occurred_at: report.occurred_at,
        };
        report.event != own.sequence && is_after(&newest, question)
    });
    let has = history.has().filter(|has| has.event > own.sequence);
    let told = told.map(|report| report.event);
    told.max(has.map(|has| has.event))
}

/// Whether the event tells something else than what we wrote in its own system, and that by a clock:
/// it was changed there again, whatever it says.
pub(super) fn is_news_by_its_clock(question: &Question<'_>) -> bool {
    let own = question.event.sequence;
    let mut targets = question.history.targets.values();
    let is_own = |report: &Report| report.event == own && report.occurred_at.is_some();
    targets.any(|history| history.reported().is_some_and(is_own))
}

/// What the event tells of one slot of its own system; `None`: nothing that changes anything.
fn telling(
    question: &Question<'_>,
    reported: &Reported,
    (slot, history): (&str, &TargetHistory),
) -> Option<Telling> {
    let event = question.event;
    let before = history.reported();
    if before.is_some_and(|before| before.event == event.sequence) {
        return told_again(reported, (slot, history));
    }
    let is_known = |report: &Report| {
        let newest = Applied {
            sequence: report.event,
            occurred_at: report.occurred_at,
        };
        is_after(&newest, question)
    };
    let is_newer = |has: &Entry| has.event > event.sequence;
    if before.is_some_and(is_known) || history.has().is_some_and(is_newer) {
        return None;
    }
    let there = was_there(question, history);
    let course = history.course.as_ref();
    let words = words_of(
        reported,
        &question.reading.facts,
        course.map(|course| &course.words),
    );
    let place = (Slot::parse(slot), history);
    let giving_way = give_way::to_report(question, (reported, &words), place);
    let gives_way = |entry: &Entry| giving_way.iter().any(|it| it.delivery == entry.delivery);
    let mut rest = history.counting().filter(|entry| !gives_way(entry));
    let has = rest.find(|entry| entry.state != EntryState::Absent);
    // A write that is on its way, or got there since, comes after what is told now.
    let is_coming = has != there;
    let is_news = match there {
        Some(entry) => is_over(question, reported, (entry, history)),
        None => {
            (!is_coming || !giving_way.is_empty())
                && before.is_none_or(|report| report.words != words)
        }
    };
    let news = News {
        words,
        there,
        is_coming,
        giving_way,
    };
    is_news.then(|| news.telling(question, reported, (slot, history)))
}

/// What is told, and is news.
struct News<'h> {
    words: Words,
    /// The newest entry that was there.
    there: Option<&'h Entry>,
    is_coming: bool,
    /// Newest first.
    giving_way: Vec<&'h Entry>,
}

impl News<'_> {
    fn telling(
        self,
        question: &Question<'_>,
        reported: &Reported,
        (slot, history): (&str, &TargetHistory),
    ) -> Telling {
        let event = question.event;
        let (before, is_coming) = (history.reported(), self.is_coming);
        let occurred_at = question.occurred_at();
        let facts = &question.reading.facts;
        let edited = self.there.filter(|it| may_be_edit(reported, facts, it));
        let edited = edited.map(|entry| entry.delivery);
        let mut course = self.course(question, history);
        course.reported = Some(Report {
            event: event.sequence,
            source: event.source.clone(),
            occurred_at,
            words: self.words.clone(),
            over: self.over(history).or(before.and_then(|report| report.over)),
            edited: edited.or(before.and_then(|report| report.edited)),
        });
        let supersedes: Vec<DeliveryId> = self.giving_way.iter().map(|it| it.delivery).collect();
        let is_over_something = self.there.is_some() || before.is_some() || !supersedes.is_empty();
        let is_disposition = Slot::parse(slot).is_disposition();
        Telling {
            slot: slot.to_owned(),
            course,
            previous: (is_disposition && !is_coming).then(|| previous_of(&self.words, question)),
            // A campaign goes on by itself, and has no clock: what waits for it is not older than that.
            is_newest_word: occurred_at.is_some() && !is_coming && is_over_something,
            told: Told::Has {
                target: reported.target.clone(),
                words: self.words,
                over: self.there.map(|entry| entry.delivery),
                supersedes: supersedes.clone(),
            },
            supersedes,
            edited,
        }
    }

    /// Where the lead is now; but not where what comes after this takes it.
    fn course(&self, question: &Question<'_>, history: &TargetHistory) -> Course {
        let course = history.course.as_ref();
        match course {
            Some(course) if self.is_coming => course.clone(),
            _ => {
                let decide = &question.policy.decide;
                let own = (question.event.source.as_str(), false);
                let remembered = authority::remembered(decide, course, &self.words, own);
                Course::told(course, &self.words, remembered)
            }
        }
    }

    /// The newest entry that counts no longer. What gives way is older than what is told, too; but
    /// not what comes after that.
    fn over(&self, history: &TargetHistory) -> Option<DeliveryId> {
        let gives_way = |entry: &Entry| {
            let mut giving_way = self.giving_way.iter();
            !self.is_coming && giving_way.any(|it| it.delivery == entry.delivery)
        };
        let newest = history
            .counting()
            .find(|entry| gives_way(entry) || Some(*entry) == self.there);
        newest.map(|entry| entry.delivery)
    }
}

/// The event is decided again, and told it before: that stays so.
fn told_again(reported: &Reported, (slot, history): (&str, &TargetHistory)) -> Option<Telling> {
    let course = history.course.clone()?;
    let before = course.reported.clone()?;
    Some(Telling {
        slot: slot.to_owned(),
        course,
        previous: None,
        is_newest_word: false,
        told: Told::Has {
            target: reported.target.clone(),
            words: before.words,
            over: before.over,
            supersedes: Vec::new(),
        },
        supersedes: Vec::new(),
        edited: None,
    })
}

/// Whether the report may be of this very entry: it names no other.
fn may_be_edit(reported: &Reported, facts: &Facts, entry: &Entry) -> bool {
    let Some(named) = facts.reported.as_ref() else {
        return reported.kind == LEADPING;
    };
    let own = entry.delivery.to_string();
    let is_marked = named.marker.as_ref().is_none_or(|marker| *marker == own);
    let is_named = match (&named.entry_id, &entry.entry_id) {
        (Some(named), Some(own)) => named == own,
        _ => true,
    };
    reported.kind == LEADPING && is_marked && is_named
}

/// The newest entry that was there when the event came: one that waited tells of that time.
fn was_there<'h>(question: &Question<'_>, history: &'h TargetHistory) -> Option<&'h Entry> {
    let received_at = question.event.received_at;
    history.counting().find(|entry| {
        let came_since = entry.there_since.is_some_and(|at| at >= received_at);
        entry.state == EntryState::There && !came_since
    })
}

/// Whether what is told is another thing than this entry, and not older.
fn is_over(
    question: &Question<'_>,
    reported: &Reported,
    (entry, history): (&Entry, &TargetHistory),
) -> bool {
    let facts = &question.reading.facts;
    let marker = facts.reported.as_ref().and_then(|it| it.marker.as_deref());
    let marks = |known: &Entry| marker.is_some_and(|marker| marker == known.delivery.to_string());
    let mut others = history.entries.iter();
    let marks_older = others.any(|known| known.delivery != entry.delivery && marks(known));
    let own = (&entry.members, entry.delivery);
    !marks_older
        && !is_before(question.occurred_at(), entry.timestamp)
        && !echo::says_the_same(reported.kind, facts, own)
}

fn previous_of(words: &Words, question: &Question<'_>) -> Previous {
    let event = question.event;
    Previous {
        category: words.category.clone(),
        outcome: words.outcome.clone(),
        source: event.source.clone(),
        at: question.occurred_at().unwrap_or(event.received_at),
    }
}

/// Some write their instants to the second.
fn is_before(at: Option<Timestamp>, entry: Timestamp) -> bool {
    at.is_some_and(|at| at.as_second() < entry.as_second())
}

/// In the words of our own writes there. What is not told stays what it was.
fn words_of(reported: &Reported, facts: &Facts, before: Option<&Words>) -> Words {
    let cut = |word: &str| word.chars().take(MAX_WORD).collect::<String>();
    let status = facts.status.as_ref().map(|status| cut(&status.to_string()));
    let sub_status = facts.sub_status.as_deref().map(cut);
    if reported.kind != LEADPING {
        let members: Map<String, Value> = [
            ("status", status.map(Value::String)),
            ("subStatus", sub_status.map(Value::String)),
            ("reasonId", facts.reason_id.map(Value::from)),
        ]
        .into_iter()
        .filter_map(|(member, value)| Some((member.to_owned(), value?)))
        .collect();
        return Words::of(&reported.target, &members);
    }
    // Which of the two a customer's webhook calls its status is theirs to choose.
    let category = |word: &Option<String>| word.as_deref().and_then(canonical_category);
    let (category, outcome) = match (category(&status), category(&sub_status)) {
        (Some(category), _) => (Some(category.to_owned()), sub_status),
        (None, Some(category)) => (Some(category.to_owned()), status),
        (None, None) => (None, status),
    };
    let before = before.cloned().unwrap_or_default();
    let stays = category.is_none() || category == before.category;
    Words {
        outcome: outcome.or(before.outcome.filter(|_| stays)),
        category: category.or(before.category),
    }
}

/// The past that the event's own wishes are weighed against.
pub(super) fn past_with(history: &LeadHistory, tellings: &[Telling]) -> LeadHistory {
    let mut next = history.clone();
    for telling in tellings {
        let target = next.targets.entry(telling.slot.clone()).or_default();
        target.course = Some(telling.course.clone());
        let entries = target.entries.iter_mut();
        for entry in entries.filter(|entry| telling.supersedes.contains(&entry.delivery)) {
            entry.state = EntryState::Absent;
        }
    }
    next
}

/// Writes down what was heard and told beside what was decided.
pub(super) fn take_in(
    made: &mut Decision,
    heard: Option<(&str, Heard<'_>)>,
    tellings: Vec<Telling>,
) {
    match heard {
        Some((target, Heard::NearMiss)) => made.record.near_miss = Some(target.to_owned()),
        Some((target, Heard::Echo(write))) => {
            let of = write.delivery;
            let echoed = Revision::Echoed { delivery: of };
            if !made.revisions.contains(&echoed) {
                made.revisions.push(echoed);
                let target = target.to_owned();
                made.record.told = Some(Told::Echo { target, of });
            }
        }
        _ => {}
    }
    for telling in tellings {
        for delivery in telling.supersedes {
            let supersede = Revision::Supersede { delivery };
            if !made.revisions.contains(&supersede) {
                made.revisions.push(supersede);
            }
        }
        if let Some(entry) = telling.edited {
            made.revisions.push(Revision::SupersedeAmends { entry });
        }
        let change = made.applied.get_or_insert_with(|| AppliedChange {
            is_only_told: true,
            ..AppliedChange::default()
        });
        if telling.is_newest_word && !change.targets.contains(&telling.slot) {
            change.targets.push(telling.slot.clone());
        }
        // What a wish of the event made of it goes on from there.
        change.courses.entry(telling.slot).or_insert(telling.course);
        change.previous = change.previous.take().or(telling.previous);
        made.record.told.get_or_insert(telling.told);
    }
}
