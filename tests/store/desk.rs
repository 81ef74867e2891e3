//! Deciding at the desk: recorded, decided and leased in one transaction, in the order recorded.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use jiff::Timestamp;
use leadping_bridge::delivery::Leave;
use leadping_bridge::store::{Appended, Decided, Decider, Desk, Leased, Outcome};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::ground::{Engine, Scene, TARGET, at, says};
use crate::judge::Judge;

on_every_engine!(
    what_is_recorded_is_decided_and_leased_at_once,
    without_leave_the_delivery_is_due,
    a_lead_has_one_delivery_under_lease,
    while_something_older_is_undecided_nothing_overtakes_it,
    what_cannot_be_decided_is_recorded_all_the_same,
    a_transaction_that_failed_gives_its_leave_back,
    a_lease_of_a_process_that_died_is_of_unknown_fate,
    a_desk_that_is_gone_leaves_it_to_the_decider,
);

struct TestDesk {
    judge: Arc<Judge>,
    slots: Arc<Semaphore>,
    calls: TaskTracker,
    told: Mutex<Vec<Decided>>,
    leased: Mutex<Vec<Leased>>,
}

impl Desk for TestDesk {
    fn sit(&self) -> (Arc<dyn Decider>, Timestamp) {
        (self.judge.clone(), at(0))
    }

    fn leave(&self, target: &str) -> Option<Leave> {
        assert_eq!(target, TARGET);
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        Some(Leave::new(slot, self.calls.token()))
    }

    fn announce(&self, decided: Vec<Decided>, leased: Vec<Leased>) {
        self.told.lock().unwrap().extend(decided);
        self.leased.lock().unwrap().extend(leased);
    }
}

/// A desk with so many slots, beside the scene's store.
fn seat(scene: &Scene, slots: usize) -> Arc<TestDesk> {
    let desk = Arc::new(TestDesk {
        judge: scene.judge.clone(),
        slots: Arc::new(Semaphore::new(slots)),
        calls: TaskTracker::new(),
        told: Mutex::default(),
        leased: Mutex::default(),
    });
    let seated: Arc<dyn Desk> = desk.clone();
    scene.store.decide_at(&seated);
    desk
}

impl TestDesk {
    /// Waits until so many events were announced: that happens after the answer.
    async fn announced(&self, count: usize) -> Vec<Leased> {
        while self.told.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
        std::mem::take(&mut *self.leased.lock().unwrap())
    }
}

async fn what_is_recorded_is_decided_and_leased_at_once(engine: Engine) {
    let mut scene = Scene::on(engine);
    let desk = seat(&scene, 9);
    let linked = json!({ "own": "v1", "leadping": "L1", "outcome": "Won" });
    let id = scene.record(linked).await;
    assert_eq!(scene.line(id).await, "decided | in_flight");
    let parked = scene.record(json!({ "own": "v2", "do": "park" })).await;
    assert_eq!(scene.line(parked).await, "parked unmapped:voice:220");
    let leased = desk.announced(2).await;
    let lease = &leased[0].lease;
    assert_eq!(says(std::slice::from_ref(lease)), ["Won"]);
    assert_eq!((lease.attempt, lease.fate_unknown), (1, false));
    let told = desk.told.lock().unwrap().clone();
    assert!(told[0].targets.is_empty(), "leased, so nobody is woken");
    scene.deliver(lease, "e1").await;
    assert_eq!(scene.line(id).await, "settled | delivered");
    assert!(scene.handed_on().is_empty());
    assert!(scene.store.undecided(9).await.unwrap().is_empty());
}

async fn without_leave_the_delivery_is_due(engine: Engine) {
    let scene = Scene::on(engine);
    let desk = seat(&scene, 0);
    let id = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "Won" }))
        .await;
    assert_eq!(scene.line(id).await, "decided | due");
    assert!(desk.announced(1).await.is_empty());
    assert_eq!(desk.told.lock().unwrap()[0].targets, [TARGET]);
    assert_eq!(scene.take_one().await.attempt, 1);
}

async fn a_lead_has_one_delivery_under_lease(engine: Engine) {
    let scene = Scene::on(engine);
    let desk = seat(&scene, 9);
    let first = json!({ "own": "v1", "leadping": "L1", "outcome": "a" });
    scene.record(first).await;
    let second = scene.record(json!({ "own": "v1", "outcome": "b" })).await;
    assert_eq!(scene.line(second).await, "decided | due");
    let leased = desk.announced(2).await;
    assert_eq!(leased.len(), 1);
    assert!(scene.take(9).await.is_empty(), "its lead is busy");
    scene.deliver(&leased[0].lease, "e1").await;
    assert_eq!(says(&scene.take(9).await), ["b"]);
}

async fn while_something_older_is_undecided_nothing_overtakes_it(engine: Engine) {
    let mut scene = Scene::on(engine);
    let older = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    let desk = seat(&scene, 9);
    let newer = scene.record(json!({ "own": "v1", "outcome": "b" })).await;
    assert_eq!(scene.line(newer).await, "received");
    assert_eq!(scene.handed_on().len(), 2);
    scene.decide().await;
    assert_eq!(scene.judge.order(), [older, newer]);
    // Caught up: from now on it is decided at once again.
    let next = scene
        .record(json!({ "own": "v2", "leadping": "L2", "outcome": "c" }))
        .await;
    assert_eq!(scene.line(next).await, "decided | in_flight");
    assert_eq!(desk.announced(1).await.len(), 1);
}

async fn what_cannot_be_decided_is_recorded_all_the_same(engine: Engine) {
    let mut scene = Scene::on(engine);
    let desk = seat(&scene, 9);
    let bodies = (0..20).map(|number| match number {
        7 => json!({ "do": "orphan", "outcome": "Won" }),
        _ => {
            json!({ "own": format!("v{number}"), "leadping": format!("L{number}"), "outcome": "a" })
        }
    });
    let events: Vec<_> = bodies.map(|body| scene.new_event("voice", body)).collect();
    let appended = join_all(events.into_iter().map(|event| scene.store.append(event))).await;
    assert!(
        appended
            .iter()
            .all(|one| matches!(one, Ok(Appended::New(_))))
    );
    let states: Vec<String> = scene
        .events()
        .await
        .iter()
        .rev()
        .map(|event| event.state.as_str().to_owned())
        .collect();
    assert_eq!(states[..7], ["decided"; 7]);
    assert_eq!(
        states[7..],
        ["received"; 13],
        "in order, behind the bad one"
    );
    assert_eq!(scene.handed_on().len(), 13);
    assert_eq!(desk.announced(7).await.len(), 7);
}

async fn a_transaction_that_failed_gives_its_leave_back(engine: Engine) {
    let scene = Scene::on(engine);
    let desk = seat(&scene, 3);
    let good = json!({ "own": "v1", "leadping": "L1", "outcome": "a" });
    let bad = json!({ "own": "v2", "leadping": "L2", "outcome": "a", "targets": [TARGET, TARGET] });
    let mut twice = scene.new_event("voice", bad);
    let first = scene.new_event("voice", good);
    twice.undecided.event.id = first.undecided.event.id;
    let (first, twice) = tokio::join!(scene.store.append(first), scene.store.append(twice));
    assert!(first.is_ok() && twice.is_err(), "{twice:?}");
    let leased = desk.announced(1).await;
    assert_eq!((leased.len(), desk.slots.available_permits()), (1, 2));
    drop(leased);
    assert_eq!(desk.slots.available_permits(), 3);
}

async fn a_lease_of_a_process_that_died_is_of_unknown_fate(engine: Engine) {
    let mut scene = Scene::on(engine);
    let desk = seat(&scene, 9);
    scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    drop(desk.announced(1).await);
    scene.reopen().await;
    let recovered = scene
        .store
        .recover_leases(TARGET, Timestamp::MAX, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(recovered, 1);
    scene.advance(1);
    let lease = scene.take_one().await;
    assert_eq!((lease.attempt, lease.fate_unknown), (2, true));
    scene
        .settle(&lease, Outcome::Delivered { entry_id: None })
        .await;
}

async fn a_desk_that_is_gone_leaves_it_to_the_decider(engine: Engine) {
    let mut scene = Scene::on(engine);
    drop(seat(&scene, 9));
    let id = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    assert_eq!(scene.line(id).await, "received");
    scene.decide().await;
    assert_eq!(scene.line(id).await, "decided | due");
}
