//! LeadPing's memory: leads, their entries oldest first, the current one last.
//!
//! Both API profiles read and write the same entries. Bounded: leads by option, entries per lead
//! by [`MAX_ENTRIES_PER_LEAD`]. `render` turns what is here into answers.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Older entries of a lead give way.
const MAX_ENTRIES_PER_LEAD: usize = 100;

/// One line of a lead's history.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub number: u64,
    /// The request body that made it, as it came: the smallest form, and parsed when shown.
    pub body: Arc<str>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// What was current before.
    pub old: Option<OldEntry>,
}

#[derive(Debug, Clone)]
pub(super) struct OldEntry {
    pub number: u64,
    pub kind: Value,
    pub outcome: Value,
}

impl Entry {
    pub fn members(&self) -> Map<String, Value> {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn as_old(&self) -> OldEntry {
        let mut members = self.members();
        let mut take = |name| members.remove(name).unwrap_or_default();
        OldEntry {
            number: self.number,
            kind: take("type"),
            outcome: take("outcome"),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Lead {
    pub entries: Vec<Entry>,
    /// What `PUT /leads/{id}` wrote last.
    pub record: Option<Box<Map<String, Value>>>,
    pub tags: Vec<Value>,
    pub created_at: Timestamp,
    pub modified_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Lead,
    Entry,
    /// The sandbox holds as many leads as it may.
    Room,
}

#[derive(Debug)]
pub(in crate::sandbox) struct Ledger {
    leads: HashMap<Arc<str>, Lead>,
    /// Entry number → lead id.
    owners: HashMap<u64, Arc<str>>,
    last_number: u64,
    max_leads: usize,
    /// Leads exist only once they were created; else the first write creates them.
    strict_leads: bool,
}

impl Ledger {
    /// Whether a lead must be created before it is written.
    pub fn is_strict(&self) -> bool {
        self.strict_leads
    }

    pub fn new(max_leads: usize, strict_leads: bool) -> Self {
        Self {
            leads: HashMap::new(),
            owners: HashMap::new(),
            last_number: 0,
            max_leads,
            strict_leads,
        }
    }

    pub fn leads(&self) -> usize {
        self.leads.len()
    }

    /// False if there is no room for another lead.
    pub fn create_lead(&mut self, id: &str, now: Timestamp) -> bool {
        if self.leads.contains_key(id) {
            return true;
        }
        if self.leads.len() >= self.max_leads {
            return false;
        }
        let lead = Lead {
            created_at: now,
            ..Lead::default()
        };
        self.leads.insert(Arc::from(id), lead);
        true
    }

    pub(super) fn lead(&self, id: &str) -> Option<&Lead> {
        self.leads.get(id)
    }

    /// Whose entry is this?
    pub fn owner(&self, entry_id: &str) -> Option<&str> {
        self.owners
            .get(&parse_entry_id(entry_id)?)
            .map(|lead| &**lead)
    }

    pub(super) fn entry(&self, id: &str) -> Option<(&str, &Entry)> {
        let number = parse_entry_id(id)?;
        let lead_id = self.owners.get(&number)?;
        let lead = self.leads.get(lead_id)?;
        let entry = lead.entries.iter().find(|entry| entry.number == number)?;
        Some((lead_id, entry))
    }

    /// Appends an entry and makes it the current one.
    pub(super) fn set(
        &mut self,
        lead_id: &str,
        body: Arc<str>,
        now: Timestamp,
    ) -> Result<&Entry, Missing> {
        self.lead_for_write(lead_id, now)?;
        let number = self.last_number + 1;
        let Some((key, _)) = self.leads.get_key_value(lead_id) else {
            return Err(Missing::Lead);
        };
        let key = Arc::clone(key);
        let Some(lead) = self.leads.get_mut(lead_id) else {
            return Err(Missing::Lead);
        };
        if lead.entries.len() >= MAX_ENTRIES_PER_LEAD {
            let oldest = lead.entries.remove(0);
            self.owners.remove(&oldest.number);
        }
        self.last_number = number;
        self.owners.insert(number, key);
        let old = lead.entries.last().map(Entry::as_old);
        lead.entries.push(Entry {
            number,
            body,
            created_at: now,
            updated_at: now,
            old,
        });
        lead.entries.last().ok_or(Missing::Entry)
    }

    /// Replaces the members of an entry.
    pub(super) fn amend(
        &mut self,
        id: &str,
        body: Arc<str>,
        now: Timestamp,
    ) -> Result<(&str, &Entry), Missing> {
        let number = parse_entry_id(id).ok_or(Missing::Entry)?;
        let lead_id = self.owners.get(&number).ok_or(Missing::Entry)?;
        let lead = self.leads.get_mut(lead_id).ok_or(Missing::Entry)?;
        let entry = lead
            .entries
            .iter_mut()
            .find(|entry| entry.number == number)
            .ok_or(Missing::Entry)?;
        entry.body = body;
        entry.updated_at = now;
        Ok((lead_id, entry))
    }

    /// Removes an entry; the one before becomes current if it was the last.
    pub(super) fn remove(&mut self, id: &str) -> Result<(), Missing> {
        let number = parse_entry_id(id).ok_or(Missing::Entry)?;
        let lead_id = self.owners.remove(&number).ok_or(Missing::Entry)?;
        let lead = self.leads.get_mut(&lead_id).ok_or(Missing::Entry)?;
        lead.entries.retain(|entry| entry.number != number);
        Ok(())
    }

    /// Replaces the whole record: what the body does not name is gone.
    pub(super) fn update_lead(
        &mut self,
        lead_id: &str,
        record: Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let lead = self.lead_for_write(lead_id, now)?;
        lead.tags = tags_of(&record, &lead.tags);
        lead.record = Some(Box::new(record));
        lead.modified_at = Some(now);
        Ok(())
    }

    fn lead_for_write(&mut self, id: &str, now: Timestamp) -> Result<&mut Lead, Missing> {
        if !self.strict_leads && !self.create_lead(id, now) {
            return Err(Missing::Room);
        }
        self.leads.get_mut(id).ok_or(Missing::Lead)
    }
}

pub(super) fn entry_id(number: u64) -> String {
    format!("disp_{number}")
}

fn parse_entry_id(id: &str) -> Option<u64> {
    let digits = id.strip_prefix("disp_")?;
    let number = digits.parse().ok()?;
    // `disp_01` and `disp_+1` name nothing.
    (entry_id(number) == id).then_some(number)
}

/// The tags that a record asks for; those the lead has keep their names.
fn tags_of(record: &Map<String, Value>, present: &[Value]) -> Vec<Value> {
    let words = |name: &str| -> Vec<String> {
        let list = record.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let mut tags: Vec<Value> = Vec::new();
    for id in words("tagIds") {
        let known = present.iter().find(|tag| tag["id"] == id.as_str());
        tags.push(known.cloned().unwrap_or_else(|| tag(&id, &id)));
    }
    for name in words("tagNames") {
        if !tags.iter().any(|tag| tag["name"] == name.as_str()) {
            tags.push(tag(&format!("tag_{}", name.to_lowercase()), &name));
        }
    }
    tags
}

fn tag(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "normalizedName": name.to_uppercase(), "color": null})
}
