//! The flow: what the statuses of a span became, how fast, and what waits.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::Shared;
use super::chart::{self, Chart, Slots};
use super::page::{Shell, Tab, Trouble, render};
use super::picture::{self, Picture};
use super::tally::{EdgeRow, Tally};
use super::words::{self, Moment, Piece};
use crate::admin::{ParkedCause, TargetView, advise, targets_now};
use crate::store::flow::LAG_CLASSES_MS;
use crate::store::{FlowSpan, ParkedRow};

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
    let more_causes = parked.len().saturating_sub(CAUSES);
    let causes = advise(&dashboard.admin, most_parked(&parked)).await?;
    let causes = causes.iter().map(|cause| cause_line(cause, now)).collect();
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

fn tiles(
    tally: &Tally,
    choice: &Choice,
    (parked, targets): (&[ParkedRow], &[TargetView]),
    now: Timestamp,
) -> Vec<Tile> {
    let open: i64 = targets.iter().map(open_of).sum();
    let oldest_due = targets
        .iter()
        .filter_map(|target| target.oldest_due_at)
        .min();
    let waiting: i64 = parked.iter().map(|row| row.events + row.deliveries).sum();
    let oldest_parked = parked.iter().map(|row| row.oldest_at).min();
    let since = |at: Option<Timestamp>, otherwise: &str| match at {
        Some(at) => format!("oldest received {}", Moment::new(at, now).ago),
        None => otherwise.to_owned(),
    };
    let [received, delivered, lag] = past_tiles(tally, choice, targets.len());
    let due = Tile {
        name: "Due now",
        figure: words::count(open),
        under: since(oldest_due, "nothing waits to be sent"),
        class: "",
    };
    let parked = Tile {
        name: "Parked now",
        figure: words::count(waiting),
        under: since(oldest_parked, "nothing waits for a person"),
        class: if waiting > 0 { "wait" } else { "" },
    };
    vec![received, delivered, lag, due, parked]
}

/// Of the span that was chosen.
fn past_tiles(tally: &Tally, choice: &Choice, targets: usize) -> [Tile; 3] {
    let slots = i64::try_from(choice.slots).unwrap_or(1);
    let minutes = (slots * choice.slot_ms / MINUTE) as f64;
    let rate = tally.received as f64 / minutes;
    let rate = match rate >= 10.0 {
        true => format!("{rate:.0} a minute"),
        false => format!("{rate:.1} a minute"),
    };
    let repeated = match tally.repeated {
        0 => String::new(),
        repeated => format!(" · {} repeated", words::count(repeated)),
    };
    let (lag, slow) = match tally.spread() {
        Some(spread) => (
            at_least_the_first(spread.median_ms),
            format!(
                "95 % within {}",
                words::span_ms(spread.slow_ms.max(LAG_CLASSES_MS[0]))
            ),
        ),
        None => (String::from("–"), String::from("nothing delivered")),
    };
    let tile = |name, figure, under| Tile {
        name,
        figure,
        under,
        class: "",
    };
    let targets = i64::try_from(targets).unwrap_or(0);
    [
        tile(
            "Received",
            words::count(tally.received),
            format!("{rate}{repeated}"),
        ),
        tile(
            "Delivered",
            words::count(tally.delivered),
            words::count_of(targets, "target"),
        ),
        tile("Median lag", lag, slow),
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
    let oldest = target.oldest_due_at.map_or_else(String::new, |at| {
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

/// The causes that the most waits for.
fn most_parked(parked: &[ParkedRow]) -> Vec<ParkedRow> {
    let mut rows = parked.to_vec();
    rows.sort_by_key(|row| std::cmp::Reverse(row.events + row.deliveries));
    rows.truncate(CAUSES);
    rows
}

fn cause_line(ParkedCause { parked, .. }: &ParkedCause, now: Timestamp) -> CauseLine {
    CauseLine {
        cause: parked.cause.as_str().to_owned(),
        count: words::count(parked.events + parked.deliveries),
        oldest: Moment::new(parked.oldest_at, now),
        suggestion: words::pieces(&parked.suggestion),
    }
}
