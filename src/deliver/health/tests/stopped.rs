//! A pause by a person: nothing ends it by itself, and its time counts towards nobody's patience.

use super::*;

#[test]
fn while_stopped_nothing_is_permitted_whatever_happens() {
    let mut health = written(&["z"]);
    health.stop("night", at(0));
    health.stop("day", at(1));
    let wait = Permission::Wait { until: None };
    assert_eq!(health.permission(at(1_000_000)), wait);
    // A call that was under way comes back well, another is refused.
    health.saw_accepted("a", at(2));
    refuse(&mut health, &["a", "b", "c"], 401, at(3));
    assert_eq!(health.permission(at(1_000_000)), wait);
    let stopped = health.stopped.clone().unwrap();
    assert_eq!((stopped.by.as_str(), stopped.since), ("night", at(0)));
    health.go_on(at(10));
    assert_ne!(health.permission(at(10)), wait);
    assert_eq!(health.lost_ms(at(20)), 10_000);
}

#[test]
fn it_is_saved_and_going_on_probes_what_is_paused_at_once() {
    let mut health = written(&["z"]);
    refuse(&mut health, &["a", "b", "c"], 401, at(0));
    health.begin_read(at(0));
    health.saw_read("z", Some(401), at(0));
    assert!(health.pause.is_some());
    health.stop("night", at(1));
    let saved = serde_json::to_string(&health).unwrap();
    let mut health: Health = serde_json::from_str(&saved).unwrap();
    assert_eq!(health.permission(at(600)), Permission::Wait { until: None });
    health.go_on(at(2));
    let pause = health.pause.as_ref().unwrap();
    assert_eq!(pause.probe_at, at(2));
}
