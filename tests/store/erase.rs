//! Erasing a lead: everything of it goes, nothing of anybody else, and the files hold no trace.

use leadping_bridge::decision::ParkCause;
use leadping_bridge::delivery::Lease;
use leadping_bridge::event::Sequence;
use leadping_bridge::store::sqlite as engine;
use leadping_bridge::store::sqlite::Look;
use leadping_bridge::store::{
    Appended, EraseStep, Erased, LeadQuery, Outcome, Person, RejectedRequest,
};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET};

on_every_engine!(
    everything_of_the_lead_goes_and_nothing_of_others,
    nothing_goes_while_a_call_is_under_way,
    an_event_that_is_not_decided_keeps_the_lead,
    no_byte_of_it_is_left_in_the_files,
    what_was_erased_is_no_duplicate_of_what_comes,
    what_names_the_person_elsewhere_is_found,
);

async fn person(scene: &Scene, id: &str) -> Person {
    let query = LeadQuery {
        id: id.to_owned(),
        sources: vec![String::from("voice"), String::from("crm")],
    };
    scene.store.person(query).await.unwrap()
}

/// All of it, or how far it came.
async fn erase(scene: &Scene, id: &str) -> Result<Erased, Erased> {
    let person = person(scene, id).await;
    let mut rows = scene.store.rows_of(person.clone()).await.unwrap();
    let mut erased = Erased::default();
    while !rows.is_empty() {
        match scene.store.erase_some(&mut rows).await.unwrap() {
            EraseStep::Erased(more) => erased.add(more),
            EraseStep::Busy => return Err(erased),
        }
    }
    match scene.store.erase_lead(person).await.unwrap() {
        EraseStep::Erased(more) => erased.add(more),
        EraseStep::Busy => return Err(erased),
    }
    Ok(erased)
}

/// The lead's own delivery; what others have is due again.
async fn take_of(scene: &Scene, lead: &str) -> Lease {
    let (own, others): (Vec<Lease>, Vec<Lease>) = scene
        .take(500)
        .await
        .into_iter()
        .partition(|lease| lease.lead_id == lead);
    for lease in others {
        let retry = Outcome::Retry {
            at: scene.now,
            fate_unknown: false,
            patience: None,
        };
        scene.settle(&lease, retry).await;
    }
    own.into_iter().next().expect("it has one that is due")
}

/// A lead in every state: delivered, parked, due, ignored, unmapped.
async fn live(scene: &mut Scene, own: &str, lead: &str) {
    let body = |more: serde_json::Value| {
        let mut body = json!({ "own": own, "leadping": lead, "phone": format!("+1415{own}") });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    scene.carry(body(json!({ "outcome": "a" }))).await;
    let lease = take_of(scene, lead).await;
    scene.deliver(&lease, &format!("entry-{own}")).await;
    scene.carry(body(json!({ "outcome": "b" }))).await;
    let lease = take_of(scene, lead).await;
    scene
        .settle(&lease, Outcome::Parked(ParkCause::refused(TARGET, 422)))
        .await;
    for more in [json!({ "do": "ignore" }), json!({ "do": "park" })] {
        scene.carry(body(more)).await;
    }
    let other = json!({ "own": format!("crm-{own}"), "links": { "voice": own }, "outcome": "c" });
    scene.carry_from("crm", other).await;
    scene.carry(body(json!({ "outcome": "d" }))).await;
}

fn laws_broken(scene: &Scene) -> Vec<&'static str> {
    let faults = engine::check(&scene.ground.path(), Look::Full).unwrap();
    faults.iter().map(|fault| fault.law).collect()
}

async fn everything_of_the_lead_goes_and_nothing_of_others(engine: Engine) {
    let mut scene = Scene::on(engine);
    live(&mut scene, "v-other-1", "L-other-1").await;
    let before = (
        scene.events().await.len(),
        scene.ground.counted_deliveries(),
    );
    live(&mut scene, "v-gone-1", "L-gone-1").await;
    assert_eq!(scene.events().await.len(), 2 * before.0);
    // By any of its ids.
    let erased = erase(&scene, "crm-v-gone-1").await.unwrap();
    assert_eq!((erased.events, erased.links), (before.0, 3));
    assert!(erased.deliveries >= 4 && erased.attempts >= 2, "{erased:?}");
    let after = (
        scene.events().await.len(),
        scene.ground.counted_deliveries(),
    );
    assert_eq!(after, before);
    assert_eq!(laws_broken(&scene), [] as [&str; 0]);
    assert!(
        scene
            .store
            .rows_of(person(&scene, "L-gone-1").await)
            .await
            .unwrap()
            .is_empty()
    );
    // The other one goes on, and so does the one that was erased, as somebody new.
    assert_eq!(scene.take(9).await.len(), 1);
    let again = json!({ "own": "v-gone-1", "leadping": "L-gone-1", "outcome": "a" });
    let id = scene.carry(again).await;
    assert_eq!(scene.line(id).await, "decided | due");
    assert_eq!(scene.judge.history_of(id).calls, 0);
}

async fn nothing_goes_while_a_call_is_under_way(engine: Engine) {
    let mut scene = Scene::on(engine);
    live(&mut scene, "v1", "L1").await;
    let lease = take_of(&scene, "L1").await;
    let before = scene.ground.counted_deliveries();
    assert_eq!(erase(&scene, "L1").await, Err(Erased::default()));
    assert_eq!(scene.ground.counted_deliveries(), before);
    scene.deliver(&lease, "entry").await;
    // The next of the lead is not begun: it is taken by nobody.
    let erased = erase(&scene, "L1").await.unwrap();
    assert_eq!(erased.deliveries, 4);
    assert_eq!(scene.ground.counted_deliveries().len(), 0);
}

async fn an_event_that_is_not_decided_keeps_the_lead(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .record(json!({ "own": "v1", "leadping": "L1", "outcome": "a" }))
        .await;
    assert_eq!(erase(&scene, "v1").await, Err(Erased::default()));
    scene.decide().await;
    assert_eq!(erase(&scene, "v1").await.unwrap().events, 1);
}

async fn no_byte_of_it_is_left_in_the_files(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..60 {
        live(
            &mut scene,
            &format!("voice-{number:03}-id"),
            &format!("lead-{number:03}-id"),
        )
        .await;
    }
    let needles: Vec<String> = ["voice-017-id", "lead-017-id", "1415voice-017"]
        .map(str::to_owned)
        .to_vec();
    let traces = async |scene: &Scene| -> u64 {
        let files = scene.store.traces(needles.clone()).await.unwrap();
        files.iter().map(|file| file.traces).sum()
    };
    assert!(
        traces(&scene).await > 10,
        "they are found while they are there"
    );
    erase(&scene, "lead-017-id").await.unwrap();
    assert!(scene.store.empty_log().await.unwrap());
    // Pages may keep what moved off them; a file written anew does not.
    scene.store.rewrite().await.unwrap();
    assert!(scene.store.empty_log().await.unwrap());
    assert_eq!(traces(&scene).await, 0);
    let others = vec![String::from("voice-018-id")];
    let files = scene.store.traces(others).await.unwrap();
    assert!(files.iter().any(|file| file.traces > 0), "{files:?}");
    assert_eq!(laws_broken(&scene), [] as [&str; 0]);
    scene.reopen().await;
    assert_eq!(scene.take(99).await.len(), 59);
}

async fn what_was_erased_is_no_duplicate_of_what_comes(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut event = scene.new_event("voice", json!({ "own": "v1", "do": "ignore" }));
    event.dedupe.within = std::time::Duration::from_secs(3600);
    let mut again = event.clone();
    again.undecided.event.id = leadping_bridge::event::EventId::new_at(scene.now);
    scene.store.append(event).await.unwrap();
    scene.decide().await;
    erase(&scene, "v1").await.unwrap();
    let appended = scene.store.append(again).await.unwrap();
    assert!(matches!(appended, Appended::New(_)));
    // Past the generation of keys in which it stood.
    for batch in 0..34 {
        let more = (0..500).map(|number| {
            let own = format!("w{}", batch * 500 + number);
            scene
                .store
                .append(scene.new_event("voice", json!({ "own": own })))
        });
        for appended in futures_util::future::join_all(more).await {
            appended.unwrap();
        }
    }
    let first = "SELECT count(*) FROM event_dedupe WHERE sequence = ";
    assert_eq!(
        scene.ground.number(&format!("{first}1")),
        0,
        "its key is never written"
    );
    assert_eq!(scene.ground.number(&format!("{first}2")), 1);
}

async fn what_names_the_person_elsewhere_is_found(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene
        .carry(json!({ "own": "v1", "leadping": "L1", "do": "ignore" }))
        .await;
    let nobodys = scene
        .carry(json!({ "do": "ignore", "phone": "+14155550101" }))
        .await;
    let others = scene
        .carry(json!({ "own": "v2", "do": "ignore", "phone": "(415) 14155550101" }))
        .await;
    scene.store.record_reject(RejectedRequest {
        source: String::from("voice"),
        reason: "not JSON",
        size_bytes: 20,
        at: scene.now,
        body: "call 14155550101".into(),
    });
    let needles = vec![String::from("ann@example.com"), String::from("14155550101")];
    let (found, next) = scene
        .store
        .mentions(needles.clone(), Sequence(0))
        .await
        .unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|it| (it.id, it.has_lead, it.needles.clone()))
        .collect();
    assert_eq!(told, [(nobodys, false, vec![1]), (others, true, vec![1])]);
    let (found, next) = scene
        .store
        .mentions(needles.clone(), next.unwrap())
        .await
        .unwrap();
    assert_eq!((found, next), (Vec::new(), None));
    assert_eq!(scene.store.erase_rejects(needles.clone()).await.unwrap(), 1);
    assert_eq!(scene.store.erase_rejects(needles).await.unwrap(), 0);
    assert_eq!(scene.store.erase_rejects(Vec::new()).await.unwrap(), 0);
}
