//! Replaying: decided again against the lead as it is now; what would change nothing is left alone.

use std::sync::atomic::Ordering;

use leadping_bridge::decision::ParkCause;
use leadping_bridge::event::{EventId, Sequence};
use leadping_bridge::store::{
    LeadQuery, Outcome, Parked, ParkedAction, ReplayOf, ReplaySpan, ReplayStep,
};
use serde_json::json;

use crate::ground::{Engine, Scene, TARGET, at};

on_every_engine!(
    what_the_target_has_is_left_alone,
    what_was_withheld_is_sent_and_only_the_newest,
    what_was_refused_goes_on_as_itself,
    what_a_person_gave_up_comes_back_only_by_name,
    an_echo_stays_an_echo,
    what_would_now_be_parked_is_left_alone,
    few_calls_in_one_step,
    by_source_by_time_and_by_lead,
);

const ALL: ReplaySpan = ReplaySpan {
    after: Sequence(0),
    through: Sequence(i64::MAX),
};

impl Scene {
    async fn replay_from(&self, of: &ReplayOf, after: Sequence) -> ReplayStep {
        let span = ReplaySpan { after, ..ALL };
        let by = self.judge.clone();
        self.store
            .replay(of.clone(), span, by, self.now)
            .await
            .unwrap()
    }

    /// Of a few events: the forecast, which came true.
    async fn replay(&self, of: ReplayOf) -> Vec<(&'static str, u64)> {
        let through = self.events().await[0].sequence;
        let span = ReplaySpan { through, ..ALL };
        let before = self.lines().await;
        let forecast = self
            .store
            .forecast_replay(of.clone(), span, self.judge.clone(), self.now)
            .await
            .unwrap();
        assert_eq!(self.lines().await, before, "a forecast writes nothing");
        let step = self
            .store
            .replay(of, span, self.judge.clone(), self.now)
            .await
            .unwrap();
        assert_eq!(
            (&step.results, &step.calls),
            (&forecast.results, &forecast.calls)
        );
        assert!(step.next.is_none() && self.ground.leads_without_one_head().is_empty());
        step.results.into_iter().collect()
    }

    async fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for event in self.events().await {
            lines.push(self.line(event.id).await);
        }
        lines
    }

    /// One event of lead L1, whose delivery ended so.
    async fn ended(&mut self, outcome: &str, end: Outcome) -> EventId {
        let body = json!({ "own": "v1", "leadping": "L1", "outcome": outcome });
        let event = self.carry(body).await;
        let lease = self.take_one().await;
        self.settle(&lease, end).await;
        event
    }
}

fn by_id(event: EventId) -> ReplayOf {
    ReplayOf {
        ids: vec![event],
        ..ReplayOf::default()
    }
}

fn delivered() -> Outcome {
    Outcome::Delivered { entry_id: None }
}

async fn what_the_target_has_is_left_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.ended("a", delivered()).await;
    let newest = scene.ended("b", delivered()).await;
    let before = scene.event(newest).await.decision;
    scene.advance(1000);
    let told = scene.replay(ReplayOf::default()).await;
    assert_eq!(told, [("stale", 1), ("unchanged", 1)]);
    assert_eq!(scene.lines().await, ["settled | delivered"; 2]);
    assert_eq!(scene.event(newest).await.decision, before);
}

async fn what_was_withheld_is_sent_and_only_the_newest(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.ended("a", Outcome::Withheld).await;
    let newest = scene.ended("b", Outcome::Withheld).await;
    let told = scene.replay(ReplayOf::default()).await;
    assert_eq!(told, [("due", 1), ("stale", 1)]);
    assert_eq!(scene.line(newest).await, "decided | withheld | due");
    assert_eq!(scene.deliver_all().await, ["b"]);
    // It is there now.
    let told = scene.replay(by_id(newest)).await;
    assert_eq!(told, [("unchanged", 1)]);
}

async fn what_was_refused_goes_on_as_itself(engine: Engine) {
    let mut scene = Scene::on(engine);
    let refused = Outcome::Parked(ParkCause::refused(TARGET, 422));
    let event = scene.ended("a", refused).await;
    let told = scene.replay(ReplayOf::default()).await;
    assert_eq!(told, [("due", 1)]);
    assert_eq!(scene.line(event).await, "decided | due");
    assert_eq!(scene.take_one().await.attempt, 2);
}

async fn what_a_person_gave_up_comes_back_only_by_name(engine: Engine) {
    let mut scene = Scene::on(engine);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a", "do": "park" });
    let event = scene.carry(body).await;
    let (by, now) = (scene.judge.clone(), scene.now);
    scene
        .store
        .free_parked(Parked::Event(event), ParkedAction::Discard, by, now)
        .await
        .unwrap();
    scene.judge.covers.store(true, Ordering::Relaxed);
    assert_eq!(scene.replay(ReplayOf::default()).await, []);
    assert_eq!(scene.replay(by_id(event)).await, [("due", 1)]);
    assert_eq!(scene.line(event).await, "decided | due");
}

async fn an_echo_stays_an_echo(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.ended("a", delivered()).await;
    let body = json!({ "own": "m1", "leadping": "L1", "outcome": "a", "do": "echo" });
    let event = scene.carry_from("mirror", body).await;
    let decision = scene.event(event).await.decision.unwrap();
    assert_eq!(decision.words(), ["echo"]);
    assert_eq!(scene.replay(by_id(event)).await, [("echo", 1)]);
}

async fn what_would_now_be_parked_is_left_alone(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.judge.covers.store(true, Ordering::Relaxed);
    let body = json!({ "own": "v1", "leadping": "L1", "outcome": "a", "do": "park" });
    let event = scene.carry(body).await;
    scene.deliver_all().await;
    scene.judge.covers.store(false, Ordering::Relaxed);
    assert_eq!(scene.replay(ReplayOf::default()).await, [("parked", 1)]);
    assert_eq!(scene.line(event).await, "settled | delivered");
}

async fn few_calls_in_one_step(engine: Engine) {
    let mut scene = Scene::on(engine);
    scene.judge.shadow.store(true, Ordering::Relaxed);
    for number in 0..20 {
        let lead = format!("L{number}");
        let body = json!({ "own": lead, "leadping": lead, "outcome": lead });
        scene.record(body).await;
    }
    scene.decide().await;
    scene.judge.shadow.store(false, Ordering::Relaxed);
    let mut after = Sequence(0);
    let mut calls = Vec::new();
    loop {
        let step = scene.replay_from(&ReplayOf::default(), after).await;
        calls.extend(step.calls.get(TARGET));
        // What comes in meanwhile is not kept waiting by a long search.
        match step.next.filter(|_| calls.iter().sum::<u64>() < 20) {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(calls, [8, 8, 4]);
    assert_eq!(scene.take(64).await.len(), 20);
}

async fn by_source_by_time_and_by_lead(engine: Engine) {
    let mut scene = Scene::on(engine);
    for (source, lead) in [("voice", "L1"), ("crm", "L2"), ("voice", "L3")] {
        let body = json!({ "own": format!("of-{lead}"), "leadping": lead, "outcome": "a" });
        scene.carry_from(source, body).await;
        scene.deliver_all().await;
        scene.advance(1000);
    }
    let unchanged = async |of: ReplayOf| match scene.replay(of).await.as_slice() {
        [] => 0,
        [("unchanged", count)] => *count,
        other => panic!("{other:?}"),
    };
    let voice = Some(String::from("voice"));
    let of = |source: Option<String>, since, until| ReplayOf {
        source,
        since,
        until,
        ..ReplayOf::default()
    };
    assert_eq!(unchanged(of(voice.clone(), None, None)).await, 2);
    assert_eq!(unchanged(of(None, Some(at(1000)), None)).await, 2);
    assert_eq!(unchanged(of(None, None, Some(at(1000)))).await, 1);
    assert_eq!(
        unchanged(of(voice, Some(at(1000)), Some(at(2000)))).await,
        0
    );
    let lead = Some(LeadQuery {
        id: String::from("L2"),
        sources: vec![String::from("voice"), String::from("crm")],
    });
    let of_lead = ReplayOf {
        lead,
        ..ReplayOf::default()
    };
    assert_eq!(unchanged(of_lead).await, 1);
}
