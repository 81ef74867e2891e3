//! What a replay found: the numbers that a person or a script reads.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::Sides;
use super::ends::{Ends, LeadEnd};
use super::leads::Leads;
use super::lines::{Line, Lines};
use super::past::Past;
use super::tally::{Counts, Example, SideTotals, Tally};
use super::terminal::Terminal;
use crate::config::{Config, RateLimit, TargetConfig, TargetMode};

/// What would differ, and what would not.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub differs: bool,
    pub events: i64,
    pub events_differ: i64,
    /// When the first and the last of them were received.
    #[serde(serialize_with = "crate::store::rows::optional_timestamp")]
    pub received_from: Option<Timestamp>,
    #[serde(serialize_with = "crate::store::rows::optional_timestamp")]
    pub received_to: Option<Timestamp>,
    pub leads: usize,
    pub leads_differ: i64,
    /// How leads end, where that differs; the most frequent first.
    pub lead_ends: Vec<LeadEnd>,
    /// The configuration's terminal categories.
    pub terminal: Vec<Terminal>,
    pub rows: Vec<Line>,
    pub parked: Parking,
    pub calls: Vec<CallCost>,
    pub totals: Sides<SideTotals>,
    pub examples: Vec<Example>,
}

/// Events by cause.
#[derive(Debug, Clone, Serialize)]
pub struct Parking {
    /// Not parked by the tables in force, parked by the candidates for this cause.
    pub newly: Counts,
    /// Parked by the tables in force for this cause, no more by the candidates.
    pub released: Counts,
    /// Parked by both, for another cause: `before → after`.
    pub otherwise: Counts,
}

/// What the calls to one target cost.
#[derive(Debug, Clone, Serialize)]
pub struct CallCost {
    pub target: String,
    pub mode: TargetMode,
    pub calls: Sides<i64>,
    /// Candidate minus current.
    pub difference: i64,
    /// How long so many take at the target's rate limit.
    pub seconds: Sides<u64>,
    /// How long those take that the candidates add; below 0: that they spare.
    pub difference_seconds: i64,
}

impl Comparison {
    pub(super) fn of(tally: &Tally, lines: &Lines, leads: &Leads, config: &Config) -> Self {
        let ends = Ends::of(leads);
        let leads_differ = ends.leads;
        let categories = leads.all_pasts().map(|pasts| Sides {
            current: category_of(pasts.current),
            candidate: category_of(pasts.candidate),
        });
        let terminal = tally.terminals.with_ends(categories);
        let calls = config
            .targets
            .values()
            .map(|target| cost(target, &tally.sides))
            .collect();
        Self {
            differs: tally.differ > 0 || leads_differ > 0,
            events: tally.events,
            events_differ: tally.differ,
            received_from: tally.received.map(|(first, _)| first),
            received_to: tally.received.map(|(_, last)| last),
            leads: leads.count(),
            leads_differ,
            lead_ends: ends.into_list(),
            terminal,
            rows: lines.lines.clone(),
            calls,
            examples: tally.examples(),
            parked: Parking {
                newly: tally.newly_parked.clone(),
                released: tally.released.clone(),
                otherwise: tally.parked_otherwise.clone(),
            },
            totals: tally.sides.clone(),
        }
    }
}

fn category_of(past: Option<&Past>) -> Option<&str> {
    past?.previous()?.category.as_deref()
}

fn cost(target: &TargetConfig, sides: &Sides<SideTotals>) -> CallCost {
    let of = |counts: &BTreeMap<String, i64>| counts.get(&target.name).copied().unwrap_or(0);
    let calls = Sides {
        current: of(&sides.current.calls.0),
        candidate: of(&sides.candidate.calls.0),
    };
    let difference = calls.candidate - calls.current;
    CallCost {
        target: target.name.clone(),
        mode: target.mode,
        difference,
        seconds: Sides {
            current: seconds(calls.current, target.rate_limit),
            candidate: seconds(calls.candidate, target.rate_limit),
        },
        difference_seconds: {
            let seconds = seconds(difference.abs(), target.rate_limit);
            i64::try_from(seconds).unwrap_or(i64::MAX) * difference.signum()
        },
        calls,
    }
}

/// The time so many calls take at the rate, from an empty bucket.
fn seconds(calls: i64, rate: RateLimit) -> u64 {
    let calls = u64::try_from(calls).unwrap_or(0);
    let each = rate.per / rate.requests.max(1);
    let whole = u32::try_from(calls).map_or(Duration::MAX, |calls| each.saturating_mul(calls));
    whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
}
