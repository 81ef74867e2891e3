//! What LeadPing shows of a lead and of an entry, in the words of each API profile.
//!
//! Reads the ledger, changes nothing.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Profile;
use super::ledger::{Entry, Lead, entry_id};
use super::models::ENTRY;

/// The members that tell what was current before, what is now, as each profile names them.
struct Names {
    old_id: &'static str,
    old_type: &'static str,
    old_outcome: &'static str,
    new_id: &'static str,
}

impl Profile {
    fn names(self) -> Names {
        match self {
            Self::Dispositions => Names {
                old_id: "oldDispositionId",
                old_type: "oldDispositionType",
                old_outcome: "oldDispositionOutcome",
                new_id: "newDispositionId",
            },
            Self::LeadStatus => Names {
                old_id: "oldLeadStatusChangeId",
                old_type: "oldLeadStatusChangeType",
                old_outcome: "oldLeadStatusChangeOutcome",
                new_id: "newLeadStatusChangeId",
            },
        }
    }
}

/// An entry as the profile answers it: every member there, null where nothing was said.
pub(super) fn entry(lead_id: &str, entry: &Entry, profile: Profile) -> Value {
    let given = entry.members();
    let mut shown = Map::new();
    shown.insert("id".to_owned(), entry_id(entry.number).into());
    shown.insert("leadId".to_owned(), lead_id.into());
    for field in ENTRY {
        let value = match given.get(field.name) {
            Some(Value::String(text)) if field.is_instant() => in_utc(text),
            Some(value) => value.clone(),
            None if field.is_flag() => Value::Bool(false),
            None => Value::Null,
        };
        shown.insert(field.name.to_owned(), value);
    }
    let changed_at = changed_at(&given, entry.created_at);
    shown.insert("timestamp".to_owned(), changed_at.clone());
    shown.insert("changedAt".to_owned(), changed_at);
    shown.insert("changedByUserId".to_owned(), Value::Null);
    shown.insert("createdAt".to_owned(), entry.created_at.to_string().into());
    shown.insert("updatedAt".to_owned(), entry.updated_at.to_string().into());
    let names = profile.names();
    let (old_id, old_type, old_outcome) = match &entry.old {
        Some(old) => (
            entry_id(old.number).into(),
            old.kind.clone(),
            old.outcome.clone(),
        ),
        None => Default::default(),
    };
    shown.insert(names.old_id.to_owned(), old_id);
    shown.insert(names.old_type.to_owned(), old_type);
    shown.insert(names.old_outcome.to_owned(), old_outcome);
    shown.insert(names.new_id.to_owned(), entry_id(entry.number).into());
    Value::Object(shown)
}

pub(super) fn history(lead_id: &str, lead: &Lead, profile: Profile) -> Vec<Value> {
    let entries = lead.entries.iter();
    entries.map(|line| entry(lead_id, line, profile)).collect()
}

/// The lead record. Its path is the same in both profiles, so it shows the current entry under
/// both names.
pub(super) fn lead(lead_id: &str, lead: &Lead) -> Value {
    let written = |name: &str| -> Option<Value> {
        let value = lead.record.as_ref()?.get(name)?;
        (!value.is_null()).then(|| value.clone())
    };
    let current = lead.entries.last().map_or(Value::Null, current);
    json!({
        "id": lead_id,
        "createdAt": lead.created_at.to_string(),
        "modifiedAt": lead.modified_at.map(|at| at.to_string()),
        "enabled": written("enabled").unwrap_or(Value::Bool(true)),
        "isArchived": false,
        "archivedAt": null,
        "archivedByUserId": null,
        "archiveReason": null,
        "archiveNote": null,
        "metadata": written("metadata").unwrap_or_else(|| json!({})),
        "contact": written("contact").unwrap_or_else(|| json!({})),
        "customer": written("customer").unwrap_or_else(|| json!({})),
        "adminEnablementOverride": written("adminEnablementOverride"),
        "tags": lead.tags,
        "currentDisposition": current.clone(),
        "currentLeadStatus": current,
    })
}

fn current(entry: &Entry) -> Value {
    let given = entry.members();
    let said = |name: &str| given.get(name).cloned().unwrap_or_default();
    json!({
        "id": entry_id(entry.number),
        "category": said("category"),
        "outcome": said("outcome"),
        "displayName": said("outcome"),
        "changedAt": changed_at(&given, entry.created_at),
        "changedByUserId": null,
        "changedByAutomationId": said("changedByAutomationId"),
        "source": said("changeSource"),
    })
}

fn changed_at(given: &Map<String, Value>, created_at: Timestamp) -> Value {
    match given.get("timestamp").and_then(Value::as_str) {
        Some(text) => in_utc(text),
        None => created_at.to_string().into(),
    }
}

/// The same instant, written the vendor's way: a caller must compare instants, not texts.
fn in_utc(text: &str) -> Value {
    match text.parse::<Timestamp>() {
        Ok(instant) => instant.to_string().into(),
        Err(_) => text.into(),
    }
}
