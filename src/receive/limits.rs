//! The inbound rate limit of one source; off unless configured.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::config::RateLimit;

type Limiter = RateLimiter<
    NotKeyed,
    InMemoryState,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as Clock>::Instant>,
>;

pub(super) struct InboundLimit {
    limiter: Limiter,
}

impl InboundLimit {
    /// A rate or burst of zero counts as one: the config refuses it before.
    pub(super) fn new(rate: RateLimit) -> Self {
        let interval = rate.per / rate.requests.max(1);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1)))
            .expect("the period is not zero")
            .allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock),
        }
    }

    /// Takes one place, or says how long until there is one.
    pub(super) fn take(&self) -> Result<(), Duration> {
        self.limiter
            .check()
            .map_err(|not_until| not_until.wait_time_from(MonotonicClock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_passes_and_the_next_is_told_when_to_come() {
        let limit = InboundLimit::new(RateLimit {
            requests: 6,
            per: Duration::from_secs(600),
            burst: 3,
        });
        for _ in 0..3 {
            assert_eq!(limit.take(), Ok(()));
        }
        let wait = limit.take().unwrap_err();
        assert!(wait > Duration::from_secs(98) && wait <= Duration::from_secs(100));
    }
}
