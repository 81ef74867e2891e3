//! The flow: what the statuses of a span became, how fast, and what waits.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::chart::{self, Chart, Slots, Spread};
use super::page::{Shell, Tab, Trouble, render};
use super::picture::{self, Edge, Ending, Group, Picture};
use super::words::{self, Moment, Piece};
use super::{Dashboard, Shared};
use crate::admin::{TargetView, targets_now};
use crate::store::flow::{Became, Counted, LAG_CLASSES_MS};
use crate::store::{Flow, FlowSpan, ParkedRow};
use crate::systems;

/// Causes that the page lists; the page of what is parked has all.
const CAUSES: usize = 6;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A span that can be chosen: so many slots of so long.
struct Choice {
    key: &'static str,
    name: &'static str,
    slots: usize,
    slot_ms: i64,
}

/// Slots are at least as wide as what is counted is kept apart (`store/sqlite/flow.rs`).
const CHOICES: [Choice; 5] = [
    Choice {
        key: "1h",
        name: "last hour",
        slots: 60,
        slot_ms: MINUTE,
    },
    Choice {
        key: "24h",
        name: "last 24 hours",
        slots: 48,
        slot_ms: 30 * MINUTE,
    },
    Choice {
        key: "7d",
        name: "last 7 days",
        slots: 42,
        slot_ms: 4 * HOUR,
    },
    Choice {
        key: "30d",
        name: "last 30 days",
        slots: 30,
        slot_ms: DAY,
    },
    Choice {
        key: "90d",
        name: "last 90 days",
        slots: 90,
        slot_ms: DAY,
    },
];

#[derive(Deserialize)]
pub(super) struct FlowQuery {
    span: Option<String>,
}

#[derive(Template)]
#[template(path = "flow.html")]
struct FlowPage {
    shell: Shell,
    spans: Vec<SpanLink>,
    span: &'static str,
    tiles: Vec<Tile>,
    picture: Picture,
    rows: Vec<EdgeRow>,
    rates: Chart,
    lags: Chart,
    has_lags: bool,
    waits: Vec<Wait>,
    causes: Vec<CauseLine>,
    more_causes: usize,
}

struct SpanLink {
    key: &'static str,
    name: &'static str,
    is_current: bool,
}

struct Tile {
    name: &'static str,
    figure: String,
    under: String,
    class: &'static str,
}

/// A line of the picture as a table.
struct EdgeRow {
    source: String,
    status: String,
    to: String,
    gloss: &'static str,
    class: &'static str,
    count: String,
}

/// What waits at one target, and why.
struct Wait {
    name: String,
    what: String,
    why: String,
    class: &'static str,
    word: &'static str,
}

struct CauseLine {
    cause: String,
    count: String,
    oldest: Moment,
    suggestion: Vec<Piece>,
}

pub(super) async fn show_flow(
    State(dashboard): State<Shared>,
    Query(query): Query<FlowQuery>,
) -> Result<Response, Trouble> {
    let (shell, parked) = Shell::load(&dashboard, Tab::Flow, "Flow").await?;
    let wanted = query.span.as_deref().unwrap_or("24h");
    let choice = CHOICES.iter().find(|choice| choice.key == wanted);
    let choice = choice.unwrap_or(&CHOICES[1]);
    let now = dashboard.admin.clock.now();
    let slots = slots_until(choice, now);
    let span = FlowSpan {
        since: slots.since,
        until: Timestamp::MAX,
        slot_ms: slots.slot_ms,
    };
    let flow = dashboard.admin.store.flow(span).await?;
    let targets = targets_now(&dashboard.admin).await?;
    let tally = Tally::of(&dashboard, &flow, slots.number);
    let (causes, more_causes) = cause_lines(&parked, now);
    let picture = picture::lay_out(&tally.edges);
    Ok(render(&FlowPage {
        shell,
        spans: CHOICES
            .iter()
            .map(|one| SpanLink {
                key: one.key,
                name: one.name,
                is_current: one.key == choice.key,
            })
            .collect(),
        span: choice.name,
        tiles: tiles(&tally, choice, (&parked, &targets), now),
        picture,
        rows: tally.rows(),
        rates: chart::stacked(
            slots,
            &[
                ("written", "written", &tally.written),
                ("calm", "needed nothing", &tally.calm),
                ("wait", "parked", &tally.waiting),
            ],
        ),
        lags: chart::spreads(slots, &tally.spreads()),
        has_lags: tally.delivered > 0,
        waits: waits(&targets, flow.undecided, now),
        causes,
        more_causes,
    }))
}

/// The last slot is the one that is not over yet.
fn slots_until(choice: &Choice, now: Timestamp) -> Slots {
    let number = i64::try_from(choice.slots).unwrap_or(1);
    let current = now.as_millisecond().div_euclid(choice.slot_ms) * choice.slot_ms;
    let since = current - (number - 1) * choice.slot_ms;
    Slots {
        since: Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH),
        slot_ms: choice.slot_ms,
        number: choice.slots,
    }
}

/// What was counted, added up for the page.
struct Tally {
    edges: Vec<Edge>,
    received: i64,
    repeated: i64,
    delivered: i64,
    written: Vec<i64>,
    calm: Vec<i64>,
    waiting: Vec<i64>,
    /// Slot → class of lag → deliveries.
    lags: Vec<BTreeMap<i64, i64>>,
}

impl Tally {
    fn of(dashboard: &Dashboard, flow: &Flow, slots: usize) -> Self {
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

    fn rows(&self) -> Vec<EdgeRow> {
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

    fn spreads(&self) -> Vec<Option<Spread>> {
        self.lags.iter().map(spread_of).collect()
    }

    fn spread(&self) -> Option<Spread> {
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

fn tiles(
    tally: &Tally,
    choice: &Choice,
    (parked, targets): (&[ParkedRow], &[TargetView]),
    now: Timestamp,
) -> Vec<Tile> {
    let slots = i64::try_from(choice.slots).unwrap_or(1);
    let minutes = (slots * choice.slot_ms / MINUTE) as f64;
    let rate = tally.received as f64 / minutes;
    let rate = if rate >= 10.0 {
        format!("{rate:.0} a minute")
    } else {
        format!("{rate:.1} a minute")
    };
    let repeated = match tally.repeated {
        0 => String::new(),
        repeated => format!(" · {} repeated", words::count(repeated)),
    };
    let (lag, slow) = match tally.spread() {
        Some(spread) => (
            at_least_the_first(spread.median_ms),
            format!("95 % within {}", words::span_ms(spread.slow_ms.max(LAG_CLASSES_MS[0]))),
        ),
        None => (String::from("–"), String::from("nothing delivered")),
    };
    let open: i64 = targets.iter().map(open_of).sum();
    let oldest_due = targets.iter().filter_map(oldest_due).min();
    let waiting: i64 = parked.iter().map(|row| row.events + row.deliveries).sum();
    let oldest_parked = parked.iter().map(|row| row.oldest_at).min();
    vec![
        Tile {
            name: "Received",
            figure: words::count(tally.received),
            under: format!("{rate}{repeated}"),
            class: "",
        },
        Tile {
            name: "Delivered",
            figure: words::count(tally.delivered),
            under: words::count_of(i64::try_from(targets.len()).unwrap_or(0), "target"),
            class: "",
        },
        Tile {
            name: "Median lag",
            figure: lag,
            under: slow,
            class: "",
        },
        Tile {
            name: "Due now",
            figure: words::count(open),
            under: oldest_due.map_or_else(
                || String::from("nothing waits to be sent"),
                |at| format!("oldest received {}", Moment::new(at, now).ago),
            ),
            class: "",
        },
        Tile {
            name: "Parked now",
            figure: words::count(waiting),
            under: oldest_parked.map_or_else(
                || String::from("nothing waits for a person"),
                |at| format!("oldest received {}", Moment::new(at, now).ago),
            ),
            class: if waiting > 0 { "wait" } else { "" },
        },
    ]
}

/// Within the first class nothing is told apart.
fn at_least_the_first(ms: i64) -> String {
    match ms <= LAG_CLASSES_MS[0] {
        true => format!("< {}", words::span_ms(LAG_CLASSES_MS[0])),
        false => words::span_ms(ms),
    }
}

fn open_of(target: &TargetView) -> i64 {
    let of = |state: &str| target.deliveries.get(state).copied().unwrap_or(0);
    of("due") + of("in_flight")
}

fn oldest_due(target: &TargetView) -> Option<Timestamp> {
    target.oldest_due_at
}

/// Targets with something before them, or that cannot take anything.
fn waits(targets: &[TargetView], undecided: i64, now: Timestamp) -> Vec<Wait> {
    let mut waits: Vec<Wait> = targets
        .iter()
        .filter(|target| open_of(target) > 0 || target.state != "open")
        .map(|target| wait(target, now))
        .collect();
    if undecided > 0 {
        waits.push(Wait {
            name: String::from("Not decided yet"),
            what: words::count_of(undecided, "event"),
            why: String::from("recorded; the decider takes them in the order recorded"),
            class: "",
            word: "received",
        });
    }
    waits
}

fn wait(target: &TargetView, now: Timestamp) -> Wait {
    let (class, why) = super::targets::state_words(target, now);
    let oldest = oldest_due(target).map_or_else(String::new, |at| {
        format!(", oldest received {}", Moment::new(at, now).ago)
    });
    Wait {
        name: target.name.clone(),
        what: format!("{} due{oldest}", words::count(open_of(target))),
        why,
        class,
        word: target.state,
    }
}

fn cause_lines(parked: &[ParkedRow], now: Timestamp) -> (Vec<CauseLine>, usize) {
    let mut rows: Vec<&ParkedRow> = parked.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.events + row.deliveries));
    let lines = rows.iter().take(CAUSES).map(|row| CauseLine {
        cause: row.cause.as_str().to_owned(),
        count: words::count(row.events + row.deliveries),
        oldest: Moment::new(row.oldest_at, now),
        suggestion: words::pieces(&row.suggestion),
    });
    (lines.collect(), rows.len().saturating_sub(CAUSES))
}
