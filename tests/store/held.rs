//! Held refusals, interrupted tries, shadow mode, and what is remembered of a target.

use std::time::Duration;

use jiff::Timestamp;
use leadping_bridge::store::{HeldFate, Outcome, TakeDue};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET, at, says};

on_every_engine!(
    held_deliveries_are_parked_as_their_own,
    held_deliveries_are_due_again,
    a_ruling_touches_only_what_is_held,
    interrupted_tries_are_looked_up_later,
    an_interrupted_try_keeps_its_place_and_its_old_lease_is_worth_nothing,
    shadow_mode_withholds_what_is_due_and_keeps_open_fates,
    shadow_mode_leaves_one_head_per_lead_after_every_step,
    the_leads_last_written_are_remembered_newest_first,
);

const LONG: Duration = Duration::from_secs(20);

async fn leads(scene: &mut Scene, count: usize) {
    for number in 0..count {
        let own = format!("v{number}");
        let body = json!({ "own": own, "leadping": format!("L{number}"), "outcome": own });
        scene.record(body).await;
    }
    scene.decide().await;
}

async fn hold_all(scene: &Scene) -> Vec<i64> {
    let leases = scene.take(64).await;
    for lease in &leases {
        let held = Outcome::Held {
            http_status: 404,
            fate_unknown: false,
        };
        scene.settle(lease, held).await;
    }
    leases.iter().map(|lease| lease.row).collect()
}

async fn held_deliveries_are_parked_as_their_own(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 2).await;
    scene
        .carry(json!({ "own": "v0", "outcome": "behind" }))
        .await;
    let rows = hold_all(&scene).await;
    let memory = scene.store.target_memory(TARGET).await.unwrap();
    let held: Vec<_> = memory
        .held
        .iter()
        .map(|held| (&*held.lead_id, held.http_status))
        .collect();
    assert_eq!(held, [("L0", 404), ("L1", 404)]);
    assert!(scene.take(9).await.is_empty());
    scene
        .store
        .release_held(TARGET, rows, HeldFate::Own, scene.now)
        .await
        .unwrap();
    assert!(
        scene
            .store
            .target_memory(TARGET)
            .await
            .unwrap()
            .held
            .is_empty()
    );
    assert_eq!(says(&scene.take(9).await), ["behind"]);
    let parked = scene.store.parked().await.unwrap();
    assert_eq!(
        (parked[0].cause.as_str(), parked[0].deliveries),
        ("refused:leadping:404", 2)
    );
}

async fn held_deliveries_are_due_again(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 2).await;
    let rows = hold_all(&scene).await;
    scene.reopen().await;
    assert_eq!(
        scene.store.target_memory(TARGET).await.unwrap().held.len(),
        2
    );
    let fate = HeldFate::DueAt(at(400));
    scene
        .store
        .release_held(TARGET, rows[..1].to_vec(), fate, scene.now)
        .await
        .unwrap();
    assert!(scene.take(9).await.is_empty(), "not before its time");
    scene.advance(400);
    assert_eq!(says(&scene.take(9).await), ["v0"]);
}

async fn a_ruling_touches_only_what_is_held(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 3).await;
    let leases = scene.take(2).await;
    scene.deliver(&leases[0], "e1").await;
    let all: Vec<i64> = (leases[0].row..leases[0].row + 3).collect();
    for fate in [HeldFate::Own, HeldFate::DueAt(at(9000))] {
        scene
            .store
            .release_held(TARGET, all.clone(), fate, scene.now)
            .await
            .unwrap();
    }
    let counted = scene.ground.counted_deliveries();
    for state in ["delivered", "in_flight", "due"] {
        assert_eq!(
            counted[&(TARGET.to_owned(), state.to_owned())],
            1,
            "{state}"
        );
    }
    assert_eq!(says(&scene.take(9).await), ["v2"]);
}

async fn interrupted_tries_are_looked_up_later(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 3).await;
    scene.take(1).await;
    scene.advance(1000);
    scene.take(1).await;
    scene.reopen().await;
    let younger = scene
        .store
        .recover_leases(TARGET, at(0), LONG)
        .await
        .unwrap();
    assert_eq!(younger, 0, "only what was leased before");
    assert_eq!(
        scene
            .store
            .recover_leases(TARGET, at(500), LONG)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        scene
            .store
            .recover_leases(TARGET, Timestamp::MAX, LONG)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        scene
            .store
            .recover_leases(TARGET, Timestamp::MAX, LONG)
            .await
            .unwrap(),
        0
    );
    scene.now = at(19_999);
    assert_eq!(says(&scene.take(9).await), ["v2"]);
    scene.now = at(20_000);
    let lease = scene.take_one().await;
    assert_eq!(says(std::slice::from_ref(&lease)), ["v0"]);
    assert!(lease.fate_unknown);
    assert_eq!(lease.attempt, 2);
    scene.now = at(21_000);
    assert_eq!(says(&scene.take(9).await), ["v1"]);
}

async fn an_interrupted_try_keeps_its_place_and_its_old_lease_is_worth_nothing(engine: Engine) {
    let mut scene = Scene::on(engine);
    let id = scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    scene.carry(json!({ "own": "v1", "outcome": "b" })).await;
    let old = scene.take_one().await;
    scene
        .store
        .recover_leases(TARGET, Timestamp::MAX, Duration::ZERO)
        .await
        .unwrap();
    let row = scene.event(id).await.deliveries.remove(0);
    assert_eq!(
        row.last_result.as_deref(),
        Some("the process ended during the call")
    );
    let late = scene
        .try_settle(&old, Outcome::Delivered { entry_id: None })
        .await;
    assert!(late.is_err(), "the old lease still settles");
    let lease = scene.take_one().await;
    assert_eq!(says(std::slice::from_ref(&lease)), ["a"]);
    assert_ne!(lease.token, old.token);
}

async fn shadow_mode_withholds_what_is_due_and_keeps_open_fates(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 4).await;
    let behind = scene
        .carry(json!({ "own": "v1", "outcome": "behind" }))
        .await;
    let leases = scene.take(3).await;
    let held = Outcome::Held {
        http_status: 404,
        fate_unknown: false,
    };
    scene.settle(&leases[0], held).await;
    let open = Outcome::Retry {
        at: at(0),
        fate_unknown: true,
        patience: None,
    };
    scene.settle(&leases[1], open).await;
    // v0 held, v1 of unknown fate with one behind it, v2 under way, v3 due.
    assert_eq!(
        scene.store.withhold_due(TARGET, scene.now).await.unwrap(),
        3
    );
    assert_eq!(scene.line(behind).await, "settled | withheld");
    assert!(
        scene
            .store
            .target_memory(TARGET)
            .await
            .unwrap()
            .held
            .is_empty()
    );
    let look = TakeDue {
        look_only: true,
        ..scene.due(9)
    };
    assert_eq!(says(&scene.take_by(look).await.leases), ["v1"]);
    scene
        .settle(&leases[2], Outcome::Delivered { entry_id: None })
        .await;
    let counted = scene.ground.counted_deliveries();
    assert_eq!(counted[&(TARGET.to_owned(), String::from("withheld"))], 3);
    assert!(scene.ground.leads_without_one_head().is_empty());
}

/// A long queue of one lead is withheld in several transactions; the process may end in between.
async fn shadow_mode_leaves_one_head_per_lead_after_every_step(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..600 {
        let body = json!({ "own": "v1", "leadping": "L1", "outcome": format!("{number}") });
        scene.record(body).await;
    }
    scene.decide().await;
    let (store, now) = (scene.store.clone(), scene.now);
    let withholding = tokio::spawn(async move { store.withhold_due(TARGET, now).await });
    while !withholding.is_finished() {
        let wrong = scene.ground.leads_without_one_head();
        assert!(wrong.is_empty(), "heads of one lead: {wrong:?}");
        tokio::task::yield_now().await;
    }
    assert_eq!(withholding.await.unwrap().unwrap(), 600);
}

async fn the_leads_last_written_are_remembered_newest_first(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene, 12).await;
    for lease in scene.take(64).await {
        scene.deliver(&lease, &format!("e{}", lease.row)).await;
    }
    let body = json!({ "own": "v5", "outcome": "again" });
    scene.carry(body).await;
    let lease = scene.take_one().await;
    scene.deliver(&lease, "again").await;
    scene
        .store
        .save_health(TARGET, String::from("{\"a\":1}"))
        .await
        .unwrap();
    scene
        .store
        .save_health(TARGET, String::from("{\"b\":2}"))
        .await
        .unwrap();
    scene.reopen().await;
    let memory = scene.store.target_memory(TARGET).await.unwrap();
    assert_eq!(memory.health.as_deref(), Some("{\"b\":2}"));
    let expected = ["L5", "L11", "L10", "L9", "L8", "L7", "L6", "L4", "L3", "L2"];
    assert_eq!(memory.recent_leads, expected);
    let nothing = scene.store.target_memory("second").await.unwrap();
    assert!(nothing.recent_leads.is_empty() && nothing.health.is_none());
}
