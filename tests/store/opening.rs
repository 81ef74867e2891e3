//! Opening: one opener at a time, and everything is there again.

use serde_json::json;

use crate::ground::{Engine, Ground, Scene, says};

on_every_engine!(
    a_second_opener_is_refused_until_the_first_has_gone,
    everything_is_there_after_a_drop,
    what_was_queued_before_the_close_is_written,
    a_closed_store_refuses,
);

async fn a_second_opener_is_refused_until_the_first_has_gone(engine: Engine) {
    let ground = Ground::new(engine);
    let (store, _handed) = ground.open().unwrap();
    let second = ground.open().map(|_| ());
    let message = second.unwrap_err().to_string();
    assert!(message.contains("in use"), "{message}");
    store.close().await;
    ground.open().expect("the first has gone");
}

async fn everything_is_there_after_a_drop(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    scene.carry(json!({ "own": "v1", "outcome": "b" })).await;
    scene.deliver_all().await;
    scene.carry(json!({ "own": "v1", "outcome": "c" })).await;
    scene.record(json!({ "own": "v1", "outcome": "d" })).await;
    let before = format!("{:?}", scene.events().await);
    let Scene {
        ground,
        store,
        handed,
        judge,
        now,
    } = scene;
    // No goodbye.
    drop((store, handed));
    let (store, handed) = ground.open_when_free().await;
    let mut scene = Scene {
        ground,
        store,
        handed,
        judge,
        now,
    };
    assert_eq!(format!("{:?}", scene.events().await), before);
    scene.decide().await;
    assert_eq!(scene.deliver_all().await, ["c", "d"]);
}

async fn what_was_queued_before_the_close_is_written(engine: Engine) {
    let mut scene = Scene::on(engine);
    let appends: Vec<_> = (0..50)
        .map(|_| {
            scene
                .store
                .append(scene.new_event("voice", json!({ "do": "ignore" })))
        })
        .collect();
    let (appended, ()) = tokio::join!(futures_util::future::join_all(appends), scene.store.close());
    assert!(appended.iter().all(Result::is_ok));
    scene.reopen().await;
    assert_eq!(scene.events().await.len(), 50);
}

async fn a_closed_store_refuses(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    let lease = scene.take_one().await;
    assert_eq!(says(std::slice::from_ref(&lease)), ["a"]);
    scene.store.close().await;
    // Twice is no fault.
    scene.store.close().await;
    let event = scene.new_event("voice", json!({ "do": "ignore" }));
    assert!(scene.store.append(event).await.is_err());
    assert!(
        scene
            .try_settle(&lease, leadping_bridge::store::Outcome::Withheld)
            .await
            .is_err()
    );
}
