//! Links: which ids are one lead, learnt from events or set by a person, and who is freed by them.

use leadping_bridge::lead::{LEADPING, SystemId};
use leadping_bridge::store::{Decided, NewLink};
use serde_json::{Value, json};

use crate::ground::{Engine, Scene};

on_every_engine!(
    what_waited_goes_before_the_event_that_teaches_the_link,
    a_link_set_by_a_person_frees_what_waited,
    a_link_frees_every_source_of_the_lead,
    two_leads_that_turn_out_to_be_one_free_what_waited,
    a_person_may_join_two_known_leads,
    two_leads_that_are_one_keep_their_calls,
    the_senders_own_word_moves_its_lead_to_another,
    anothers_id_that_belongs_elsewhere_is_left_there_and_nothing_learnt,
    an_ignored_event_teaches_its_link_too,
    links_survive_a_restart,
);

/// Carries the events, then says what reached the target, as `<LeadPing lead>:<outcome>`.
async fn said(scene: &mut Scene) -> Vec<String> {
    scene.decide().await;
    let mut said = Vec::new();
    loop {
        let leases = scene.take(64).await;
        if leases.is_empty() {
            return said;
        }
        for lease in &leases {
            let outcome = lease.members["outcome"].as_str().unwrap();
            said.push(format!("{}:{outcome}", lease.lead_id));
            scene.deliver(lease, &format!("entry-{}", lease.row)).await;
        }
    }
}

async fn record_all(scene: &mut Scene, events: &[(&str, Value)]) {
    for (source, body) in events {
        scene.record_from(source, body.clone()).await;
    }
}

async fn what_waited_goes_before_the_event_that_teaches_the_link(engine: Engine) {
    let mut scene = Scene::on(engine);
    let first = scene
        .carry(json!({ "own": "v1", "outcome": "first" }))
        .await;
    let second = scene
        .carry(json!({ "own": "v1", "outcome": "second" }))
        .await;
    let other = scene
        .carry(json!({ "own": "v2", "outcome": "other" }))
        .await;
    assert_eq!(scene.line(first).await, "parked unlinked:voice");
    let teacher = scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "third" }))
        .await;
    let decided = scene.decide().await;
    let order: Vec<_> = decided.iter().map(|decided| decided.event).collect();
    assert_eq!(order, [first, second, teacher]);
    assert_eq!(
        said(&mut scene).await,
        ["L1:first", "L1:second", "L1:third"]
    );
    assert_eq!(scene.line(other).await, "parked unlinked:voice");
}

/// A person says who v1 is.
async fn set_link(scene: &Scene) -> Vec<Decided> {
    let link = NewLink {
        id: SystemId::new("voice", "v1"),
        same_as: SystemId::new(LEADPING, "L1"),
        pearl_id: None,
    };
    let taught = scene
        .store
        .set_links(vec![link], scene.judge.clone(), scene.now)
        .await
        .unwrap();
    taught
        .into_iter()
        .flat_map(|linked| linked.decided)
        .collect()
}

async fn a_link_set_by_a_person_frees_what_waited(engine: Engine) {
    let mut scene = Scene::on(engine);
    let waiting = scene
        .carry(json!({ "own": "v1", "outcome": "first" }))
        .await;
    let decided = set_link(&scene).await;
    assert_eq!(
        decided
            .iter()
            .map(|decided| decided.event)
            .collect::<Vec<_>>(),
        [waiting]
    );
    let again = set_link(&scene).await;
    assert!(again.is_empty(), "what was freed is freed once");
    scene
        .carry(json!({ "own": "v1", "outcome": "second" }))
        .await;
    assert_eq!(said(&mut scene).await, ["L1:first", "L1:second"]);
}

async fn a_link_frees_every_source_of_the_lead(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events = [
        ("crm", json!({ "own": "c1", "outcome": "crm first" })),
        (
            "voice",
            json!({ "own": "v1", "links": { "crm": "c1" }, "outcome": "voice second" }),
        ),
        ("crm", json!({ "own": "c1", "outcome": "crm third" })),
        (
            "crm",
            json!({ "own": "c1", "leadping": "L1", "outcome": "crm fourth" }),
        ),
    ];
    record_all(&mut scene, &events).await;
    let expected = [
        "L1:crm first",
        "L1:voice second",
        "L1:crm third",
        "L1:crm fourth",
    ];
    assert_eq!(said(&mut scene).await, expected);
}

/// Nobody learns a new id here: two known leads are joined.
async fn two_leads_that_turn_out_to_be_one_free_what_waited(engine: Engine) {
    let waits = (
        "voice",
        json!({ "own": "v1", "links": { "crm": "c1" }, "outcome": "waited" }),
    );
    let known = (
        "voice",
        json!({ "own": "v9", "leadping": "L1", "outcome": "known" }),
    );
    // The event names LeadPing's id.
    let mut scene = Scene::on(engine);
    let joins = (
        "crm",
        json!({ "own": "c1", "leadping": "L1", "outcome": "joins" }),
    );
    record_all(&mut scene, &[waits.clone(), known.clone(), joins]).await;
    assert_eq!(
        said(&mut scene).await,
        ["L1:known", "L1:joins"],
        "waited is older than known"
    );
    assert_eq!(
        scene
            .events()
            .await
            .iter()
            .filter(|event| event.cause.is_some())
            .count(),
        0
    );
    // The event names two ids of which only one is known at LeadPing.
    let mut scene = Scene::on(engine);
    let joins = (
        "crm",
        json!({ "own": "c1", "links": { "voice": "v9" }, "outcome": "joins" }),
    );
    record_all(&mut scene, &[known, waits, joins]).await;
    assert_eq!(
        said(&mut scene).await,
        ["L1:known", "L1:waited", "L1:joins"]
    );
}

async fn a_person_may_join_two_known_leads(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events = [
        (
            "voice",
            json!({ "own": "v9", "leadping": "L1", "do": "ignore" }),
        ),
        (
            "crm",
            json!({ "own": "c1", "links": { "voice": "v1" }, "outcome": "waited" }),
        ),
    ];
    record_all(&mut scene, &events).await;
    assert!(said(&mut scene).await.is_empty());
    set_link(&scene).await;
    assert_eq!(said(&mut scene).await, ["L1:waited"]);
}

async fn two_leads_that_are_one_keep_their_calls(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "calls": ["a", "b"], "do": "ignore" }))
        .await;
    scene
        .carry(json!({ "own": "v9", "leadping": "L1", "calls": ["b", "c"], "do": "ignore" }))
        .await;
    let joins = scene
        .carry(json!({ "own": "v1", "leadping": "L1", "do": "ignore" }))
        .await;
    assert_eq!(scene.judge.history_of(joins).calls, 3);
}

async fn the_senders_own_word_moves_its_lead_to_another(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events = [
        (
            "voice",
            json!({ "own": "v1", "leadping": "L1", "outcome": "one" }),
        ),
        (
            "voice",
            json!({ "own": "v1", "leadping": "L2", "outcome": "two" }),
        ),
        ("voice", json!({ "own": "v1", "outcome": "three" })),
        (
            "crm",
            json!({ "own": "c1", "leadping": "L1", "outcome": "four" }),
        ),
    ];
    record_all(&mut scene, &events).await;
    let mut reached = said(&mut scene).await;
    reached.sort();
    assert_eq!(reached, ["L1:four", "L1:one", "L2:three", "L2:two"]);
}

async fn anothers_id_that_belongs_elsewhere_is_left_there_and_nothing_learnt(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events = [
        (
            "crm",
            json!({ "own": "c1", "leadping": "L1", "outcome": "one" }),
        ),
        (
            "voice",
            json!({ "own": "v1", "leadping": "L2", "links": { "crm": "c1" }, "outcome": "two" }),
        ),
        ("crm", json!({ "own": "c1", "outcome": "three" })),
        // Its own id is nobody's yet.
        ("voice", json!({ "own": "v1", "outcome": "four" })),
    ];
    record_all(&mut scene, &events).await;
    let mut reached = said(&mut scene).await;
    reached.sort();
    assert_eq!(reached, ["L1:one", "L1:three"]);
}

async fn an_ignored_event_teaches_its_link_too(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events = [
        ("voice", json!({ "own": "v1", "outcome": "one" })),
        (
            "voice",
            json!({ "own": "v1", "leadping": "L1", "do": "ignore" }),
        ),
    ];
    record_all(&mut scene, &events).await;
    assert_eq!(said(&mut scene).await, ["L1:one"]);
}

async fn links_survive_a_restart(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "do": "ignore" }))
        .await;
    scene.reopen().await;
    scene.carry(json!({ "own": "v1", "outcome": "two" })).await;
    assert_eq!(said(&mut scene).await, ["L1:two"]);
}
