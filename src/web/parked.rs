//! What waits for a person: by cause, with what to do; released or discarded here.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Shell, Tab, Trouble, render};
use super::story::EventView;
use super::words::{self, Moment, Piece};
use super::{Dashboard, Shared};
use crate::admin::auth::Caller;
use crate::admin::{ParkedBody, ParkedCause, RowToPaste, advise, free_parked};
use crate::decision::ParkCause;
use crate::event::Sequence;
use crate::store::{EventPage, EventRow, FreedTo, ParkedAction, ParkedRow};

const PAGE: u32 = 25;
/// Steps that one click has done; each is bounded. More is told, and takes another click.
const STEPS: usize = 40;

#[derive(Deserialize)]
pub(super) struct ParkedQuery {
    cause: Option<String>,
    before: Option<i64>,
    /// What a release or a discard came to.
    told: Option<String>,
}

#[derive(Template)]
#[template(path = "parked.html")]
struct ParkedPage {
    shell: Shell,
    causes: Vec<CauseView>,
    told: Option<String>,
    /// The cause that is looked at.
    chosen: Option<Chosen>,
}

struct CauseView {
    cause: String,
    what: String,
    oldest: Moment,
    suggestion: Vec<Piece>,
    is_chosen: bool,
}

struct Chosen {
    cause: String,
    count: String,
    suggestion: Vec<Piece>,
    row: Option<RowToPaste>,
    items: Vec<Item>,
    next: Option<i64>,
    /// Its deliveries can be sent as they are stored.
    is_of_deliveries: bool,
}

struct Item {
    event: EventView,
    /// The name of the form's field, and what is released or discarded by it.
    field: &'static str,
    id: String,
}

pub(super) async fn show_parked(
    State(dashboard): State<Shared>,
    Query(query): Query<ParkedQuery>,
) -> Result<Response, Trouble> {
    let (shell, rows) = Shell::load(&dashboard, Tab::Parked, "Parked").await?;
    let mut rows = advise(&dashboard.admin, rows).await?;
    let now = dashboard.admin.clock.now();
    let causes = rows.iter().map(|ParkedCause { parked, .. }| CauseView {
        cause: parked.cause.as_str().to_owned(),
        what: what(parked),
        oldest: Moment::new(parked.oldest_at, now),
        suggestion: words::pieces(&parked.suggestion),
        is_chosen: query.cause.as_deref() == Some(parked.cause.as_str()),
    });
    let causes = causes.collect();
    let chosen = match &query.cause {
        Some(cause) => {
            let place = rows
                .iter()
                .position(|row| row.parked.cause.as_str() == cause);
            let row = place.map(|place| rows.swap_remove(place));
            Some(choose(&dashboard, cause, row, query.before).await?)
        }
        None => None,
    };
    Ok(render(&ParkedPage {
        shell,
        causes,
        told: query.told.as_deref().and_then(read_told),
        chosen,
    }))
}

fn what(row: &ParkedRow) -> String {
    let parts = [(row.events, "event"), (row.deliveries, "delivery")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, one)| match (one, count) {
            ("delivery", 2..) => format!("{} deliveries", words::count(count)),
            _ => words::count_of(count, one),
        })
        .collect();
    parts.join(", ")
}

async fn choose(
    dashboard: &Shared,
    cause: &str,
    row: Option<ParkedCause>,
    before: Option<i64>,
) -> Result<Chosen, Trouble> {
    let cause = ParkCause::from_stored(cause.to_owned());
    let page = EventPage {
        limit: PAGE,
        cause: Some(cause.clone()),
        before: before.map(Sequence),
        ..EventPage::default()
    };
    let found = dashboard.admin.store.events(page).await?;
    let (events, next) = (found.rows, found.next.map(|next| next.0));
    let (count, suggestion, row) = match row {
        Some(row) => (what(&row.parked), row.parked.suggestion, row.row),
        None => (String::new(), cause.suggestion(), None),
    };
    Ok(Chosen {
        count,
        suggestion: words::pieces(&suggestion),
        row,
        items: events
            .iter()
            .flat_map(|event| items(dashboard, event, &cause))
            .collect(),
        next,
        is_of_deliveries: ["refused", "exhausted", "unsure"].contains(&cause.class()),
        cause: cause.as_str().to_owned(),
    })
}

/// The event where it waits itself, else those of its deliveries that do.
fn items(dashboard: &Dashboard, event: &EventRow, cause: &ParkCause) -> Vec<Item> {
    let item = |field, id: String| Item {
        event: EventView::of(dashboard, event, None),
        field,
        id,
    };
    if event.cause.as_ref() == Some(cause) {
        return vec![item("event", event.id.to_string())];
    }
    let waiting = event.deliveries.iter();
    let waiting = waiting.filter(|delivery| delivery.cause.as_ref() == Some(cause));
    waiting
        .map(|delivery| item("delivery", delivery.id.to_string()))
        .collect()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FreeForm {
    event: Option<String>,
    delivery: Option<String>,
    cause: Option<String>,
    as_is: Option<String>,
    /// The cause that is looked at, to come back to.
    back: String,
}

pub(super) async fn release(
    state: State<Shared>,
    caller: Extension<Caller>,
    Form(form): Form<FreeForm>,
) -> Result<Response, Trouble> {
    let action = match form.as_is {
        Some(_) => ParkedAction::ReleaseAsIs,
        None => ParkedAction::Release,
    };
    free(state, caller, form, action).await
}

pub(super) async fn discard(
    state: State<Shared>,
    caller: Extension<Caller>,
    Form(form): Form<FreeForm>,
) -> Result<Response, Trouble> {
    free(state, caller, form, ParkedAction::Discard).await
}

async fn free(
    State(dashboard): State<Shared>,
    Extension(caller): Extension<Caller>,
    form: FreeForm,
    action: ParkedAction,
) -> Result<Response, Trouble> {
    let mut body = ParkedBody {
        event: form.event,
        delivery: form.delivery,
        cause: form.cause,
        cursor: None,
        as_is: action == ParkedAction::ReleaseAsIs,
    };
    let mut results: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..STEPS {
        let freed = free_parked(&dashboard.admin, caller.clone(), body.clone(), action).await?;
        for (result, count) in freed.results {
            *results.entry(result).or_default() += count;
        }
        body.cursor = freed.next_cursor;
        if body.cursor.is_none() {
            break;
        }
    }
    if body.cursor.is_some() {
        results.insert(String::from(MORE), 1);
    }
    let told: Vec<String> = results
        .iter()
        .map(|(word, count)| format!("{word}.{count}"))
        .collect();
    let back = askama::filters::urlencode_strict(&form.back);
    let back = back.map(|back| back.to_string()).unwrap_or_default();
    let path = format!("/parked?cause={back}&told={}", told.join("-"));
    Ok(Redirect::to(&path).into_response())
}

/// In what a click came to: there is more of the cause than it did.
const MORE: &str = "more";

/// Only words of ours come back from an address.
fn read_told(told: &str) -> Option<String> {
    let words = [
        FreedTo::Due,
        FreedTo::Withheld,
        FreedTo::Settled,
        FreedTo::Superseded,
        FreedTo::Parked,
        FreedTo::Discarded,
    ];
    let mut sentences = Vec::new();
    let mut more = "";
    for part in told.split('-').filter(|part| !part.is_empty()) {
        let (word, count) = part.split_once('.')?;
        let count: i64 = count.parse().ok()?;
        if word == MORE {
            more = " There is more of it: press again.";
            continue;
        }
        let word = words.iter().find(|known| known.as_str() == word)?;
        let sentence = match word {
            FreedTo::Due => "due again",
            FreedTo::Withheld => "withheld, its target is in shadow mode",
            FreedTo::Settled => "settled",
            FreedTo::Superseded => "superseded by something newer",
            FreedTo::Parked => "parked again",
            FreedTo::Discarded => "discarded",
        };
        sentences.push(format!("{} {sentence}", words::count(count)));
    }
    match sentences.is_empty() {
        true => Some(String::from("Nothing was waiting any more.")),
        false => Some(format!("{}.{more}", sentences.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_can_only_say_our_words() {
        let told = read_told("due.3-parked.1").unwrap();
        assert_eq!(told, "3 due again, 1 parked again.");
        assert_eq!(read_told("").unwrap(), "Nothing was waiting any more.");
        assert!(
            read_told("settled.40-more.1")
                .unwrap()
                .ends_with("press again.")
        );
        for foreign in ["hello.1", "due.many", "due", "due.1-<b>.2"] {
            assert_eq!(read_told(foreign), None, "{foreign}");
        }
    }
}
