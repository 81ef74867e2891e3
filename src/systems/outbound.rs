//! Calls to a target, whatever system it is: the one place that chooses between the vendors.
//!
//! Requests are made of orders, meaning is made of answers. `deliver` makes the calls, `explain`
//! shows them. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{capillary, leadping, nlpearl};
use crate::config::{CapillaryAuth, TargetSystem};
use crate::decision::PlannedDelivery;
use crate::delivery::DeliveryId;

/// The lead that a probe asks for.
const NOBODY: &str = "leadping-bridge-doctor";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A call to be made; path segments are not yet percent-encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    pub path: Vec<String>,
    pub body: Option<Value>,
}

impl Request {
    pub(super) fn get(segments: &[&str]) -> Self {
        Self::new(Method::Get, segments, None)
    }

    pub(super) fn new(method: Method, segments: &[&str], body: Option<Map<String, Value>>) -> Self {
        Self {
            method,
            path: segments
                .iter()
                .map(|segment| (*segment).to_owned())
                .collect(),
            body: body.map(Value::Object),
        }
    }

    /// Method and path, as attempts record it.
    pub fn summary(&self) -> String {
        format!("{} /{}", self.method.as_str(), self.path.join("/"))
    }
}

/// What one delivery is to tell its target.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub id: DeliveryId,
    /// The lead's id there; where that is not enough, its address (see `place`).
    pub lead_id: &'a str,
    /// What the row gave.
    pub members: &'a Map<String, Value>,
    /// The event's clock, else the time received.
    pub timestamp: Timestamp,
}

/// How an order is carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// One call that appends to a history: after an unknown fate `look_up` comes first.
    Append { request: Request, look_up: Request },
    /// One call that only sets state: after an unknown fate it is made again.
    Set { request: Request },
    /// LeadPing's record of the lead as a whole: read, changed, written, read again. It only sets
    /// state.
    Record {
        read: Request,
        changes: Map<String, Value>,
    },
}

/// The calls of an order.
pub fn write(system: &TargetSystem, order: &Order<'_>) -> Write {
    match system {
        TargetSystem::Leadping(target) => match leadping::record::changes(order.members) {
            Some(changes) => Write::Record {
                read: leadping::record::read(order.lead_id),
                changes: changes.clone(),
            },
            None => Write::Append {
                request: leadping::outbound::set(target.api, target.marker, order),
                look_up: read(system, order.lead_id),
            },
        },
        TargetSystem::Nlpearl(target) => Write::Set {
            request: nlpearl::outbound::update(target.api, order.lead_id, order.members),
        },
        TargetSystem::Capillary(_) => Write::Append {
            request: capillary::outbound::update_status(order.lead_id, order.members),
            look_up: read(system, order.lead_id),
        },
    }
}

/// Amends the entry of this id; `order` is of the set that made it. `None`: the system has no
/// entries that could be amended.
pub fn amend(system: &TargetSystem, entry_id: &str, order: &Order<'_>) -> Option<Request> {
    match system {
        TargetSystem::Leadping(target) => Some(leadping::outbound::amend(
            target.api,
            target.marker,
            entry_id,
            order,
        )),
        TargetSystem::Nlpearl(_) | TargetSystem::Capillary(_) => None,
    }
}

/// Whether a lead's history has the entry of this id; `None`: the answer is no history.
pub fn has_entry(answer: &[u8], entry_id: &str) -> Option<bool> {
    leadping::outbound::has_entry(answer, entry_id)
}

/// The call that a decision plans, as it would be sent now; of an update of LeadPing's record,
/// what changes in it, and `true`.
pub fn planned(system: &TargetSystem, delivery: &PlannedDelivery) -> (Request, bool) {
    if let (TargetSystem::Leadping(target), Some(_)) = (system, &delivery.amends) {
        let request = leadping::outbound::planned(target.api, target.marker, delivery);
        return (request, false);
    }
    let order = Order {
        id: delivery.id,
        lead_id: &delivery.lead_id,
        members: &delivery.members,
        timestamp: delivery.timestamp,
    };
    match write(system, &order) {
        Write::Append { request, .. } | Write::Set { request } => (request, false),
        Write::Record { read, changes } => {
            let request = Request {
                method: Method::Put,
                body: Some(Value::Object(changes)),
                ..read
            };
            (request, true)
        }
    }
}

/// Reads what the target has of a lead: the look-up, and the question whose refusal it is.
pub fn read(system: &TargetSystem, lead_id: &str) -> Request {
    match system {
        TargetSystem::Leadping(target) => leadping::outbound::history(target.api, lead_id),
        TargetSystem::Nlpearl(target) => nlpearl::outbound::get(target.api, lead_id),
        TargetSystem::Capillary(_) => capillary::outbound::status_log(lead_id),
    }
}

/// A read that changes nothing and needs the credential, of a lead that nobody has.
pub fn probe(system: &TargetSystem) -> Request {
    match system {
        TargetSystem::Leadping(target) => leadping::outbound::history(target.api, NOBODY),
        TargetSystem::Nlpearl(_) => nlpearl::outbound::account(),
        TargetSystem::Capillary(_) => capillary::outbound::status_log("0"),
    }
}

/// The header that shows who calls, as people may see it.
pub fn credential_shown(system: &TargetSystem) -> &'static str {
    match system {
        TargetSystem::Leadping(_) | TargetSystem::Nlpearl(_) => "Authorization: Bearer ****",
        TargetSystem::Capillary(target) => match target.auth {
            CapillaryAuth::Basic { .. } => "Authorization: Basic ****",
            CapillaryAuth::OAuth { .. } => "X-CAP-API-OAUTH-TOKEN: ****",
        },
    }
}

/// How many calls a delivery costs when all goes well.
pub fn calls_of(members: &Map<String, Value>) -> i64 {
    match leadping::record::changes(members) {
        Some(_) => 3,
        None => 1,
    }
}

/// What a look-up says about a write of unknown fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It arrived; the entry's id.
    Ours {
        entry_id: Option<String>,
    },
    NotThere,
    /// Several entries could be ours.
    Several,
    /// The answer is no history.
    Unreadable,
}

/// A write of unknown fate, and what helps to recognise what it made.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    pub id: DeliveryId,
    pub sent: &'a Request,
    /// Before this nothing was sent.
    pub received_at: Timestamp,
    /// Ids of entries that other deliveries of ours made.
    pub known: &'a [String],
}

/// Looks for what a write made in the answer to its look-up.
pub fn find(system: &TargetSystem, answer: &[u8], sought: &Sought<'_>) -> Found {
    match system {
        TargetSystem::Leadping(target) => {
            leadping::outbound::find(answer, sought.id, sought.sent, target.marker, sought.known)
        }
        TargetSystem::Capillary(_) => capillary::outbound::find(answer, sought),
        // It only sets state: there is nothing to look for.
        TargetSystem::Nlpearl(_) => Found::NotThere,
    }
}

/// What a complete answer says beyond its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// As its status says; of an accepted write, the id of the entry it made, where the body says.
    AsItsStatus { entry_id: Option<String> },
    /// Refused, although the status sounds accepted.
    Refused,
    /// To be tried again, although the status sounds refused.
    Later,
}

/// Reads an answer in the vendor's terms.
pub fn meaning(system: &TargetSystem, status: u16, sent: &Request, body: &[u8]) -> Meaning {
    let entry_id = match system {
        TargetSystem::Leadping(_) => leadping::outbound::entry_id(body),
        TargetSystem::Nlpearl(_) => None,
        TargetSystem::Capillary(_) if capillary::outbound::is_busy(status) => {
            return Meaning::Later;
        }
        TargetSystem::Capillary(_) if capillary::outbound::has_errors(body) => {
            return if (200..300).contains(&status) {
                Meaning::Refused
            } else {
                Meaning::AsItsStatus { entry_id: None }
            };
        }
        TargetSystem::Capillary(_) => capillary::outbound::entry_id(sent, body),
    };
    Meaning::AsItsStatus { entry_id }
}
