//! The dashboard on the admin listener: pages for the person on call and for whoever edits tables.
//!
//! Reads and changes through the functions that the API uses; writes HTML, nothing else. Pages are
//! read without a script; one small script keeps them fresh. What a browser loads comes from here
//! alone, and nothing in a page is inline.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use crate::admin::Admin;

mod assets;
mod chart;
mod events;
mod flow;
mod lead;
mod page;
mod picture;
mod story;
mod targets;
mod words;

/// What the pages work with.
pub struct Dashboard {
    admin: Arc<Admin>,
}

impl Dashboard {
    /// Whoever comes has to sign in.
    fn asks_for_token(&self) -> bool {
        self.admin.token.is_some()
    }
}

type Shared = Arc<Dashboard>;

/// The dashboard's routes.
pub fn router(admin: Arc<Admin>) -> Router {
    let dashboard = Arc::new(Dashboard { admin });
    Router::new()
        .route("/", get(flow::show_flow))
        .route("/events", get(events::list_events))
        .route("/events/{id}", get(events::show_event))
        .route("/find", get(events::find_anything))
        .route("/leads/{id}", get(lead::show_lead))
        .route("/assets/{hash}/{name}", get(assets::asset))
        .layer(middleware::from_fn(page::harden))
        .with_state(dashboard)
}
