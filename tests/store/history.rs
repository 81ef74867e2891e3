//! The lead's past, as the next decision sees it.

use std::sync::atomic::Ordering;

use leadping_bridge::decision::ParkCause;
use leadping_bridge::lead::{LeadHistory, SystemId};
use leadping_bridge::store::Outcome;
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET, at};

on_every_engine!(
    calls_are_counted_once,
    the_newest_applied_event_is_kept_per_source,
    what_is_not_applied_leaves_no_trace,
    each_slot_has_its_own_past,
    what_the_target_has_follows_its_deliveries,
    a_lead_waits_behind_its_own_deliveries_only,
    withheld_deliveries_count_in_shadow_mode_only,
    the_past_survives_a_restart,
);

/// What the target has now, as the next decision sees it.
async fn has(scene: &mut Scene) -> Option<String> {
    let probe = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let history = scene.judge.history_of(probe);
    let entry = history.targets.get(TARGET)?.has()?;
    Some(entry.members["outcome"].as_str().unwrap().to_owned())
}

async fn calls_are_counted_once(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (calls, expected) in [
        (json!([]), 0),
        (json!(["a"]), 1),
        (json!(["a"]), 1),
        (json!(["a", "b"]), 2),
        (json!([]), 2),
        (json!(["c", "c"]), 3),
    ] {
        let id = scene
            .carry(json!({ "own": "v1", "calls": calls, "do": "ignore" }))
            .await;
        assert_eq!(scene.judge.history_of(id).calls, expected, "{calls}");
    }
    let other = scene
        .carry(json!({ "own": "v2", "calls": ["a"], "do": "ignore" }))
        .await;
    assert_eq!(
        scene.judge.history_of(other).calls,
        1,
        "calls are a lead's own"
    );
}

async fn the_newest_applied_event_is_kept_per_source(engine: Engine) {
    let mut scene = Scene::on(engine);
    let say = |outcome: &str, ms: i64| json!({ "own": "v1", "leadping": "L1", "outcome": outcome, "at": ms });
    scene.carry(say("New", 100)).await;
    scene.carry(say("Won", 300)).await;
    // Applied although older by its clock (the judge here does not look): the newest stays.
    scene.carry(say("Lost", 200)).await;
    let crm = json!({ "own": "c1", "leadping": "L1", "outcome": "Lost", "at": 50 });
    scene.carry_from("crm", crm).await;
    let probe = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let history = scene.judge.history_of(probe);
    assert_eq!(history.applied["voice"].occurred_at, Some(at(300)));
    assert_eq!(history.applied["voice"].sequence.0, 3);
    assert_eq!(history.applied["crm"].occurred_at, Some(at(50)));
    assert_eq!(
        history.applied["crm"].sequence.0, 4,
        "unchanged counts as applied"
    );
    assert_eq!(
        history.targets[TARGET].applied.map(|applied| applied.0),
        Some(4)
    );
    assert_eq!(history.lead_id.as_deref(), Some("L1"));
    let previous = history.previous.expect("something was decided");
    assert_eq!(
        (previous.outcome.as_deref(), &*previous.source),
        (Some("Lost"), "crm")
    );
}

async fn what_is_not_applied_leaves_no_trace(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "outcome": "unlinked" }))
        .await;
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "do": "park" }))
        .await;
    scene.carry(json!({ "own": "v2", "do": "ignore" })).await;
    let probe = scene.carry(json!({ "own": "v2", "do": "ignore" })).await;
    let mut history = scene.judge.history_of(probe);
    let own = SystemId::new("voice", "v2");
    assert_eq!(
        std::mem::take(&mut history.ids),
        [own],
        "what it says itself"
    );
    assert_eq!(history, LeadHistory::default());
}

async fn each_slot_has_its_own_past(engine: Engine) {
    let mut scene = Scene::on(engine);
    let slots = [TARGET, "leadping.lead", "nlpearl:o1/v1", "nlpearl:o2/v2"];
    for (number, slot) in slots.iter().enumerate() {
        let said = json!({ "own": "v1", "leadping": "L1", "outcome": number.to_string(), "targets": [slot] });
        scene.carry(said).await;
    }
    let probe = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let history = scene.judge.history_of(probe);
    for (number, slot) in slots.iter().enumerate() {
        let past = &history.targets[*slot];
        let has = past.has().expect(slot);
        let members = has
            .members
            .get("lead")
            .unwrap_or(&json!(has.members))
            .clone();
        assert_eq!(members["outcome"], json!(number.to_string()), "{slot}");
        let recorded = i64::try_from(number).unwrap() + 1;
        assert_eq!(past.applied.map(|at| at.0), Some(recorded), "{slot}");
    }
    // The same in one slot is unchanged there, and says nothing of the others.
    let id = scene
        .carry(
            json!({ "own": "v1", "outcome": "2", "targets": ["nlpearl:o1/v1", "nlpearl:o2/v2"] }),
        )
        .await;
    let decided = scene.event(id).await;
    let verdicts = &decided.decision.expect("it was decided").targets;
    assert_eq!(verdicts["nlpearl:o1/v1"].as_str(), "unchanged");
    assert_eq!(verdicts["nlpearl:o2/v2"].as_str(), "delivery");
}

async fn what_the_target_has_follows_its_deliveries(engine: Engine) {
    let mut scene = Scene::on(engine);
    assert_eq!(has(&mut scene).await, None);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "New" }))
        .await;
    assert_eq!(has(&mut scene).await.as_deref(), Some("New"), "due");
    let lease = scene.take_one().await;
    assert_eq!(has(&mut scene).await.as_deref(), Some("New"), "in flight");
    scene.deliver(&lease, "e1").await;
    assert_eq!(has(&mut scene).await.as_deref(), Some("New"), "delivered");

    scene.carry(json!({ "own": "v1", "outcome": "Won" })).await;
    assert_eq!(
        has(&mut scene).await.as_deref(),
        Some("Won"),
        "the newer is due"
    );
    let lease = scene.take_one().await;
    let held = Outcome::Held {
        http_status: 404,
        fate_unknown: false,
    };
    scene.settle(&lease, held).await;
    assert_eq!(has(&mut scene).await.as_deref(), Some("Won"), "held is due");
    scene
        .store
        .release_held(
            TARGET,
            vec![lease.row],
            leadping_bridge::store::HeldFate::Own,
            scene.now,
        )
        .await
        .unwrap();
    assert_eq!(
        has(&mut scene).await.as_deref(),
        Some("New"),
        "parked is not there"
    );

    scene.carry(json!({ "own": "v1", "outcome": "Lost" })).await;
    let lease = scene.take_one().await;
    scene
        .settle(&lease, Outcome::Parked(ParkCause::refused(TARGET, 422)))
        .await;
    assert_eq!(
        has(&mut scene).await.as_deref(),
        Some("New"),
        "parked is not there"
    );
}

async fn a_lead_waits_behind_its_own_deliveries_only(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut targets = Vec::new();
    for (own, outcome) in [("v1", "a"), ("v1", "b"), ("v2", "c")] {
        let body = json!({ "own": own, "leadping": own, "outcome": outcome });
        scene.record(body).await;
        targets.extend(
            scene
                .decide()
                .await
                .into_iter()
                .map(|decided| decided.targets.len()),
        );
    }
    assert_eq!(
        targets,
        [1, 0, 1],
        "a delivery that has to wait wakes nobody"
    );
}

async fn withheld_deliveries_count_in_shadow_mode_only(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "New" }))
        .await;
    scene.deliver_all().await;
    scene.judge.shadow.store(true, Ordering::Relaxed);
    let withheld = scene.carry(json!({ "own": "v1", "outcome": "Won" })).await;
    assert_eq!(scene.line(withheld).await, "settled | withheld");
    assert!(scene.take(9).await.is_empty());
    assert_eq!(has(&mut scene).await.as_deref(), Some("Won"));
    scene.judge.shadow.store(false, Ordering::Relaxed);
    assert_eq!(
        has(&mut scene).await.as_deref(),
        Some("New"),
        "it was never sent"
    );
    let probe = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let applied = scene.judge.history_of(probe).targets[TARGET].applied;
    assert_eq!(
        applied,
        Some(scene.event(withheld).await.sequence),
        "it counts for stale"
    );
}

async fn the_past_survives_a_restart(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "calls": ["a"], "outcome": "New", "at": 7 });
    scene.carry(body).await;
    let before = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    scene.reopen().await;
    let later = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    assert_eq!(
        scene.judge.history_of(later),
        scene.judge.history_of(before)
    );
}
