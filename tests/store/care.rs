//! The file looked after from outside: checks that find every broken law, backups and restores.

use std::collections::BTreeSet;

use jiff::Timestamp;
use leadping_bridge::decision::ParkCause;
use leadping_bridge::store::sqlite as engine;
use leadping_bridge::store::sqlite::{Look, RestoreError};
use leadping_bridge::store::{Outcome, StoreError};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET};

on_every_engine!(
    a_store_in_every_state_breaks_no_law,
    each_broken_law_is_found_with_a_remedy,
    a_damaged_file_is_found,
    a_backup_is_the_store_at_one_moment,
    a_backup_is_never_written_over_anything,
    a_restore_has_what_is_open_looked_up_and_keeps_the_old,
    nothing_is_restored_while_the_store_is_open,
    what_is_not_sound_is_not_restored,
    compacting_counts_anew,
);

fn tells(error: &StoreError, words: &str) -> bool {
    error.to_string().contains(words)
}

/// Delivered, parked, due, in flight, withheld, superseded, ignored, unlinked.
async fn live(scene: &mut Scene) {
    let body = |own: &str| json!({ "own": own, "leadping": format!("L-{own}"), "outcome": "a" });
    for (own, outcome) in [
        ("v1", Outcome::Delivered { entry_id: None }),
        ("v2", Outcome::Parked(ParkCause::refused(TARGET, 422))),
        ("v3", Outcome::Withheld),
        ("v4", Outcome::Superseded),
    ] {
        scene.carry(body(own)).await;
        let lease = scene.take_one().await;
        scene.settle(&lease, outcome).await;
    }
    scene.carry(body("v5")).await;
    scene.take_one().await;
    scene.carry(body("v6")).await;
    scene.carry(json!({ "own": "v6", "outcome": "b" })).await;
    scene
        .carry(json!({ "own": "v1", "do": "amend", "notes": "more" }))
        .await;
    scene.carry(json!({ "own": "v7", "outcome": "a" })).await;
    scene.carry(json!({ "do": "ignore" })).await;
}

fn broken(scene: &Scene, look: Look) -> Vec<&'static str> {
    let faults = engine::check(&scene.ground.path(), look).unwrap();
    for fault in &faults {
        assert!(fault.count > 0 && !fault.remedy.is_empty(), "{fault:?}");
    }
    faults.iter().map(|fault| fault.law).collect()
}

async fn a_store_in_every_state_breaks_no_law(engine: Engine) {
    let mut scene = Scene::on(engine);
    assert_eq!(broken(&scene, Look::Full), [] as [&str; 0]);
    live(&mut scene).await;
    // While it is open, and after it was closed.
    assert_eq!(broken(&scene, Look::Full), [] as [&str; 0]);
    scene.store.close().await;
    assert_eq!(broken(&scene, Look::Quick), [] as [&str; 0]);
}

async fn each_broken_law_is_found_with_a_remedy(engine: Engine) {
    let due = "state = 'due'";
    for (law, damage) in [
        (
            "tally",
            String::from("UPDATE tally SET count = count + 1 WHERE state = 'due'"),
        ),
        (
            "table_use",
            String::from("INSERT INTO table_use (hash, decisions) VALUES ('gone', 2)"),
        ),
        (
            "head",
            format!("UPDATE delivery SET head = 0 WHERE {due} AND head = 1"),
        ),
        (
            "idle_head",
            String::from("UPDATE delivery SET head = 1 WHERE state = 'delivered'"),
        ),
        (
            "lease",
            String::from("UPDATE delivery SET token = NULL WHERE state = 'in_flight'"),
        ),
        (
            "table_text",
            String::from(
                r#"UPDATE event SET decision = json_set(decision, '$.table', 'gone') WHERE state = 'settled'"#,
            ),
        ),
        (
            "open_event",
            String::from("UPDATE event SET state = 'settled' WHERE state = 'decided'"),
        ),
        (
            "idle_event",
            String::from("UPDATE event SET state = 'decided' WHERE state = 'settled'"),
        ),
        (
            "cause",
            String::from("UPDATE event SET cause = NULL WHERE state = 'parked'"),
        ),
        (
            "settled_at",
            String::from("UPDATE delivery SET settled_at = NULL WHERE state = 'delivered'"),
        ),
        (
            "body",
            String::from("DELETE FROM event_body WHERE sequence = 1"),
        ),
        ("attempt", String::from("UPDATE attempt SET delivery = 999")),
        ("link", String::from("DELETE FROM lead WHERE lead = 1")),
        (
            "amended",
            format!("UPDATE delivery SET entry = 999 WHERE {due} AND entry IS NOT NULL"),
        ),
        (
            "json",
            String::from("UPDATE delivery SET members = '{' WHERE state = 'delivered'"),
        ),
    ] {
        let mut scene = Scene::on(engine);
        live(&mut scene).await;
        scene.ground.damage(&damage);
        let found: BTreeSet<_> = broken(&scene, Look::Quick).into_iter().collect();
        assert!(found.contains(law), "{law}: {found:?}");
        // A law may break its neighbour, never half of them.
        assert!(found.len() <= 2, "{law}: {found:?}");
    }
}

async fn a_damaged_file_is_found(engine: Engine) {
    let mut scene = Scene::on(engine);
    live(&mut scene).await;
    scene.store.close().await;
    let path = scene.ground.path();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 8192] {
        *byte = 0x5a;
    }
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(broken(&scene, Look::Full), ["file"]);
    std::fs::write(&path, b"not a database at all, not a database at all").unwrap();
    assert_eq!(broken(&scene, Look::Quick), ["file"]);
}

async fn a_backup_is_the_store_at_one_moment(engine: Engine) {
    let mut scene = Scene::on(engine);
    live(&mut scene).await;
    let events = scene.events().await.len();
    let to = scene.ground.path().with_file_name("copy.db");
    let backup = engine::back_up(&scene.ground.path(), &to).unwrap();
    scene.carry(json!({ "do": "ignore" })).await;
    assert_eq!(usize::try_from(backup.events).unwrap(), events);
    assert_eq!(backup.newest_event_at, Some(scene.now));
    assert_eq!(backup.bytes, std::fs::metadata(&to).unwrap().len());
    assert_eq!(engine::check(&to, Look::Full).unwrap(), []);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "bodies are for the owner alone");
}

async fn a_backup_is_never_written_over_anything(engine: Engine) {
    let scene = Scene::on(engine);
    let to = scene.ground.path().with_file_name("precious.db");
    std::fs::write(&to, b"precious").unwrap();
    let refused = engine::back_up(&scene.ground.path(), &to).unwrap_err();
    assert!(tells(&refused, "exists"), "{refused}");
    assert_eq!(std::fs::read(&to).unwrap(), b"precious");
    // One that failed leaves nothing behind.
    let to = to.with_file_name("half.db");
    let none = scene.ground.path().with_file_name("none.db");
    assert!(engine::back_up(&none, &to).is_err());
    assert!(!to.exists() && !to.with_file_name("half.db.partial").exists());
}

async fn a_restore_has_what_is_open_looked_up_and_keeps_the_old(engine: Engine) {
    let mut scene = Scene::on(engine);
    let path = scene.ground.path();
    live(&mut scene).await;
    let events = scene.events().await.len();
    let backup = path.with_file_name("backup.db");
    engine::back_up(&path, &backup).unwrap();
    let later = scene
        .carry(json!({ "own": "v8", "leadping": "L-v8", "outcome": "a" }))
        .await;
    scene.store.close().await;
    let at: Timestamp = "2026-08-02T03:04:05Z".parse().unwrap();
    let restored = engine::restore(&path, &backup, at).unwrap();
    assert_eq!(usize::try_from(restored.events).unwrap(), events);
    assert_eq!(
        restored.looked_up_first, 4,
        "two of v6, v5's, and the amend"
    );
    let aside = restored.kept_aside.unwrap();
    assert!(aside.ends_with("bridge.db.20260802T030405Z"), "{aside:?}");
    assert_eq!(engine::check(&aside, Look::Full).unwrap(), []);
    scene.reopen().await;
    assert_eq!(scene.events().await.len(), events, "without {later}");
    let open = scene.take(9).await;
    assert!(
        !open.is_empty() && open.iter().all(|lease| lease.fate_unknown),
        "{open:?}"
    );
    // The same second again: nothing is written over.
    scene.store.close().await;
    assert!(engine::restore(&path, &backup, at).is_err());
    assert_eq!(engine::check(&path, Look::Full).unwrap(), []);
}

async fn nothing_is_restored_while_the_store_is_open(engine: Engine) {
    let scene = Scene::on(engine);
    let path = scene.ground.path();
    let backup = path.with_file_name("backup.db");
    engine::back_up(&path, &backup).unwrap();
    let refused = engine::restore(&path, &backup, scene.now).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    let refused = engine::compact(&path).unwrap_err();
    assert!(tells(&refused, "in use"), "{refused}");
}

async fn what_is_not_sound_is_not_restored(engine: Engine) {
    let scene = Scene::on(engine);
    let path = scene.ground.path();
    scene.store.close().await;
    let before = std::fs::read(&path).unwrap();
    let newer = path.with_file_name("newer.db");
    engine::back_up(&path, &newer).unwrap();
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection
        .execute_batch("UPDATE refinery_schema_history SET version = version + 1000")
        .unwrap();
    drop(connection);
    let text = path.with_file_name("text.db");
    std::fs::write(&text, "x".repeat(5000)).unwrap();
    let empty = path.with_file_name("empty.db");
    std::fs::write(&empty, "").unwrap();
    for (file, law) in [(newer, "version"), (text, "file"), (empty, "version")] {
        match engine::restore(&path, &file, scene.now) {
            Err(RestoreError::Unsound { fault, .. }) => assert_eq!(fault.law, law, "{file:?}"),
            other => panic!("{file:?}: {other:?}"),
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(!path.with_file_name("bridge.db.restoring").exists());
}

async fn compacting_counts_anew(engine: Engine) {
    let mut scene = Scene::on(engine);
    live(&mut scene).await;
    scene.store.close().await;
    let path = scene.ground.path();
    for damage in [
        "UPDATE tally SET count = 77",
        "INSERT INTO table_use (hash, decisions) VALUES ('gone', 2)",
        "UPDATE delivery SET head = 1 WHERE state = 'delivered'",
        "UPDATE delivery SET head = 0 WHERE state = 'due'",
    ] {
        scene.ground.damage(damage);
    }
    assert_eq!(
        broken(&scene, Look::Quick),
        ["tally", "table_use", "head", "idle_head"]
    );
    let compacted = engine::compact(&path).unwrap();
    assert_eq!(compacted.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(broken(&scene, Look::Full), [] as [&str; 0]);
    scene.reopen().await;
    assert!(!scene.take(9).await.is_empty());
    let nowhere = path.with_file_name("nowhere.db");
    assert!(matches!(
        engine::compact(&nowhere),
        Err(StoreError::NotFound)
    ));
}
