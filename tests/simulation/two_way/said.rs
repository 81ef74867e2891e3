//! What a recorded body says, read from the shapes that the senders and the sandbox make, and what
//! the tables of `ground` want for it: the rules' input, in the words of the contract.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ground::{LEADS, crm_id, leadping_id, voice_id};

pub type Members = BTreeMap<String, Value>;

/// A system that has an id of the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    Leadping,
    Nlpearl,
    Capillary,
    Shop,
}

/// One recorded event.
#[derive(Debug, Clone)]
pub struct Said {
    pub sequence: i64,
    pub received_at: Timestamp,
    pub source: String,
    pub lead: u64,
    /// Whose ids of the lead it names.
    pub names: BTreeSet<System>,
    pub status: String,
    /// Only LeadPing's own webhooks say it.
    pub outcome: String,
    /// Why the CRM's staff changed it.
    pub reason: Option<String>,
    /// The source's clock, not later than the receipt.
    pub stamp: Option<Timestamp>,
    pub call: Option<String>,
    /// A call webhook, not one about the lead.
    pub is_of_call: bool,
    pub summary: Option<String>,
    pub marker: Option<String>,
    /// Sent by the sandbox, because something was written there.
    pub is_fired: bool,
}

/// What the table does with it.
pub enum Wants {
    Calls {
        is_final: bool,
        calls: Vec<(&'static str, Members)>,
    },
    Nothing,
    Person,
    Unknown,
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Said {
    pub fn read(sequence: i64, received_at: Timestamp, source: &str, body: &Value) -> Self {
        let data = match source {
            "crm" => &body["attributes"]["data"],
            _ => body,
        };
        let is_of_call = source == "voice" && !body["conversationStatus"].is_null();
        let own = match source {
            "voice" if is_of_call => &data["leadId"],
            "leadping" => &data["leadId"],
            "shop" => &data["customer"]["id"],
            _ => &data["id"],
        };
        let own = text(own).unwrap();
        let (system, lead) = (0..LEADS)
            .flat_map(|lead| ids(lead).map(|(system, id)| (system, lead, id)))
            .find(|(system, _, id)| *id == own && *system == system_of(source))
            .map(|(system, lead, _)| (system, lead))
            .expect("it is one of the leads");
        let others = match source {
            "voice" => [&data["callData"]["leadpingLeadId"], &data["externalId"]],
            "crm" => [&data["extendedFields"]["leadpingLeadId"], &Value::Null],
            "leadping" => [&Value::Null, &data["lead"]["metadata"]["externalId"]],
            _ => [&data["customer"]["leadping"], &data["customer"]["crm"]],
        };
        let mut names = BTreeSet::from([system]);
        let [leadping, crm] = others.map(|id| !id.is_null());
        names.extend(leadping.then_some(System::Leadping));
        names.extend(crm.then_some(System::Capillary));
        let (status, call, stamp) = facts(source, body, is_of_call);
        let reason = body["reason"].as_str().filter(|_| source == "leadping");
        Self {
            sequence,
            received_at,
            source: source.to_owned(),
            lead,
            names,
            status: text(status).unwrap(),
            outcome: text(&body["outcome"]).unwrap_or_default(),
            reason: reason_of(data).filter(|_| source == "crm"),
            stamp: stamp.map(|stamp| stamp.min(received_at)),
            call,
            is_of_call,
            summary: text(&body["summary"]),
            marker: reason
                .and_then(|text| Some(text.split_once("[lb:")?.1.split_once(']')?.0.to_owned())),
            is_fired: body["number"].is_null(),
        }
    }

    /// The target that its sender is.
    pub fn own(&self) -> &str {
        match self.source.as_str() {
            "voice" => "nlpearl",
            "crm" => "capillary",
            other => other,
        }
    }

    /// Whether that is the target, and what was written there is what it says.
    pub fn reports(&self, target: &str, entry: &str, written: &Members) -> bool {
        let own = self.own();
        let is =
            |member: &str, said: &str| written.get(member).and_then(text).as_deref() == Some(said);
        own == target
            && match (own, &self.marker) {
                ("leadping", marker) => {
                    marker.as_ref().is_none_or(|marker| marker == entry)
                        && is("category", &self.status)
                        && is("outcome", &self.outcome)
                }
                _ => is("status", &self.status),
            }
    }

    /// Whether what its sender has, by this, is what was written there.
    pub fn agrees(&self, entry: &str, written: &Members) -> bool {
        let reason = written.get("reasonId").and_then(text);
        let same_reason = self.reason.is_none() || reason.is_none() || self.reason == reason;
        self.reports(self.own(), entry, written) && same_reason
    }

    /// What its sender has, as `Words` of a write there would be.
    pub fn tells(&self) -> (String, String) {
        let quoted = |text: &str| json!(text).to_string();
        match self.own() {
            "leadping" => (quoted(&self.status), quoted(&self.outcome)),
            "nlpearl" => (String::new(), self.status.clone()),
            _ => {
                let reason = self.reason.clone().unwrap_or_default();
                (String::new(), quoted(&self.status) + &reason)
            }
        }
    }

    pub fn wants(&self) -> Wants {
        let leadping = |kind: &str, category: &str, outcome: &str| {
            let mut members =
                members(json!({ "type": kind, "category": category, "outcome": outcome }));
            if let Some(summary) = &self.summary {
                members.insert("notes".to_owned(), json!(summary));
            }
            ("leadping", members)
        };
        let nlpearl = |status: i64| ("nlpearl", members(json!({ "status": status })));
        let capillary = |status: &str, reason: i64| {
            (
                "capillary",
                members(json!({ "status": status, "reasonId": reason })),
            )
        };
        let calls = match (self.source.as_str(), self.status.as_str()) {
            ("voice", "1") => vec![leadping("Call", "Open", "New")],
            ("voice", "70") => vec![leadping("Call", "Open", "Voicemail")],
            ("voice", "100") => vec![
                leadping("Call", "Qualified", "Interested"),
                capillary("WON", 2),
            ],
            ("voice", "110") => vec![leadping("Call", "Lost", "Not interested")],
            ("voice", "130") => vec![leadping("Call", "Lost", "Done")],
            ("crm", "OPEN") => vec![leadping("CRM", "Open", "Open")],
            ("crm", "WON") => vec![leadping("CRM", "Converted", "Won"), nlpearl(130)],
            ("crm", "LOST") => vec![leadping("CRM", "Lost", "Lost"), nlpearl(110)],
            ("crm", "DELETED") => vec![nlpearl(130)],
            ("leadping", "Converted") => vec![nlpearl(130), capillary("WON", 2)],
            ("leadping", "Lost") => vec![capillary("LOST", 5)],
            ("shop", "asked") => vec![leadping("Order", "Open", "Asked")],
            ("shop", "paid") => vec![leadping("Order", "Converted", "Paid"), capillary("WON", 2)],
            ("shop", "gone") => vec![leadping("Order", "Lost", "Gone")],
            ("voice", "20") | ("crm", "ON_HOLD") | ("leadping", _) => return Wants::Nothing,
            ("voice", "500") => return Wants::Person,
            _ => return Wants::Unknown,
        };
        Wants::Calls {
            is_final: (self.source.as_str(), self.status.as_str()) == ("crm", "LOST"),
            calls,
        }
    }
}

/// Named outright, or by the newest entry of the log.
fn reason_of(data: &Value) -> Option<String> {
    let log = data["statusLogDetails"].as_array();
    let newest = log.and_then(|log| log.iter().max_by_key(|entry| entry["id"].as_i64()));
    text(&data["reasonId"]).or_else(|| text(&newest?["reasonId"]))
}

/// Status, call, clock.
fn facts<'b>(
    source: &str,
    body: &'b Value,
    is_of_call: bool,
) -> (&'b Value, Option<String>, Option<Timestamp>) {
    let instant = |value: &Value| value.as_str().map(|at| at.parse().unwrap());
    match source {
        "voice" if is_of_call => (&body["conversationStatus"], text(&body["id"]), None),
        "voice" => {
            let last = body["callsId"].as_array().and_then(|calls| calls.last());
            (&body["status"], last.and_then(text), None)
        }
        "crm" => {
            let at = body["attributes"]["createdAt"].as_i64().unwrap();
            let at = Timestamp::from_millisecond(at).unwrap();
            (&body["attributes"]["data"]["status"], None, Some(at))
        }
        "leadping" => (&body["category"], None, instant(&body["timestamp"])),
        _ => (&body["order"], None, instant(&body["at"])),
    }
}

fn system_of(source: &str) -> System {
    match source {
        "voice" => System::Nlpearl,
        "crm" => System::Capillary,
        "leadping" => System::Leadping,
        _ => System::Shop,
    }
}

fn ids(lead: u64) -> [(System, String); 4] {
    [
        (System::Nlpearl, voice_id(lead)),
        (System::Capillary, crm_id(lead).to_string()),
        (System::Leadping, leadping_id(lead)),
        (System::Shop, format!("shop-{lead}")),
    ]
}

pub fn members(value: Value) -> Members {
    value.as_object().unwrap().clone().into_iter().collect()
}
