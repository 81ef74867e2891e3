//! Reading again what was recorded: in order, in pages, from the right place, whatever became of it.

use leadping_bridge::event::Sequence;
use leadping_bridge::lead::{LEADPING, SystemId};
use leadping_bridge::store::{KnownLead, RecordedFrom, RecordedSpan, Store};
use serde_json::json;

use crate::ground::{Engine, Scene, at};

on_every_engine!(
    an_empty_store_has_no_span,
    the_last_ones_are_counted_over_the_gaps_of_retention,
    a_time_finds_the_first_event_received_since,
    pages_hold_every_event_of_the_span_in_order,
    ids_name_the_leads_that_they_mean,
);

async fn span(store: &Store, from: RecordedFrom) -> Option<(i64, i64)> {
    let span = store.recorded_span(from).await.unwrap();
    span.map(|RecordedSpan { first, last }| (first.0, last.0))
}

async fn an_empty_store_has_no_span(engine: Engine) {
    let scene = Scene::on(engine);
    for from in [RecordedFrom::Last(10), RecordedFrom::Since(at(0))] {
        assert_eq!(span(&scene.store, from).await, None);
    }
}

async fn the_last_ones_are_counted_over_the_gaps_of_retention(engine: Engine) {
    let mut scene = Scene::on(engine);
    // 1 and 4 stay parked, 2 and 3 go, 5 and 6 are young.
    for what in ["park", "ignore", "ignore", "park"] {
        scene.carry(json!({ "own": "v1", "do": what })).await;
    }
    scene.advance(1000);
    let young = scene.now;
    for _ in 0..2 {
        scene.carry(json!({ "own": "v1", "do": "ignore" })).await;
    }
    assert_eq!(scene.forget_before(young).await, 2);
    for (count, first) in [(1, 6), (2, 5), (3, 4), (4, 1), (5, 1), (u64::MAX, 1)] {
        let found = span(&scene.store, RecordedFrom::Last(count)).await;
        assert_eq!(found, Some((first, 6)), "the last {count}");
    }
}

async fn a_time_finds_the_first_event_received_since(engine: Engine) {
    let mut scene = Scene::on(engine);
    for _ in 0..3 {
        scene.record(json!({})).await;
        scene.record(json!({})).await;
        scene.advance(1000);
    }
    for (ms, first) in [
        (-1, Some(1)),
        (0, Some(1)),
        (1, Some(3)),
        (2000, Some(5)),
        (2001, None),
    ] {
        let found = span(&scene.store, RecordedFrom::Since(at(ms))).await;
        assert_eq!(found, first.map(|first| (first, 6)), "since {ms}");
    }
}

async fn pages_hold_every_event_of_the_span_in_order(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (own, what) in [("v1", "ignore"), ("v2", "park"), ("v3", "send")] {
        let body = json!({ "own": own, "leadping": "L", "outcome": "a", "do": what });
        scene.carry(body).await;
    }
    scene.record(json!({ "own": "undecided" })).await;
    scene.record(json!({ "own": "beyond the span" })).await;
    let page = async |after, limit| -> Vec<(i64, String)> {
        let (after, through) = (Sequence(after), Sequence(4));
        let page = scene.store.recorded(after, through, limit).await.unwrap();
        page.iter()
            .map(|event| {
                let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
                (event.sequence.0, body["own"].as_str().unwrap().to_owned())
            })
            .collect()
    };
    let expected = |events: &[(i64, &str)]| -> Vec<(i64, String)> {
        let events = events.iter();
        events
            .map(|(place, own)| (*place, (*own).to_owned()))
            .collect()
    };
    assert_eq!(page(0, 2).await, expected(&[(1, "v1"), (2, "v2")]));
    assert_eq!(page(2, 9).await, expected(&[(3, "v3"), (4, "undecided")]));
    assert_eq!(page(4, 9).await, expected(&[]));
}

async fn ids_name_the_leads_that_they_mean(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "links": { "crm": "c1" }, "outcome": "a" });
    scene.carry(body).await;
    scene
        .carry(json!({ "own": "v2", "leadping": "L2", "outcome": "a" }))
        .await;
    let ids = [
        ("crm", "c1"),
        ("voice", "unknown"),
        ("voice", "v2"),
        ("voice", "v1"),
        (LEADPING, "L2"),
    ];
    let asked = ids.map(|(system, id)| SystemId::new(system, id)).to_vec();
    let found: Vec<KnownLead> = scene.store.known_leads(asked).await.unwrap();
    let names: Vec<Vec<String>> = found
        .iter()
        .map(|lead| lead.ids.iter().map(|id| id.id.clone()).collect())
        .collect();
    assert_eq!(names, [vec!["v1", "L1", "c1"], vec!["v2", "L2"]]);
    assert_ne!(found[0].lead, found[1].lead);
    assert!(
        scene
            .store
            .known_leads(Vec::new())
            .await
            .unwrap()
            .is_empty()
    );
}
