//! What must hold at the end, whatever happened on the way.

use std::collections::BTreeMap;

use leadping_bridge::delivery::DeliveryState;
use leadping_bridge::event::{EventState, Sequence};
use leadping_bridge::sandbox::JournalEntry;
use leadping_bridge::store::sqlite::SqliteStore;
use leadping_bridge::store::{EventPage, EventRow, Store};

use crate::faults::RETRY_AFTER_SECONDS;
use crate::one_way::CONCURRENCY;
use crate::senders::Senders;
use crate::world::World;

pub fn check(mut world: World, senders: &Senders) {
    world.stop_bridge();
    let events = read_events(&world);
    let journal = world.sandbox().journal();
    let writes = world.sandbox().writes();
    assert!(
        !writes.is_empty(),
        "a simulation that sends nothing shows nothing"
    );
    no_event_is_lost(&events, senders);
    every_event_came_to_rest(&events);
    every_delivery_is_written_as_often_as_it_says(&events, &writes);
    each_lead_is_written_in_the_order_decided(&events, &writes);
    an_older_stamp_never_follows_a_newer(&events, senders);
    assert_eq!(
        world.sandbox().overlaps(),
        0,
        "two calls of one lead at once"
    );
    the_rate_is_kept(&journal);
    a_closed_gate_is_kept(&journal, &world);
}

fn read_events(world: &World) -> Vec<EventRow> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (store, _handed) = SqliteStore::open(&world.database(), Box::new(|_| {})).unwrap();
        let store = Store::Sqlite(store);
        let mut events = Vec::new();
        let mut before = None;
        loop {
            let page = EventPage {
                limit: 500,
                before,
                ..EventPage::default()
            };
            let some = store.events(page).await.unwrap().rows;
            let Some(last) = some.last() else { break };
            before = Some(last.sequence);
            events.extend(some);
        }
        store.close().await;
        events.reverse();
        events
    })
}

fn no_event_is_lost(events: &[EventRow], senders: &Senders) {
    for (id, webhook) in &senders.promised {
        let kept = events
            .iter()
            .any(|event| event.id == *id && event.source == webhook.source);
        assert!(kept, "event {id} was acknowledged and is not there");
    }
    for (place, event) in events.iter().enumerate() {
        assert_eq!(
            event.sequence,
            Sequence(i64::try_from(place).unwrap() + 1),
            "a gap in the order"
        );
    }
}

fn every_event_came_to_rest(events: &[EventRow]) {
    for event in events {
        let fits = match event.state {
            EventState::Settled => event
                .deliveries
                .iter()
                .all(|delivery| delivery.state.is_final()),
            EventState::Parked => event
                .cause
                .as_ref()
                .is_some_and(|cause| cause.class() != "unlinked"),
            EventState::Decided => event
                .deliveries
                .iter()
                .any(|delivery| delivery.state == DeliveryState::Parked),
            EventState::Received | EventState::Discarded => false,
        };
        assert!(fits, "not at rest: {event:?}");
    }
}

fn marker(write: &JournalEntry) -> String {
    write
        .marker
        .clone()
        .expect("every entry carries its delivery's id")
}

fn every_delivery_is_written_as_often_as_it_says(events: &[EventRow], writes: &[JournalEntry]) {
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes {
        *written.entry(marker(write)).or_default() += 1;
    }
    for delivery in events.iter().flat_map(|event| &event.deliveries) {
        let times = written.remove(&delivery.id.to_string()).unwrap_or(0);
        let fits = match delivery.state {
            DeliveryState::Delivered => times == 1,
            // It may have happened before its look-up was refused.
            DeliveryState::Parked => times <= 1,
            _ => times == 0,
        };
        assert!(fits, "written {times} times: {delivery:?}");
    }
    assert!(
        written.is_empty(),
        "written without a delivery: {written:?}"
    );
}

fn each_lead_is_written_in_the_order_decided(events: &[EventRow], writes: &[JournalEntry]) {
    let mut places = BTreeMap::new();
    for event in events {
        for delivery in &event.deliveries {
            places.insert(
                delivery.id.to_string(),
                (event.sequence, delivery.lead_id.clone()),
            );
        }
    }
    let mut newest: BTreeMap<String, Sequence> = BTreeMap::new();
    for write in writes {
        let (place, lead) = &places[&marker(write)];
        assert_eq!(
            write.lead_id.as_ref(),
            Some(lead),
            "written to another lead"
        );
        let before = newest.insert(lead.clone(), *place);
        assert!(
            before.is_none_or(|before| before < *place),
            "{lead}: {place:?} after {before:?}"
        );
    }
}

fn an_older_stamp_never_follows_a_newer(events: &[EventRow], senders: &Senders) {
    let mut newest = BTreeMap::new();
    for event in events.iter().filter(|event| !event.deliveries.is_empty()) {
        let Some(webhook) = senders.promised.get(&event.id) else {
            continue;
        };
        let Some(stamp) = webhook.stamp else { continue };
        let before = newest.insert(webhook.lead, stamp);
        assert!(
            before.is_none_or(|before| before <= stamp),
            "{stamp} after {before:?}: {event:?}"
        );
    }
}

fn the_rate_is_kept(journal: &[JournalEntry]) {
    let refused = journal
        .iter()
        .find(|entry| entry.status == Some(429) && entry.fault.is_none());
    assert!(
        refused.is_none(),
        "faster than the limit allows: {refused:?}"
    );
}

/// After an answer with `Retry-After` only what was under way may still arrive. A kill may come
/// before the gate is written down, so a start opens it.
fn a_closed_gate_is_kept(journal: &[JournalEntry], world: &World) {
    let gates = journal.iter().filter(|entry| entry.status == Some(429));
    for gate in gates {
        let opens = gate.at + jiff::SignedDuration::from_secs(RETRY_AFTER_SECONDS);
        let restart = world.starts.iter().copied().find(|start| *start >= gate.at);
        let until = restart.map_or(opens, |restart| restart.min(opens));
        let early = journal
            .iter()
            .filter(|entry| entry.number > gate.number && entry.at > gate.at && entry.at < until);
        let early: Vec<_> = early
            .map(|entry| (entry.at, entry.operation, entry.status))
            .collect();
        assert!(
            early.len() <= CONCURRENCY,
            "the gate of {} is open: {early:?}",
            gate.at
        );
    }
}
