//! Retention: what is final and old goes, bounded; what is needed stays however old.

use jiff::Timestamp;
use leadping_bridge::decision::ParkCause;
use leadping_bridge::store::Outcome;
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET};

on_every_engine!(
    what_is_final_and_old_goes_and_nothing_else,
    it_goes_in_bounded_steps,
    a_time_before_all_times_forgets_nothing,
    a_lead_keeps_its_state_when_its_events_are_gone,
    our_entry_ids_stay,
    a_place_in_the_order_is_never_given_twice,
);

const DAY_MS: u64 = 86_400_000;

/// Forgets until nothing more goes; how many events went.
async fn forget(scene: &Scene, before: Timestamp) -> usize {
    let mut gone = 0;
    loop {
        match scene.store.forget_before(before).await.unwrap() {
            0 => return gone,
            step => gone += step,
        }
    }
}

async fn what_is_final_and_old_goes_and_nothing_else(engine: Engine) {
    let mut scene = Scene::on(engine);
    let linked = |own: &str| json!({ "own": own, "leadping": format!("L-{own}"), "outcome": "a" });
    let ignored = scene.carry(json!({ "own": "v0", "do": "ignore" })).await;
    let delivered = scene.carry(linked("v1")).await;
    scene.deliver_all().await;
    let unlinked = scene.carry(json!({ "own": "v2", "outcome": "a" })).await;
    let unmapped = scene.carry(json!({ "own": "v2", "do": "park" })).await;
    let refused = scene.carry(linked("v3")).await;
    let lease = scene.take_one().await;
    scene
        .settle(&lease, Outcome::Parked(ParkCause::refused(TARGET, 422)))
        .await;
    let in_flight = scene.carry(linked("v4")).await;
    scene.take_one().await;
    let due = scene.carry(linked("v5")).await;
    let undecided = scene.record(linked("v6")).await;
    scene.advance(90 * DAY_MS);
    let young = scene.record(json!({ "own": "v7", "do": "ignore" })).await;
    assert_eq!(forget(&scene, scene.now).await, 2);
    let left: Vec<_> = scene
        .events()
        .await
        .into_iter()
        .map(|event| event.id)
        .rev()
        .collect();
    assert_eq!(
        left,
        [
            unlinked, unmapped, refused, in_flight, due, undecided, young
        ]
    );
    assert!(!left.contains(&ignored) && !left.contains(&delivered));
    assert_eq!(scene.store.undecided(9).await.unwrap().len(), 2);
    // What stayed can still be freed.
    let body = json!({ "own": "v2", "leadping": "L-v2", "outcome": "b" });
    scene.carry(body).await;
    assert_eq!(scene.line(unlinked).await, "decided | due");
}

async fn it_goes_in_bounded_steps(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..600 {
        scene.record(json!({ "do": "ignore" })).await;
    }
    scene.decide().await;
    scene.advance(1);
    let first = scene.store.forget_before(scene.now).await.unwrap();
    assert!((1..600).contains(&first), "{first} in one step");
    assert_eq!(first + forget(&scene, scene.now).await, 600);
}

async fn a_time_before_all_times_forgets_nothing(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(json!({ "do": "ignore" })).await;
    let century_ago = "1926-08-01T00:00:00Z".parse().unwrap();
    for before in [
        Timestamp::MIN,
        century_ago,
        Timestamp::UNIX_EPOCH,
        scene.now,
    ] {
        assert_eq!(forget(&scene, before).await, 0, "before {before}");
    }
    scene.advance(1);
    assert_eq!(forget(&scene, scene.now).await, 1);
}

async fn a_lead_keeps_its_state_when_its_events_are_gone(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body =
        json!({ "own": "v1", "leadping": "L1", "calls": ["a", "b"], "outcome": "New", "at": 5 });
    scene.carry(body).await;
    scene
        .carry(json!({ "own": "v1", "outcome": "Won", "at": 9 }))
        .await;
    for _ in 0..2 {
        let lease = scene.take_one().await;
        // The body of the answer could not be read: no entry id.
        scene
            .settle(&lease, Outcome::Delivered { entry_id: None })
            .await;
    }
    let before = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    scene.reopen().await;
    let later = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let (now, then) = (
        scene.judge.history_of(later),
        scene.judge.history_of(before),
    );
    assert_eq!((now.calls, &now.previous), (then.calls, &then.previous));
    assert_eq!(now.applied, then.applied);
    assert_eq!(now.targets[TARGET].has(), then.targets[TARGET].has());
    let same = scene.record(json!({ "own": "v1", "outcome": "Won" })).await;
    assert_eq!(scene.decide().await[0].words, ["unchanged"]);
    assert_eq!(scene.line(same).await, "settled");
}

async fn our_entry_ids_stay(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut lead = None;
    for outcome in ["a", "b", "c"] {
        scene
            .carry(json!({ "own": "v1", "leadping": "L1", "outcome": outcome }))
            .await;
        let lease = scene.take_one().await;
        scene.deliver(&lease, outcome).await;
        lead = Some(lease.lead);
    }
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    let known = scene
        .store
        .known_entries(lead.unwrap(), TARGET)
        .await
        .unwrap();
    assert_eq!(known.ids, ["c", "b", "a"]);
}

async fn a_place_in_the_order_is_never_given_twice(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..3 {
        scene.carry(json!({ "do": "ignore" })).await;
    }
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    scene.reopen().await;
    let id = scene.record(json!({ "do": "ignore" })).await;
    assert_eq!(scene.event(id).await.sequence.0, 4);
    assert_eq!(scene.decide().await.len(), 1, "it is not taken for decided");
}
