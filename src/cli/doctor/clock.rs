//! The clock: plausible, set by the network, and in step with the targets' clocks.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::Notes;

/// The program is older than no time it can run at.
const BUILT_AFTER: &str = "2026-01-01T00:00:00Z";
/// What a slow answer explains.
const IN_STEP: SignedDuration = SignedDuration::from_secs(5);
/// Signed timestamps are mostly allowed to be so far off.
const TOO_FAR: SignedDuration = SignedDuration::from_secs(120);

const REMEDY: &str = "let the machine set its clock by NTP (systemd-timesyncd or chrony): signatures, \
                      Retry-After and the order of events rest on it";

/// What others say the time is.
#[derive(Default)]
pub(super) struct Clocks {
    /// Target → how far ours is before its.
    differences: Vec<(String, SignedDuration)>,
}

impl Clocks {
    /// `said`: the `Date` of an answer that came at `now`.
    pub(super) fn heard(&mut self, target: &str, said: &str, now: Timestamp) {
        if let Ok(date) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(said) {
            let ahead = now.duration_since(date);
            // Asked more than once, it says the same: the last answer counts.
            self.differences.retain(|(known, _)| known != target);
            self.differences.push((target.to_owned(), ahead));
        }
    }

    pub(super) fn look(&self) -> Notes {
        let mut notes = Notes::about("clock");
        let now = Timestamp::now();
        if BUILT_AFTER
            .parse()
            .is_ok_and(|built: Timestamp| now < built)
        {
            notes.error(format!("it says {now:.0}, which cannot be"), REMEDY);
        }
        for (target, ahead) in &self.differences {
            look_at_difference(&mut notes, target, *ahead);
        }
        // Where systemd keeps the time, it says so here once it has it.
        let keeper = Path::new("/run/systemd/timesync");
        if keeper.is_dir() && !keeper.join("synchronized").exists() {
            notes.warning("systemd-timesyncd runs and has not set it yet", REMEDY);
        }
        if notes.found.is_empty() {
            notes.ok(format!("{now:.0}"));
        }
        notes
    }
}

fn look_at_difference(notes: &mut Notes, target: &str, ahead: SignedDuration) {
    let seconds = ahead.as_secs().abs();
    let side = match ahead.is_negative() {
        true => "behind",
        false => "ahead of",
    };
    let told = format!("{seconds} s {side} the one of `{target}`");
    if ahead.abs() > TOO_FAR {
        notes.error(told, REMEDY);
    } else if ahead.abs() > IN_STEP {
        notes.warning(told, REMEDY);
    } else {
        notes.ok(format!("in step with the one of `{target}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn a_difference_counts_either_way() {
        for (date, level) in [
            ("Sat, 01 Aug 2026 12:00:02 GMT", Level::Ok),
            ("Sat, 01 Aug 2026 11:59:50 GMT", Level::Warning),
            ("Sat, 01 Aug 2026 12:01:00 GMT", Level::Warning),
            ("Sat, 01 Aug 2026 11:00:00 GMT", Level::Error),
            ("Sat, 01 Aug 2026 12:05:00 GMT", Level::Error),
        ] {
            let mut clocks = Clocks::default();
            clocks.heard("leadping", date, "2026-08-01T12:00:00Z".parse().unwrap());
            let found = clocks.look().found;
            assert_eq!(found[0].level, level, "{date}: {}", found[0].what);
        }
    }

    #[test]
    fn what_is_no_date_says_nothing() {
        let mut clocks = Clocks::default();
        clocks.heard("leadping", "today", Timestamp::UNIX_EPOCH);
        assert!(clocks.differences.is_empty());
    }
}
