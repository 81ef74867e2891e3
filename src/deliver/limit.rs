//! The target's rate limit: asked before every call, whatever the call is for.
//!
//! A governor bucket on the bridge's clock; it starts empty, so that a restart is no burst.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;

use crate::clock::{Clock, until};
use crate::config::RateLimit;

/// Time since the limiter was made: monotonic on the machine's clock, moved by hand in tests.
#[derive(Debug, Clone)]
struct Elapsed {
    clock: Clock,
    started: Instant,
    started_at: Timestamp,
}

impl GovernorClock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        match &self.clock {
            Clock::System => self.started.elapsed(),
            Clock::Manual(_) => until(self.started_at, self.clock.now()),
        }
    }
}

/// One bucket of calls.
#[derive(Debug)]
pub struct Limit {
    limiter: RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>,
    clock: Elapsed,
    per: Duration,
    spent: Mutex<Spent>,
}

/// Calls taken in the period under way and in the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    period: u128,
    now: u32,
    before: u32,
}

impl Spent {
    fn at(self, period: u128) -> Self {
        match period - self.period.min(period) {
            0 => self,
            1 => Self {
                period,
                now: 0,
                before: self.now,
            },
            _ => Self {
                period,
                now: 0,
                before: 0,
            },
        }
    }
}

impl Limit {
    /// A bucket of `rate`, empty.
    pub fn empty(rate: RateLimit, clock: &Clock) -> Self {
        let limit = Self::full(rate, clock);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        // A new bucket is full, so taking all of it succeeds.
        let _ = limit.limiter.check_n(burst);
        limit
    }

    /// A bucket of `rate`, full.
    pub fn full(rate: RateLimit, clock: &Clock) -> Self {
        let each = (rate.per / rate.requests.max(1)).max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(each)
            .map_or(Quota::per_second(burst), |quota| quota.allow_burst(burst));
        let clock = Elapsed {
            clock: clock.clone(),
            started: Instant::now(),
            started_at: clock.now(),
        };
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            per: rate.per.max(Duration::from_nanos(1)),
            spent: Mutex::default(),
        }
    }

    /// Takes one call, or says how long until there is one.
    pub fn take(&self) -> Result<(), Duration> {
        self.limiter
            .check()
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))?;
        let (period, _) = self.period();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = spent.at(period);
        spent.now = spent.now.saturating_add(1);
        Ok(())
    }

    /// Calls taken within the last period, about: those of the period before count as evenly spread.
    pub fn spent(&self) -> u32 {
        let (period, left) = self.period();
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.at(period);
        spent.now + (f64::from(spent.before) * left).round() as u32
    }

    /// The number of the period under way, and which part of it is still to come.
    fn period(&self) -> (u128, f64) {
        let elapsed = self.clock.now().as_nanos();
        let per = self.per.as_nanos();
        let gone = (elapsed % per) as f64 / per as f64;
        (elapsed / per, 1.0 - gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_bucket_starts_empty_and_refills_at_its_rate() {
        let manual = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
        let clock = Clock::Manual(manual.clone());
        let rate = RateLimit {
            requests: 240,
            per: Duration::from_secs(60),
            burst: 10,
        };
        let limit = Limit::empty(rate, &clock);
        assert_eq!(limit.take(), Err(Duration::from_millis(250)));
        manual.advance(Duration::from_secs(1));
        let taken = (0..20).filter(|_| limit.take().is_ok()).count();
        assert_eq!(taken, 4);
        manual.advance(Duration::from_secs(600));
        let taken = (0..20).filter(|_| limit.take().is_ok()).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn what_was_spent_is_forgotten_as_a_period_passes() {
        let manual = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
        let clock = Clock::Manual(manual.clone());
        let rate = RateLimit {
            requests: 60,
            per: Duration::from_secs(60),
            burst: 10,
        };
        let limit = Limit::full(rate, &clock);
        for _ in 0..8 {
            limit.take().unwrap();
        }
        let mut seen = vec![limit.spent()];
        for _ in 0..3 {
            manual.advance(Duration::from_secs(30));
            seen.push(limit.spent());
        }
        manual.advance(Duration::from_secs(60));
        seen.push(limit.spent());
        assert_eq!(seen, [8, 8, 8, 4, 0]);
    }
}
