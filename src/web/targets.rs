//! Targets: what each one lets through, and how it answers.

use jiff::Timestamp;

use super::words;
use crate::admin::TargetView;

/// The colour of a target's state, and what it means in words.
pub(super) fn state_words(target: &TargetView, now: Timestamp) -> (&'static str, String) {
    let next: Option<Timestamp> = target.next_try_at.as_deref().and_then(|at| at.parse().ok());
    let in_time = next.map_or_else(
        || String::from("soon"),
        |at| match at > now {
            true => format!("in {}", words::age(now, at)),
            false => String::from("now"),
        },
    );
    match (target.state, target.paused_http_status) {
        ("paused", Some(status)) => (
            "bad",
            format!("it answers everybody {status}; probed again {in_time}, resumed by itself once one works"),
        ),
        ("paused", None) => ("wait", format!("it asked us to wait long; sent again {in_time}")),
        ("waiting", _) => ("wait", format!("it asked us to wait; sent again {in_time}")),
        ("failing", _) => (
            "bad",
            format!("several leads failed in a row; one delivery is tried {in_time}"),
        ),
        _ => (
            "good",
            format!(
                "sent at its rate: {} calls in {} s",
                target.rate_limit.requests, target.rate_limit.per_seconds
            ),
        ),
    }
}
