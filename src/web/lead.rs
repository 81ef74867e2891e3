//! A lead's story: who it is in each system, what each target has of it, and every webhook with
//! what became of it and why.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use super::page::{Shell, Tab, Trouble, render};
use super::story::EventView;
use super::tally::class_of;
use super::words::Moment;
use crate::admin::read_lead;
use crate::lead::SystemId;
use crate::store::{Decider, LeadFound, LeadTimeline, TargetHas};
use crate::systems::mask;

const PAGE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct LeadQuery {
    source: Option<String>,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "lead.html")]
struct LeadShown {
    shell: Shell,
    id: String,
    ids: Vec<SystemId>,
    calls: usize,
    has: Vec<HasView>,
    events: Vec<EventView>,
    source: Option<String>,
    is_first: bool,
    next: Option<i64>,
}

/// What one target has of the lead.
struct HasView {
    target: String,
    what: String,
    class: &'static str,
    state: String,
    state_class: &'static str,
    by: Option<String>,
    at: Option<Moment>,
    entry_id: Option<String>,
}

/// An id that means several leads.
#[derive(Template)]
#[template(path = "leads.html")]
struct SeveralLeads {
    shell: Shell,
    id: String,
    systems: Vec<String>,
}

pub(super) async fn show_lead(
    State(dashboard): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<LeadQuery>,
) -> Result<Response, Trouble> {
    let page = (PAGE, query.before);
    let found = read_lead(&dashboard.admin, &id, query.source.clone(), page).await?;
    let (shell, _) = Shell::load(&dashboard, Tab::None, &format!("Lead {id}")).await?;
    let timeline = match found {
        LeadFound::One(timeline) => *timeline,
        LeadFound::Several(ids) => {
            let systems = ids.into_iter().map(|id| id.system).collect();
            return Ok(render(&SeveralLeads { shell, id, systems }));
        }
    };
    let now = dashboard.admin.clock.now();
    let LeadTimeline { lead, events, next } = timeline;
    let events = events.iter().map(|(row, recorded)| {
        let reading = dashboard.admin.rules.read(recorded);
        EventView::of(&dashboard, row, Some(&mask::facts(&reading.facts)))
    });
    Ok(render(&LeadShown {
        shell,
        events: events.collect(),
        id: lead.lead_id.clone().unwrap_or(id),
        ids: lead.ids,
        calls: lead.calls,
        has: lead.has.iter().map(|has| has_view(has, now)).collect(),
        source: query.source,
        is_first: query.before.is_none(),
        next: next.map(|next| next.0),
    }))
}

fn has_view(has: &TargetHas, now: jiff::Timestamp) -> HasView {
    let words = [&has.category, &has.outcome];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    let place = match (&has.address, has.is_record) {
        (Some(address), _) => format!("{} ({address})", has.target),
        (None, true) => format!("{}, record of the lead", has.target),
        (None, false) => has.target.clone(),
    };
    HasView {
        target: place,
        what: match (words.is_empty(), has.members.is_empty()) {
            (false, _) => words.join(" · "),
            (true, false) => has.members.join(", "),
            (true, true) => String::from("–"),
        },
        class: has.category.as_deref().map_or("k-written", class_of),
        state: has.state.replace('_', " "),
        state_class: match has.state {
            "there" => "good",
            "on_its_way" | "unsent" => "calm",
            _ => "",
        },
        by: has.source.clone(),
        at: has.at.map(|at| Moment::new(at, now)),
        entry_id: has.entry_id.clone(),
    }
}
