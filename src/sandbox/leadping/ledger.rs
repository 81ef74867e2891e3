//! LeadPing's memory: leads, their entries oldest first, the current one last.
//!
//! Both API profiles read and write the same entries. Bounded: leads by option, entries per lead
//! by [`MAX_ENTRIES_PER_LEAD`]. `render` turns what is here into answers.

use std::collections::{BTreeMap, HashMap};
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
    /// What `PUT /leads/{id}` wrote last, and the members that only the vendor writes.
    pub record: Option<Box<Value>>,
    pub tags: Vec<Value>,
    pub created_at: Timestamp,
    pub modified_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Lead,
    Entry,
    /// The business has no such tag.
    Tag,
    /// The sandbox holds as many leads as it may.
    Room,
}

#[derive(Debug)]
pub(in crate::sandbox) struct Ledger {
    leads: HashMap<Arc<str>, Lead>,
    /// Entry number → lead id.
    owners: HashMap<u64, Arc<str>>,
    /// Every tag that the business has, by id.
    tags: BTreeMap<String, Value>,
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
            tags: BTreeMap::new(),
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

    /// Is this the newest entry of its lead?
    pub fn is_current(&self, id: &str) -> bool {
        let lead = self.entry(id).and_then(|(lead, _)| self.leads.get(lead));
        let newest = lead.and_then(|lead| lead.entries.last());
        newest.is_some_and(|entry| entry_id(entry.number) == id)
    }

    /// A lead as `GET /leads/{id}` shows it; what only the vendor writes is taken as well.
    /// False if there is no room for it.
    pub fn put_lead(&mut self, id: &str, mut record: Map<String, Value>, now: Timestamp) -> bool {
        if !self.create_lead(id, now) {
            return false;
        }
        let tags = match record.remove("tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        self.learn_tags(tags.clone());
        if let Some(lead) = self.leads.get_mut(id) {
            lead.tags = tags;
            lead.record = Some(Box::new(Value::Object(record)));
        }
        true
    }

    /// Replaces the whole record: what the body does not name is gone.
    pub(super) fn update_lead(
        &mut self,
        lead_id: &str,
        record: Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let ids = words(&record, "tagIds");
        if !ids.iter().all(|id| self.tags.contains_key(*id)) {
            return Err(Missing::Tag);
        }
        let mut tags: Vec<Value> = ids.iter().map(|id| self.tags[*id].clone()).collect();
        for name in words(&record, "tagNames") {
            let tag = self.tag_named(name);
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let mut record = Value::Object(record);
        let lead = self.lead_for_write(lead_id, now)?;
        keep_coordinates(&mut record, lead.record.as_deref());
        lead.tags.clone_from(&tags);
        lead.record = Some(Box::new(record));
        lead.modified_at = Some(now);
        self.learn_tags(tags);
        Ok(())
    }

    fn learn_tags(&mut self, tags: Vec<Value>) {
        let with_ids = tags.into_iter().filter_map(|tag| {
            let id = tag["id"].as_str()?.to_owned();
            Some((id, tag))
        });
        self.tags.extend(with_ids);
    }

    /// The business's tag of that name, or what it will be.
    fn tag_named(&self, name: &str) -> Value {
        let normalized = name.to_uppercase();
        let known = self.tags.values();
        let mut known = known.filter(|tag| tag["normalizedName"] == normalized.as_str());
        known.next().cloned().unwrap_or_else(|| {
            let id = format!("tag_{}", name.to_lowercase());
            json!({"id": id, "name": name, "normalizedName": normalized, "color": null})
        })
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

fn words<'a>(record: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let list = record.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Where a place is on the map only the vendor writes: it stays as long as what it belongs to.
fn keep_coordinates(record: &mut Value, old: Option<&Value>) {
    for parent in ["/contact", "/contact/phone/lookup/location"] {
        let kept = old.and_then(|old| old.pointer(&format!("{parent}/coordinate")));
        if let (Some(kept), Some(Value::Object(place))) = (kept, record.pointer_mut(parent)) {
            place.insert("coordinate".to_owned(), kept.clone());
        }
    }
}
