//! How long a target's newest answers took.

use serde::Serialize;

use super::{Store, StoreError};

/// Of the newest answered calls, at most a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Latency {
    pub calls: usize,
    pub median_ms: i64,
    /// Nineteen of twenty took no longer.
    pub p95_ms: i64,
    pub longest_ms: i64,
}

impl Latency {
    /// `None` of none.
    pub(super) fn of(mut durations_ms: Vec<i64>) -> Option<Self> {
        durations_ms.sort_unstable();
        let calls = durations_ms.len();
        let at = |part: usize| durations_ms.get((calls * part).div_ceil(100).saturating_sub(1));
        Some(Self {
            calls,
            median_ms: *at(50)?,
            p95_ms: *at(95)?,
            longest_ms: *durations_ms.last()?,
        })
    }
}

impl Store {
    /// Of this target's newest answered calls; `None` if there are none among the newest of all.
    pub async fn latency(&self, target: &str) -> Result<Option<Latency>, StoreError> {
        let Self::Sqlite(store) = self;
        store.latency(target.to_owned()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_calls_themselves() {
        #[track_caller]
        fn check(durations_ms: Vec<i64>, expected: Option<(i64, i64, i64)>) {
            let told = Latency::of(durations_ms);
            let told = told.map(|told| (told.median_ms, told.p95_ms, told.longest_ms));
            assert_eq!(told, expected);
        }
        check(vec![], None);
        check(vec![7], Some((7, 7, 7)));
        check(vec![9, 1], Some((1, 9, 9)));
        check((1..=100).rev().collect(), Some((50, 95, 100)));
    }
}
