//! One problem, a few lines: what repeats itself is said some times in a minute, then counted.
//!
//! A thousand webhooks with the same fault are one problem for the person who reads the log. The
//! metrics count each of them; the next line that is said tells how many were not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::until;

/// So many lines of a kind …
const LINES: u32 = 5;
/// … in so long.
const WINDOW: Duration = Duration::from_secs(60);
/// Kinds remembered at once. Beyond them all are one: the memory is bounded, and so is the log.
const KINDS: usize = 256;
const OTHERS: &str = "";

#[derive(Debug, Default)]
pub struct Damper(Mutex<HashMap<Box<str>, Kind>>);

#[derive(Debug)]
struct Kind {
    since: Timestamp,
    said: u32,
    unsaid: u64,
}

/// Whether to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// And that so many like it were not said.
    Aloud { unsaid: u64 },
    /// At level debug.
    Quietly,
}

impl Damper {
    /// One more of this kind happened.
    pub fn ask(&self, kind: &str, now: Timestamp) -> Say {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.contains_key(kind) && kinds.len() >= KINDS {
            kinds.retain(|_, kind| until(kind.since, now) < WINDOW || kind.unsaid > 0);
        }
        let is_known = kinds.contains_key(kind) || kinds.len() < KINDS;
        let kind = kinds
            .entry(if is_known { kind } else { OTHERS }.into())
            .or_insert(Kind {
                since: now,
                said: 0,
                unsaid: 0,
            });
        if until(kind.since, now) >= WINDOW {
            kind.since = now;
            kind.said = 0;
        }
        if kind.said >= LINES {
            kind.unsaid += 1;
            return Say::Quietly;
        }
        kind.said += 1;
        Say::Aloud {
            unsaid: std::mem::take(&mut kind.unsaid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::after;

    #[test]
    fn a_flood_is_a_few_lines_and_a_number() {
        let damper = Damper::default();
        let start: Timestamp = "2026-08-01T12:00:00Z".parse().expect("a time");
        let aloud = |kind: &str, seconds: u64| {
            let now = after(start, Duration::from_secs(seconds));
            damper.ask(kind, now)
        };
        for _ in 0..LINES {
            assert_eq!(aloud("voice", 0), Say::Aloud { unsaid: 0 });
        }
        for _ in 0..100 {
            assert_eq!(aloud("voice", 59), Say::Quietly);
        }
        assert_eq!(aloud("crm", 59), Say::Aloud { unsaid: 0 }, "another kind");
        assert_eq!(aloud("voice", 60), Say::Aloud { unsaid: 100 });
        assert_eq!(aloud("voice", 61), Say::Aloud { unsaid: 0 });
    }

    #[test]
    fn however_many_kinds_there_are_the_lines_are_bounded() {
        let damper = Damper::default();
        let now = Timestamp::UNIX_EPOCH;
        let aloud = (0..10_000)
            .filter(|number| damper.ask(&number.to_string(), now) != Say::Quietly)
            .count();
        assert_eq!(aloud, KINDS + LINES as usize);
    }
}
