//! Faults on request, as a caller meets them.

use super::*;

#[tokio::test]
async fn an_answer_on_request_is_given_instead_of_the_true_one() {
    let world = world();
    let refuse = Fault::Answer(FaultAnswer {
        status: 503,
        retry_after: Some("Sat, 01 Aug 2026 10:00:05 GMT".to_owned()),
        body: None,
    });
    world
        .sandbox
        .add_fault(FaultRule::once(FaultScope::Set, refuse).lead("a"));
    let applied = Fault::AnswerAfterApply(FaultAnswer::status(500));
    world
        .sandbox
        .add_fault(FaultRule::once(FaultScope::Set, applied));
    assert_eq!(world.post("b", "applied").await.status(), 500);
    let answer = world.post("a", "refused").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.headers()["retry-after"],
        "Sat, 01 Aug 2026 10:00:05 GMT"
    );
    assert_eq!(world.outcomes("b"), ["applied"]);
    assert_eq!(world.sandbox.lead("a"), None);
    assert_eq!(world.post("a", "fine").await.status(), 201);
    let journal = world.sandbox.journal();
    let seen: Vec<_> = journal
        .iter()
        .map(|it| (it.status, it.applied, it.fault))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(500), true, Some("answer_after_apply")),
            (Some(503), false, Some("answer")),
            (Some(201), true, None),
        ]
    );
}

#[tokio::test]
async fn connections_break_before_after_and_in_the_middle() {
    let world = world();
    for (fault, applied) in [
        (Fault::DropBefore, false),
        (Fault::DropAfterApply, true),
        (Fault::TruncateAfterApply, true),
    ] {
        let name = fault.name();
        world
            .sandbox
            .add_fault(FaultRule::once(FaultScope::Any, fault.clone()));
        let body = disposition(name, "x");
        let sent = world
            .request("POST", "/dispositions")
            .json(&body)
            .send()
            .await;
        if fault == Fault::TruncateAfterApply {
            let answer = sent.expect("a head");
            assert_eq!(answer.status(), 201);
            assert!(answer.bytes().await.is_err(), "the body breaks off");
        } else {
            assert!(sent.is_err(), "{name}: no answer comes");
        }
        assert_eq!(world.outcomes(name).len(), usize::from(applied), "{name}");
        let entry = world.sandbox.journal().pop().expect("an entry");
        assert_eq!((entry.fault, entry.applied), (Some(name), applied));
    }
    assert_eq!(world.post("a", "x").await.status(), 201, "and on it goes");
}

#[tokio::test]
async fn a_hanging_answer_ends_with_the_caller() {
    let world = world();
    world
        .sandbox
        .add_fault(FaultRule::once(FaultScope::Set, Fault::HangAfterApply));
    let hanging = tokio::spawn(
        world
            .request("POST", "/dispositions")
            .json(&disposition("a", "hung"))
            .send(),
    );
    world
        .wait_until(|sandbox| sandbox.writes().len() == 1)
        .await;
    assert!(!hanging.is_finished());
    hanging.abort();
    assert!(hanging.await.is_err_and(|error| error.is_cancelled()));
    world.post("b", "x").await;
    tokio::time::timeout(PATIENCE, world.sandbox.stop())
        .await
        .expect("a stop is not held up");
}

#[tokio::test]
async fn a_delayed_set_lands_late_and_overlaps_show() {
    let world = world();
    let slow = Fault::DelayMs(5_000);
    world
        .sandbox
        .add_fault(FaultRule::always(FaultScope::Set, slow).times(2));
    let send = |outcome| {
        let request = world.request("POST", "/dispositions");
        tokio::spawn(request.json(&disposition("a", outcome)).send())
    };
    let first = send("slow");
    world
        .wait_until(|sandbox| sandbox.faults()[0].times == Some(1))
        .await;
    assert_eq!(world.sandbox.overlaps(), 0);
    let abandoned = send("slow");
    world
        .wait_until(|sandbox| sandbox.overlaps() == 1 && sandbox.faults().is_empty())
        .await;
    abandoned.abort();
    assert_eq!(world.post("b", "quick").await.status(), 201);
    assert!(world.outcomes("a").is_empty());
    world.clock.advance(Duration::from_secs(5));
    world
        .wait_until(|sandbox| sandbox.history("a").len() == 2)
        .await;
    let answer = first.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 201);
    assert_eq!(world.sandbox.overlaps(), 1);
}
