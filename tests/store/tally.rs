//! The tally equals what a count of the rows gives, after any walk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadping_bridge::decision::ParkCause;
use leadping_bridge::store::{HeldFate, Outcome};
use proptest::prelude::*;
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET};

on_every_engine!(the_tally_is_what_a_count_gives_after_any_walk);

#[derive(Debug, Clone)]
enum Move {
    Carry { lead: u8, outcome: u8 },
    Take { limit: usize },
    Settle { which: usize, how: u8 },
    Rule { own: bool },
    Recover,
    Withhold,
    Shadow { on: bool },
    Forget,
    Reopen,
    Wait,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0u8..4, 0u8..5).prop_map(|(lead, outcome)| Move::Carry { lead, outcome }),
        4 => (1usize..4).prop_map(|limit| Move::Take { limit }),
        6 => (0usize..8, 0u8..6).prop_map(|(which, how)| Move::Settle { which, how }),
        2 => any::<bool>().prop_map(|own| Move::Rule { own }),
        1 => Just(Move::Recover),
        1 => Just(Move::Withhold),
        1 => any::<bool>().prop_map(|on| Move::Shadow { on }),
        1 => Just(Move::Forget),
        1 => Just(Move::Reopen),
        2 => Just(Move::Wait),
    ];
    prop::collection::vec(one, 60..120)
}

async fn the_tally_is_what_a_count_gives_after_any_walk(engine: Engine) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 6,
        // Nothing is kept beside the sources; the failing walk is printed.
        failure_persistence: None,
        max_shrink_iters: 64,
        ..ProptestConfig::default()
    });
    let outer = tokio::runtime::Handle::current();
    let walked = tokio::task::spawn_blocking(move || {
        runner.run(&moves(), |moves| {
            outer.block_on(walk(engine, &moves));
            Ok(())
        })
    });
    if let Err(failure) = walked.await.unwrap() {
        panic!("{failure}");
    }
}

async fn walk(engine: Engine, moves: &[Move]) {
    let mut scene = Scene::on(engine);
    let mut leases = Vec::new();
    for step in moves {
        match step {
            Move::Carry { lead, outcome } => {
                let body = json!({
                    "own": format!("v{lead}"), "leadping": format!("L{lead}"),
                    "outcome": format!("{outcome}"), "targets": if *lead == 0 { vec![TARGET, "second"] } else { vec![TARGET] },
                });
                scene.carry(body).await;
            }
            Move::Take { limit } => leases.extend(scene.take(*limit).await),
            Move::Settle { which, how } if !leases.is_empty() => {
                let lease = leases.remove(which % leases.len());
                // Recovered in between: the lease is lost, and nothing may change.
                let _ = scene.try_settle(&lease, outcome(&scene, *how)).await;
            }
            Move::Settle { .. } => {}
            Move::Rule { own } => {
                let held = scene.store.target_memory(TARGET).await.unwrap().held;
                let rows = held.iter().map(|held| held.row).collect();
                let fate = if *own {
                    HeldFate::Own
                } else {
                    HeldFate::DueAt(scene.now)
                };
                scene
                    .store
                    .release_held(TARGET, rows, fate, scene.now)
                    .await
                    .unwrap();
            }
            Move::Recover => {
                let wait = std::time::Duration::ZERO;
                scene
                    .store
                    .recover_leases(TARGET, Timestamp::MAX, wait)
                    .await
                    .unwrap();
            }
            Move::Withhold => {
                scene.store.withhold_due(TARGET, scene.now).await.unwrap();
            }
            Move::Shadow { on } => {
                scene
                    .judge
                    .shadow
                    .store(*on, std::sync::atomic::Ordering::Relaxed);
            }
            Move::Forget => {
                scene.forget_before(scene.now).await;
            }
            Move::Reopen => scene.reopen().await,
            Move::Wait => scene.advance(1000),
        }
        check(&scene).await;
    }
}

fn outcome(scene: &Scene, how: u8) -> Outcome {
    match how {
        0 => Outcome::Delivered { entry_id: None },
        1 => Outcome::Delivered {
            entry_id: Some(String::from("e")),
        },
        2 => Outcome::Retry {
            at: scene.now,
            fate_unknown: true,
            patience: None,
        },
        3 => Outcome::Held {
            http_status: 404,
            fate_unknown: false,
        },
        4 => Outcome::Parked(ParkCause::refused(TARGET, 422)),
        _ => Outcome::Withheld,
    }
}

async fn check(scene: &Scene) {
    let mut told = BTreeMap::new();
    for target in scene.store.targets().await.unwrap() {
        for (state, count) in target
            .deliveries
            .into_iter()
            .filter(|(_, count)| *count != 0)
        {
            told.insert((target.name.clone(), state), count);
        }
    }
    assert_eq!(told, scene.ground.counted_deliveries());
    let wrong = scene.ground.leads_without_one_head();
    assert!(wrong.is_empty(), "not one head: {wrong:?}");
}
