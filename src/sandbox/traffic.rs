//! Counting traffic: the rate limit, the busiest second, and writes of one lead that overlapped.
//!
//! Time comes in as an argument; nothing here answers a request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::System;

/// So many requests in any span of so many seconds; `requests = 0` switches the limit off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLimit {
    pub requests: u32,
    pub per_seconds: u32,
}

impl RequestLimit {
    /// LeadPing's own: 300 in 60 s.
    pub const LEADPING: Self = Self {
        requests: 300,
        per_seconds: 60,
    };
    /// Capillary's on demo and test clusters: 100 in 60 s.
    pub const CAPILLARY: Self = Self {
        requests: 100,
        per_seconds: 60,
    };
    pub const OFF: Self = Self {
        requests: 0,
        per_seconds: 1,
    };
}

/// The requests admitted within the limit's span.
#[derive(Debug)]
pub(super) struct Window {
    limit: RequestLimit,
    admitted: VecDeque<Timestamp>,
}

impl Window {
    pub fn new(limit: RequestLimit) -> Self {
        Self {
            limit,
            admitted: VecDeque::new(),
        }
    }

    pub fn limit(&self) -> RequestLimit {
        self.limit
    }

    /// Admits the request, or says after how many seconds the next one may come.
    /// A refused request takes nothing from the limit.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), u64> {
        if self.limit.requests == 0 {
            return Ok(());
        }
        let span = SignedDuration::from_secs(i64::from(self.limit.per_seconds));
        forget_older(&mut self.admitted, now, span);
        if self.admitted.len() < self.limit.requests as usize {
            self.admitted.push_back(now);
            return Ok(());
        }
        let oldest = self.admitted.front().copied().unwrap_or(now);
        let left = span - now.duration_since(oldest);
        let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        Err(u64::try_from(seconds).unwrap_or(0).max(1))
    }
}

/// More than this are not counted apart: a clock that stands still must not fill the memory.
const MAX_IN_ONE_SECOND: usize = 1_000_000;

/// The most requests seen in any second.
#[derive(Debug, Default)]
pub(super) struct BusiestSecond {
    recent: VecDeque<Timestamp>,
    most: usize,
}

impl BusiestSecond {
    pub fn count(&mut self, now: Timestamp) {
        forget_older(&mut self.recent, now, SignedDuration::from_secs(1));
        if self.recent.len() < MAX_IN_ONE_SECOND {
            self.recent.push_back(now);
        }
        self.most = self.most.max(self.recent.len());
    }

    pub fn most(&self) -> usize {
        self.most
    }
}

fn forget_older(times: &mut VecDeque<Timestamp>, now: Timestamp, span: SignedDuration) {
    while times
        .front()
        .is_some_and(|&oldest| now.duration_since(oldest) >= span)
    {
        times.pop_front();
    }
}

/// Writes that are being worked on, by lead.
#[derive(Debug, Default)]
pub(super) struct WritesInProgress(Mutex<Writes>);

#[derive(Debug, Default)]
struct Writes {
    by_lead: HashMap<(System, String), u32>,
    overlaps: u64,
}

impl WritesInProgress {
    /// Counts as in progress until the returned guard is dropped.
    pub fn begin(self: &Arc<Self>, system: System, lead: &str) -> WriteGuard {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (system, lead.to_owned());
        let open = writes.by_lead.entry(key.clone()).or_default();
        *open += 1;
        if *open > 1 {
            writes.overlaps += 1;
        }
        WriteGuard {
            writes: Arc::clone(self),
            key,
        }
    }

    /// Writes that are not answered yet.
    pub fn open(&self) -> u32 {
        let writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.by_lead.values().sum()
    }

    /// How often a write began while another of the same lead was in progress.
    pub fn overlaps(&self) -> u64 {
        let writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.overlaps
    }

    pub fn forget_overlaps(&self) {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.overlaps = 0;
    }
}

#[derive(Debug)]
pub(super) struct WriteGuard {
    writes: Arc<WritesInProgress>,
    key: (System, String),
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        let mut writes = self.writes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = writes.by_lead.get_mut(&self.key) {
            *open -= 1;
            if *open == 0 {
                writes.by_lead.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a small number")
    }

    #[test]
    fn the_limit_holds_in_every_span_and_names_the_wait() {
        let mut window = Window::new(RequestLimit {
            requests: 2,
            per_seconds: 10,
        });
        for (ms, expected) in [
            (0, Ok(())),
            (4_000, Ok(())),
            (4_500, Err(6)),
            (9_999, Err(1)),
            (10_000, Ok(())),
            (10_001, Err(4)),
            (14_000, Ok(())),
        ] {
            assert_eq!(window.admit(at(ms)), expected, "at {ms} ms");
        }
    }

    #[test]
    fn no_limit_admits_everything() {
        let mut window = Window::new(RequestLimit::OFF);
        assert!((0..10_000).all(|_| window.admit(at(0)).is_ok()));
    }

    #[test]
    fn the_busiest_second_rolls() {
        let mut busiest = BusiestSecond::default();
        for ms in [0, 600, 900, 1_100, 1_599, 3_000] {
            busiest.count(at(ms));
        }
        assert_eq!(busiest.most(), 4, "600, 900, 1100 and 1599");
    }

    #[test]
    fn writes_overlap_only_within_a_lead_and_only_while_open() {
        let writes = Arc::new(WritesInProgress::default());
        let first = writes.begin(System::Leadping, "a");
        let other = writes.begin(System::Leadping, "b");
        assert_eq!(writes.overlaps(), 0);
        drop(first);
        let second = writes.begin(System::Leadping, "a");
        assert_eq!(writes.overlaps(), 0);
        let third = writes.begin(System::Leadping, "a");
        assert_eq!(writes.overlaps(), 1);
        drop((other, second, third));
        assert!(writes.0.lock().expect("no panic").by_lead.is_empty());
    }
}
