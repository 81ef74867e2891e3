//! Which request asks for what: NLPearl's paths, as its pages spell them. Pure.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use crate::sandbox::answer::Answer;
use crate::sandbox::fault::Operation;
use crate::sandbox::path::decoded_segments;

/// In v1 a path names the outbound, in v2 the pearl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Version {
    V1,
    V2,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Account,
    ReadLead(String),
    ReadByExternalId(String),
    UpdateLead(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Route {
    pub(super) version: Version,
    /// Outbound id or pearl id.
    pub(super) campaign: String,
    pub(super) action: Action,
}

/// Finds the route, or the 404 or 405 to give instead.
pub(in crate::sandbox) fn route(method: &Method, path: &str) -> Result<Route, Answer> {
    let not_found = || Answer::problem(StatusCode::NOT_FOUND, "There is no such path.", path);
    let segments = decoded_segments(path).ok_or_else(not_found)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (version, rest) = match segments.as_slice() {
        ["v1", rest @ ..] => (Version::V1, rest),
        ["v2", rest @ ..] => (Version::V2, rest),
        _ => return Err(not_found()),
    };
    if rest.iter().any(|segment| segment.is_empty()) {
        return Err(not_found());
    }
    // The first version's page spells it so.
    let by_external_id = match version {
        Version::V1 => "Extrenal",
        Version::V2 => "External",
    };
    let verb = method.as_str();
    let (campaign, action, allowed) = match rest {
        ["Account"] if version == Version::V1 => {
            ("", (verb == "GET").then_some(Action::Account), "GET")
        }
        ["Outbound", campaign, "Lead", word, id] if *word == by_external_id => {
            let action = (verb == "GET").then(|| Action::ReadByExternalId((*id).to_owned()));
            (*campaign, action, "GET")
        }
        ["Outbound", campaign, "Lead", lead] => {
            let action = match verb {
                "GET" => Some(Action::ReadLead((*lead).to_owned())),
                "PUT" => Some(Action::UpdateLead((*lead).to_owned())),
                _ => None,
            };
            (*campaign, action, "GET, PUT")
        }
        _ => return Err(not_found()),
    };
    let campaign = campaign.to_owned();
    action
        .map(|action| Route {
            version,
            campaign,
            action,
        })
        .ok_or_else(|| {
            let detail = "This path does not take that method.";
            Answer::problem(StatusCode::METHOD_NOT_ALLOWED, detail, path)
                .header(ALLOW, HeaderValue::from_static(allowed))
        })
}

impl Route {
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::UpdateLead(_) => Operation::Update,
            Action::Account | Action::ReadLead(_) | Action::ReadByExternalId(_) => Operation::Read,
        }
    }

    pub fn named_lead(&self) -> Option<String> {
        match &self.action {
            Action::ReadLead(lead) | Action::UpdateLead(lead) => Some(lead.clone()),
            Action::Account | Action::ReadByExternalId(_) => None,
        }
    }
}
