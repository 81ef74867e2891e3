//! Which request asks for what: Capillary's paths and the parameters of its search. Pure.
//!
//! There is no page for reading one lead by its id: the search and the status log stand for it.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use super::failed;
use super::search::Wanted;
use crate::sandbox::answer::Answer;
use crate::sandbox::fault::Operation;
use crate::sandbox::path::{decoded_pairs, decoded_segments};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Token,
    SetStatus(String),
    StatusLog(String),
    Search(Wanted),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Route {
    pub(super) action: Action,
}

/// Finds the route, or the 400, 404 or 405 to give instead.
pub(in crate::sandbox) fn route(method: &Method, path: &str, query: &str) -> Result<Route, Answer> {
    let not_found = || failed(StatusCode::NOT_FOUND, "there is no such path");
    let segments = decoded_segments(path).ok_or_else(not_found)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let own = str::to_owned;
    let (wanted_verb, action) = match segments.as_slice() {
        ["v3", "oauth", "token", "generate"] => ("POST", Action::Token),
        // The path as the page's rendering shows it, with the id lost.
        ["v2", "leads", "", "status"] => return Err(not_found()),
        ["v2", "leads", lead, "status"] => ("PUT", Action::SetStatus(own(lead))),
        ["v2", "leads", lead, "statusLog"] => ("GET", Action::StatusLog(own(lead))),
        ["v2", "leads"] => {
            let pairs = decoded_pairs(query);
            let wanted = pairs.ok_or("the query is not name=value".to_owned());
            let wanted = wanted.and_then(|pairs| Wanted::from_pairs(&pairs));
            let wanted = wanted.map_err(|why| failed(StatusCode::BAD_REQUEST, &why))?;
            ("GET", Action::Search(wanted))
        }
        _ => return Err(not_found()),
    };
    if method.as_str() != wanted_verb {
        let refusal = failed(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not take that method",
        );
        return Err(refusal.header(ALLOW, HeaderValue::from_static(wanted_verb)));
    }
    Ok(Route { action })
}

impl Route {
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::Token => Operation::Token,
            Action::SetStatus(_) => Operation::Set,
            Action::StatusLog(_) | Action::Search(_) => Operation::Read,
        }
    }

    pub fn named_lead(&self) -> Option<String> {
        match &self.action {
            Action::SetStatus(lead) | Action::StatusLog(lead) => Some(lead.clone()),
            Action::Token | Action::Search(_) => None,
        }
    }
}
