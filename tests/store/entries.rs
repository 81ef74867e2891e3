//! Entries: what amends them, what becomes of an amend whose entry never got there, what gives way
//! unsent, and which writes await their echo.

use leadping_bridge::decision::ParkCause;
use leadping_bridge::delivery::Lease;
use leadping_bridge::lead::{Entry, EntryState, TargetHistory};
use leadping_bridge::store::{Amending, Outcome, StoreError};
use serde_json::{Value, json};

use crate::ground::{Engine, Scene, TARGET, at, says};

on_every_engine!(
    an_amend_is_sent_after_its_set_and_knows_its_entry_then,
    an_entry_id_can_be_learnt_later,
    an_amend_whose_set_was_parked_becomes_the_set,
    an_amend_of_a_parked_set_gives_way_to_what_was_decided_since,
    an_entry_that_is_gone_is_not_what_the_target_has,
    an_amend_asks_with_its_lease_only,
    detail_goes_with_an_unsent_set,
    an_amend_behind_a_set_that_took_more_along_says_no_less,
    unsent_older_sets_give_way_and_their_calls_are_counted,
    what_is_under_way_does_not_give_way,
    an_entry_takes_its_call_from_the_first_event_that_names_one,
    an_echo_is_awaited_once_from_the_lease_to_the_end_of_its_window,
    a_write_that_came_back_is_there_whether_its_answer_came_or_not,
    a_refused_write_awaits_no_echo,
    retention_keeps_the_newest_detail,
    withheld_entries_count_in_shadow_mode_only,
);

fn say(what: &str, outcome: &str) -> Value {
    json!({ "own": "v1", "leadping": "L1", "do": what, "outcome": outcome })
}

fn detail(notes: &str) -> Value {
    json!({ "own": "v1", "do": "amend", "outcome": "New", "notes": notes })
}

async fn history(scene: &mut Scene) -> TargetHistory {
    history_from(scene, "voice").await
}

/// As the next event of `source` sees it.
async fn history_from(scene: &mut Scene, source: &str) -> TargetHistory {
    let body = json!({ "own": "v1", "leadping": "L1", "do": "ignore" });
    let probe = scene.carry_from(source, body).await;
    scene.judge.history_of(probe).targets[TARGET].clone()
}

async fn newest(scene: &mut Scene) -> Entry {
    history(scene).await.entries[0].clone()
}

async fn amending(scene: &Scene, lease: &Lease) -> Amending {
    assert!(lease.is_amend);
    scene.store.amending(lease.row, lease.token).await.unwrap()
}

fn refused() -> Outcome {
    Outcome::Parked(ParkCause::refused(TARGET, 422))
}

async fn an_amend_is_sent_after_its_set_and_knows_its_entry_then(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    scene.carry(detail("more")).await;
    let set = scene.take_one().await;
    assert!(!set.is_amend);
    scene.deliver(&set, "e1").await;
    let amend = scene.take_one().await;
    let Amending::Entry(entry) = amending(&scene, &amend).await else {
        panic!("its entry is there");
    };
    assert_eq!(
        (entry.set, entry.entry_id.as_deref()),
        (set.row, Some("e1"))
    );
    assert_eq!((entry.delivery, entry.timestamp), (set.id, set.timestamp));
    let all = json!({ "outcome": "New", "notes": "more" });
    assert_eq!(Value::Object(amend.members.clone()), all);
    scene
        .settle(&amend, Outcome::Delivered { entry_id: None })
        .await;
    let history = history(&mut scene).await;
    assert_eq!(history.entries.len(), 1, "an amend is no entry");
    let entry = &history.entries[0];
    assert_eq!(Value::Object(entry.members.clone()), all);
    assert_eq!((entry.delivery, &*entry.source), (set.id, "voice"));
}

async fn an_entry_id_can_be_learnt_later(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    scene.carry(detail("more")).await;
    let set = scene.take_one().await;
    scene
        .settle(&set, Outcome::Delivered { entry_id: None })
        .await;
    let amend = scene.take_one().await;
    let Amending::Entry(entry) = amending(&scene, &amend).await else {
        panic!("its entry is there");
    };
    assert_eq!(entry.entry_id, None);
    let learnt = scene.store.learn_entry(entry.set, String::from("e1"));
    learnt.await.unwrap();
    assert_eq!(newest(&mut scene).await.entry_id.as_deref(), Some("e1"));
    let known = scene.store.known_entries(set.lead, TARGET).await.unwrap();
    assert_eq!(known.ids, ["e1"]);
}

async fn an_amend_whose_set_was_parked_becomes_the_set(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    scene.carry(detail("one")).await;
    scene.carry(detail("two")).await;
    let set = scene.take_one().await;
    scene.settle(&set, refused()).await;
    let first = scene.take_one().await;
    assert_eq!(amending(&scene, &first).await, Amending::BecameSet);
    scene.deliver(&first, "e1").await;
    // What was to amend the parked one amends the one that took its place.
    let second = scene.take_one().await;
    let Amending::Entry(entry) = amending(&scene, &second).await else {
        panic!("its entry is there");
    };
    assert_eq!(
        (entry.set, entry.entry_id.as_deref()),
        (first.row, Some("e1"))
    );
    assert_eq!(second.members["notes"], "two");
}

async fn an_amend_of_a_parked_set_gives_way_to_what_was_decided_since(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    let event = scene.carry(detail("more")).await;
    scene.carry(say("", "Won")).await;
    let set = scene.take_one().await;
    scene.settle(&set, refused()).await;
    let amend = scene.take_one().await;
    assert_eq!(amending(&scene, &amend).await, Amending::Outdated);
    scene.settle(&amend, Outcome::Superseded).await;
    assert_eq!(scene.line(event).await, "settled | superseded");
    assert_eq!(says(&[scene.take_one().await]), ["Won"]);
}

async fn an_entry_that_is_gone_is_not_what_the_target_has(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    let set = scene.take_one().await;
    scene.deliver(&set, "e1").await;
    assert_eq!(newest(&mut scene).await.state, EntryState::There);
    scene.store.mark_gone(set.row).await.unwrap();
    let history = history(&mut scene).await;
    assert_eq!(history.entries[0].state, EntryState::Absent);
    assert!(history.has().is_none());
    // What still was to amend it becomes a set: nothing newer was decided.
    scene.carry(detail("more")).await;
    let amend = scene.take_one().await;
    assert_eq!(amending(&scene, &amend).await, Amending::BecameSet);
}

async fn an_amend_asks_with_its_lease_only(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    scene.carry(detail("more")).await;
    let set = scene.take_one().await;
    scene.settle(&set, refused()).await;
    let amend = scene.take_one().await;
    let forged = scene.store.amending(amend.row, amend.token + 1).await;
    assert!(matches!(forged, Err(StoreError::LeaseLost)), "{forged:?}");
    assert_eq!(amending(&scene, &amend).await, Amending::BecameSet);
}

async fn detail_goes_with_an_unsent_set(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    assert_eq!(newest(&mut scene).await.state, EntryState::Unsent);
    let body = json!({ "own": "v1", "do": "fold", "outcome": "New", "notes": "more" });
    let event = scene.carry(body).await;
    assert_eq!(scene.line(event).await, "settled");
    let set = scene.take_one().await;
    assert_eq!(
        Value::Object(set.members.clone()),
        json!({ "outcome": "New", "notes": "more" })
    );
    assert_eq!(newest(&mut scene).await.state, EntryState::OnItsWay);
    // Its fate known again, it takes detail again; unknown, it does not.
    for (fate_unknown, state) in [(false, EntryState::Unsent), (true, EntryState::OnItsWay)] {
        let retry = Outcome::Retry {
            at: scene.now,
            fate_unknown,
            patience: None,
        };
        let lease = match fate_unknown {
            false => set.clone(),
            true => scene.take_one().await,
        };
        scene.settle(&lease, retry).await;
        assert_eq!(newest(&mut scene).await.state, state);
    }
}

async fn an_amend_behind_a_set_that_took_more_along_says_no_less(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    let set = scene.take_one().await;
    scene.carry(detail("one")).await;
    let retry = Outcome::Retry {
        at: scene.now,
        fate_unknown: false,
        patience: None,
    };
    scene.settle(&set, retry).await;
    let body = json!({ "own": "v1", "do": "fold", "outcome": "New", "notes": "two" });
    scene.carry(body).await;
    for what in ["set", "amend"] {
        let lease = scene.take_one().await;
        assert_eq!(lease.members["notes"], "two", "{what}");
        scene.deliver(&lease, "e1").await;
    }
    assert_eq!(newest(&mut scene).await.members["notes"], "two");
}

async fn unsent_older_sets_give_way_and_their_calls_are_counted(engine: Engine) {
    let mut scene = Scene::on(engine);
    let first = scene.carry(say("", "one")).await;
    let second = scene.carry(say("", "two")).await;
    let other = json!({ "own": "v2", "leadping": "L2", "outcome": "other" });
    scene.carry(other).await;
    scene.record(say("supersede", "three")).await;
    let decided = scene.decide().await;
    assert_eq!(decided[0].saved_calls, [(TARGET.to_owned(), 2)]);
    for event in [first, second] {
        assert_eq!(scene.line(event).await, "settled | superseded");
    }
    assert_eq!(scene.ground.leads_without_one_head(), []);
    assert_eq!(scene.deliver_all().await, ["other", "three"]);
}

async fn what_is_under_way_does_not_give_way(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "one")).await;
    let under_way = scene.take_one().await;
    let second = scene.carry(say("", "two")).await;
    scene.carry(say("supersede", "three")).await;
    assert_eq!(scene.line(second).await, "settled | superseded");
    scene.deliver(&under_way, "e1").await;
    assert_eq!(scene.ground.leads_without_one_head(), []);
    assert_eq!(scene.deliver_all().await, ["three"]);
}

async fn an_entry_takes_its_call_from_the_first_event_that_names_one(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    assert_eq!(newest(&mut scene).await.call, None);
    for call in ["k1", "k2"] {
        let mut body = detail(call);
        body["calls"] = json!([call]);
        scene.carry(body).await;
        assert_eq!(newest(&mut scene).await.call.as_deref(), Some("k1"));
    }
}

async fn an_echo_is_awaited_once_from_the_lease_to_the_end_of_its_window(engine: Engine) {
    let mut scene = Scene::on(engine);
    let awaited = async |scene: &mut Scene| {
        let writes = history_from(scene, "mirror").await.own_writes;
        writes
            .iter()
            .map(|write| (write.members["outcome"].clone(), write.until))
            .collect::<Vec<_>>()
    };
    scene.carry(say("", "New")).await;
    assert_eq!(awaited(&mut scene).await, [], "no call has left");
    let lease = scene.take_one().await;
    let open = jiff::Timestamp::MAX;
    assert_eq!(awaited(&mut scene).await, [(json!("New"), open)]);
    scene.advance(1_000);
    scene.deliver(&lease, "e1").await;
    assert_eq!(awaited(&mut scene).await, [(json!("New"), at(601_000))]);
    assert_eq!(
        history(&mut scene).await.own_writes,
        [],
        "of another system"
    );
    scene.advance(600_001);
    assert_eq!(awaited(&mut scene).await, []);
    scene.carry(say("", "Won")).await;
    let lease = scene.take_one().await;
    scene.deliver(&lease, "e2").await;
    let echo = json!({ "own": "v1", "leadping": "L1", "do": "echo" });
    scene.carry_from("mirror", echo).await;
    assert_eq!(awaited(&mut scene).await, [], "an echo comes once");
    scene.reopen().await;
    assert_eq!(awaited(&mut scene).await, []);
}

async fn a_write_that_came_back_is_there_whether_its_answer_came_or_not(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "Won")).await;
    let lease = scene.take_one().await;
    let unsure = Outcome::Retry {
        at: at(900),
        fate_unknown: true,
        patience: None,
    };
    scene.settle(&lease, unsure).await;
    let entry = newest(&mut scene).await;
    let stands = (EntryState::OnItsWay, None);
    assert_eq!((entry.state, entry.there_since), stands);
    scene.advance(1_000);
    let echo = json!({ "own": "v1", "leadping": "L1", "do": "echo" });
    scene.carry_from("mirror", echo).await;
    let stands = (EntryState::There, Some(at(1_000)));
    let entry = newest(&mut scene).await;
    assert_eq!((entry.state, entry.there_since), stands);
    // The look-up that finds it changes nothing about that.
    scene.advance(1_000);
    let lease = scene.take_one().await;
    scene.deliver(&lease, "e1").await;
    let entry = newest(&mut scene).await;
    assert_eq!((entry.state, entry.there_since), stands);
}

async fn a_refused_write_awaits_no_echo(engine: Engine) {
    let unsure = Outcome::Parked(ParkCause::unsure(TARGET));
    let busy = |fate_unknown| Outcome::Retry {
        at: at(900),
        fate_unknown,
        patience: None,
    };
    let held = Outcome::Held {
        http_status: 403,
        fate_unknown: false,
    };
    for (outcome, awaited) in [
        (refused(), 0),
        (held, 0),
        (busy(false), 0),
        (busy(true), 1),
        (unsure, 1),
        (Outcome::Withheld, 0),
    ] {
        let mut scene = Scene::on(engine);
        scene.carry(say("", "New")).await;
        let lease = scene.take_one().await;
        scene.settle(&lease, outcome.clone()).await;
        let writes = history_from(&mut scene, "mirror").await.own_writes;
        assert_eq!(writes.len(), awaited, "{outcome:?}");
    }
}

async fn retention_keeps_the_newest_detail(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.carry(say("", "New")).await;
    scene.carry(detail("one")).await;
    scene.carry(detail("two")).await;
    let set = scene.take_one().await;
    scene.deliver(&set, "e1").await;
    for _ in 0..2 {
        let amend = scene.take_one().await;
        scene
            .settle(&amend, Outcome::Delivered { entry_id: None })
            .await;
    }
    scene.advance(90 * 24 * 3_600_000);
    let forgotten = scene.forget_before(scene.now).await;
    assert_eq!(forgotten, 3);
    let entry = newest(&mut scene).await;
    assert_eq!(entry.members["notes"], "two");
    assert_eq!(entry.entry_id.as_deref(), Some("e1"));
    assert_eq!(scene.ground.counted_deliveries().values().sum::<i64>(), 2);
}

async fn withheld_entries_count_in_shadow_mode_only(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .judge
        .shadow
        .store(true, std::sync::atomic::Ordering::Relaxed);
    scene.carry(say("", "New")).await;
    scene.carry(detail("more")).await;
    let entry = newest(&mut scene).await;
    assert_eq!(
        (entry.state, &entry.members["notes"]),
        (EntryState::There, &json!("more"))
    );
    scene
        .judge
        .shadow
        .store(false, std::sync::atomic::Ordering::Relaxed);
    let entry = newest(&mut scene).await;
    assert_eq!(entry.state, EntryState::Absent);
    assert_eq!(entry.members.get("notes"), None, "forgotten for amend");
}
