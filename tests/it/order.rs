//! One lead, one order: deliveries arrive as recorded, never two at once, whatever goes wrong.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};

use crate::harness::{Setup, World, status, status_after_apply};

const LEADS: usize = 6;
const STEPS: usize = 8;

async fn send_all(world: &World) {
    for step in 0..STEPS {
        for lead in 0..LEADS {
            world
                .step(&format!("lead_{lead}"), &format!("step {step}"))
                .await;
        }
    }
}

fn assert_order(world: &World, missing: &[(usize, usize)]) {
    for lead in 0..LEADS {
        let expected: Vec<String> = (0..STEPS)
            .filter(|step| !missing.contains(&(lead, *step)))
            .map(|step| format!("step {step}"))
            .collect();
        assert_eq!(world.outcomes(&format!("lead_{lead}")), expected, "{lead}");
    }
    assert_eq!(world.sandbox().overlaps(), 0);
}

#[tokio::test]
async fn many_events_of_many_leads_arrive_in_order_each_once() {
    let world = Setup::steps().start().await;
    send_all(&world).await;
    world.run().await;
    assert_order(&world, &[]);
    assert_eq!(world.sandbox().total_requests(), (LEADS * STEPS) as u64);
    world.finish().await;
}

#[tokio::test]
async fn slow_answers_and_failures_change_no_lead_s_order() {
    let mut world = Setup::steps()
        .sandbox_in_real_time()
        .set("targets.leadping.timeout_ms", "1000")
        .start()
        .await;
    for fault in [
        Fault::DelayMs(30),
        status(408),
        Fault::DropAfterApply,
        Fault::DelayMs(60),
        status_after_apply(500),
        status(500),
        Fault::DropBefore,
        status(429),
        Fault::TruncateAfterApply,
        Fault::DelayMs(10),
        status_after_apply(503),
    ] {
        let rule = FaultRule::once(FaultScope::Set, fault);
        world.answer(rule.clone().lead("lead_1"));
        world.answer(rule.lead("lead_4"));
    }
    send_all(&world).await;
    world.settle().await;
    world.restart().await;
    world.run().await;
    assert_order(&world, &[]);
    world.finish().await;
}

#[tokio::test]
async fn what_is_parked_blocks_nobody() {
    let world = Setup::steps().start().await;
    for lead in ["lead_0", "lead_5"] {
        world.answer(FaultRule::once(FaultScope::Set, status(422)).lead(lead));
    }
    send_all(&world).await;
    world.run().await;
    assert_order(&world, &[(0, 0), (5, 0)]);
    assert_eq!(
        world.parked().await,
        ["refused:leadping:422: 0 events, 2 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_crash_amid_many_calls_loses_nothing_and_doubles_nothing() {
    let mut world = Setup::steps().sandbox_in_real_time().start().await;
    world.answer(FaultRule::always(FaultScope::Set, Fault::DelayMs(5)));
    send_all(&world).await;
    for calls in [6, 17, 30] {
        world.requests(calls).await;
        world.crash().await;
        world.start().await;
    }
    world.run().await;
    assert_order(&world, &[]);
    world.finish().await;
}

#[tokio::test]
async fn a_lead_named_by_two_sources_has_one_order() {
    let world = Setup::shipped().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(408)));
    let (voice, crm) = (crate::harness::voice_lead, crate::harness::crm);
    world.send_voice(&voice("lead_a", 100)).await.accepted();
    world.settle().await;
    world
        .send_crm(&crm("lead_a", "e1", "ON_HOLD", 1_785_585_600_000_i64))
        .await
        .accepted();
    world.send_voice(&voice("lead_a", 110)).await.accepted();
    world
        .send_crm(&crm("lead_a", "e2", "WON", 1_785_585_601_000_i64))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.calls(), "set lead_a Interested: 408");
    world.run().await;
    assert_eq!(
        world.outcomes("lead_a"),
        ["Interested", "On hold", "Not interested", "Won"]
    );
    world.finish().await;
}
