//! The audit trail and the list of rejects: newest first, in pages, and kept over a restart.

use bytes::Bytes;
use leadping_bridge::store::{AuditKey, NewAudit, RejectedRequest, Store, Sweep, SweepAt};

use crate::ground::{Engine, Scene, at};

on_every_engine!(
    what_was_done_is_listed_newest_first_and_kept,
    rejects_are_listed_newest_first,
    what_was_done_long_ago_is_forgotten,
);

async fn note(store: &Store, what: &'static str, ms: i64) -> AuditKey {
    let audit = NewAudit {
        who: String::from("night shift"),
        what,
        about: Some(String::from("target leadping")),
        at: at(ms),
    };
    store.audit(audit).await.unwrap()
}

async fn what_was_done_is_listed_newest_first_and_kept(engine: Engine) {
    let mut scene = Scene::on(engine);
    let first = note(&scene.store, "targets.pause", 0).await;
    note(&scene.store, "targets.resume", 1000).await;
    let outcome = String::from("200 paused");
    scene.store.audit_outcome(first, outcome).await.unwrap();
    scene.reopen().await;
    let page = scene.store.audits(None, 10).await.unwrap();
    let told: Vec<_> = page
        .iter()
        .map(|row| (row.what.as_str(), row.outcome.as_deref(), row.at))
        .collect();
    let expected = [
        ("targets.resume", None, at(1000)),
        ("targets.pause", Some("200 paused"), at(0)),
    ];
    assert_eq!(told, expected);
    assert!(page.iter().all(|row| row.who == "night shift"));
    let one = scene.store.audits(None, 1).await.unwrap();
    assert_eq!(one.len(), 1);
    let next = scene.store.audits(Some(one[0].number), 10).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].what, "targets.pause");
}

async fn what_was_done_long_ago_is_forgotten(engine: Engine) {
    let scene = Scene::on(engine);
    note(&scene.store, "targets.pause", 0).await;
    note(&scene.store, "targets.resume", 1000).await;
    let mut sweep = Sweep::of(at(500));
    while sweep.at != SweepAt::Done {
        sweep.at = scene.store.sweep(sweep).await.unwrap().next;
    }
    let kept = scene.store.audits(None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].what, "targets.resume");
}

async fn rejects_are_listed_newest_first(engine: Engine) {
    let scene = Scene::on(engine);
    for size_bytes in [1, 2, 3] {
        scene.store.record_reject(RejectedRequest {
            source: String::from("voice"),
            reason: "not JSON",
            size_bytes,
            at: at(0),
            body: Bytes::from_static(b"x"),
        });
    }
    // The writer has come to the end of its queue.
    scene.store.try_write().await.unwrap();
    let page = scene.store.rejects(None, 2).await.unwrap();
    let sizes: Vec<i64> = page.iter().map(|row| row.size_bytes).collect();
    assert_eq!(sizes, [3, 2]);
    let rest = scene.store.rejects(Some(page[1].number), 2).await.unwrap();
    assert_eq!((rest.len(), rest[0].size_bytes), (1, 1));
}
