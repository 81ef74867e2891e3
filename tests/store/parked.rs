//! Releasing and discarding what is parked: decided again now, never an old one over a newer one.

use std::sync::atomic::Ordering;

use leadping_bridge::decision::ParkCause;
use leadping_bridge::event::EventId;
use leadping_bridge::store::{
    Freed, FreedTo, Outcome, Parked, ParkedAction, ParkedPlace, StoreError,
};
use serde_json::{Value, json};

use crate::ground::{Engine, Scene, TARGET, says};

on_every_engine!(
    a_released_event_is_decided_as_of_now,
    a_released_event_is_stale_behind_a_newer_one,
    what_is_still_not_covered_stays_parked,
    a_refused_delivery_goes_on_as_itself,
    behind_a_newer_delivery_it_is_superseded,
    what_may_be_there_is_looked_up_first,
    after_unsure_it_has_another_id,
    the_other_places_of_its_event_stay_as_they_are,
    an_event_that_waits_elsewhere_goes_on_waiting,
    in_shadow_mode_it_is_withheld,
    discarded_is_over,
    an_event_is_discarded_with_what_waits_of_it,
    a_cause_is_gone_through_in_steps,
    what_is_not_parked_is_not_found,
    a_damaged_one_can_be_discarded,
    without_its_event_it_stays_until_it_is_sent_or_discarded,
);

impl Scene {
    async fn free(&self, parked: Parked, action: ParkedAction) -> Result<Freed, StoreError> {
        let freed = self
            .store
            .free_parked(parked, action, self.judge.clone(), self.now)
            .await;
        self.assert_counted().await;
        freed
    }

    async fn freed(&self, parked: Parked, action: ParkedAction) -> Vec<FreedTo> {
        self.free(parked, action).await.unwrap().results
    }

    /// The counts that are kept are the counts that are there, and every lead has one head.
    async fn assert_counted(&self) {
        let mut kept = std::collections::BTreeMap::new();
        for target in self.store.targets().await.unwrap() {
            for (state, count) in target
                .deliveries
                .into_iter()
                .filter(|(_, count)| *count != 0)
            {
                kept.insert((target.name.clone(), state), count);
            }
        }
        assert_eq!(kept, self.ground.counted_deliveries());
        assert_eq!(self.ground.leads_without_one_head(), []);
    }

    /// One delivery of lead L1, parked for this cause.
    async fn parked_delivery(&mut self, outcome: &str, cause: ParkCause) -> EventId {
        let body = json!({ "own": "v1", "leadping": "L1", "outcome": outcome });
        let event = self.carry(body).await;
        let lease = self.take_one().await;
        self.settle(&lease, Outcome::Parked(cause)).await;
        event
    }

    async fn delivery_of(&self, event: EventId) -> Parked {
        Parked::Delivery(self.event(event).await.deliveries[0].id)
    }
}

fn refused() -> ParkCause {
    ParkCause::refused(TARGET, 422)
}

fn cause(text: &str, after: ParkedPlace) -> Parked {
    let cause = ParkCause::from_stored(text.to_owned());
    Parked::Cause { cause, after }
}

fn waiting(own: &str) -> Value {
    json!({ "own": own, "leadping": "L1", "outcome": "old", "do": "park" })
}

async fn a_released_event_is_decided_as_of_now(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.carry(waiting("v1")).await;
    scene.judge.covers.store(true, Ordering::Relaxed);
    let freed = scene.free(Parked::Event(event), ParkedAction::Release);
    let freed = freed.await.unwrap();
    assert_eq!(freed.results, [FreedTo::Due]);
    assert_eq!(freed.decided[0].targets, [TARGET]);
    assert_eq!(scene.line(event).await, "decided | due");
    assert_eq!(scene.deliver_all().await, ["old"]);
    assert_eq!(scene.line(event).await, "settled | delivered");
}

async fn a_released_event_is_stale_behind_a_newer_one(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.carry(waiting("v1")).await;
    // Of another source.
    let newer = json!({ "own": "c1", "leadping": "L1", "outcome": "new" });
    scene.carry_from("crm", newer).await;
    scene.judge.covers.store(true, Ordering::Relaxed);
    let freed = scene.freed(Parked::Event(event), ParkedAction::Release);
    assert_eq!(freed.await, [FreedTo::Settled]);
    assert_eq!(scene.line(event).await, "settled");
    assert_eq!(scene.deliver_all().await, ["new"]);
}

async fn what_is_still_not_covered_stays_parked(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.carry(waiting("v1")).await;
    let freed = scene.freed(Parked::Event(event), ParkedAction::Release);
    assert_eq!(freed.await, [FreedTo::Parked]);
    assert_eq!(scene.line(event).await, "parked unmapped:voice:220");
}

async fn a_refused_delivery_goes_on_as_itself(engine: Engine) {
    for action in [ParkedAction::Release, ParkedAction::ReleaseAsIs] {
        let mut scene = Scene::on(engine);
        let event = scene.parked_delivery("a", refused()).await;
        let before = scene.event(event).await.deliveries[0].id;
        let parked = scene.delivery_of(event).await;
        assert_eq!(scene.freed(parked, action).await, [FreedTo::Due]);
        assert_eq!(scene.line(event).await, "decided | due");
        let lease = scene.take_one().await;
        assert_eq!((lease.id, lease.attempt), (before, 2));
        assert_eq!((lease.fate_unknown, lease.patience), (false, None));
        scene.deliver(&lease, "e1").await;
        assert_eq!(scene.line(event).await, "settled | delivered");
    }
}

async fn behind_a_newer_delivery_it_is_superseded(engine: Engine) {
    for action in [ParkedAction::Release, ParkedAction::ReleaseAsIs] {
        let mut scene = Scene::on(engine);
        let event = scene.parked_delivery("a", refused()).await;
        // That it was refused as well changes nothing.
        let newer = scene.parked_delivery("b", refused()).await;
        let parked = scene.delivery_of(event).await;
        assert_eq!(scene.freed(parked, action).await, [FreedTo::Superseded]);
        assert_eq!(scene.line(event).await, "settled | superseded");
        let freed = scene.freed(
            cause("refused:leadping:422", ParkedPlace::default()),
            action,
        );
        assert_eq!(freed.await, [FreedTo::Due]);
        assert_eq!(scene.line(newer).await, "decided | due");
        assert_eq!(scene.deliver_all().await, ["b"]);
    }
}

async fn what_may_be_there_is_looked_up_first(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene
        .parked_delivery("a", ParkCause::exhausted(TARGET))
        .await;
    let before = scene.event(event).await.deliveries[0].id;
    let parked = scene.delivery_of(event).await;
    scene.freed(parked, ParkedAction::Release).await;
    let lease = scene.take_one().await;
    assert_eq!((lease.id, lease.fate_unknown), (before, true));
}

async fn after_unsure_it_has_another_id(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.parked_delivery("a", ParkCause::unsure(TARGET)).await;
    let before = scene.event(event).await.deliveries[0].id;
    let parked = scene.delivery_of(event).await;
    scene.freed(parked, ParkedAction::Release).await;
    let lease = scene.take_one().await;
    assert!(lease.id != before && !lease.fate_unknown);
}

async fn the_other_places_of_its_event_stay_as_they_are(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a",
                       "targets": ["leadping", "leadping.lead"] });
    let event = scene.carry(body).await;
    for _ in 0..2 {
        let lease = scene.take(1).await.remove(0);
        scene.settle(&lease, Outcome::Parked(refused())).await;
    }
    let line = scene.line(event).await;
    assert_eq!(
        line,
        "decided | parked refused:leadping:422 | parked refused:leadping:422"
    );
    let parked = scene.delivery_of(event).await;
    let freed = scene.freed(parked, ParkedAction::Release).await;
    assert_eq!(freed, [FreedTo::Due]);
    assert_eq!(
        scene.line(event).await,
        "decided | due | parked refused:leadping:422"
    );
    let decision = scene.event(event).await.decision.unwrap();
    assert_eq!(decision.targets.len(), 2, "{decision:?}");
}

async fn an_event_that_waits_elsewhere_goes_on_waiting(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.parked_delivery("a", refused()).await;
    scene
        .ground
        .damage("UPDATE event SET state = 'parked', cause = 'unlinked:voice'");
    let parked = scene.delivery_of(event).await;
    scene.freed(parked, ParkedAction::Release).await;
    assert_eq!(scene.line(event).await, "parked unlinked:voice | due");
}

async fn in_shadow_mode_it_is_withheld(engine: Engine) {
    for action in [ParkedAction::Release, ParkedAction::ReleaseAsIs] {
        let mut scene = Scene::on(engine);
        let event = scene.parked_delivery("a", refused()).await;
        scene.judge.shadow.store(true, Ordering::Relaxed);
        let parked = scene.delivery_of(event).await;
        assert_eq!(scene.freed(parked, action).await, [FreedTo::Withheld]);
        assert_eq!(scene.line(event).await, "settled | withheld");
    }
}

async fn discarded_is_over(engine: Engine) {
    let mut scene = Scene::on(engine);
    let unmapped = scene.carry(waiting("v2")).await;
    let event = scene.parked_delivery("a", refused()).await;
    let parked = scene.delivery_of(event).await;
    for parked in [Parked::Event(unmapped), parked] {
        let freed = scene.freed(parked.clone(), ParkedAction::Discard).await;
        assert_eq!(freed, [FreedTo::Discarded]);
        let again = scene.free(parked, ParkedAction::Release).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
    }
    assert_eq!(scene.line(unmapped).await, "discarded");
    assert_eq!(scene.line(event).await, "settled | discarded");
    assert!(scene.store.parked().await.unwrap().is_empty());
    assert!(scene.take(9).await.is_empty());
}

async fn an_event_is_discarded_with_what_waits_of_it(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a",
                       "targets": ["leadping", "leadping.lead"] });
    let event = scene.carry(body).await;
    let lease = scene.take(1).await.remove(0);
    scene.settle(&lease, Outcome::Parked(refused())).await;
    scene
        .ground
        .damage("UPDATE event SET state = 'parked', cause = 'unlinked:voice'");
    scene
        .freed(Parked::Event(event), ParkedAction::Discard)
        .await;
    // What is on its way is finished.
    assert_eq!(scene.line(event).await, "decided | discarded | due");
    let lease = scene.take(1).await.remove(0);
    scene.deliver(&lease, "e1").await;
    assert_eq!(scene.line(event).await, "settled | discarded | delivered");
}

async fn a_cause_is_gone_through_in_steps(engine: Engine) {
    let mut scene = Scene::on(engine);
    for number in 0..70 {
        let lead = format!("L{number}");
        let body = json!({ "own": lead, "leadping": lead, "outcome": lead, "do": "park" });
        scene.record(body).await;
    }
    scene.decide().await;
    scene.judge.covers.store(true, Ordering::Relaxed);
    let step = |after| scene.free(cause("unmapped:voice:220", after), ParkedAction::Release);
    let first = step(ParkedPlace::default()).await.unwrap();
    assert_eq!(first.results, [FreedTo::Due; 64]);
    let next = first.next.expect("there are more");
    assert_eq!(next.to_string().parse(), Ok(next));
    let second = step(next).await.unwrap();
    assert_eq!((second.results.len(), second.next), (6, None));
    let expected: Vec<String> = (0..70).map(|number| format!("L{number}")).collect();
    let mut said = says(&scene.take(100).await);
    said.sort_by_key(|lead| lead[1..].parse::<u32>().unwrap());
    assert_eq!(said, expected);
}

async fn what_is_not_parked_is_not_found(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a" });
    let event = scene.carry(body).await;
    for parked in [Parked::Event(event), scene.delivery_of(event).await] {
        let freed = scene.free(parked, ParkedAction::Release).await;
        assert!(matches!(freed, Err(StoreError::NotFound)), "{freed:?}");
    }
    let nothing = cause("refused:leadping:404", ParkedPlace::default());
    let freed = scene.free(nothing, ParkedAction::Discard).await.unwrap();
    assert!(freed.results.is_empty() && freed.next.is_none());
}

async fn a_damaged_one_can_be_discarded(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.parked_delivery("a", refused()).await;
    let parked = scene.delivery_of(event).await;
    scene
        .ground
        .damage("UPDATE delivery SET members = 'nothing'");
    let freed = scene.freed(parked, ParkedAction::Discard).await;
    assert_eq!(freed, [FreedTo::Discarded]);
}

async fn without_its_event_it_stays_until_it_is_sent_or_discarded(engine: Engine) {
    let mut scene = Scene::on(engine);
    let event = scene.parked_delivery("a", refused()).await;
    let parked = scene.delivery_of(event).await;
    scene.ground.damage("DELETE FROM event_body");
    let freed = scene.freed(parked.clone(), ParkedAction::Release).await;
    assert_eq!(freed, [FreedTo::Parked]);
    let freed = scene.freed(parked, ParkedAction::ReleaseAsIs).await;
    assert_eq!(freed, [FreedTo::Due]);
}
