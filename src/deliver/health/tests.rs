//! Whose refusal is it, row by row; and the laws of a target's health as a machine.

use super::*;

mod laws;
mod stopped;

const BREAKER: BreakerConfig = BreakerConfig {
    failures: 5,
    leads: 3,
    probe_initial: Duration::from_secs(1),
    probe_max: Duration::from_secs(60),
};

const RETRY: RetryConfig = RetryConfig {
    initial: Duration::from_millis(500),
    max: Duration::from_secs(300),
    multiplier: 2.0,
    jitter: 0.0,
    give_up_after: Duration::from_secs(72 * 3600),
    retry_after_max: Duration::from_secs(3600),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_785_578_400 + seconds).unwrap()
}

fn held(row: i64, lead: &str, http_status: u16) -> HeldDelivery {
    HeldDelivery {
        row,
        lead_id: lead.to_owned(),
        http_status,
        attempts: 1,
    }
}

/// A target that took writes of these leads, the last one last.
fn written(leads: &[&str]) -> Health {
    let mut health = Health::default();
    for lead in leads {
        health.saw_accepted(lead, at(0));
    }
    health
}

fn refuse(health: &mut Health, leads: &[&str], http_status: u16, now: Timestamp) {
    for (row, lead) in (1..).zip(leads) {
        assert!(health.saw_refusal(lead, now), "not held");
        health.hold(held(row, lead, http_status));
    }
}

fn read_of(permission: &Permission) -> &str {
    match permission {
        Permission::JudgeRead { lead_id } | Permission::ProbeRead { lead_id } => lead_id,
        other => panic!("no read: {other:?}"),
    }
}

fn judge_read(lead: &str) -> Permission {
    Permission::JudgeRead {
        lead_id: lead.to_owned(),
    }
}

#[test]
fn the_lead_last_written_other_than_the_held_ones_is_read() {
    let mut health = written(&["a", "b", "c"]);
    refuse(&mut health, &["c"], 404, at(10));
    assert_eq!(health.permission(at(11)), judge_read("b"));
}

#[test]
fn the_read_works_so_the_held_ones_are_their_own_fault() {
    for status in [200, 204, 422] {
        let mut health = written(&["a"]);
        refuse(&mut health, &["x", "y"], 404, at(10));
        health.begin_read(at(11));
        let ruling = health.saw_read("a", Some(status), at(12));
        let expected = HeldRuling::Own(vec![held(1, "x", 404), held(2, "y", 404)]);
        assert_eq!(ruling, expected, "{status}");
        assert_eq!(health.permission(at(12)), Permission::Open { until: None });
    }
}

#[test]
fn the_read_is_refused_too_so_the_target_is_paused_with_that_status() {
    for status in [401, 403, 404, 405, 410, 302] {
        let mut health = written(&["a"]);
        refuse(&mut health, &["x"], 404, at(10));
        health.begin_read(at(11));
        let ruling = health.saw_read("a", Some(status), at(12));
        assert_eq!(ruling, HeldRuling::DueNow(vec![held(1, "x", 404)]));
        assert_eq!(
            health.pause.as_ref().map(|pause| pause.http_status),
            Some(status)
        );
        assert_eq!(
            health.permission(at(12)),
            Permission::Wait {
                until: Some(at(17))
            }
        );
    }
}

#[test]
fn a_read_without_a_usable_answer_judges_nobody() {
    for status in [None, Some(500), Some(429), Some(503), Some(408)] {
        let mut health = written(&["a"]);
        refuse(&mut health, &["x"], 404, at(10));
        health.begin_read(at(11));
        assert_eq!(health.saw_read("a", status, at(12)), HeldRuling::Nothing);
        assert!(health.pause.is_none());
        let again = at(21);
        assert_eq!(
            health.permission(at(12)),
            Permission::Open { until: Some(again) }
        );
        assert_eq!(health.permission(again), judge_read("a"), "{status:?}");
    }
}

#[test]
fn only_a_read_that_began_after_the_refusal_judges_it() {
    let mut health = written(&["a"]);
    refuse(&mut health, &["x"], 404, at(10));
    health.begin_read(at(11));
    health.saw_refusal("y", at(12));
    health.hold(held(2, "y", 403));
    let ruling = health.saw_read("a", Some(200), at(13));
    assert_eq!(ruling, HeldRuling::Own(vec![held(1, "x", 404)]));
    assert_eq!(health.permission(at(21)), judge_read("a"));
    health.begin_read(at(21));
    let ruling = health.saw_read("a", Some(200), at(22));
    assert_eq!(ruling, HeldRuling::Own(vec![held(2, "y", 403)]));
}

#[test]
fn it_reads_at_most_once_in_ten_seconds_and_one_at_a_time() {
    let mut health = written(&["a"]);
    refuse(&mut health, &["x"], 404, at(10));
    health.begin_read(at(11));
    assert_eq!(
        health.permission(at(12)),
        Permission::Open { until: None },
        "one is under way"
    );
    health.saw_read("a", Some(200), at(12));
    refuse(&mut health, &["y"], 404, at(13));
    assert_eq!(
        health.permission(at(13)),
        Permission::Open {
            until: Some(at(21))
        }
    );
    assert_eq!(health.permission(at(21)), judge_read("a"));
}

#[test]
fn once_three_leads_are_held_nothing_new_is_sent_until_the_read() {
    let mut health = written(&["a"]);
    health.begin_read(at(9));
    health.saw_read("a", Some(200), at(9));
    refuse(&mut health, &["x", "y", "x"], 404, at(10));
    assert_eq!(
        health.permission(at(10)),
        Permission::Open {
            until: Some(at(19))
        }
    );
    refuse(&mut health, &["z"], 404, at(10));
    assert_eq!(
        health.permission(at(10)),
        Permission::Wait {
            until: Some(at(19))
        }
    );
    assert_eq!(health.permission(at(19)), judge_read("a"));
}

#[test]
fn with_nobody_to_ask_fewer_than_three_go_back_on_backoff() {
    let mut health = Health::default();
    refuse(&mut health, &["x", "y", "x"], 401, at(10));
    assert_eq!(health.permission(at(10)), Permission::Unanswerable);
    let ruling = health.unanswerable(at(10));
    let HeldRuling::Backoff(back) = ruling else {
        panic!("{ruling:?}")
    };
    assert_eq!(back.len(), 3);
    assert!(health.pause.is_none());
}

#[test]
fn with_nobody_to_ask_three_leads_pause_the_target() {
    // A lead that is held itself cannot be asked.
    let mut health = written(&["x"]);
    refuse(&mut health, &["x", "y", "z"], 401, at(10));
    assert_eq!(health.permission(at(10)), Permission::Unanswerable);
    let ruling = health.unanswerable(at(10));
    let HeldRuling::DueNow(due) = ruling else {
        panic!("{ruling:?}")
    };
    assert_eq!(due.len(), 3);
    assert_eq!(
        health.pause.as_ref().map(|pause| pause.http_status),
        Some(401)
    );
}

#[test]
fn a_lead_whose_read_was_refused_is_asked_again_only_once_written() {
    let mut health = written(&["a", "b"]);
    refuse(&mut health, &["x"], 404, at(10));
    health.begin_read(at(11));
    health.saw_read("b", Some(404), at(12));
    // The pause ends with a write of somebody else.
    health.saw_accepted("c", at(20));
    refuse(&mut health, &["c"], 404, at(30));
    assert_eq!(health.permission(at(31)), judge_read("a"));
    health.saw_accepted("b", at(31));
    assert_eq!(health.permission(at(31)), judge_read("b"));
}

#[test]
fn ten_different_leads_in_a_row_pause_although_the_read_works() {
    let mut health = written(&["a"]);
    let mut now = 10;
    for number in 1..=10 {
        let lead = format!("x{number}");
        refuse(&mut health, &[&lead], 405, at(now));
        // The same lead again counts once.
        health.hold(held(99, &lead, 405));
        now += 10;
        assert_eq!(health.permission(at(now)), judge_read("a"));
        health.begin_read(at(now));
        let ruling = health.saw_read("a", Some(200), at(now));
        let is_paused = matches!(ruling, HeldRuling::DueNow(_));
        assert_eq!(is_paused, number == 10, "lead {number}");
    }
    // Reads prove nothing: only deliveries probe, however often.
    for _ in 0..4 {
        now += 60;
        let probe = health.permission(at(now));
        assert!(
            matches!(probe, Permission::ProbeDelivery { .. }),
            "{probe:?}"
        );
        health.saw_refusal("y", at(now));
    }
    assert!(health.saw_accepted("y", at(now)));
    assert_eq!(health.permission(at(now)), Permission::Open { until: None });
}

#[test]
fn a_write_that_works_ends_the_row_of_ten() {
    let mut health = written(&["a"]);
    for number in 0..30 {
        let now = at(10 + number * 20);
        refuse(&mut health, &[&format!("x{number}")], 404, now);
        let later = at(20 + number * 20);
        health.begin_read(later);
        let ruling = health.saw_read("a", Some(200), later);
        assert!(matches!(ruling, HeldRuling::Own(_)), "paused at {number}");
        if number % 9 == 8 {
            health.saw_working(later);
        }
    }
}

fn paused() -> Health {
    let mut health = written(&["a", "b"]);
    refuse(&mut health, &["x"], 401, at(-1));
    health.begin_read(at(0));
    health.saw_read("b", Some(401), at(0));
    health
}

#[test]
fn probes_take_turns_and_double_from_five_to_sixty_seconds() {
    let mut health = paused();
    let mut now = at(0);
    let mut waits = Vec::new();
    let mut kinds = String::new();
    for number in 0..7 {
        let Permission::Wait { until: Some(until) } = health.permission(now) else {
            panic!("{:?}", health.permission(now));
        };
        waits.push(until.as_second() - now.as_second());
        now = until;
        match health.permission(now) {
            Permission::ProbeRead { lead_id } => {
                kinds.push('r');
                health.begin_read(now);
                health.saw_read(&lead_id, Some(401), now);
            }
            Permission::ProbeDelivery { not } => {
                kinds.push('d');
                let lead = format!("x{number}");
                assert!(!not.contains(&lead));
                assert!(
                    !health.saw_refusal(&lead, now),
                    "a probe's answer is not held"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
    assert_eq!(kinds, "rdrdrdr");
}

#[test]
fn a_probe_reads_another_lead_each_time() {
    let mut health = paused();
    let first = read_of(&health.permission(at(5))).to_owned();
    health.begin_read(at(5));
    health.saw_read(&first, Some(401), at(5));
    health.saw_refusal("x", at(15));
    let second = health.permission(at(35));
    assert_ne!(read_of(&second), first);
}

#[test]
fn every_answer_but_refusals_retries_and_silence_resumes() {
    for (status, resumes) in [
        (Some(200), true),
        (Some(422), true),
        (Some(400), true),
        (Some(401), false),
        (Some(404), false),
        (Some(302), false),
        (Some(429), false),
        (Some(500), false),
        (None, false),
    ] {
        let mut health = paused();
        health.begin_read(at(5));
        assert_eq!(health.saw_read("a", status, at(5)), HeldRuling::Nothing);
        assert_eq!(health.pause.is_none(), resumes, "{status:?}");
    }
    let mut health = paused();
    assert!(
        health.saw_working(at(5)),
        "a write refused for its own fault resumes too"
    );
    assert!(health.pause.is_none());
}

#[test]
fn what_is_saved_is_taken_up_again() {
    let mut health = paused();
    health.saw_gate(at(20), &RETRY, at(1));
    let saved = serde_json::to_string(&health).unwrap();
    let mut again: Health = serde_json::from_str(&saved).unwrap();
    again.remember(vec![held(4, "x", 404)], vec![String::from("a")]);
    assert_eq!(
        again.permission(at(2)),
        Permission::Wait {
            until: Some(at(20))
        }
    );
    assert_eq!(read_of(&again.permission(at(20))), "a");
    assert_eq!(again.lost_ms(at(20)), health.lost_ms(at(20)));
}

#[test]
fn a_refusal_written_down_after_the_pause_began_is_not_held() {
    let mut health = written(&["ok"]);
    assert!(health.saw_refusal("a", at(1)));
    assert!(health.saw_refusal("b", at(1)));
    assert!(health.hold(held(1, "a", 401)));
    health.begin_read(at(1));
    let ruling = health.saw_read("ok", Some(401), at(1));
    assert_eq!(ruling, HeldRuling::DueNow(vec![held(1, "a", 401)]));
    assert!(!health.hold(held(2, "b", 401)));
    // Or the first read that works would park it as its own fault.
    let later = at(6);
    health.begin_read(later);
    assert_eq!(health.saw_read("ok", Some(200), later), HeldRuling::Nothing);
    assert_eq!(
        health.permission(later),
        Permission::Open { until: None },
        "nothing is left to judge"
    );
}

#[test]
fn a_probe_reads_a_lead_that_was_not_refused_before() {
    let mut health = written(&["old", "gone"]);
    assert!(health.hold(held(1, "a", 401)));
    health.begin_read(at(0));
    health.saw_read("gone", Some(404), at(0));
    let lead_id = String::from("old");
    assert_eq!(health.permission(at(5)), Permission::ProbeRead { lead_id });
}
