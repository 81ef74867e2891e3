//! Retention: what is final and old goes, bounded; what is needed stays however old.

use jiff::Timestamp;
use leadping_bridge::decision::ParkCause;
use leadping_bridge::store::{Appended, Outcome, Sweep, SweepAt, Swept};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET};

on_every_engine!(
    what_is_final_and_old_goes_and_nothing_else,
    it_goes_in_bounded_steps,
    a_time_before_all_times_forgets_nothing,
    a_lead_keeps_its_state_when_its_events_are_gone,
    our_entry_ids_stay,
    a_place_in_the_order_is_never_given_twice,
    every_step_is_short_and_the_last_one_says_so,
    what_never_got_there_goes_with_its_event,
    what_is_still_to_be_amended_stays,
    a_record_that_is_newer_does_not_take_a_disposition_with_it,
    keys_and_space_of_what_is_gone_go_too,
    an_old_parked_event_keeps_nothing_else,
);

const DAY_MS: u64 = 86_400_000;

/// More than any sweep here takes.
const MANY_STEPS: usize = 10_000;
/// Rows of the last event of a step may come on top.
const MOST_ROWS: usize = 256 + 16;

/// Every step to the end.
async fn sweep(scene: &Scene, before: Timestamp) -> Vec<Swept> {
    let mut sweep = Sweep::of(before);
    let mut steps: Vec<Swept> = Vec::new();
    while sweep.at != SweepAt::Done {
        let swept = scene.store.sweep(sweep).await.unwrap();
        sweep.at = swept.next;
        steps.push(swept);
        assert!(steps.len() < MANY_STEPS, "it does not end");
    }
    steps
}

/// Forgets until nothing more goes; how many events went.
async fn forget(scene: &Scene, before: Timestamp) -> usize {
    sweep(scene, before).await.iter().map(|it| it.events).sum()
}

async fn what_is_final_and_old_goes_and_nothing_else(engine: Engine) {
    let mut scene = Scene::on(engine);
    let linked = |own: &str| json!({ "own": own, "leadping": format!("L-{own}"), "outcome": "a" });
    let ignored = scene.carry(json!({ "own": "v0", "do": "ignore" })).await;
    let delivered = scene.carry(linked("v1")).await;
    scene.deliver_all().await;
    let unlinked = scene.carry(json!({ "own": "v2", "outcome": "a" })).await;
    let unmapped = scene.carry(json!({ "own": "v2", "do": "park" })).await;
    let refused = scene.carry(linked("v3")).await;
    let lease = scene.take_one().await;
    scene
        .settle(&lease, Outcome::Parked(ParkCause::refused(TARGET, 422)))
        .await;
    let in_flight = scene.carry(linked("v4")).await;
    scene.take_one().await;
    let due = scene.carry(linked("v5")).await;
    let undecided = scene.record(linked("v6")).await;
    scene.advance(90 * DAY_MS);
    let young = scene.record(json!({ "own": "v7", "do": "ignore" })).await;
    assert_eq!(forget(&scene, scene.now).await, 2);
    let left: Vec<_> = scene
        .events()
        .await
        .into_iter()
        .map(|event| event.id)
        .rev()
        .collect();
    assert_eq!(
        left,
        [
            unlinked, unmapped, refused, in_flight, due, undecided, young
        ]
    );
    assert!(!left.contains(&ignored) && !left.contains(&delivered));
    assert_eq!(scene.store.undecided(9).await.unwrap().len(), 2);
    // What stayed can still be freed.
    let body = json!({ "own": "v2", "leadping": "L-v2", "outcome": "b" });
    scene.carry(body).await;
    assert_eq!(scene.line(unlinked).await, "decided | due");
}

async fn it_goes_in_bounded_steps(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..600 {
        scene.record(json!({ "do": "ignore" })).await;
    }
    scene.decide().await;
    scene.advance(1);
    let first = scene.forget_before(scene.now).await;
    assert!((1..600).contains(&first), "{first} in one step");
    assert_eq!(first + forget(&scene, scene.now).await, 600);
}

async fn a_time_before_all_times_forgets_nothing(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(json!({ "do": "ignore" })).await;
    let century_ago = "1926-08-01T00:00:00Z".parse().unwrap();
    for before in [
        Timestamp::MIN,
        century_ago,
        Timestamp::UNIX_EPOCH,
        scene.now,
    ] {
        assert_eq!(forget(&scene, before).await, 0, "before {before}");
    }
    scene.advance(1);
    assert_eq!(forget(&scene, scene.now).await, 1);
}

async fn a_lead_keeps_its_state_when_its_events_are_gone(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body =
        json!({ "own": "v1", "leadping": "L1", "calls": ["a", "b"], "outcome": "New", "at": 5 });
    scene.carry(body).await;
    scene
        .carry(json!({ "own": "v1", "outcome": "Won", "at": 9 }))
        .await;
    for _ in 0..2 {
        let lease = scene.take_one().await;
        // The body of the answer could not be read: no entry id.
        scene
            .settle(&lease, Outcome::Delivered { entry_id: None })
            .await;
    }
    let before = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    scene.reopen().await;
    let later = scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    let (now, then) = (
        scene.judge.history_of(later),
        scene.judge.history_of(before),
    );
    assert_eq!((now.calls, &now.previous), (then.calls, &then.previous));
    assert_eq!(now.applied, then.applied);
    assert_eq!(now.targets[TARGET].has(), then.targets[TARGET].has());
    let same = scene.record(json!({ "own": "v1", "outcome": "Won" })).await;
    assert_eq!(scene.decide().await[0].words, ["unchanged"]);
    assert_eq!(scene.line(same).await, "settled");
}

async fn our_entry_ids_stay(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut lead = None;
    for outcome in ["a", "b", "c"] {
        scene
            .carry(json!({ "own": "v1", "leadping": "L1", "outcome": outcome }))
            .await;
        let lease = scene.take_one().await;
        scene.deliver(&lease, outcome).await;
        lead = Some(lease.lead);
    }
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    let known = scene
        .store
        .known_entries(lead.unwrap(), TARGET)
        .await
        .unwrap();
    assert_eq!(known.ids, ["c", "b", "a"]);
}

async fn a_place_in_the_order_is_never_given_twice(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..3 {
        scene.carry(json!({ "do": "ignore" })).await;
    }
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 3);
    scene.reopen().await;
    let id = scene.record(json!({ "do": "ignore" })).await;
    assert_eq!(scene.event(id).await.sequence.0, 4);
    assert_eq!(scene.decide().await.len(), 1, "it is not taken for decided");
}

async fn every_step_is_short_and_the_last_one_says_so(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..150 {
        let lead = format!("L{number}");
        scene
            .carry(json!({ "own": format!("v{number}"), "leadping": lead, "outcome": "a" }))
            .await;
    }
    assert_eq!(scene.deliver_all().await.len(), 150);
    for _ in 0..600 {
        scene.record(json!({ "do": "ignore" })).await;
    }
    scene.decide().await;
    scene.advance(1);
    let steps = sweep(&scene, scene.now).await;
    let events: usize = steps.iter().map(|step| step.events).sum();
    assert_eq!(events, 750);
    for step in &steps {
        assert!(step.rows <= MOST_ROWS, "{step:?}");
    }
    assert!(steps.iter().filter(|step| step.events > 0).count() >= 6);
    let again = sweep(&scene, scene.now).await;
    assert!(again.iter().all(|step| step.rows == 0), "{again:?}");
}

async fn what_never_got_there_goes_with_its_event(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (own, outcome) in [("v1", Outcome::Superseded), ("v2", Outcome::Withheld)] {
        let lead = format!("L-{own}");
        scene
            .carry(json!({ "own": own, "leadping": lead, "outcome": "a" }))
            .await;
        let lease = scene.take_one().await;
        scene.settle(&lease, outcome).await;
    }
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 2);
    let left = scene.ground.counted_deliveries();
    let withheld = (TARGET.to_owned(), String::from("withheld"));
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [(withheld, 1)]);
}

async fn what_is_still_to_be_amended_stays(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = |outcome: &str| json!({ "own": "v1", "leadping": "L1", "outcome": outcome });
    scene.carry(body("a")).await;
    let set = scene.take_one().await;
    scene
        .settle(&set, Outcome::Delivered { entry_id: None })
        .await;
    scene.advance(90 * DAY_MS);
    let amend = json!({ "own": "v1", "do": "amend", "notes": "more" });
    scene.carry(amend).await;
    assert_eq!(forget(&scene, scene.now).await, 1, "the event of the set");
    let lease = scene.take_one().await;
    assert!(lease.is_amend);
    let amending = scene.store.amending(lease.row, lease.token).await;
    assert!(amending.is_ok(), "{amending:?}");
}

async fn a_record_that_is_newer_does_not_take_a_disposition_with_it(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a" });
    scene.carry(body).await;
    let set = scene.take_one().await;
    scene
        .settle(&set, Outcome::Delivered { entry_id: None })
        .await;
    let record =
        "INSERT INTO delivery (id, event, lead, target, lead_id, members, timestamp, received_at,
                                        state, head, due_at, settled_at)
                  SELECT x'0102030405060708090a0b0c0d0e0f10', 99, lead, target, lead_id,
                         '{\"lead\":{\"enabled\":false}}', 0, 0, state, 0, 0, 0 FROM delivery";
    scene.ground.damage(record);
    scene.advance(90 * DAY_MS);
    assert_eq!(forget(&scene, scene.now).await, 1);
    let same = scene.record(json!({ "own": "v1", "outcome": "a" })).await;
    assert_eq!(scene.decide().await[0].words, ["unchanged"]);
    assert_eq!(scene.line(same).await, "settled");
}

fn keys(scene: &Scene, table: &str) -> i64 {
    scene
        .ground
        .number(&format!("SELECT count(*) FROM {table}"))
}

async fn keys_and_space_of_what_is_gone_go_too(engine: Engine) {
    const MANY: usize = 20_000;
    let mut scene = Scene::on(engine);
    let filler = "x".repeat(400);
    for batch in 0..MANY / 500 {
        let events = (0..500).map(|number| {
            let own = format!("v{}", batch * 500 + number);
            let body = json!({ "own": own, "do": "ignore", "filler": filler });
            scene.store.append(scene.new_event("voice", body))
        });
        for appended in futures_util::future::join_all(events).await {
            assert!(matches!(appended.unwrap(), Appended::New(_)));
        }
    }
    scene.handed_on();
    scene.decide().await;
    assert!(keys(&scene, "event_dedupe") > 8000 && keys(&scene, "event_lead") > 8000);
    let pages = scene.ground.number("PRAGMA page_count");
    scene.advance(90 * DAY_MS);
    let young = scene.carry(json!({ "own": "v7", "do": "ignore" })).await;
    let steps = sweep(&scene, scene.now).await;
    let sum = |of: fn(&Swept) -> usize| steps.iter().map(of).sum::<usize>();
    assert_eq!(sum(|step| step.events), MANY);
    assert!(sum(|step| step.pages) > 1000, "pages are given back");
    let full = steps.iter().filter(|step| step.pages == 32).count();
    assert!(full > 30, "{full} steps gave back as many as they may");
    assert!(
        steps
            .iter()
            .all(|step| step.rows <= 1024 && step.pages <= 32)
    );
    assert_eq!(
        (keys(&scene, "event_dedupe"), keys(&scene, "event_lead")),
        (0, 0)
    );
    let left = scene.ground.number("PRAGMA page_count");
    assert!(left < pages / 4, "{left} of {pages} pages are left");
    assert_eq!(scene.line(young).await, "settled");
}

async fn an_old_parked_event_keeps_nothing_else(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..300 {
        scene.record(json!({ "own": "v1", "do": "park" })).await;
    }
    scene.advance(1);
    scene.record(json!({ "own": "v2", "do": "ignore" })).await;
    scene.decide().await;
    scene.advance(90 * DAY_MS);
    assert_eq!(scene.forget_before(scene.now).await, 0);
    assert_eq!(forget(&scene, scene.now).await, 1, "behind 300 that stay");
}
