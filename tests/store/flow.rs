//! The counts of the flow: each event once, as what it is now, whatever is merged in between.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadping_bridge::store::flow::{Became, Counted};
use leadping_bridge::store::{Again, DedupeRule, FlowSpan, Parked, ParkedAction};
use serde_json::json;

use crate::ground::{Engine, Scene, at};

on_every_engine!(
    an_event_counts_once_as_what_it_is_now,
    what_did_not_commit_is_not_counted,
    a_delivery_counts_with_its_lag,
    merging_loses_nothing,
    a_late_decision_finds_what_was_merged,
    statuses_beyond_the_limit_are_one,
);

const DAY: i64 = 24 * 3600 * 1000;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

impl Scene {
    /// `source status → word`: how many, over everything.
    async fn flow(&self) -> BTreeMap<String, i64> {
        self.flow_between(at(-200 * DAY), at(400 * DAY)).await
    }

    async fn flow_between(&self, since: Timestamp, until: Timestamp) -> BTreeMap<String, i64> {
        let slot_ms = 60_000;
        let span = FlowSpan {
            since,
            until,
            slot_ms,
        };
        let flow = self.store.flow(span).await.unwrap();
        let mut counts = BTreeMap::new();
        for cell in flow.cells {
            let words = match &flow.counted[cell.counted] {
                Counted::Event {
                    source,
                    status,
                    became: Became::Word(word) | Became::Category(word),
                } => format!("{source} {status} → {word}"),
                Counted::Duplicate { source } => format!("{source} again"),
                Counted::Delivered { target, within_ms } => format!("{target} within {within_ms}"),
            };
            *counts.entry(words).or_default() += cell.count;
        }
        counts
    }
}

fn counts<const N: usize>(expected: [(&str, i64); N]) -> BTreeMap<String, i64> {
    expected
        .into_iter()
        .map(|(words, count)| (words.to_owned(), count))
        .collect()
}

async fn an_event_counts_once_as_what_it_is_now(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(json!({"do": "ignore", "status": "NEW"})).await;
    let parked =
        json!({"own": "v1", "leadping": "L1", "outcome": "a", "do": "park", "status": "220"});
    scene.carry(parked.clone()).await;
    let given_up = scene.carry(parked).await;
    let expected = [("voice 220 → unmapped", 2), ("voice NEW → ignored", 1)];
    assert_eq!(scene.flow().await, counts(expected));

    let by = scene.judge.clone();
    let parked = Parked::Event(given_up);
    let freed = scene
        .store
        .free_parked(parked, ParkedAction::Discard, by.clone(), scene.now)
        .await;
    assert_eq!(freed.unwrap().results.len(), 1);
    scene.judge.covers.store(true, Ordering::Relaxed);
    let again = Again::Classes(vec!["unmapped"]);
    let decided = scene
        .store
        .decide_again(again, Default::default(), by, scene.now);
    assert_eq!(decided.await.unwrap().0.len(), 1);
    let expected = [
        ("voice 220 → discarded", 1),
        ("voice 220 → written", 1),
        ("voice NEW → ignored", 1),
    ];
    assert_eq!(scene.flow().await, counts(expected));

    scene.reopen().await;
    scene.carry(json!({"do": "ignore", "status": "NEW"})).await;
    let mut event = scene.new_event("voice", json!({"do": "ignore"}));
    event.dedupe = DedupeRule {
        key: [7; 16],
        within: Duration::from_secs(60),
        or_newest_of_lead: false,
    };
    scene.store.append(event.clone()).await.unwrap();
    scene.store.append(event).await.unwrap();
    let flow = scene.flow().await;
    assert_eq!(flow["voice NEW → ignored"], 2);
    assert_eq!(flow["voice again"], 1);
}

async fn what_did_not_commit_is_not_counted(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(json!({"do": "ignore", "status": "a"})).await;
    // An orphan's delivery has no lead: its transaction is rolled back, and so is its key.
    let orphan = scene
        .record(json!({"do": "orphan", "status": "b", "outcome": "x"}))
        .await;
    let events = scene.store.undecided(9).await.unwrap();
    let batch: Vec<_> = events
        .into_iter()
        .map(|event| scene.judge.read_again(event))
        .collect();
    assert_eq!(batch[0].event.id, orphan);
    let by = scene.judge.clone();
    let failed = scene.store.decide(batch.clone(), by, scene.now).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(scene.flow().await, counts([("voice a → ignored", 1)]));
    let parked = scene.store.park_undecidable(batch[0].clone(), scene.now);
    parked.await.unwrap();
    scene.carry(json!({"do": "ignore", "status": "b"})).await;
    let expected = [
        ("voice a → ignored", 1),
        ("voice b → ignored", 1),
        ("voice b → invalid", 1),
    ];
    assert_eq!(scene.flow().await, counts(expected));
}

async fn a_delivery_counts_with_its_lag(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (lead, waits) in [("v1", 90), ("v2", 300), ("v3", 4_000), ("v4", 4_900)] {
        let body = json!({"own": lead, "leadping": lead, "outcome": "a"});
        scene.carry(body).await;
        scene.advance(waits);
        scene.deliver_all().await;
    }
    let expected = [
        ("leadping within 100", 1),
        ("leadping within 500", 1),
        ("leadping within 5000", 2),
        ("voice  → written", 4),
    ];
    assert_eq!(scene.flow().await, counts(expected));
}

/// Merges until there is nothing more to merge; each step is bounded.
async fn merge(scene: &Scene) {
    let mut steps = 0;
    while scene.store.compact_flow(scene.now).await.unwrap() {
        steps += 1;
        assert!(steps < 10_000, "merging never ends");
    }
}

async fn merging_loses_nothing(engine: Engine) {
    let mut scene = Scene::on(engine);
    for step in 0..60_i64 {
        scene
            .carry(json!({"do": "ignore", "status": format!("s{}", step % 3)}))
            .await;
        scene.advance(u64::try_from(step * 7 * 60_000).unwrap());
        if step % 5 == 0 {
            merge(&scene).await;
        }
        if step == 40 {
            scene.reopen().await;
        }
    }
    let before = scene.flow().await;
    assert_eq!(before.values().sum::<i64>(), 60);
    scene.advance(20 * DAY.unsigned_abs());
    merge(&scene).await;
    assert_eq!(scene.flow().await, before);
    // Whole days are still told apart: nothing moved over midnight.
    let midnight: Timestamp = "2026-08-02T00:00:00Z".parse().unwrap();
    let first = scene.flow_between(midnight - hours(24), midnight).await;
    let rest = scene.flow_between(midnight, at(400 * DAY)).await;
    let received = scene.events().await;
    let of_first = received
        .iter()
        .filter(|event| event.received_at < midnight)
        .count();
    assert_eq!(
        first.values().sum::<i64>(),
        i64::try_from(of_first).unwrap()
    );
    assert_eq!(
        rest.values().sum::<i64>(),
        i64::try_from(60 - of_first).unwrap()
    );
    // What nobody can ask for any more goes, and so do its words.
    scene.advance(101 * DAY.unsigned_abs());
    merge(&scene).await;
    assert_eq!(scene.flow().await, BTreeMap::new());
}

async fn a_late_decision_finds_what_was_merged(engine: Engine) {
    let mut scene = Scene::on(engine);
    let parked =
        json!({"own": "v1", "leadping": "L1", "outcome": "a", "do": "park", "status": "220"});
    scene.carry(parked).await;
    let day = scene.now;
    scene.advance(30 * DAY.unsigned_abs());
    merge(&scene).await;
    scene.judge.covers.store(true, Ordering::Relaxed);
    let again = Again::Classes(vec!["unmapped"]);
    let by = scene.judge.clone();
    let decided = scene
        .store
        .decide_again(again, Default::default(), by, scene.now);
    assert_eq!(decided.await.unwrap().0.len(), 1);
    let flow = scene.flow_between(day - hours(24), day + hours(24)).await;
    assert_eq!(flow, counts([("voice 220 → written", 1)]));
}

async fn statuses_beyond_the_limit_are_one(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..1100 {
        let body = json!({"do": "ignore", "status": format!("s{number}")});
        let event = scene.new_event("voice", body);
        let store = scene.store.clone();
        tokio::spawn(async move { store.append(event).await });
        if number % 200 == 199 {
            tokio::task::yield_now().await;
        }
    }
    // Every append is queued before this one.
    scene
        .record(json!({"do": "ignore", "status": "last"}))
        .await;
    scene.decide().await;
    let flow = scene.flow().await;
    assert_eq!(flow.values().sum::<i64>(), 1101);
    assert_eq!(flow.len(), 1025);
    assert_eq!(flow["voice other → ignored"], 77);
}
