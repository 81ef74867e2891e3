//! Which request asks for what: paths and methods of both profiles.
//!
//! Pure; `leadping` performs the [`Route`] found here.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use serde_json::Value;

use super::Profile;
use crate::sandbox::answer::Answer;
use crate::sandbox::fault::Operation;
use crate::sandbox::path::decoded_segments;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Action {
    Health,
    /// The lead is named in the path or, if absent here, in the body.
    Set(Option<String>),
    History(String),
    ReadEntry(String),
    Amend(String),
    Remove(String),
    ReadLead(String),
    UpdateLead(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Route {
    pub profile: Profile,
    pub action: Action,
}

/// Finds the route, or the 404 or 405 to give instead.
pub(in crate::sandbox) fn route(method: &Method, path: &str) -> Result<Route, Answer> {
    use Profile::{Dispositions, LeadStatus};
    let not_found = || Answer::problem(StatusCode::NOT_FOUND, "There is no such path.", path);
    let segments = decoded_segments(path).ok_or_else(not_found)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let verb = method.as_str();
    let own = str::to_owned;
    let (profile, action, allowed) = match segments.as_slice() {
        [""] => (
            Dispositions,
            (verb == "GET").then_some(Action::Health),
            "GET",
        ),
        [.., ""] | ["", ..] => return Err(not_found()),
        ["dispositions"] => {
            let action = (verb == "POST").then_some(Action::Set(None));
            (Dispositions, action, "POST")
        }
        ["dispositions", "lead", lead] => {
            let action = (verb == "GET").then(|| Action::History(own(lead)));
            (Dispositions, action, "GET")
        }
        ["leads", lead, "status-history"] => {
            let action = (verb == "GET").then(|| Action::History(own(lead)));
            (LeadStatus, action, "GET")
        }
        ["leads", lead, "status"] => {
            let action = (verb == "PUT").then(|| Action::Set(Some(own(lead))));
            (LeadStatus, action, "PUT")
        }
        ["dispositions", id] => (Dispositions, on_entry(verb, id), "GET, PUT, DELETE"),
        ["lead-status-changes", id] => (LeadStatus, on_entry(verb, id), "GET, PUT, DELETE"),
        ["leads", lead] => {
            let action = match verb {
                "GET" => Some(Action::ReadLead(own(lead))),
                "PUT" => Some(Action::UpdateLead(own(lead))),
                _ => None,
            };
            (Dispositions, action, "GET, PUT")
        }
        _ => return Err(not_found()),
    };
    action
        .map(|action| Route { profile, action })
        .ok_or_else(|| {
            let detail = "This path does not take that method.";
            Answer::problem(StatusCode::METHOD_NOT_ALLOWED, detail, path)
                .header(ALLOW, HeaderValue::from_static(allowed))
        })
}

fn on_entry(verb: &str, id: &str) -> Option<Action> {
    match verb {
        "GET" => Some(Action::ReadEntry(id.to_owned())),
        "PUT" => Some(Action::Amend(id.to_owned())),
        "DELETE" => Some(Action::Remove(id.to_owned())),
        _ => None,
    }
}

impl Route {
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::Health => Operation::Health,
            Action::Set(_) => Operation::Set,
            Action::Amend(_) => Operation::Amend,
            Action::Remove(_) => Operation::Remove,
            Action::UpdateLead(_) => Operation::Update,
            Action::History(_) | Action::ReadEntry(_) | Action::ReadLead(_) => Operation::Read,
        }
    }

    /// The lead that path or body name; an entry's lead only the ledger knows.
    pub fn named_lead(&self, body: Option<&Value>) -> Option<String> {
        match &self.action {
            Action::Set(Some(lead))
            | Action::History(lead)
            | Action::ReadLead(lead)
            | Action::UpdateLead(lead) => Some(lead.clone()),
            Action::Set(None) => body?.get("leadId")?.as_str().map(str::to_owned),
            Action::Health | Action::ReadEntry(_) | Action::Amend(_) | Action::Remove(_) => None,
        }
    }

    pub fn entry_id(&self) -> Option<&str> {
        match &self.action {
            Action::ReadEntry(id) | Action::Amend(id) | Action::Remove(id) => Some(id),
            _ => None,
        }
    }
}
