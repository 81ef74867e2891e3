//! Taking due deliveries: one per lead, oldest due first, and what is left is counted.

use std::collections::BTreeSet;

use leadping_bridge::store::{Outcome, TakeDue};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET, at, says};

on_every_engine!(
    only_the_head_of_each_lead_is_taken,
    the_oldest_due_goes_first_and_nothing_before_its_time,
    the_try_is_counted_when_it_is_taken,
    what_is_left_is_counted,
    a_probe_takes_the_oldest_whatever_its_time_but_no_look_up_early,
    in_shadow_mode_only_open_fates_are_looked_up,
    takers_at_once_never_get_the_same,
    a_target_is_nobody_elses,
);

async fn linked(scene: &mut Scene, own: &str, outcome: &str) {
    let body = json!({ "own": own, "leadping": format!("L-{own}"), "outcome": outcome });
    scene.carry(body).await;
}

async fn retry_at(
    scene: &Scene,
    lease: &leadping_bridge::delivery::Lease,
    ms: i64,
    fate_unknown: bool,
) {
    let outcome = Outcome::Retry {
        at: at(ms),
        fate_unknown,
        patience: None,
    };
    scene.settle(lease, outcome).await;
}

async fn only_the_head_of_each_lead_is_taken(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (own, outcome) in [
        ("v1", "a"),
        ("v1", "b"),
        ("v2", "c"),
        ("v1", "d"),
        ("v2", "e"),
    ] {
        linked(&mut scene, own, outcome).await;
    }
    let first = scene.take(64).await;
    assert_eq!(says(&first), ["a", "c"]);
    assert!(scene.take(64).await.is_empty(), "their leads are busy");
    let next = scene
        .settle(&first[0], Outcome::Delivered { entry_id: None })
        .await;
    assert_eq!(
        next,
        Some(at(0)),
        "the next of the lead is due since it was decided"
    );
    assert_eq!(says(&scene.take(64).await), ["b"]);
    retry_at(&scene, &first[1], 500, false).await;
    assert!(
        scene.take(64).await.is_empty(),
        "what is tried again keeps its place"
    );
    assert!(scene.ground.leads_without_one_head().is_empty());
}

async fn the_oldest_due_goes_first_and_nothing_before_its_time(engine: Engine) {
    let mut scene = Scene::on(engine);
    for own in ["v1", "v2", "v3"] {
        linked(&mut scene, own, own).await;
    }
    let leases = scene.take(64).await;
    for (lease, ms) in leases.iter().zip([3000, 1000, 2000]) {
        retry_at(&scene, lease, ms, false).await;
    }
    linked(&mut scene, "v4", "v4").await;
    for (advance, limit, expected) in [
        (0, 64, vec!["v4"]),
        (999, 64, vec![]),
        (1, 64, vec!["v2"]),
        (2000, 1, vec!["v3"]),
        (0, 64, vec!["v1"]),
    ] {
        scene.advance(advance);
        assert_eq!(
            says(&scene.take(limit).await),
            expected,
            "after {advance} ms more"
        );
    }
}

async fn the_try_is_counted_when_it_is_taken(engine: Engine) {
    let mut scene = Scene::on(engine);
    linked(&mut scene, "v1", "a").await;
    for number in 1..=3 {
        let lease = scene.take_one().await;
        assert_eq!((lease.attempt, lease.leased_at), (number, scene.now));
        assert_eq!(lease.lead_id, "L-v1");
        assert!(!lease.fate_unknown && !lease.look_only);
        retry_at(&scene, &lease, 0, false).await;
    }
}

async fn what_is_left_is_counted(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..6 {
        linked(&mut scene, &format!("v{number}"), "a").await;
    }
    linked(&mut scene, "v0", "behind").await;
    let leases = scene.take(2).await;
    retry_at(&scene, &leases[0], 700, false).await;
    let taken = scene.take_by(scene.due(1)).await;
    assert_eq!(
        (taken.leases.len(), taken.left.ready, taken.left.next_at),
        (1, 3, Some(at(0)))
    );
    let taken = scene.take_by(scene.due(64)).await;
    assert_eq!(
        (taken.leases.len(), taken.left.ready, taken.left.next_at),
        (3, 0, Some(at(700)))
    );
    scene.advance(700);
    let taken = scene.take_by(scene.due(64)).await;
    assert_eq!(
        (taken.leases.len(), taken.left.ready, taken.left.next_at),
        (1, 0, None)
    );
}

async fn a_probe_takes_the_oldest_whatever_its_time_but_no_look_up_early(engine: Engine) {
    let mut scene = Scene::on(engine);
    for own in ["v1", "v2", "v3"] {
        linked(&mut scene, own, own).await;
    }
    let leases = scene.take(64).await;
    retry_at(&scene, &leases[0], 9000, true).await;
    retry_at(&scene, &leases[1], 8000, false).await;
    retry_at(&scene, &leases[2], 7000, false).await;
    let probe = |not: &[&str], ms: i64| TakeDue {
        probe_not: Some(not.iter().map(|lead| (*lead).to_owned()).collect()),
        now: at(ms),
        ..scene.due(1)
    };
    let taken = scene.take_by(probe(&["L-v2"], 0)).await;
    assert_eq!(says(&taken.leases), ["v3"]);
    retry_at(&scene, &taken.leases[0], 7000, false).await;
    let taken = scene.take_by(probe(&[], 0)).await;
    assert_eq!(says(&taken.leases), ["v2"], "the look-up of v1 is not due");
    let taken = scene.take_by(probe(&["L-v3", "L-v1"], 9000)).await;
    assert!(taken.leases.is_empty());
    let taken = scene.take_by(probe(&[], 9000)).await;
    assert_eq!(says(&taken.leases), ["v1"]);
}

async fn in_shadow_mode_only_open_fates_are_looked_up(engine: Engine) {
    let mut scene = Scene::on(engine);
    for own in ["v1", "v2"] {
        linked(&mut scene, own, own).await;
    }
    let leases = scene.take(64).await;
    retry_at(&scene, &leases[0], 0, false).await;
    retry_at(&scene, &leases[1], 0, true).await;
    let look = TakeDue {
        look_only: true,
        ..scene.due(64)
    };
    let taken = scene.take_by(look).await;
    assert_eq!(says(&taken.leases), ["v2"]);
    assert!(taken.leases[0].look_only && taken.leases[0].fate_unknown);
    assert_eq!(taken.left.ready, 0);
}

async fn takers_at_once_never_get_the_same(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..40 {
        let body = json!({ "own": format!("v{number}"), "leadping": format!("L{number}"), "outcome": "a" });
        scene.record(body).await;
    }
    scene.decide().await;
    let takes = (0..20).map(|_| scene.store.take_due(scene.due(3)));
    let taken = futures_util::future::join_all(takes).await;
    let leases: Vec<_> = taken
        .into_iter()
        .flat_map(|taken| taken.unwrap().leases)
        .collect();
    let rows: BTreeSet<i64> = leases.iter().map(|lease| lease.row).collect();
    let tokens: BTreeSet<i64> = leases.iter().map(|lease| lease.token).collect();
    assert_eq!((leases.len(), rows.len(), tokens.len()), (40, 40, 40));
}

async fn a_target_is_nobody_elses(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body =
        json!({ "own": "v1", "leadping": "L1", "outcome": "a", "targets": ["second", TARGET] });
    scene.carry(body).await;
    let body = json!({ "own": "v1", "outcome": "b", "targets": ["second"] });
    scene.carry(body).await;
    assert_eq!(says(&scene.take(64).await), ["a"]);
    let second = TakeDue {
        target: String::from("second"),
        ..scene.due(64)
    };
    let lease = scene.take_by(second).await.leases.remove(0);
    assert_eq!(lease.target, "second");
}
