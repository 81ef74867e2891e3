//! The dashboard on the admin listener: pages for the person on call and for whoever edits tables.
//!
//! Reads and changes through the functions that the API uses, lets in whom the API's doorman lets
//! in, and writes HTML, nothing else. Pages are read without a script; one small script keeps them
//! fresh. What a browser loads comes from here alone, and nothing in a page is inline.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::admin::Admin;

mod assets;
mod chart;
mod diff;
mod events;
mod flow;
mod lead;
mod page;
mod parked;
mod picture;
mod session;
mod story;
mod tables;
mod tally;
mod targets;
mod trial;
mod words;

/// A payload and a table, with room for their escapes.
const MAX_FORM_BYTES: usize = 2 * 1024 * 1024;

/// What the pages work with.
pub struct Dashboard {
    admin: Arc<Admin>,
}

impl Dashboard {
    /// Whoever comes has to sign in.
    fn asks_for_token(&self) -> bool {
        self.admin.doorman.asks_for_a_token()
    }
}

type Shared = Arc<Dashboard>;

/// The dashboard's routes.
pub fn router(admin: Arc<Admin>) -> Router {
    let dashboard = Arc::new(Dashboard { admin });
    let pages = Router::new()
        .route("/", get(flow::show_flow))
        .route("/events", get(events::list_events))
        .route("/events/{id}", get(events::show_event))
        .route("/events/{id}/body", post(events::uncover_event))
        .route("/find", get(events::find_anything))
        .route("/leads/{id}", get(lead::show_lead))
        .route("/parked", get(parked::show_parked))
        .route("/parked/release", post(parked::release))
        .route("/parked/discard", post(parked::discard))
        .route("/tables", get(tables::show_tables))
        .route("/tables/try", post(trial::try_a_payload))
        .route("/tables/version/{hash}", get(tables::show_text))
        .route("/targets", get(targets::show_targets))
        .route("/targets/{name}/pause", post(targets::pause))
        .route("/targets/{name}/resume", post(targets::resume))
        .route("/logout", post(session::log_out))
        .layer(middleware::from_fn_with_state(
            dashboard.clone(),
            session::admit,
        ));
    // What is shown before anybody is known.
    let door = Router::new()
        .route("/login", get(session::show_login).post(session::log_in))
        .route("/assets/{hash}/{name}", get(assets::asset));
    pages
        .merge(door)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(middleware::from_fn(page::harden))
        .with_state(dashboard)
}
