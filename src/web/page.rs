//! What every page has: the shell around it, the headers it is sent with, and the page that says
//! that something did not work.

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::assets::{ADDRESSES, Addresses};
use super::words;
use super::{Dashboard, Shared};
use crate::problem::Problem;
use crate::store::{ParkedRow, StoreError};

/// Nothing from anywhere else, nothing inline, no frame around it, forms to itself alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages of the head, as the head names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Flow,
    Events,
    Parked,
    Tables,
    Targets,
    /// A page that the head does not name.
    None,
}

/// What stands around a page.
pub(super) struct Shell {
    pub(super) title: String,
    tab: Tab,
    /// What waits for a person, in all.
    pub(super) parked: String,
    /// Why the tables on disk are not in force.
    pub(super) fault: Option<FaultView>,
    /// There is somebody to sign out.
    pub(super) may_leave: bool,
    pub(super) assets: &'static Addresses,
    pub(super) version: &'static str,
}

pub(super) struct FaultView {
    pub(super) at: words::Moment,
    pub(super) findings: Vec<String>,
}

impl Shell {
    pub(super) async fn load(
        dashboard: &Shared,
        tab: Tab,
        title: &str,
    ) -> Result<(Self, Vec<ParkedRow>), Trouble> {
        let rows = dashboard.admin.store.parked().await?;
        Ok((Self::with(dashboard, (tab, title), &rows), rows))
    }

    fn with(dashboard: &Dashboard, (tab, title): (Tab, &str), rows: &[ParkedRow]) -> Self {
        let parked: i64 = rows.iter().map(|row| row.events + row.deliveries).sum();
        let now = dashboard.admin.clock.now();
        Self {
            title: title.to_owned(),
            tab,
            parked: if parked > 0 {
                words::count(parked)
            } else {
                String::new()
            },
            fault: dashboard.admin.rules.refused().map(|fault| FaultView {
                at: words::Moment::new(fault.at, now),
                findings: fault.faults.clone(),
            }),
            may_leave: dashboard.asks_for_token(),
            assets: &ADDRESSES,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// For the page's own link in the head.
    pub(super) fn is(&self, tab: &str) -> bool {
        let own = match self.tab {
            Tab::Flow => "flow",
            Tab::Events => "events",
            Tab::Parked => "parked",
            Tab::Tables => "tables",
            Tab::Targets => "targets",
            Tab::None => "",
        };
        own == tab
    }

    /// Of a page that is shown to whoever comes.
    pub(super) fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            tab: Tab::None,
            parked: String::new(),
            fault: None,
            may_leave: false,
            assets: &ADDRESSES,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A page, or our own fault.
pub(super) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says that something did not work, and what.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) words: String,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self {
            status,
            words: words.into(),
        }
    }

    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, words)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a page could not be read from the store");
        let words = "The store cannot answer just now; the log says why. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, words)
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status(), problem.detail())
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    shell: Shell,
    words: String,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let page = TroublePage {
            shell: Shell::bare(title),
            words: self.words,
        };
        (self.status, render(&page)).into_response()
    }
}

/// Headers that hold for every answer of the dashboard.
pub(super) async fn harden(request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
