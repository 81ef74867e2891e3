//! NLPearl's memory: the leads of its outbound campaigns. Bounded by option.
//!
//! A lead belongs to one pearl and that pearl's outbound: a path that names another does not
//! find it.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::route::Version;
use super::{is_status, time_zones};

const NEW: i64 = 1;

/// A lead as it is put there, in the vendor's words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Lead {
    id: String,
    /// Unknown where a write of v1 made the lead and nothing says whose outbound that is.
    pearl_id: Option<String>,
    /// The pearl's own id if absent.
    #[serde(default)]
    outbound_id: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    phone_number: Option<String>,
    /// Hours east of Greenwich.
    #[serde(default)]
    time_zone: Option<f64>,
    #[serde(default = "new")]
    status: i64,
    #[serde(default)]
    created: Option<Timestamp>,
    #[serde(default)]
    calls_id: Vec<String>,
    #[serde(default)]
    call_data: Map<String, Value>,
    #[serde(default)]
    collected_data: Map<String, Value>,
}

fn new() -> i64 {
    NEW
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Not 24 hexadecimal digits.
    MalformedId,
    Lead,
    /// The sandbox holds as many leads as it may.
    Room,
}

#[derive(Debug)]
pub(in crate::sandbox) struct Campaigns {
    leads: HashMap<String, Lead>,
    max_leads: usize,
    /// Leads exist only once they were put there; else the first write creates them.
    strict_leads: bool,
    /// Pearl → its outbound, as far as that was told.
    outbounds: BTreeMap<String, String>,
}

impl Campaigns {
    pub fn new(max_leads: usize, strict_leads: bool, outbounds: BTreeMap<String, String>) -> Self {
        Self {
            leads: HashMap::new(),
            max_leads,
            strict_leads,
            outbounds,
        }
    }

    pub fn leads(&self) -> usize {
        self.leads.len()
    }

    /// Puts a lead there, or in the place of the one with that id; the error says what is wrong.
    pub fn put(&mut self, lead: &Value, now: Timestamp) -> Result<String, String> {
        let mut lead = Lead::deserialize(lead).map_err(|error| error.to_string())?;
        if !is_object_id(&lead.id) {
            return Err("`id` must be 24 hexadecimal digits".to_owned());
        }
        if lead.pearl_id.is_none() {
            return Err("missing field `pearlId`".to_owned());
        }
        if !is_status(lead.status) {
            return Err("`status` must be one that leads have".to_owned());
        }
        lead.created.get_or_insert(now);
        let id = lead.id.clone();
        self.insert(lead)
            .map_err(|_| "the sandbox holds as many leads as it may".to_owned())?;
        Ok(id)
    }

    /// As the campaign does: any status. False if there is no such lead or status.
    pub fn set_status(&mut self, id: &str, status: i64) -> bool {
        match self.leads.get_mut(id) {
            Some(lead) if is_status(status) => {
                lead.status = status;
                true
            }
            _ => false,
        }
    }

    /// The lead as the API shows it, whatever campaign it belongs to.
    pub fn any(&self, id: &str) -> Option<Value> {
        self.leads.get(id).map(Lead::shown)
    }

    pub fn webhook(&self, id: &str) -> Option<Value> {
        self.leads.get(id).map(Lead::webhook)
    }

    pub(super) fn lead(&self, place: (Version, &str), id: &str) -> Result<Value, Missing> {
        if !is_object_id(id) {
            return Err(Missing::MalformedId);
        }
        let lead = self.leads.get(id).filter(|lead| lead.is_in(place));
        lead.map(Lead::shown).ok_or(Missing::Lead)
    }

    pub(super) fn lead_with_external_id(
        &self,
        place: (Version, &str),
        external_id: &str,
    ) -> Result<Value, Missing> {
        let leads = self
            .leads
            .values()
            .filter(|lead| lead.is_in(place) && lead.external_id.as_deref() == Some(external_id));
        // Several may have it; which one the vendor shows, nobody has published.
        let found = leads.min_by(|one, other| one.id.cmp(&other.id));
        found.map(Lead::shown).ok_or(Missing::Lead)
    }

    /// Writes the members that are there and not null; whether the status is another now.
    pub(super) fn update(
        &mut self,
        place: (Version, &str),
        id: &str,
        members: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(Value, bool), Missing> {
        if !is_object_id(id) {
            return Err(Missing::MalformedId);
        }
        if !self.strict_leads && !self.leads.contains_key(id) {
            let campaign = self.campaign(place);
            self.insert(Lead::created_by_write(id, campaign, now))?;
        }
        let lead = self.leads.get_mut(id).filter(|lead| lead.is_in(place));
        let lead = lead.ok_or(Missing::Lead)?;
        let before = lead.status;
        lead.take(members);
        Ok((lead.shown(), lead.status != before))
    }

    /// Pearl and outbound of a path, which names one of the two.
    fn campaign(&self, (version, campaign): (Version, &str)) -> (Option<String>, Option<String>) {
        match version {
            Version::V1 => {
                let told = self.outbounds.iter().find(|(_, own)| *own == campaign);
                let told = told.map(|(pearl, _)| pearl.clone());
                let of_lead = |lead: &Lead| {
                    let is_there = lead.outbound_id.as_deref() == Some(campaign);
                    lead.pearl_id.clone().filter(|_| is_there)
                };
                let pearl = told.or_else(|| self.leads.values().find_map(of_lead));
                (pearl, Some(campaign.to_owned()))
            }
            Version::V2 => {
                let outbound = self.outbounds.get(campaign).cloned();
                (Some(campaign.to_owned()), outbound)
            }
        }
    }

    fn insert(&mut self, lead: Lead) -> Result<(), Missing> {
        if self.leads.len() >= self.max_leads && !self.leads.contains_key(&lead.id) {
            return Err(Missing::Room);
        }
        self.leads.insert(lead.id.clone(), lead);
        Ok(())
    }
}

impl Lead {
    fn created_by_write(
        id: &str,
        (pearl_id, outbound_id): (Option<String>, Option<String>),
        now: Timestamp,
    ) -> Self {
        Self {
            id: id.to_owned(),
            pearl_id,
            outbound_id,
            external_id: None,
            phone_number: None,
            time_zone: None,
            status: NEW,
            created: Some(now),
            calls_id: Vec::new(),
            call_data: Map::new(),
            collected_data: Map::new(),
        }
    }

    fn is_in(&self, (version, campaign): (Version, &str)) -> bool {
        let own = match version {
            Version::V1 => self.outbound_id.as_ref().or(self.pearl_id.as_ref()),
            Version::V2 => self.pearl_id.as_ref(),
        };
        own.is_some_and(|own| own == campaign)
    }

    fn take(&mut self, members: &Map<String, Value>) {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if let Some(number) = text("phoneNumber") {
            self.phone_number = Some(number.to_owned());
        }
        if let Some(id) = text("externalId") {
            self.external_id = Some(id.to_owned());
        }
        if let Some(offset) = text("timeZoneId").and_then(time_zones::offset_hours) {
            self.time_zone = Some(offset);
        }
        // Replaced, not merged: no page says otherwise, and a caller that relies on a merge shows.
        if let Some(data) = members.get("callData").and_then(Value::as_object) {
            self.call_data.clone_from(data);
        }
        if let Some(status) = members.get("status").and_then(Value::as_i64) {
            self.status = status;
        }
    }

    /// As the API answers it.
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "externalId": self.external_id,
            "phoneNumber": self.phone_number,
            "timeZone": self.time_zone,
            "status": self.status,
            "created": self.created.map(|at| at.to_string()),
            "callsId": self.calls_id,
            "lastCall": null,
            "callData": self.call_data,
            "collectedData": self.collected_data,
        })
    }

    /// As the lead webhook (V2) tells it: with the pearl, never the outbound, and the time zone as
    /// text.
    fn webhook(&self) -> Value {
        json!({
            "id": self.id,
            "pearlId": self.pearl_id,
            "externalId": self.external_id,
            "phoneNumber": self.phone_number,
            "timeZone": self.time_zone.map(|hours| hours.to_string()),
            "status": self.status,
            "created": self.created.map(|at| at.to_string()),
            "callsId": self.calls_id,
            "callData": self.call_data,
            "collectedData": self.collected_data,
        })
    }
}

fn is_object_id(id: &str) -> bool {
    id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
