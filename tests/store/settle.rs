//! Settling: only with the token, and what follows for the lead and the event.

use leadping_bridge::decision::ParkCause;
use leadping_bridge::delivery::Patience;
use leadping_bridge::store::{Outcome, StoreError};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET, at, says};

on_every_engine!(
    a_lease_settles_once,
    each_outcome_leaves_its_state,
    whatever_ends_a_delivery_frees_the_next_of_its_lead,
    an_event_settles_with_its_last_delivery,
    patience_begins_once,
    entry_ids_are_known_per_lead_and_target,
    the_last_attempt_is_shown,
);

async fn lead_with(scene: &mut Scene, outcomes: &[&str]) {
    for outcome in outcomes {
        scene
            .carry(json!({ "own": "v1", "leadping": "L1", "outcome": outcome }))
            .await;
    }
}

async fn a_lease_settles_once(engine: Engine) {
    let mut scene = Scene::on(engine);
    lead_with(&mut scene, &["a", "b"]).await;
    let lease = scene.take_one().await;
    let mut forged = lease.clone();
    forged.token += 1;
    let lost = scene.try_settle(&forged, Outcome::Withheld).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
    scene.deliver(&lease, "e1").await;
    let twice = scene
        .try_settle(&lease, Outcome::Delivered { entry_id: None })
        .await;
    assert!(matches!(twice, Err(StoreError::LeaseLost)), "{twice:?}");
    let known = scene.store.known_entries(lease.lead, TARGET).await.unwrap();
    assert_eq!(known.ids, ["e1"]);
    assert_eq!(says(&[scene.take_one().await]), ["b"]);
}

async fn each_outcome_leaves_its_state(engine: Engine) {
    let delivered = Outcome::Delivered {
        entry_id: Some(String::from("e1")),
    };
    let retry = Outcome::Retry {
        at: at(900),
        fate_unknown: true,
        patience: None,
    };
    let held = Outcome::Held {
        http_status: 404,
        fate_unknown: false,
    };
    let parked = Outcome::Parked(ParkCause::refused(TARGET, 422));
    for (outcome, line, due_again) in [
        (delivered, "settled | delivered", None),
        (retry, "decided | due", Some(at(900))),
        (held, "decided | due held 404", None),
        (parked, "decided | parked refused:leadping:422", None),
        (Outcome::Withheld, "settled | withheld", None),
    ] {
        let mut scene = Scene::on(engine);
        let id = scene
            .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
            .await;
        let lease = scene.take_one().await;
        assert_eq!(scene.line(id).await, "decided | in_flight");
        assert_eq!(scene.settle(&lease, outcome).await, due_again, "{line}");
        assert_eq!(scene.line(id).await, line);
        scene.reopen().await;
        assert_eq!(scene.line(id).await, line);
    }
}

async fn whatever_ends_a_delivery_frees_the_next_of_its_lead(engine: Engine) {
    let mut scene = Scene::on(engine);
    lead_with(&mut scene, &["a", "b", "c", "d", "e"]).await;
    let parked = Outcome::Parked(ParkCause::unsure(TARGET));
    let mut said = Vec::new();
    for outcome in [
        Outcome::Delivered { entry_id: None },
        parked,
        Outcome::Withheld,
    ] {
        let lease = scene.take_one().await;
        said.extend(says(std::slice::from_ref(&lease)));
        assert_eq!(scene.settle(&lease, outcome).await, Some(at(0)));
        assert!(scene.ground.leads_without_one_head().is_empty());
    }
    let lease = scene.take_one().await;
    let held = Outcome::Held {
        http_status: 403,
        fate_unknown: false,
    };
    scene.settle(&lease, held).await;
    assert!(
        scene.take(9).await.is_empty(),
        "a held delivery keeps its place"
    );
    assert_eq!(said, ["a", "b", "c"]);
    assert!(scene.ground.leads_without_one_head().is_empty());
}

async fn an_event_settles_with_its_last_delivery(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body =
        json!({ "own": "v1", "leadping": "L1", "outcome": "a", "targets": [TARGET, "second"] });
    let id = scene.carry(body).await;
    let first = scene.take_one().await;
    let mut second = scene.due(1);
    second.target = String::from("second");
    let second = scene.take_by(second).await.leases.remove(0);
    scene.deliver(&first, "e1").await;
    assert_eq!(scene.line(id).await, "decided | delivered | in_flight");
    scene.deliver(&second, "e2").await;
    assert_eq!(scene.line(id).await, "settled | delivered | delivered");
}

async fn patience_begins_once(engine: Engine) {
    let mut scene = Scene::on(engine);
    lead_with(&mut scene, &["a"]).await;
    let lease = scene.take_one().await;
    assert_eq!(lease.patience, None);
    let began = Patience {
        since: at(5),
        lost_ms_then: 3,
    };
    let outcome = Outcome::Retry {
        at: at(0),
        fate_unknown: false,
        patience: Some(began),
    };
    scene.settle(&lease, outcome).await;
    let lease = scene.take_one().await;
    assert_eq!(lease.patience, Some(began));
    let held = Outcome::Held {
        http_status: 401,
        fate_unknown: true,
    };
    scene.settle(&lease, held).await;
    scene.reopen().await;
    let rows = vec![lease.row];
    let fate = leadping_bridge::store::HeldFate::DueAt(at(0));
    scene
        .store
        .release_held(TARGET, rows, fate, scene.now)
        .await
        .unwrap();
    let lease = scene.take_one().await;
    assert_eq!(
        (lease.patience, lease.fate_unknown, lease.attempt),
        (Some(began), true, 3)
    );
}

async fn entry_ids_are_known_per_lead_and_target(engine: Engine) {
    let mut scene = Scene::on(engine);
    lead_with(&mut scene, &["a", "b"]).await;
    scene
        .carry(json!({ "own": "v2", "leadping": "L2", "outcome": "other" }))
        .await;
    let first = scene.take(9).await;
    scene.deliver(&first[0], "e1").await;
    scene.deliver(&first[1], "other").await;
    let second = scene.take_one().await;
    scene.deliver(&second, "e2").await;
    let known = scene
        .store
        .known_entries(second.lead, TARGET)
        .await
        .unwrap();
    assert_eq!(known.ids, ["e2", "e1"]);
    let elsewhere = scene
        .store
        .known_entries(second.lead, "second")
        .await
        .unwrap();
    assert!(elsewhere.ids.is_empty());
}

async fn the_last_attempt_is_shown(engine: Engine) {
    let mut scene = Scene::on(engine);
    let id = scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    assert_eq!(scene.event(id).await.deliveries[0].last_http_status, None);
    let lease = scene.take_one().await;
    scene.deliver(&lease, "e1").await;
    let row = scene.event(id).await.deliveries.remove(0);
    assert_eq!((row.attempts, row.last_http_status), (1, Some(200)));
    assert_eq!(row.last_result.as_deref(), Some("accepted"));
    assert_eq!(row.settled_at, Some(scene.now));
}
