//! Targets: what each one lets through and how it answers; stopped and resumed here.

use askama::Template;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::Shared;
use super::page::{Shell, Tab, Trouble, render};
use super::words::{self, Moment};
use crate::admin::auth::Caller;
use crate::admin::{TargetView, pause_target, resume_target, targets_now};
use crate::config::TargetMode;
use crate::delivery::DeliveryState;

#[derive(Template)]
#[template(path = "targets.html")]
struct TargetsPage {
    shell: Shell,
    targets: Vec<TargetCard>,
}

struct TargetCard {
    name: String,
    base_url: String,
    is_shadow: bool,
    state: &'static str,
    class: &'static str,
    why: String,
    since: Option<Moment>,
    is_stopped: bool,
    rate: Gauge,
    slots: Gauge,
    counts: Vec<(&'static str, String)>,
    oldest: Option<Moment>,
    latency: Vec<(&'static str, String)>,
    answered: String,
}

/// How much of a limit is used.
struct Gauge {
    words: String,
    percent: String,
    class: &'static str,
}

impl Gauge {
    fn of(used: f64, limit: f64, words: String) -> Self {
        let share = if limit > 0.0 { used / limit } else { 0.0 };
        Self {
            words,
            percent: format!("{:.1}", 100.0 * share.clamp(0.0, 1.0)),
            class: if share >= 0.9 { "wait" } else { "" },
        }
    }
}

pub(super) async fn show_targets(State(dashboard): State<Shared>) -> Result<Response, Trouble> {
    let (shell, _) = Shell::load(&dashboard, Tab::Targets, "Targets").await?;
    let now = dashboard.admin.clock.now();
    let targets = targets_now(&dashboard.admin).await?;
    Ok(render(&TargetsPage {
        shell,
        targets: targets.iter().map(|target| card(target, now)).collect(),
    }))
}

fn card(target: &TargetView, now: Timestamp) -> TargetCard {
    let (class, why) = state_words(target, now);
    let rate = &target.rate_limit;
    let of = |state: DeliveryState| target.deliveries.get(state.as_str()).copied().unwrap_or(0);
    let shown = DeliveryState::ALL.into_iter();
    TargetCard {
        name: target.name.clone(),
        base_url: target.base_url.clone(),
        is_shadow: target.mode == TargetMode::Shadow,
        state: target.state,
        class,
        why,
        since: target.since.map(|since| Moment::new(since, now)),
        is_stopped: target.state == "stopped",
        rate: Gauge::of(
            f64::from(rate.used),
            f64::from(rate.requests),
            format!(
                "{} of {} calls in {} s, at most {} at once",
                rate.used, rate.requests, rate.per_seconds, rate.burst
            ),
        ),
        slots: Gauge::of(
            target.calls as f64,
            target.concurrency as f64,
            format!("{} of {} under way", target.calls, target.concurrency),
        ),
        counts: shown
            .map(|state| (state.as_str(), words::count(of(state))))
            .collect(),
        oldest: target.oldest_due_at.map(|at| Moment::new(at, now)),
        latency: target.latency.map_or_else(Vec::new, |latency| {
            vec![
                ("median", words::span_ms(latency.median_ms)),
                ("95 % within", words::span_ms(latency.p95_ms)),
                ("longest", words::span_ms(latency.longest_ms)),
            ]
        }),
        answered: target.latency.map_or_else(String::new, |latency| {
            let calls = i64::try_from(latency.calls).unwrap_or(i64::MAX);
            format!("newest {}", words::count_of(calls, "answered call"))
        }),
    }
}

pub(super) async fn pause(
    State(dashboard): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let at = State(dashboard.admin.clone());
    let Json(target) = pause_target(at, Path(name), Extension(caller)).await?;
    Ok(back_to(&target))
}

pub(super) async fn resume(
    State(dashboard): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let at = State(dashboard.admin.clone());
    let Json(target) = resume_target(at, Path(name), Extension(caller)).await?;
    Ok(back_to(&target))
}

fn back_to(target: &TargetView) -> Response {
    Redirect::to(&format!("/targets#h-{}", target.name)).into_response()
}

/// The colour of a target's state, and what it means in words.
pub(super) fn state_words(target: &TargetView, now: Timestamp) -> (&'static str, String) {
    let in_time = target.next_try_at.map_or_else(
        || String::from("soon"),
        |at| match at > now {
            true => format!("in {}", words::age(now, at)),
            false => String::from("now"),
        },
    );
    match (target.state, target.paused_http_status) {
        ("stopped", _) => {
            let by = target.stopped_by.as_deref().unwrap_or("somebody");
            (
                "wait",
                format!("stopped by {by}; nothing is sent until somebody resumes it"),
            )
        }
        ("paused", Some(status)) => (
            "bad",
            format!(
                "it answers everybody {status}; probed again {in_time}, and resumed by itself once that works"
            ),
        ),
        ("paused", None) => (
            "wait",
            format!("it asked us to wait long; sent again {in_time}"),
        ),
        ("waiting", _) => ("wait", format!("it asked us to wait; sent again {in_time}")),
        ("failing", _) => (
            "bad",
            format!("several leads failed in a row; one delivery is tried {in_time}"),
        ),
        _ => (
            "good",
            format!(
                "sent at its rate: {} calls in {} s",
                target.rate_limit.requests, target.rate_limit.per_seconds
            ),
        ),
    }
}
