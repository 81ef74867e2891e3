//! Appending: what is a duplicate, and that nobody loses anything to somebody else's failure.

use std::time::Duration;

use futures_util::future::join_all;
use leadping_bridge::store::{Appended, DedupeRule, Outcome, StoreError};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(
    a_senders_id_holds_for_its_window,
    a_body_holds_for_the_redelivery_time_and_while_it_is_the_newest_of_its_lead,
    a_body_of_no_lead_holds_for_the_redelivery_time_only,
    one_of_many_at_once_is_new_and_the_others_are_counted,
    an_event_that_cannot_be_written_fails_alone,
    a_settlement_that_fails_takes_no_append_with_it,
    what_is_handed_on_stands_in_the_order_recorded,
    what_overflows_the_hand_over_is_read_from_the_store,
    beyond_the_queue_an_append_is_refused_and_not_half_done,
);

fn key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key[..name.len()].copy_from_slice(name.as_bytes());
    key
}

/// One append at `seconds`; `of` names the append whose duplicate it must be, by its place.
struct Step {
    seconds: u64,
    source: &'static str,
    lead: Option<&'static str>,
    key: &'static str,
    of: Option<usize>,
}

fn step(seconds: u64, lead: &'static str, key: &'static str, of: Option<usize>) -> Step {
    Step {
        seconds,
        source: "voice",
        lead: Some(lead),
        key,
        of,
    }
}

async fn check(engine: Engine, within_seconds: u64, or_newest_of_lead: bool, steps: &[Step]) {
    let start = Scene::on(engine);
    let mut scene = start;
    let began = scene.now;
    let mut ids = Vec::new();
    let mut duplicates = vec![0; steps.len()];
    for (place, step) in steps.iter().enumerate() {
        scene.now = began;
        scene.advance(step.seconds * 1000);
        let mut event = scene.new_event(step.source, json!({ "own": step.lead }));
        event.dedupe = DedupeRule {
            key: key(step.key),
            within: Duration::from_secs(within_seconds),
            or_newest_of_lead,
        };
        let expected = match step.of {
            None => Appended::New(event.undecided.event.id),
            Some(of) => {
                duplicates[of] += 1;
                Appended::Duplicate(ids[of])
            }
        };
        ids.push(event.undecided.event.id);
        assert_eq!(
            scene.store.append(event).await.unwrap(),
            expected,
            "step {place}"
        );
    }
    for (place, step) in steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.of.is_none())
    {
        let counted = scene.event(ids[place]).await.duplicates;
        assert_eq!(
            counted, duplicates[place],
            "duplicates of step {place}, {}",
            step.key
        );
    }
    let new = steps.iter().filter(|step| step.of.is_none()).count();
    assert_eq!(scene.events().await.len(), new);
}

async fn a_senders_id_holds_for_its_window(engine: Engine) {
    let steps = [
        step(0, "v1", "id-1", None),
        step(1, "v1", "id-2", None),
        step(60, "v1", "id-1", Some(0)),
        // What the id says counts, not whom it is about.
        step(61, "v2", "id-1", Some(0)),
        step(3600, "v1", "id-1", Some(0)),
        // Duplicates do not make the window longer.
        step(3601, "v1", "id-1", None),
        step(3602, "v1", "id-1", Some(5)),
    ];
    check(engine, 3600, false, &steps).await;
}

async fn a_body_holds_for_the_redelivery_time_and_while_it_is_the_newest_of_its_lead(
    engine: Engine,
) {
    let steps = [
        step(0, "v1", "busy", None),
        step(10, "v1", "done", None),
        step(120, "v1", "busy", Some(0)),
        // It really came back: two minutes are over and something else was in between.
        step(131, "v1", "busy", None),
        // However old, while it is the newest of its lead …
        step(9000, "v1", "busy", Some(3)),
        step(9001, "v2", "other", None),
        // … of that source.
        Step {
            seconds: 9002,
            source: "crm",
            lead: Some("v1"),
            key: "crm",
            of: None,
        },
        step(90_000, "v1", "busy", Some(3)),
        step(90_001, "v1", "done", None),
        step(90_002, "v1", "busy", None),
    ];
    check(engine, 120, true, &steps).await;
}

async fn a_body_of_no_lead_holds_for_the_redelivery_time_only(engine: Engine) {
    let nobody = |seconds, of| Step {
        lead: None,
        ..step(seconds, "", "call", of)
    };
    let steps = [nobody(0, None), nobody(120, Some(0)), nobody(121, None)];
    check(engine, 120, true, &steps).await;
}

async fn one_of_many_at_once_is_new_and_the_others_are_counted(engine: Engine) {
    let scene = Scene::on(engine);
    let appends = (0..50).map(|_| {
        let mut event = scene.new_event("voice", json!({ "own": "v1" }));
        event.dedupe = DedupeRule {
            key: key("same"),
            within: Duration::from_secs(120),
            or_newest_of_lead: false,
        };
        scene.store.append(event)
    });
    let mut new = Vec::new();
    let mut duplicates = Vec::new();
    for appended in join_all(appends).await {
        match appended.unwrap() {
            Appended::New(id) => new.push(id),
            Appended::Duplicate(of) => duplicates.push(of),
        }
    }
    assert_eq!((new.len(), duplicates.len()), (1, 49));
    assert!(duplicates.iter().all(|of| *of == new[0]));
    assert_eq!(scene.event(new[0]).await.duplicates, 49);
}

async fn an_event_that_cannot_be_written_fails_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut events: Vec<_> = (0..40)
        .map(|number| scene.new_event("voice", json!({ "own": format!("v{number}") })))
        .collect();
    // Two events of one id cannot be.
    let twice = events[7].undecided.event.id;
    events[23].undecided.event.id = twice;
    let appended = join_all(events.into_iter().map(|event| scene.store.append(event))).await;
    let failed: Vec<usize> = (0..40).filter(|place| appended[*place].is_err()).collect();
    assert_eq!(failed, [23]);
    assert_eq!(scene.events().await.len(), 39);
    assert!(scene.store.try_write().await.is_ok() && scene.store.is_writable());
    let handed: Vec<i64> = scene
        .handed_on()
        .iter()
        .map(|event| event.event.sequence.0)
        .collect();
    assert_eq!(handed, (1..=39).collect::<Vec<_>>());
}

async fn a_settlement_that_fails_takes_no_append_with_it(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "outcome": "New" }))
        .await;
    let mut lease = scene.take_one().await;
    lease.token += 1;
    let appends = (0..20).map(|_| {
        scene
            .store
            .append(scene.new_event("voice", json!({ "own": "v1" })))
    });
    let (before, failed, later) = tokio::join!(
        join_all(appends.collect::<Vec<_>>()),
        scene.try_settle(&lease, Outcome::Withheld),
        join_all((0..20).map(|_| {
            scene
                .store
                .append(scene.new_event("voice", json!({ "own": "v2" })))
        })),
    );
    assert!(matches!(failed, Err(StoreError::LeaseLost)), "{failed:?}");
    assert!(before.iter().chain(&later).all(Result::is_ok));
    assert_eq!(scene.events().await.len(), 41);
}

async fn what_is_handed_on_stands_in_the_order_recorded(engine: Engine) {
    let mut scene = Scene::on(engine);
    let appends = (0..300).map(|number| {
        let duplicate = number % 3 == 0;
        let mut event = scene.new_event("voice", json!({ "own": format!("v{number}") }));
        if duplicate {
            event.dedupe.key = key("same");
            event.dedupe.within = Duration::from_secs(60);
        }
        scene.store.append(event)
    });
    let appended = join_all(appends.collect::<Vec<_>>()).await;
    let new: Vec<_> = appended
        .into_iter()
        .filter_map(|appended| match appended.unwrap() {
            Appended::New(id) => Some(id),
            Appended::Duplicate(_) => None,
        })
        .collect();
    let handed = scene.handed_on();
    assert_eq!(
        handed
            .iter()
            .map(|event| event.event.id)
            .collect::<Vec<_>>(),
        new
    );
    let places: Vec<i64> = handed.iter().map(|event| event.event.sequence.0).collect();
    assert_eq!(places, (1..=201).collect::<Vec<_>>());
}

async fn what_overflows_the_hand_over_is_read_from_the_store(engine: Engine) {
    let mut scene = Scene::on(engine);
    let appends = (0..1500).map(|_| {
        scene
            .store
            .append(scene.new_event("voice", json!({ "own": "v1" })))
    });
    assert!(
        join_all(appends.collect::<Vec<_>>())
            .await
            .iter()
            .all(Result::is_ok)
    );
    let handed = scene.handed_on();
    assert!(handed.len() < 1500, "the hand-over is bounded");
    let last = handed.last().unwrap().event.sequence.0;
    assert_eq!(
        last,
        i64::try_from(handed.len()).unwrap(),
        "a gap before the overflow"
    );
    scene
        .store
        .decide(handed, scene.judge.clone(), scene.now)
        .await
        .unwrap();
    let rest = scene.store.undecided(2000).await.unwrap();
    let rest: Vec<i64> = rest.iter().map(|event| event.sequence.0).collect();
    assert_eq!(rest, (last + 1..=1500).collect::<Vec<_>>());
    // What comes next shows the gap.
    scene.record(json!({ "own": "v1" })).await;
    assert_eq!(scene.handed_on()[0].event.sequence.0, 1501);
}

async fn beyond_the_queue_an_append_is_refused_and_not_half_done(engine: Engine) {
    let scene = Scene::on(engine);
    let appends = (0..6000).map(|_| {
        scene
            .store
            .append(scene.new_event("voice", json!({ "own": "v1" })))
    });
    let appended = join_all(appends.collect::<Vec<_>>()).await;
    let mut new = 0;
    for appended in appended {
        match appended {
            Ok(_) => new += 1,
            Err(StoreError::Overloaded) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(new >= 4096, "only {new} were taken");
    assert_eq!(scene.store.undecided(6001).await.unwrap().len(), new);
}
