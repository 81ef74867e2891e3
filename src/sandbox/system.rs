//! The pretended systems: which one a request is for, and what each has of its own.
//!
//! Their paths never meet, so one address serves all three; each keeps its own rate, its own
//! credentials and its own leads. `exchange` asks here and never looks into a system.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::body::RequestBody;
use super::credential::Presented;
use super::fault::Operation;
use super::traffic::{BusiestSecond, RequestLimit, Window};
use super::{State, capillary, leadping, nlpearl};

/// A system that is pretended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    Leadping,
    Nlpearl,
    Capillary,
}

impl System {
    pub const ALL: [Self; 3] = [Self::Leadping, Self::Nlpearl, Self::Capillary];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leadping => "leadping",
            Self::Nlpearl => "nlpearl",
            Self::Capillary => "capillary",
        }
    }

    /// The versions of NLPearl and of Capillary share `/v2`.
    fn of_path(path: &str) -> Self {
        let mut segments = path.split('/').skip(1);
        match (segments.next(), segments.next()) {
            (Some("v1"), _) | (Some("v2"), Some("Outbound" | "Call" | "Pearl" | "Account")) => {
                Self::Nlpearl
            }
            (Some("v2" | "v3"), _) => Self::Capillary,
            _ => Self::Leadping,
        }
    }

    /// The answer to a request above the rate limit, in the system's words.
    pub(super) fn rate_limited(self, path: &str) -> Answer {
        match self {
            Self::Leadping => leadping::rate_limited(),
            Self::Nlpearl => nlpearl::rate_limited(path),
            Self::Capillary => capillary::rate_limited(),
        }
    }

    /// The answer of this status when nobody said what is in it.
    pub(super) fn requested(self, status: http::StatusCode, path: &str) -> Answer {
        match self {
            Self::Capillary => capillary::failed(status, "A fault was asked for."),
            Self::Leadping | Self::Nlpearl => {
                Answer::problem(status, "A fault was asked for.", path)
            }
        }
    }
}

/// What a request asks for, at the system it is for.
#[derive(Debug)]
pub(super) enum Route {
    Leadping(leadping::Route),
    Nlpearl(nlpearl::Route),
    Capillary(capillary::Route),
}

/// What doing it came to.
#[derive(Debug)]
pub(super) struct Done {
    pub answer: Answer,
    /// Did it change anything?
    pub applied: bool,
    /// Is it something that the system tells by webhook?
    pub is_news: bool,
}

impl Done {
    pub fn refused(answer: Answer) -> Self {
        Self {
            answer,
            applied: false,
            is_news: false,
        }
    }

    pub fn shown(answer: Answer) -> Self {
        Self::refused(answer)
    }
}

/// A request to a pretended system, read whole.
#[derive(Debug)]
pub(super) struct Call {
    pub system: System,
    pub method: Method,
    pub path: String,
    pub presented: Presented,
    pub route: Result<Route, Answer>,
    pub operation: Operation,
    pub lead: Option<String>,
    pub body: RequestBody,
}

impl Call {
    pub fn new(method: Method, uri: &Uri, headers: &HeaderMap, bytes: &Bytes) -> Self {
        let path = uri.path();
        let system = System::of_path(path);
        let route = match system {
            System::Leadping => leadping::route(&method, path).map(Route::Leadping),
            System::Nlpearl => nlpearl::route(&method, path).map(Route::Nlpearl),
            System::Capillary => {
                let query = uri.query().unwrap_or_default();
                capillary::route(&method, path, query).map(Route::Capillary)
            }
        };
        let body = RequestBody::parse(headers, bytes);
        let found = route.as_ref().ok();
        Self {
            system,
            presented: Presented::in_headers(headers),
            operation: found.map_or(Operation::Unknown, Route::operation),
            lead: found.and_then(|route| route.named_lead(body.json.as_ref())),
            method,
            path: path.to_owned(),
            route,
            body,
        }
    }
}

impl Route {
    fn operation(&self) -> Operation {
        match self {
            Self::Leadping(route) => route.operation(),
            Self::Nlpearl(route) => route.operation(),
            Self::Capillary(route) => route.operation(),
        }
    }

    /// The lead that path or body name; an entry's lead only the ledger knows.
    fn named_lead(&self, body: Option<&Value>) -> Option<String> {
        match self {
            Self::Leadping(route) => route.named_lead(body),
            Self::Nlpearl(route) => route.named_lead(),
            Self::Capillary(route) => route.named_lead(),
        }
    }
}

/// How much of a system's traffic comes in, and how much may.
#[derive(Debug)]
pub(super) struct Gate {
    pub window: Window,
    pub busiest: BusiestSecond,
}

impl Gate {
    pub fn new(limit: RequestLimit) -> Self {
        Self {
            window: Window::new(limit),
            busiest: BusiestSecond::default(),
        }
    }
}

impl State {
    /// The true answer and what it changed.
    pub(super) fn perform(&mut self, call: &Call, now: Timestamp) -> Done {
        match &call.route {
            Ok(Route::Leadping(route)) => {
                leadping::perform(route, &call.body, &call.path, &mut self.leadping, now)
            }
            Ok(Route::Nlpearl(route)) => {
                nlpearl::perform(route, &call.body, &call.path, &mut self.nlpearl, now)
            }
            Ok(Route::Capillary(route)) => {
                capillary::perform(route, &call.body, &mut self.capillary, now)
            }
            Err(refusal) => Done::refused(refusal.clone()),
        }
    }

    /// Whose entry does the call name?
    pub(super) fn owner_of_entry(&self, call: &Call) -> Option<String> {
        let Ok(Route::Leadping(route)) = &call.route else {
            return None;
        };
        self.leadping.owner(route.entry_id()?).map(str::to_owned)
    }

    /// The refusal, if the call's credential is not the system's.
    pub(super) fn unauthorized(&self, call: &Call, now: Timestamp) -> Option<Answer> {
        let bearer = call.presented.bearer.as_deref();
        match (call.system, call.operation) {
            (_, Operation::Health | Operation::Token) => None,
            (System::Leadping, _) => {
                (!self.leadping_key.admits(bearer)).then(|| leadping::unauthorized(&call.path))
            }
            (System::Nlpearl, _) => {
                (!self.nlpearl_key.admits(bearer)).then(|| nlpearl::unauthorized(&call.path))
            }
            (System::Capillary, _) => {
                let refusal = self
                    .capillary
                    .credentials
                    .check(&call.presented, now)
                    .err()?;
                Some(capillary::failed(http::StatusCode::UNAUTHORIZED, refusal))
            }
        }
    }

    pub(super) fn gate(&mut self, system: System) -> &mut Gate {
        match system {
            System::Leadping => &mut self.gates.0,
            System::Nlpearl => &mut self.gates.1,
            System::Capillary => &mut self.gates.2,
        }
    }

    /// What the system's webhook says of the lead as it is now.
    pub(super) fn webhook_body(&self, system: System, lead: &str, now: Timestamp) -> Option<Value> {
        match system {
            System::Leadping => leadping::webhook(&self.leadping, lead, now),
            System::Nlpearl => self.nlpearl.webhook(lead),
            System::Capillary => self.capillary.webhook(lead, now),
        }
    }
}
