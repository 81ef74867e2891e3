//! What is counted for the Flow page: pure words and times. `sqlite/flow.rs` keeps the counts in
//! the transactions that decide and settle, `web` draws them.

use jiff::Timestamp;

use crate::decision::{Decision, TargetVerdict, Verdict};
use crate::event::Facts;
use crate::lead::LEADPING;

/// Statuses longer than this are cut.
const MAX_STATUS: usize = 64;
/// What a status becomes whose categories are too many to tell apart.
pub const OTHER: &str = "other";
const CATEGORY: &str = "category:";
const DISCARDED: &str = "discarded";

/// A delivery took at most so long, in milliseconds; the last class has no end.
pub const LAG_CLASSES_MS: [i64; 15] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    14_400_000,
    86_400_000,
    i64::MAX,
];

/// The span that is asked for, in equal slots.
#[derive(Debug, Clone, Copy)]
pub struct FlowSpan {
    pub since: Timestamp,
    pub until: Timestamp,
    pub slot_ms: i64,
}

/// What was counted in a span.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    pub counted: Vec<Counted>,
    /// In no order; each slot and key once.
    pub cells: Vec<FlowCell>,
    /// Recorded and not decided yet, up to a small bound.
    pub undecided: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowCell {
    /// From the start of the span.
    pub slot: usize,
    /// Index into `counted`.
    pub counted: usize,
    pub count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    Event {
        source: String,
        /// Empty: the body names none.
        status: String,
        became: Became,
    },
    /// A webhook that was recorded already.
    Duplicate { source: String },
    /// A delivery that reached its target within one of [`LAG_CLASSES_MS`].
    Delivered { target: String, within_ms: i64 },
}

/// What became of an event, in one word: what it would be asked about first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Became {
    /// A disposition of this category was decided.
    Category(String),
    /// A verdict's word; `written` of a call that sets no category.
    Word(String),
}

impl Became {
    pub fn of(decision: &Decision) -> Self {
        let record = &decision.record;
        let word = |word: &str| Self::Word(word.to_owned());
        match record.verdict {
            Verdict::Invalid => return word("invalid"),
            Verdict::Unmapped => return word("unmapped"),
            Verdict::Ignored => return word("ignored"),
            Verdict::Parked => return word("parked"),
            Verdict::Matched => {}
        }
        // LeadPing's own verdict is what people ask for; else the first there is.
        let verdict = record
            .targets
            .get(LEADPING)
            .or_else(|| record.targets.values().next());
        match verdict {
            Some(
                TargetVerdict::Delivery { .. }
                | TargetVerdict::Amend { .. }
                | TargetVerdict::Folded { .. },
            ) => category(decision).map_or_else(|| word("written"), Self::Category),
            Some(verdict) => word(verdict.as_str()),
            None => word("ignored"),
        }
    }

    pub(super) fn discarded() -> Self {
        Self::Word(DISCARDED.to_owned())
    }

    /// As the store keeps it.
    pub(super) fn write_to(&self, text: &mut String) {
        match self {
            Self::Category(category) => {
                text.push_str(CATEGORY);
                text.push_str(category);
            }
            Self::Word(word) => text.push_str(word),
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text.strip_prefix(CATEGORY) {
            Some(category) => Self::Category(category.to_owned()),
            None => Self::Word(text.to_owned()),
        }
    }
}

/// Of the disposition that was decided; of detail that names none, that of its entry.
fn category(decision: &Decision) -> Option<String> {
    let planned = decision
        .deliveries
        .iter()
        .filter(|delivery| delivery.target == LEADPING)
        .find_map(|delivery| delivery.members.get("category")?.as_str());
    planned.map(str::to_owned).or_else(|| {
        let applied = decision.applied.as_ref()?;
        applied.previous.as_ref()?.category.clone()
    })
}

/// The status as the sender means it, cut to a bounded length.
pub fn status_word(facts: &Facts) -> String {
    let status = facts.status.as_ref().map(ToString::to_string);
    status.map_or_else(String::new, |status| {
        status.chars().take(MAX_STATUS).collect()
    })
}

/// The class of a delivery that took so long.
pub fn lag_class(lag_ms: i64) -> i64 {
    let class = LAG_CLASSES_MS.into_iter().find(|most| lag_ms <= *most);
    class.unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_falls_into_the_first_class_that_holds_it() {
        assert_eq!(lag_class(-5), 100);
        assert_eq!(lag_class(100), 100);
        assert_eq!(lag_class(101), 250);
        assert_eq!(lag_class(86_400_001), i64::MAX);
    }

    #[test]
    fn what_became_is_read_back_as_it_was_written() {
        for became in [
            Became::Category(String::from("Qualified")),
            Became::Word(String::from("unmapped")),
        ] {
            let mut text = String::new();
            became.write_to(&mut text);
            assert_eq!(Became::parse(&text), became);
        }
    }
}
