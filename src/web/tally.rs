//! What was counted, added up for the flow page; and how what became of events is grouped, coloured
//! and worded everywhere.

use std::collections::BTreeMap;

use super::Dashboard;
use super::chart::{self, Spread};
use super::picture::{Edge, Ending, Group};
use super::words;
use crate::store::Flow;
use crate::store::flow::{Became, Counted, LAG_CLASSES_MS};
use crate::systems;

/// A line of the picture as a table.
pub(super) struct EdgeRow {
    pub(super) source: String,
    pub(super) status: String,
    pub(super) to: String,
    pub(super) gloss: &'static str,
    pub(super) class: &'static str,
    pub(super) count: String,
}

/// What was counted, added up for the page.
pub(super) struct Tally {
    pub(super) edges: Vec<Edge>,
    pub(super) received: i64,
    pub(super) repeated: i64,
    pub(super) delivered: i64,
    pub(super) written: Vec<i64>,
    pub(super) calm: Vec<i64>,
    pub(super) waiting: Vec<i64>,
    /// Slot → class of lag → deliveries.
    lags: Vec<BTreeMap<i64, i64>>,
}

impl Tally {
    pub(super) fn of(dashboard: &Dashboard, flow: &Flow, slots: usize) -> Self {
        let mut tally = Self {
            edges: Vec::new(),
            received: 0,
            repeated: 0,
            delivered: 0,
            written: vec![0; slots],
            calm: vec![0; slots],
            waiting: vec![0; slots],
            lags: vec![BTreeMap::new(); slots],
        };
        let last = slots.saturating_sub(1);
        let endings: Vec<Option<Ending>> = flow.counted.iter().map(ending_of).collect();
        let mut sums = vec![0; flow.counted.len()];
        for cell in &flow.cells {
            let slot = cell.slot.min(last);
            sums[cell.counted] += cell.count;
            match (&flow.counted[cell.counted], &endings[cell.counted]) {
                (Counted::Event { .. }, Some(ending)) => {
                    tally.received += cell.count;
                    let part = match ending.group {
                        Group::Written => &mut tally.written,
                        Group::Calm => &mut tally.calm,
                        Group::Waiting => &mut tally.waiting,
                    };
                    part[slot] += cell.count;
                }
                (Counted::Delivered { within_ms, .. }, _) => {
                    tally.delivered += cell.count;
                    *tally.lags[slot].entry(*within_ms).or_default() += cell.count;
                }
                _ => tally.repeated += cell.count,
            }
        }
        for ((counted, to), count) in flow.counted.iter().zip(endings).zip(sums) {
            if let (Counted::Event { source, status, .. }, Some(to)) = (counted, to) {
                tally.edges.push(Edge {
                    source: source.clone(),
                    status: status_label(dashboard, source, status),
                    to,
                    count,
                });
            }
        }
        tally.edges.retain(|edge| edge.count > 0);
        tally
    }

    pub(super) fn rows(&self) -> Vec<EdgeRow> {
        let mut edges: Vec<&Edge> = self.edges.iter().collect();
        edges.sort_by(|a, b| (&a.source, b.count, &a.status).cmp(&(&b.source, a.count, &b.status)));
        edges
            .into_iter()
            .map(|edge| EdgeRow {
                source: edge.source.clone(),
                status: edge.status.clone(),
                to: edge.to.word.clone(),
                gloss: gloss(&edge.to),
                class: edge.to.class,
                count: words::count(edge.count),
            })
            .collect()
    }

    pub(super) fn spreads(&self) -> Vec<Option<Spread>> {
        self.lags.iter().map(spread_of).collect()
    }

    pub(super) fn spread(&self) -> Option<Spread> {
        let mut all = BTreeMap::new();
        for (class, count) in self.lags.iter().flatten() {
            *all.entry(*class).or_default() += count;
        }
        spread_of(&all)
    }
}

fn spread_of(lags: &BTreeMap<i64, i64>) -> Option<Spread> {
    let classes = LAG_CLASSES_MS.map(|class| (class, lags.get(&class).copied().unwrap_or(0)));
    Some(Spread {
        median_ms: chart::quantile(&classes, 0.5)?,
        slow_ms: chart::quantile(&classes, 0.95)?,
    })
}

fn ending_of(counted: &Counted) -> Option<Ending> {
    let Counted::Event { became, .. } = counted else {
        return None;
    };
    Some(ending(became))
}

/// How the dashboard groups and colours what became of an event.
pub(super) fn ending(became: &Became) -> Ending {
    let (group, word, class) = match became {
        Became::Category(category) => (Group::Written, category.clone(), class_of(category)),
        Became::Word(word) => match word.as_str() {
            "written" => (Group::Written, word.clone(), "k-written"),
            "unmapped" | "unlinked" | "invalid" | "parked" | "looping" => {
                (Group::Waiting, word.clone(), "k-wait")
            }
            _ => (Group::Calm, word.clone(), "k-quiet"),
        },
    };
    Ending { group, word, class }
}

/// A category's colour.
pub(super) fn class_of(category: &str) -> &'static str {
    match category {
        "Open" => "k-open",
        "Qualified" => "k-qualified",
        "Converted" => "k-converted",
        "Lost" => "k-lost",
        "Invalid" => "k-invalid",
        "Duplicate" => "k-duplicate",
        _ => "k-written",
    }
}

/// What the word means, for whoever reads it first.
fn gloss(ending: &Ending) -> &'static str {
    match (ending.group, ending.word.as_str()) {
        (Group::Written, "written") => "a call without a category",
        (Group::Written, _) => "written to LeadPing in this category",
        (_, "ignored") => "a row, or the event itself, asks for nothing",
        (_, "unchanged") => "the target already had it",
        (_, "echo") => "our own write coming back",
        (_, "stale") => "older than what the lead already has",
        (_, "outranked") => "a stronger source has the say",
        (_, "absent") => "the lead is not at that target",
        (_, "off") => "that target is not configured",
        (_, "discarded") => "given up by a person",
        (_, "unmapped") => "parked: no row for this status",
        (_, "unlinked") => "parked: no LeadPing lead is known",
        (_, "invalid") => "parked: something is missing or contradicts",
        (_, "parked") => "parked by a row",
        (_, "looping") => "parked: decided back and forth",
        _ => "",
    }
}

pub(super) fn status_label(dashboard: &Dashboard, source: &str, status: &str) -> String {
    if status.is_empty() {
        return String::from("no status");
    }
    match dashboard.admin.rules.source(source) {
        Some(config) => {
            let kind = config.kind;
            let label = systems::status_label(kind, &systems::parse_status(kind, status));
            // The name says more than the number.
            match label.split_once(" (") {
                Some((number, name)) => format!("{} {number}", name.trim_end_matches(')')),
                None => label,
            }
        }
        None => status.to_owned(),
    }
}
