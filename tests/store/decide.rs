//! Deciding: one transaction for a decision and all that follows, and never the same event twice.

use leadping_bridge::event::Sequence;
use leadping_bridge::store::{Again, StoreError};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(
    a_decision_is_written_with_its_deliveries,
    a_batch_that_cannot_be_written_leaves_nothing_behind,
    an_event_whose_deciding_panics_is_parked_alone,
    what_is_decided_already_is_left_alone,
    what_was_not_decided_is_found_after_a_restart,
    parked_events_are_decided_again_in_order_and_once,
    a_parked_event_decided_later_is_stale_where_a_newer_one_was_applied,
);

async fn a_decision_is_written_with_its_deliveries(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "Won", "targets": ["leadping", "second"] });
    let first = scene.record(body).await;
    let ignored = scene.record(json!({ "own": "v1", "do": "ignore" })).await;
    let parked = scene.record(json!({ "own": "v1", "do": "park" })).await;
    let decided = scene.decide().await;
    assert_eq!(decided.len(), 3);
    assert_eq!(decided[0].targets, ["leadping", "second"]);
    assert_eq!(decided[0].words, ["delivery", "delivery"]);
    assert_eq!(scene.line(first).await, "decided | due | due");
    assert_eq!(scene.line(ignored).await, "settled");
    assert_eq!(scene.line(parked).await, "parked unmapped:voice:220");
    let row = scene.event(first).await;
    assert_eq!(row.lead_id.as_deref(), Some("L1"));
    assert_eq!(row.deliveries[0].outcome.as_deref(), Some("Won"));
    let kept = row.decision.expect("the decision is kept");
    assert_eq!(kept.targets.len(), 2);
}

async fn a_batch_that_cannot_be_written_leaves_nothing_behind(engine: Engine) {
    let mut scene = Scene::on(engine);
    let good = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "Won" }))
        .await;
    scene
        .record(json!({ "do": "orphan", "outcome": "Won" }))
        .await;
    let batch = scene.handed_on();
    let result = scene
        .store
        .decide(batch.clone(), scene.judge.clone(), scene.now)
        .await;
    assert!(matches!(result, Err(StoreError::Corrupt(_))), "{result:?}");
    assert_eq!(scene.line(good).await, "received");
    assert!(scene.ground.counted_deliveries().is_empty());
    assert!(scene.store.targets().await.unwrap().is_empty());
    assert_eq!(scene.store.undecided(9).await.unwrap().len(), 2);
    let alone = batch[..1].to_vec();
    let decided = scene
        .store
        .decide(alone, scene.judge.clone(), scene.now)
        .await
        .unwrap();
    assert_eq!(decided.len(), 1);
    assert_eq!(scene.line(good).await, "decided | due");
}

async fn an_event_whose_deciding_panics_is_parked_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    let before = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "New" }))
        .await;
    let broken = scene.record(json!({ "own": "v1", "do": "panic" })).await;
    let later = scene.record(json!({ "own": "v1", "outcome": "Won" })).await;
    scene.decide().await;
    assert_eq!(scene.line(before).await, "decided | due");
    assert_eq!(scene.line(broken).await, "parked invalid:voice");
    assert_eq!(scene.line(later).await, "decided | due");
}

async fn what_is_decided_already_is_left_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..5 {
        let body = json!({ "own": "v1", "leadping": "L1", "outcome": format!("step {number}") });
        scene.record(body).await;
    }
    let batch = scene.handed_on();
    let first = scene
        .store
        .decide(batch.clone(), scene.judge.clone(), scene.now)
        .await
        .unwrap();
    let again = scene
        .store
        .decide(batch, scene.judge.clone(), scene.now)
        .await
        .unwrap();
    assert_eq!((first.len(), again.len()), (5, 0));
    assert_eq!(scene.judge.order().len(), 5);
    assert_eq!(
        scene.ground.counted_deliveries().into_values().sum::<i64>(),
        5
    );
}

async fn what_was_not_decided_is_found_after_a_restart(engine: Engine) {
    let mut scene = Scene::on(engine);
    let done = scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "New" }))
        .await;
    let open = scene.record(json!({ "own": "v1", "outcome": "Won" })).await;
    scene.reopen().await;
    let undecided = scene.store.undecided(9).await.unwrap();
    assert_eq!(
        undecided.iter().map(|event| event.id).collect::<Vec<_>>(),
        [open]
    );
    assert_eq!(
        undecided[0].body,
        serde_json::to_vec(&json!({ "own": "v1", "outcome": "Won" })).unwrap()
    );
    scene.decide().await;
    assert_eq!(scene.line(done).await, "decided | due");
    assert_eq!(scene.line(open).await, "decided | due");
    assert!(scene.store.undecided(9).await.unwrap().is_empty());
}

async fn parked_events_are_decided_again_in_order_and_once(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut parked = Vec::new();
    for number in 0..150 {
        let own = format!("v{number}");
        let body = json!({ "own": own, "leadping": own, "outcome": "Won", "do": "park" });
        parked.push(scene.record(body).await);
    }
    let waiting = scene
        .record(json!({ "own": "nobody", "outcome": "Won" }))
        .await;
    scene.decide().await;
    scene
        .judge
        .covers
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let mut again = Vec::new();
    let mut after = Sequence(0);
    loop {
        let classes = Again::Classes(vec!["unmapped", "invalid"]);
        let step = scene
            .store
            .decide_again(classes, after, scene.judge.clone(), scene.now);
        let (decided, last) = step.await.unwrap();
        assert!(decided.len() <= 64, "the step is bounded");
        again.extend(decided.into_iter().map(|decided| decided.event));
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    assert_eq!(again, parked);
    assert_eq!(scene.line(parked[149]).await, "decided | due");
    assert_eq!(scene.line(waiting).await, "parked unlinked:voice");
    assert_eq!(
        scene.ground.counted_deliveries().into_values().sum::<i64>(),
        150
    );
}

async fn a_parked_event_decided_later_is_stale_where_a_newer_one_was_applied(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "Lost", "do": "park" });
    let parked = scene.carry(body).await;
    let newer = scene.carry(json!({ "own": "v1", "outcome": "Won" })).await;
    scene
        .judge
        .covers
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let classes = Again::Classes(vec!["unmapped"]);
    let step = scene
        .store
        .decide_again(classes, Sequence(0), scene.judge.clone(), scene.now);
    assert_eq!(step.await.unwrap().0[0].words, ["stale"]);
    assert_eq!(scene.line(parked).await, "settled");
    assert_eq!(scene.line(newer).await, "decided | due");
}
