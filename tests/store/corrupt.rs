//! What fits no state is reported as corrupt, never guessed.

use leadping_bridge::store::{EventPage, StoreError};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(
    a_row_that_fits_no_state_is_reported,
    a_delivery_that_cannot_be_read_is_parked_alone,
    a_broken_lead_fails_its_own_decision_and_is_left_undecided,
);

async fn a_row_that_fits_no_state_is_reported(engine: Engine) {
    for damage in [
        "UPDATE event SET state = 'lost'",
        "UPDATE delivery SET state = 'lost'",
        "UPDATE event SET decision = '{}'",
        "UPDATE event SET id = x'00'",
        "UPDATE event SET received_at = 9223372036854775807",
    ] {
        let mut scene = Scene::on(engine);
        scene
            .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
            .await;
        scene.ground.damage(damage);
        let page = EventPage {
            limit: 9,
            ..EventPage::default()
        };
        let read = scene.store.events(page).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(_))),
            "{damage}: {read:?}"
        );
    }
}

async fn a_delivery_that_cannot_be_read_is_parked_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    scene.ground.damage("UPDATE delivery SET members = 'none'");
    scene
        .carry(json!({ "own": "v2", "leadping": "L2", "outcome": "a" }))
        .await;
    let taken = scene.store.take_due(scene.due(2)).await.unwrap();
    assert_eq!(taken.leases.len(), 1, "the other lead goes on: {taken:?}");
    let parked = scene.store.parked().await.unwrap();
    assert_eq!(
        parked
            .iter()
            .map(|row| row.cause.as_str())
            .collect::<Vec<_>>(),
        ["unsure:leadping"]
    );
}

async fn a_broken_lead_fails_its_own_decision_and_is_left_undecided(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    scene.ground.damage("UPDATE lead SET state = 'none'");
    // The writer remembers what it wrote; a new one reads it.
    scene.reopen().await;
    let id = scene.record(json!({ "own": "v1", "outcome": "b" })).await;
    let batch = scene.handed_on();
    let decided = scene
        .store
        .decide(batch, scene.judge.clone(), scene.now)
        .await;
    assert!(
        matches!(decided, Err(StoreError::Corrupt(_))),
        "{decided:?}"
    );
    let undecided = scene.store.undecided(9).await.unwrap();
    assert_eq!(
        undecided.iter().map(|event| event.id).collect::<Vec<_>>(),
        [id]
    );
}
