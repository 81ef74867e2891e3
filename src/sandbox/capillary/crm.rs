//! Capillary's memory: leads, each with its status log, and which reasons and sub-statuses the
//! organisation has. Bounded by option, the log of a lead by [`MAX_LOG_ENTRIES`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::HeaderValue;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::credentials::{CapillaryLogin, Credentials};
use super::{STATUSES, at_offset, header_value};

/// Older entries of a lead's log give way.
const MAX_LOG_ENTRIES: usize = 100;
/// Who is said to have written when nobody is named: the owner of the credential.
const API_USER: i64 = 15_002_926;
const IN_STORE: i64 = -1;
const ORGANISATION: u32 = 100_458;

/// Reasons and sub-statuses that an organisation has from the start; more can be added.
const REASONS: &[(i64, &str)] = &[
    (1, "asked about the price"),
    (2, "bought in store"),
    (3, "number is not in use"),
    (4, "wants time to decide"),
    (5, "not interested"),
    (6, "could not be reached"),
];
const SUB_STATUSES: &[(&str, &str)] = &[
    ("LOST", "InvalidPhoneNumber"),
    ("LOST", "NotInterested"),
    ("ON_HOLD", "YetToDecide"),
    ("ON_HOLD", "NotReached"),
];

/// A lead as it is put there, in the vendor's words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Lead {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) user_id: i64,
    #[serde(default = "sku", rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    lead_for: String,
    #[serde(default = "open")]
    pub(super) status: String,
    #[serde(default)]
    pub(super) sub_status: Option<String>,
    #[serde(default)]
    next_follow_up: Option<Timestamp>,
    #[serde(default)]
    pub(super) created_on: Option<Timestamp>,
    #[serde(default = "api_user")]
    created_by: i64,
    #[serde(default)]
    pub(super) last_updated_on: Option<Timestamp>,
    #[serde(default = "api_user")]
    last_updated_by: i64,
    #[serde(default = "in_store")]
    pub(super) org_source_id: i64,
    #[serde(default)]
    extended_fields: Map<String, Value>,
    #[serde(skip)]
    status_log: Vec<LogEntry>,
}

#[derive(Debug, Clone)]
struct LogEntry {
    id: i64,
    status: String,
    sub_status: Option<String>,
    created_by: i64,
    created_on: Timestamp,
    reason_id: i64,
    reason: String,
}

fn sku() -> String {
    "SKU".to_owned()
}

fn open() -> String {
    "OPEN".to_owned()
}

fn api_user() -> i64 {
    API_USER
}

fn in_store() -> i64 {
    IN_STORE
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("the lead id is not a number")]
    MalformedId,
    #[error("there is no such lead")]
    Lead,
    #[error("the organisation has no such reason")]
    Reason,
    #[error("the status has no such sub-status")]
    SubStatus,
    #[error("the sandbox holds as many leads as it may")]
    Room,
}

/// A checked body of a status call.
#[derive(Debug, Clone)]
pub(super) struct StatusChange {
    status: String,
    sub_status: Option<String>,
    reason_id: i64,
    created_by: i64,
    created_on: Option<Timestamp>,
}

impl StatusChange {
    pub fn from_members(members: &Map<String, Value>) -> Self {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| match members.get(name)? {
            Value::String(digits) => digits.parse().ok(),
            other => other.as_i64(),
        };
        Self {
            status: text("status").unwrap_or_default().to_owned(),
            sub_status: text("subStatus").map(str::to_owned),
            reason_id: number("reasonId").unwrap_or_default(),
            created_by: number("createdBy").unwrap_or(API_USER),
            created_on: text("createdOn").and_then(|at| at.parse().ok()),
        }
    }
}

#[derive(Debug)]
pub(in crate::sandbox) struct Crm {
    pub credentials: Credentials,
    leads: HashMap<i64, Lead>,
    reasons: BTreeMap<i64, String>,
    sub_statuses: BTreeSet<(String, String)>,
    last_log_entry: i64,
    last_request: u64,
    max_leads: usize,
    /// Leads exist only once they were put there; else the first write creates them.
    strict_leads: bool,
}

impl Crm {
    pub fn new(login: CapillaryLogin, max_leads: usize, strict_leads: bool) -> Self {
        let own = |text: &str| text.to_owned();
        Self {
            credentials: Credentials::new(login),
            leads: HashMap::new(),
            reasons: REASONS.iter().map(|(id, text)| (*id, own(text))).collect(),
            sub_statuses: SUB_STATUSES
                .iter()
                .map(|(status, sub_status)| (own(status), own(sub_status)))
                .collect(),
            last_log_entry: 0,
            last_request: 0,
            max_leads,
            strict_leads,
        }
    }

    pub fn leads(&self) -> usize {
        self.leads.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lead> {
        self.leads.values()
    }

    pub(super) fn next_request_id(&mut self) -> HeaderValue {
        self.last_request += 1;
        header_value(&format!("sandbox-{}", self.last_request))
    }

    pub fn add_reason(&mut self, id: i64, reason: &str) {
        self.reasons.insert(id, reason.to_owned());
    }

    /// False if there is no such status.
    pub fn add_sub_status(&mut self, status: &str, sub_status: &str) -> bool {
        let is_status = STATUSES.contains(&status);
        if is_status {
            let pair = (status.to_owned(), sub_status.to_owned());
            self.sub_statuses.insert(pair);
        }
        is_status
    }

    /// Puts a lead there, or in the place of the one with that id; the error says what is wrong.
    pub fn put(&mut self, lead: &Value, now: Timestamp) -> Result<i64, String> {
        let mut lead = Lead::deserialize(lead).map_err(|error| error.to_string())?;
        if lead.id <= 0 {
            return Err("`id` must be positive".to_owned());
        }
        if !STATUSES.contains(&lead.status.as_str()) {
            return Err("`status` must be one that leads have".to_owned());
        }
        lead.created_on.get_or_insert(now);
        lead.last_updated_on.get_or_insert(now);
        let id = lead.id;
        self.insert(lead).map_err(|missing| missing.to_string())?;
        Ok(id)
    }

    /// The lead as the API shows it.
    pub fn lead(&self, id: &str) -> Option<Value> {
        self.found(id).ok().map(Lead::shown)
    }

    pub(super) fn status_log(&self, id: &str) -> Result<Vec<Value>, Missing> {
        let lead = self.found(id)?;
        let entries = lead.status_log.iter();
        Ok(entries.map(|entry| entry.shown(lead)).collect())
    }

    /// Writes the status and one entry of the log; not sent is not kept.
    pub(super) fn set_status(
        &mut self,
        id: &str,
        change: &StatusChange,
        now: Timestamp,
    ) -> Result<Value, Missing> {
        let id = parse_id(id)?;
        if !self.leads.contains_key(&id) && self.strict_leads {
            return Err(Missing::Lead);
        }
        let reason = self.reasons.get(&change.reason_id);
        let reason = reason.ok_or(Missing::Reason)?.clone();
        if let Some(sub_status) = &change.sub_status {
            let pair = (change.status.clone(), sub_status.clone());
            if !self.sub_statuses.contains(&pair) {
                return Err(Missing::SubStatus);
            }
        }
        if !self.leads.contains_key(&id) {
            self.insert(Lead::created_by_write(id, now))?;
        }
        self.last_log_entry += 1;
        let entry = LogEntry {
            id: self.last_log_entry,
            status: change.status.clone(),
            sub_status: change.sub_status.clone(),
            created_by: change.created_by,
            created_on: change.created_on.unwrap_or(now),
            reason_id: change.reason_id,
            reason,
        };
        let lead = self.leads.get_mut(&id).ok_or(Missing::Lead)?;
        lead.take(entry, now);
        Ok(lead.shown())
    }

    /// The organisation's own event for a changed lead: an envelope around the lead.
    pub fn webhook(&self, id: &str, now: Timestamp) -> Option<Value> {
        let lead = self.found(id).ok()?;
        let milliseconds = now.as_millisecond();
        Some(json!({
            "eventId": uuid::Uuid::now_v7(),
            "eventType": format!("{ORGANISATION}_leadStatusUpdated"),
            "consumerGroupId": null,
            "actionType": "START",
            "timeStamp": milliseconds,
            "attributes": {
                "createdAt": milliseconds,
                "eventName": "leadStatusUpdated",
                "refId": format!("{ORGANISATION}_{}", lead.id),
                // With the blank at the end that the vendor's sample has.
                "apiRequestId ": format!("sandbox-{}", self.last_request),
                "data": lead.shown(),
            },
        }))
    }

    fn found(&self, id: &str) -> Result<&Lead, Missing> {
        self.leads.get(&parse_id(id)?).ok_or(Missing::Lead)
    }

    fn insert(&mut self, lead: Lead) -> Result<(), Missing> {
        if self.leads.len() >= self.max_leads && !self.leads.contains_key(&lead.id) {
            return Err(Missing::Room);
        }
        self.leads.insert(lead.id, lead);
        Ok(())
    }
}

fn parse_id(id: &str) -> Result<i64, Missing> {
    let is_digits = id.bytes().all(|byte| byte.is_ascii_digit());
    let number = id.parse().ok().filter(|number| is_digits && *number > 0);
    number.ok_or(Missing::MalformedId)
}

impl Lead {
    fn created_by_write(id: i64, now: Timestamp) -> Self {
        Self {
            id,
            user_id: id,
            kind: sku(),
            lead_for: String::new(),
            status: open(),
            sub_status: None,
            next_follow_up: None,
            created_on: Some(now),
            created_by: API_USER,
            last_updated_on: Some(now),
            last_updated_by: API_USER,
            org_source_id: IN_STORE,
            extended_fields: Map::new(),
            status_log: Vec::new(),
        }
    }

    fn take(&mut self, entry: LogEntry, now: Timestamp) {
        self.status.clone_from(&entry.status);
        self.sub_status.clone_from(&entry.sub_status);
        self.last_updated_on = Some(now);
        self.last_updated_by = entry.created_by;
        if self.status_log.len() >= MAX_LOG_ENTRIES {
            self.status_log.remove(0);
        }
        self.status_log.push(entry);
    }

    /// As the API and the event show it: the sub-status is absent where there is none.
    pub(super) fn shown(&self) -> Value {
        let log = self.status_log.iter();
        let mut shown = json!({
            "id": self.id,
            "userId": self.user_id,
            "type": self.kind,
            "leadFor": self.lead_for,
            "status": self.status,
            "nextFollowUp": self.next_follow_up.map(at_offset),
            "createdOn": self.created_on.map(at_offset),
            "createdBy": self.created_by,
            "lastUpdatedOn": self.last_updated_on.map(at_offset),
            "lastUpdatedBy": self.last_updated_by,
            "followUpDetails": [],
            "statusLogDetails": log.map(|entry| entry.shown(self)).collect::<Vec<_>>(),
            "orgSourceId": self.org_source_id,
            "extendedFields": self.extended_fields,
            "warnings": [],
        });
        if let Some(sub_status) = &self.sub_status {
            shown["subStatus"] = sub_status.as_str().into();
        }
        shown
    }
}

impl LogEntry {
    fn shown(&self, lead: &Lead) -> Value {
        let mut shown = json!({
            "id": self.id,
            "userId": lead.user_id,
            "leadId": lead.id,
            "status": self.status,
            "createdBy": self.created_by,
            "createdOn": at_offset(self.created_on),
            "reasonId": self.reason_id,
            "reason": self.reason,
        });
        if let Some(sub_status) = &self.sub_status {
            shown["subStatus"] = sub_status.as_str().into();
        }
        shown
    }
}
