//! When to try again: exponential backoff with jitter, and how long patience lasts. Pure.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;
use jiff::Timestamp;

use crate::clock::after;
use crate::config::RetryConfig;
use crate::delivery::Patience;

/// A die roll from 0 to 1, handed in so that the schedule stays pure.
#[derive(Debug, Clone, Copy)]
pub struct Jitter(pub f64);

/// Growing further than this changes nothing: every sane maximum is reached.
const MOST_STEPS: u32 = 64;

/// The pause after try number `attempt` (from 1).
pub fn delay(attempt: u32, policy: &RetryConfig, jitter: Jitter) -> Duration {
    let mut growth = ExponentialBackoffBuilder::new()
        .with_initial_interval(policy.initial)
        .with_multiplier(policy.multiplier)
        .with_max_interval(policy.max)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let mut interval = policy.initial;
    for _ in 0..attempt.clamp(1, MOST_STEPS) {
        interval = growth.next_backoff().unwrap_or(policy.max);
        if interval >= policy.max {
            break;
        }
    }
    let spread = 1.0 + policy.jitter * (2.0 * jitter.0.clamp(0.0, 1.0) - 1.0);
    interval.min(policy.max).mul_f64(spread)
}

/// The next try: backoff from now, never before `floor`.
pub fn next_try(
    attempt: u32,
    policy: &RetryConfig,
    jitter: Jitter,
    now: Timestamp,
    floor: Option<Timestamp>,
) -> Timestamp {
    let at = after(now, delay(attempt, policy, jitter));
    floor.map_or(at, |floor| at.max(floor))
}

/// Whether a delivery that failed again has been tried for long enough. Time that the target lost
/// (pause, breaker, gate, nothing working) does not count.
pub fn is_exhausted(
    patience: &Patience,
    lost_ms_now: i64,
    policy: &RetryConfig,
    now: Timestamp,
) -> bool {
    let passed = now
        .as_millisecond()
        .saturating_sub(patience.since.as_millisecond());
    let lost = lost_ms_now.saturating_sub(patience.lost_ms_then);
    let counted = u128::try_from(passed.saturating_sub(lost)).unwrap_or(0);
    counted >= policy.give_up_after.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryConfig {
        RetryConfig {
            initial: Duration::from_millis(500),
            max: Duration::from_millis(300_000),
            multiplier: 2.0,
            jitter: 0.5,
            give_up_after: Duration::from_secs(10),
            retry_after_max: Duration::from_secs(3600),
        }
    }

    #[track_caller]
    fn check(attempt: u32, jitter: f64, expected_ms: u64) {
        assert_eq!(
            delay(attempt, &policy(), Jitter(jitter)),
            Duration::from_millis(expected_ms)
        );
    }

    #[test]
    fn the_interval_doubles_up_to_the_maximum_and_jitter_moves_it_by_half() {
        check(1, 0.5, 500);
        check(2, 0.5, 1000);
        check(3, 0.5, 2000);
        check(40, 0.5, 300_000);
        check(1, 0.0, 250);
        check(1, 1.0, 750);
    }

    #[test]
    fn a_floor_is_never_undercut() {
        let now = Timestamp::UNIX_EPOCH;
        let floor = after(now, Duration::from_secs(30));
        assert_eq!(next_try(1, &policy(), Jitter(0.0), now, Some(floor)), floor);
    }

    #[test]
    fn lost_time_does_not_count_towards_giving_up() {
        let since = Timestamp::UNIX_EPOCH;
        let patience = Patience {
            since,
            lost_ms_then: 100,
        };
        let now = after(since, Duration::from_secs(12));
        assert!(is_exhausted(&patience, 100, &policy(), now));
        assert!(!is_exhausted(&patience, 5_100, &policy(), now));
    }
}
