//! Which mapping tables were in force when: kept once each, bounded, and never gone while a kept
//! event's decision names them.

use std::time::Duration;

use leadping_bridge::clock::after;
use leadping_bridge::store::{LoadedBy, TableLoaded, TablesLoaded};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(
    the_set_in_force_is_kept_with_its_texts,
    the_same_set_is_not_kept_twice_in_a_row,
    it_survives_a_restart,
    what_a_decision_names_stays_and_the_rest_is_bounded,
    deciding_again_moves_the_use,
);

/// A set of one table, whose text and hash are told by `name`.
fn set(scene: &Scene, name: &str, by: LoadedBy) -> TablesLoaded {
    TablesLoaded {
        hash: format!("set-{name}"),
        tables: vec![TableLoaded {
            mapping: String::from("voice"),
            hash: format!("table-{name}"),
            text: format!("text {name}").into(),
        }],
        at: scene.now,
        by,
    }
}

async fn load(scene: &Scene, name: &str) {
    let loaded = set(scene, name, LoadedBy::File);
    scene.store.remember_tables(loaded).await.unwrap();
}

async fn hashes(scene: &Scene) -> Vec<String> {
    let versions = scene.store.table_versions(None, 1000).await.unwrap();
    versions.into_iter().map(|version| version.hash).collect()
}

async fn text(scene: &Scene, name: &str) -> Option<String> {
    let hash = format!("table-{name}");
    scene.store.table_text(&hash).await.unwrap()
}

async fn the_set_in_force_is_kept_with_its_texts(engine: Engine) {
    let mut scene = Scene::on(engine);
    let first = scene.now;
    for by in LoadedBy::ALL {
        let loaded = set(&scene, by.as_str(), by);
        scene.store.remember_tables(loaded).await.unwrap();
        scene.advance(1000);
    }
    let versions = scene.store.table_versions(None, 2).await.unwrap();
    let shown = serde_json::to_value(&versions).unwrap();
    let at = |seconds| format!("{:.3}", after(first, Duration::from_secs(seconds)));
    let expected = json!([
        { "hash": "set-api", "tables": { "voice": "table-api" }, "loaded_at": at(3), "loaded_by": "api" },
        { "hash": "set-signal", "tables": { "voice": "table-signal" }, "loaded_at": at(2), "loaded_by": "signal" },
    ]);
    assert_eq!(shown, expected);
    assert_eq!(text(&scene, "start").await.unwrap(), "text start");
    assert_eq!(text(&scene, "never").await, None);
}

async fn the_same_set_is_not_kept_twice_in_a_row(engine: Engine) {
    let scene = Scene::on(engine);
    for name in ["a", "a", "b", "a"] {
        load(&scene, name).await;
    }
    assert_eq!(hashes(&scene).await, ["set-a", "set-b", "set-a"]);
}

async fn it_survives_a_restart(engine: Engine) {
    let mut scene = Scene::on(engine);
    load(&scene, "a").await;
    scene.reopen().await;
    load(&scene, "a").await;
    assert_eq!(hashes(&scene).await, ["set-a"]);
    assert_eq!(text(&scene, "a").await.unwrap(), "text a");
}

async fn what_a_decision_names_stays_and_the_rest_is_bounded(engine: Engine) {
    let mut scene = Scene::on(engine);
    for name in ["used", "unused"] {
        load(&scene, name).await;
    }
    scene
        .carry(json!({ "do": "ignore", "table": "table-used" }))
        .await;
    for number in 0..150 {
        load(&scene, &format!("{number}")).await;
    }
    let kept = hashes(&scene).await;
    assert_eq!(kept.len(), 101);
    assert_eq!(kept.last().unwrap(), "set-used");
    assert_eq!(text(&scene, "used").await.unwrap(), "text used");
    assert_eq!(text(&scene, "unused").await, None);
    assert_eq!(text(&scene, "50").await.unwrap(), "text 50");
    assert_eq!(text(&scene, "49").await, None);

    // Once the event goes, so does what only it named.
    scene.advance(1);
    assert_eq!(scene.forget_before(scene.now).await, 1);
    load(&scene, "last").await;
    assert_eq!(hashes(&scene).await.len(), 100);
    assert_eq!(text(&scene, "used").await, None);
}

async fn deciding_again_moves_the_use(engine: Engine) {
    let mut scene = Scene::on(engine);
    load(&scene, "old").await;
    // Parked as unlinked by one table, decided by its link while another is in force.
    let body = json!({ "own": "v1", "outcome": "a", "table": "table-old" });
    scene.carry(body).await;
    for number in 0..120 {
        load(&scene, &format!("{number}")).await;
    }
    assert_eq!(hashes(&scene).await.last().unwrap(), "set-old");
    *scene.judge.table.lock().unwrap() = Some(String::from("table-119"));
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "do": "ignore" }))
        .await;
    load(&scene, "last").await;
    load(&scene, "very last").await;
    assert!(!hashes(&scene).await.contains(&String::from("set-old")));
}
