//! Events: the list, newest first, and one of them with everything that is known of it.

use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Shared;
use super::page::{Shell, Tab, Trouble, render};
use super::story::EventView;
use crate::admin::auth::Caller;
use crate::admin::{BareBody, uncover_body};
use crate::event::{Event, EventId, EventState, Facts, Reading, Sequence, Standing};
use crate::store::{Decider, EventPage, EventRow};
use crate::systems::mask;

const PAGE: u32 = 50;
/// Longer bodies are cut.
const MAX_SHOWN_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
pub(super) struct EventsQuery {
    source: Option<String>,
    state: Option<String>,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    shell: Shell,
    events: Vec<EventView>,
    sources: Vec<String>,
    states: [&'static str; 5],
    source: String,
    state: String,
    is_first: bool,
    next: Option<i64>,
}

pub(super) async fn list_events(
    State(dashboard): State<Shared>,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Trouble> {
    let (shell, _) = Shell::load(&dashboard, Tab::Events, "Events").await?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (source, state) = (given(query.source), given(query.state));
    let page = EventPage {
        limit: PAGE,
        before: query.before.map(Sequence),
        source: source.clone(),
        state: state.as_deref().and_then(EventState::parse),
        ..EventPage::default()
    };
    let found = dashboard.admin.store.events(page).await?;
    Ok(render(&EventsPage {
        shell,
        events: found
            .rows
            .iter()
            .map(|row| EventView::of(&dashboard, row, None))
            .collect(),
        sources: dashboard.admin.sources.clone(),
        states: EventState::ALL.map(EventState::as_str),
        source: source.unwrap_or_default(),
        state: state.unwrap_or_default(),
        is_first: query.before.is_none(),
        next: found.next.map(|next| next.0),
    }))
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventShown {
    shell: Shell,
    event: EventView,
    sequence: i64,
    facts: Vec<(&'static str, String)>,
    standing: Option<String>,
    body: Option<String>,
    /// As it came, because somebody asked.
    is_bare: bool,
    previous: Option<String>,
}

pub(super) async fn show_event(
    State(dashboard): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let row = find(&dashboard, &id).await?;
    show(&dashboard, &row, None).await
}

/// The same with the body as it came; the audit trail says who asked.
pub(super) async fn uncover_event(
    State(dashboard): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let row = find(&dashboard, &id).await?;
    let BareBody(body) = uncover_body(&dashboard.admin, caller, (row.id, row.sequence)).await?;
    let text = match crate::systems::body::parse(&body) {
        Ok(value) => pretty(&value),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    show(&dashboard, &row, Some(text)).await
}

async fn show(
    dashboard: &Shared,
    row: &EventRow,
    bare: Option<String>,
) -> Result<Response, Trouble> {
    let recorded = recorded(dashboard, row).await?;
    let (shell, _) = Shell::load(dashboard, Tab::Events, "Event").await?;
    let reading = recorded
        .as_ref()
        .map(|event| dashboard.admin.rules.read(event));
    let facts = reading.as_ref().map(|reading| mask::facts(&reading.facts));
    let config = dashboard.admin.rules.source(&row.source);
    let masked = recorded.as_ref().map(|event| {
        let masked = mask::recorded(config.map(|config| &**config), &event.body);
        pretty(&masked)
    });
    Ok(render(&EventShown {
        shell,
        event: EventView::of(dashboard, row, facts.as_ref()),
        sequence: row.sequence.0,
        facts: facts.as_ref().map(list_facts).unwrap_or_default(),
        standing: reading.and_then(standing_of),
        is_bare: bare.is_some(),
        body: bare.or(masked),
        previous: previous_of(row),
    }))
}

async fn find(dashboard: &Shared, id: &str) -> Result<EventRow, Trouble> {
    let nothing = || Trouble::not_found("No event has this id. It may have been removed by age.");
    let id: EventId = id.parse().map_err(|_| nothing())?;
    let page = EventPage {
        limit: 1,
        id: Some(id),
        ..EventPage::default()
    };
    let found = dashboard.admin.store.events(page).await?;
    found.rows.into_iter().next().ok_or_else(nothing)
}

async fn recorded(dashboard: &Shared, row: &EventRow) -> Result<Option<Event>, Trouble> {
    let before = Sequence(row.sequence.0 - 1);
    let events = dashboard
        .admin
        .store
        .recorded(before, row.sequence, 1)
        .await?;
    Ok(events.into_iter().next())
}

fn pretty(body: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(body).unwrap_or_default();
    if text.len() > MAX_SHOWN_BODY {
        let mut end = MAX_SHOWN_BODY;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("\n… cut here");
    }
    text
}

fn standing_of(reading: Reading) -> Option<String> {
    match reading.standing {
        Standing::Usable => None,
        Standing::Invalid(why) => Some(format!("It cannot be decided: {why}.")),
        Standing::Ignored(why) => Some(format!("Nothing is decided for it: {why}.")),
    }
}

fn previous_of(row: &EventRow) -> Option<String> {
    let previous = row.decision.as_ref()?.previous.as_ref()?;
    let words = [&previous.category, &previous.outcome];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    Some(format!("{}, by {}", words.join(" · "), previous.source))
}

fn list_facts(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value {
            list.push((name, value));
        }
    };
    add("kind", facts.kind.map(|kind| kind.as_str().to_owned()));
    add("status", facts.status.as_ref().map(ToString::to_string));
    add("sub-status", facts.sub_status.clone());
    add("reason", facts.reason_id.map(|id| id.to_string()));
    add("sender's name of it", facts.event_name.clone());
    add(
        "sender's clock",
        facts.occurred_at.map(|at| format!("{at:.3}")),
    );
    add("lead at the source", facts.source_lead_id.clone());
    add("LeadPing lead", facts.lead_id.clone());
    for (source, id) in &facts.links {
        add("also", Some(format!("{id} at {source}")));
    }
    add("campaign", facts.pearl_id.clone());
    add("call", facts.call.clone());
    add(
        "call lasted",
        facts.call_duration.map(|seconds| format!("{seconds} s")),
    );
    add(
        "sentiment",
        facts.call_sentiment.map(|of| format!("{of} of 5")),
    );
    add("phone", facts.phone.clone());
    list
}

#[derive(Deserialize)]
pub(super) struct FindQuery {
    #[serde(default)]
    id: String,
}

/// An event's id leads to the event, any other to the lead.
pub(super) async fn find_anything(
    State(dashboard): State<Shared>,
    Query(query): Query<FindQuery>,
) -> Response {
    let id = query.id.trim();
    let is_event = find(&dashboard, id).await.is_ok();
    let path = match (is_event, id) {
        (_, "") => String::from("/events"),
        (true, id) => format!("/events/{id}"),
        (false, id) => match askama::filters::urlencode_strict(id) {
            Ok(encoded) => format!("/leads/{encoded}"),
            Err(_) => String::from("/events"),
        },
    };
    Redirect::to(&path).into_response()
}
