//! What must hold at the end of a two-way simulation: every verdict, and what every system has, is
//! what the rules of `reference` say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leadping_bridge::decision::{TargetVerdict, Told};
use leadping_bridge::delivery::DeliveryState;
use leadping_bridge::event::Sequence;
use leadping_bridge::sandbox::{JournalEntry, System};
use leadping_bridge::store::sqlite::SqliteStore;
use leadping_bridge::store::{EventPage, EventRow, Store};
use serde_json::Value;

use super::ground::{LEADS, crm_id, leadping_id, voice_id};
use super::reference::{Expected, Fate, Lead, Reference, Seen, Sent};
use super::said::{Members, Said, members};
use super::senders::Senders;
use crate::world::World;

/// The record of a whole run.
struct Run {
    rows: BTreeMap<i64, EventRow>,
    events: BTreeMap<i64, Said>,
    bodies: BTreeMap<i64, Value>,
    seen: BTreeMap<i64, Seen>,
}

/// Verdict, or cause → how often.
pub type Tally = BTreeMap<String, u64>;

pub struct Driven<'d> {
    pub senders: &'d Senders,
    /// The newest event at the end of each time in which a target refused.
    pub refusals: &'d [i64],
    pub supersede: bool,
}

pub fn check(mut world: World, driven: &Driven<'_>) -> Tally {
    world.stop_bridge();
    let run = read(&world);
    let mut reference = Reference {
        events: &run.events,
        seen: &run.seen,
        supersede: driven.supersede,
        refusals: driven.refusals,
        leads: BTreeMap::new(),
        expected: BTreeMap::new(),
        told: BTreeSet::new(),
        waited: BTreeSet::new(),
    };
    reference.run();
    let mut tally = Tally::new();
    for (sequence, expected) in &reference.expected {
        let observed = observed(&run.rows[sequence]);
        assert_eq!(
            observed,
            *expected,
            "event {sequence}: {:?}\nof lead: {}",
            run.events[sequence],
            story(&run, run.events[sequence].lead)
        );
        let words = expected.verdicts.values().chain(&expected.parked);
        for word in words {
            *tally.entry((*word).to_owned()).or_default() += 1;
        }
    }
    for (sequence, seen) in &run.seen {
        // What was parked may have been decided more than once, and have told only later.
        let waited = reference.waited.contains(sequence);
        let is_told = reference.told.contains(sequence);
        assert!(
            seen.is_told == is_told || (waited && seen.is_told),
            "event {sequence}: {:?}\nof lead: {}",
            run.events[sequence],
            story(&run, run.events[sequence].lead)
        );
    }
    tally.insert("told".to_owned(), reference.told.len().try_into().unwrap());
    let takes_back = |row: &&EventRow| {
        let told = row.decision.as_ref().and_then(|it| it.told.as_ref());
        matches!(told, Some(Told::Has { supersedes, .. }) if !supersedes.is_empty())
    };
    let taken_back = run.rows.values().filter(takes_back).count();
    tally.insert("taken back".to_owned(), taken_back.try_into().unwrap());
    for lead in 0..LEADS {
        if let Some(at) = reference.leads.get(&lead) {
            each_system_has_what_the_rules_say(&world, (lead, at), &story(&run, lead));
        }
    }
    what_was_promised_is_there_and_nothing_twice(&run, driven);
    assert_eq!(
        world.sandbox().overlaps(),
        0,
        "two calls of one lead at once"
    );
    for delivery in run.rows.values().flat_map(|row| &row.deliveries) {
        let state = delivery.state.as_str().to_owned();
        *tally.entry(state).or_default() += 1;
        assert!(
            delivery.state.is_final()
                || delivery
                    .cause
                    .as_ref()
                    .is_some_and(|cause| cause.class() == "refused"),
            "not at rest: {delivery:?}"
        );
    }
    tally
}

fn read(world: &World) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (store, _handed) = SqliteStore::open(&world.database(), Box::new(|_| {})).unwrap();
        let store = Store::Sqlite(store);
        let mut run = Run {
            rows: BTreeMap::new(),
            events: BTreeMap::new(),
            bodies: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        let mut before = None;
        loop {
            let limit = 500;
            let page = EventPage {
                limit,
                before,
                ..EventPage::default()
            };
            let some = store.events(page).await.unwrap().rows;
            let Some(last) = some.last() else { break };
            before = Some(last.sequence);
            run.rows
                .extend(some.into_iter().map(|row| (row.sequence.0, row)));
        }
        let recorded = store
            .recorded(Sequence(0), Sequence(i64::MAX), usize::MAX)
            .await;
        for event in recorded.unwrap() {
            let body: Value = serde_json::from_slice(&event.body).unwrap();
            let sequence = event.sequence.0;
            let said = Said::read(sequence, event.received_at, &event.source, &body);
            run.events.insert(sequence, said);
            run.bodies.insert(sequence, body);
            run.seen.insert(sequence, seen(&run.rows[&sequence]));
        }
        store.close().await;
        run
    })
}

fn seen(row: &EventRow) -> Seen {
    let deliveries = row.deliveries.iter().map(|delivery| {
        let fate = match delivery.state {
            DeliveryState::Delivered => Fate::Delivered,
            DeliveryState::Superseded => Fate::GaveWay,
            DeliveryState::Parked => Fate::Refused,
            other => panic!("not at rest: {other:?}"),
        };
        let ended = delivery.settled_at.unwrap_or(Timestamp::MIN);
        (
            delivery.target.clone(),
            Sent {
                id: delivery.id.to_string(),
                ended,
                fate,
                gave_way_to: delivery.gave_way_to.map(|newer| newer.0),
            },
        )
    });
    let verdicts = row
        .decision
        .iter()
        .flat_map(|decision| decision.targets.values());
    let echoes = verdicts.filter_map(|verdict| match verdict {
        TargetVerdict::Echo { of } => Some(of.to_string()),
        _ => None,
    });
    let told = row.decision.as_ref().and_then(|it| it.told.as_ref());
    let echo_told = match told {
        Some(Told::Echo { of, .. }) => Some(of.to_string()),
        _ => None,
    };
    Seen {
        deliveries: deliveries.collect(),
        echo_of: { echoes }.next().or(echo_told),
        is_told: matches!(told, Some(Told::Has { .. })),
    }
}

fn observed(row: &EventRow) -> Expected {
    let decision = row.decision.as_ref().expect("it was decided");
    let name = |slot: &str| match slot.split(':').next() {
        Some("leadping") => "leadping",
        Some("nlpearl") => "nlpearl",
        _ => "capillary",
    };
    let verdicts = decision.targets.iter().map(|(slot, verdict)| {
        let word = match verdict.as_str() {
            "amend" | "folded" => "detail",
            word => word,
        };
        (name(slot), word)
    });
    let classes = ["unmapped", "row", "unlinked", "looping", "invalid"];
    Expected {
        verdicts: verdicts.collect(),
        parked: row.cause.as_ref().map(|cause| {
            classes
                .into_iter()
                .find(|class| *class == cause.class())
                .unwrap_or("other")
        }),
    }
}

/// For whoever has to find out who is right.
fn story(run: &Run, lead: u64) -> String {
    let events = run.events.values().filter(|said| said.lead == lead);
    let lines = events.map(|said| {
        let row = &run.rows[&said.sequence];
        let deliveries = row.deliveries.iter().map(|it| {
            format!(
                "{} {} {} x{}",
                it.target,
                it.state.as_str(),
                it.id,
                it.attempts
            )
        });
        format!(
            "\n{} {} {} {}{} call {:?} names {:?} stamp {:?} at {}{} -> {:?} {:?} | {}",
            said.sequence,
            said.source,
            said.status,
            said.outcome,
            said.summary.as_deref().unwrap_or_default(),
            said.call,
            said.names,
            said.stamp,
            said.received_at,
            if said.is_fired { " fired" } else { "" },
            row.cause.as_ref().map(|cause| cause.as_str()),
            row.decision.as_ref().map(|decision| &decision.targets),
            deliveries.collect::<Vec<_>>().join(", ")
        )
    });
    lines.collect()
}

fn each_system_has_what_the_rules_say(world: &World, (lead, at): (u64, &Lead), story: &str) {
    let sandbox = world.sandbox();
    let expected = |target: &str| at.at.get(target).map(|at| at.history()).unwrap_or_default();
    // LeadPing: each entry once, in order, with all that was said of it.
    let entries = sandbox.history(&leadping_id(lead));
    let has: Vec<(String, Members)> = entries.iter().map(entry).collect();
    assert_eq!(has, expected("leadping"), "LeadPing, lead {lead}{story}");
    // Capillary: each change of status once, in order.
    let has = written(world, System::Capillary, &crm_id(lead).to_string());
    let wanted = says(expected("capillary"));
    assert_eq!(has, wanted, "Capillary, lead {lead}{story}");
    let shown = sandbox
        .lead_at(System::Capillary, &crm_id(lead).to_string())
        .unwrap();
    if let Some(newest) = wanted.last() {
        assert_eq!(shown["status"], newest["status"], "Capillary, lead {lead}");
    }
    // NLPearl: what only sets state may be written again where its fate was unknown.
    let mut has = written(world, System::Nlpearl, &voice_id(lead));
    has.dedup();
    // And what stood between two that are the same may have given way.
    let mut wanted = says(expected("nlpearl"));
    wanted.dedup();
    assert_eq!(has, wanted, "NLPearl, lead {lead}{story}");
    let shown = sandbox.lead_at(System::Nlpearl, &voice_id(lead)).unwrap();
    if let Some(newest) = wanted.last() {
        assert_eq!(shown["status"], newest["status"], "NLPearl, lead {lead}");
    }
}

fn says(history: Vec<(String, Members)>) -> Vec<Members> {
    history.into_iter().map(|(_, members)| members).collect()
}

fn written(world: &World, system: System, lead: &str) -> Vec<Members> {
    let writes = world.sandbox().writes_at(system);
    let of_lead = |write: &&JournalEntry| write.lead_id.as_deref() == Some(lead);
    writes
        .iter()
        .filter(of_lead)
        .map(|write| {
            let mut members = members(write.json_body());
            // When it happened goes along.
            members.remove("createdOn");
            members
        })
        .collect()
}

fn entry(entry: &Value) -> (String, Members) {
    let marker = entry["reason"].as_str().unwrap();
    let id = marker.trim_start_matches("[lb:").trim_end_matches(']');
    let names = ["type", "category", "outcome", "notes"];
    let members = names.into_iter().filter(|name| !entry[*name].is_null());
    let members = members.map(|name| (name.to_owned(), entry[name].clone()));
    (id.to_owned(), members.collect())
}

fn what_was_promised_is_there_and_nothing_twice(run: &Run, driven: &Driven<'_>) {
    let ids: BTreeMap<String, i64> = run
        .rows
        .values()
        .map(|row| (row.id.to_string(), row.sequence.0))
        .collect();
    for (id, webhook) in &driven.senders.promised {
        let sequence = ids.get(&id.to_string());
        let sequence = sequence.unwrap_or_else(|| panic!("{id} was acknowledged and is not there"));
        assert_eq!(run.bodies[sequence], webhook.body, "{id} is something else");
    }
    // By the sender's id where there is one; else an equal body, soon or with nothing in between.
    let mut known = BTreeSet::new();
    let mut newest: BTreeMap<(u64, &str), i64> = BTreeMap::new();
    for (sequence, said) in &run.events {
        let body = &run.bodies[sequence];
        let id = match said.source.as_str() {
            "crm" => body["eventId"].as_str(),
            "shop" => body["id"].as_str(),
            _ => None,
        };
        if let Some(id) = id {
            assert!(known.insert(id), "{id} was recorded twice");
            continue;
        }
        let before = newest.insert((said.lead, &said.source), *sequence);
        assert!(
            before.is_none_or(|before| run.bodies[&before] != *body),
            "recorded twice: {body}"
        );
        let soon = run
            .events
            .range(..sequence)
            .rev()
            .take_while(|(_, earlier)| {
                said.received_at.duration_since(earlier.received_at) <= SignedDuration::from_mins(2)
            });
        for (earlier, _) in soon {
            assert_ne!(
                run.bodies[earlier], *body,
                "recorded twice within two minutes"
            );
        }
    }
}
