//! Webhooks of LeadPing's automations: what LeadPing now has of a lead.
//!
//! URL, trigger and body are each customer's own; no shape is published. So the category is looked
//! for where LeadPing's API puts it in its answers (an entry, a lead with its current entry, either
//! in an envelope's `data`), and everything else that an entry says beside it: never one member
//! from here and one from there. Pointers in the configuration go before all of this.
//!
//! The category is the status, the outcome the sub-status, and the lead's id is LeadPing's own.

use jiff::Timestamp;
use serde_json_borrow::Value;

use super::vocabulary::CHANGE_SOURCES;
use crate::config::{Field, SourceConfig, SourceKind};
use crate::event::{EventKind, Facts, Reported, Standing};
use crate::systems::fields::{Says, nothing_at};
use crate::systems::json::{self, Json, Keys};
use crate::systems::parse_status;

const KEYS: Keys = Keys::AnyFirstLetter;

/// Where an entry may stand: alone, named, or as a lead's current one under either of its names.
const ENTRIES: &[&str] = &[
    "",
    "/data",
    "/disposition",
    "/data/disposition",
    "/currentDisposition",
    "/lead/currentDisposition",
    "/data/currentDisposition",
    "/data/lead/currentDisposition",
    "/currentLeadStatus",
    "/lead/currentLeadStatus",
    "/data/currentLeadStatus",
    "/data/lead/currentLeadStatus",
];

const EXTERNAL_IDS: &[&str] = &[
    "/lead/metadata/externalId",
    "/metadata/externalId",
    "/externalId",
    "/data/lead/metadata/externalId",
    "/data/metadata/externalId",
];

const PHONES: &[&str] = &[
    "/lead/contact/phone/number",
    "/contact/phone/number",
    "/data/lead/contact/phone/number",
    "/data/contact/phone/number",
];

/// Members of an entry, or of what names it, that hold the entry's id.
const ENTRY_IDS: &[&str] = &["dispositionId", "leadStatusChangeId", "id"];

/// Fills the facts; an error is the reason why the body is invalid.
pub fn read(source: &SourceConfig, body: &Json<'_>, facts: &mut Facts) -> Result<Standing, String> {
    let says = Says {
        keys: KEYS,
        body,
        fields: &source.fields,
    };
    facts.kind = Some(EventKind::Lead);
    facts.sender_event_id = says.id(Field::EventId)?;
    facts.event_name = says.text(Field::EventName);
    if let Some(ignored) = says.outside(&source.events, facts.event_name.as_deref()) {
        return Ok(ignored);
    }
    facts.lead_id = lead_id(source, body)?;
    facts.source_lead_id.clone_from(&facts.lead_id);
    facts.links = KEYS.links(body, &source.links)?;
    facts.external_id = first_of(&says, Field::ExternalId, EXTERNAL_IDS)?;
    facts.phone = first_of(&says, Field::Phone, PHONES).unwrap_or_default();
    let (category, entry) = category(&says)?;
    facts.status = category
        .as_deref()
        .map(|category| parse_status(SourceKind::Leadping, category));
    facts.sub_status = match says.id(Field::SubStatus)? {
        Some(outcome) => Some(outcome),
        None => json::id(KEYS.get(entry, "outcome"), "outcome")?,
    };
    facts.occurred_at = clock(&says, entry)?;
    facts.reported = Some(Reported {
        entry_id: entry_id(&says, entry, facts.lead_id.as_deref())?,
        category: facts.status.as_ref().map(ToString::to_string),
        outcome: facts.sub_status.clone(),
        change_source: change_source(&says, entry),
        marker: marker(&says, entry),
    });
    if facts.lead_id.is_none() {
        return Err(nothing_at("lead", &source.lead));
    }
    if facts.status.is_none() {
        return Err(match source.fields.has(Field::Status) {
            true => says.missing(Field::Status),
            false => "no status: no `category` where LeadPing's bodies have one".to_owned(),
        });
    }
    Ok(Standing::Usable)
}

/// A body's own `id` may be the entry's: it is the lead's only where nothing else names the lead.
fn lead_id(source: &SourceConfig, body: &Json<'_>) -> Result<Option<String>, String> {
    let (own, named): (Vec<String>, Vec<String>) = source
        .lead
        .iter()
        .cloned()
        .partition(|pointer| pointer == "/id");
    match KEYS.first_id(body, &named)? {
        Some(id) => Ok(Some(id)),
        None => KEYS.first_id(body, &own),
    }
}

/// Where the field was pointed out, else in one of LeadPing's own places.
fn first_of(says: &Says<'_, '_>, field: Field, places: &[&str]) -> Result<Option<String>, String> {
    if says.fields.has(field) {
        return says.id(field);
    }
    let found = places.iter().find_map(|pointer| {
        let value = KEYS.pointer(says.body, pointer)?;
        json::id(Some(value), pointer).transpose()
    });
    found.transpose()
}

/// The category, and the entry that it is a member of.
fn category<'a, 'b>(says: &Says<'a, 'b>) -> Result<(Option<String>, &'a Json<'b>), String> {
    if says.fields.has(Field::Status) {
        let Some((value, pointer)) = says.found(Field::Status) else {
            return Ok((None, says.body));
        };
        let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        let entry = KEYS.pointer(says.body, parent).unwrap_or(says.body);
        return Ok((json::id(Some(value), pointer)?, entry));
    }
    for place in ENTRIES {
        let Some(entry) = KEYS.pointer(says.body, place) else {
            continue;
        };
        let category = json::id(KEYS.get(entry, "category"), "category")?;
        if category.is_some() {
            return Ok((category, entry));
        }
    }
    Ok((None, says.body))
}

/// When the entry says that it happened; else an envelope's `timestamp`. The signed time is that
/// of the try, not of the event.
fn clock(says: &Says<'_, '_>, entry: &Json<'_>) -> Result<Option<Timestamp>, String> {
    if says.fields.has(Field::OccurredAt) {
        return says.instant(Field::OccurredAt);
    }
    let own = ["timestamp", "changedAt"]
        .iter()
        .find_map(|member| json::instant(KEYS.get(entry, member)))
        .or_else(|| json::instant(KEYS.get(says.body, "timestamp")));
    Ok(own)
}

fn entry_id(
    says: &Says<'_, '_>,
    entry: &Json<'_>,
    lead_id: Option<&str>,
) -> Result<Option<String>, String> {
    if says.fields.has(Field::EntryId) {
        return says.id(Field::EntryId);
    }
    for member in ENTRY_IDS {
        let id = json::id(KEYS.get(entry, member), member)?;
        if id.is_some() && id.as_deref() != lead_id {
            return Ok(id);
        }
    }
    Ok(None)
}

/// A current entry calls it `source`.
fn change_source(says: &Says<'_, '_>, entry: &Json<'_>) -> Option<String> {
    if says.fields.has(Field::ChangeSource) {
        return says.text(Field::ChangeSource);
    }
    ["changeSource", "source"].iter().find_map(|member| {
        let word = json::text(KEYS.get(entry, member))?;
        let known = CHANGE_SOURCES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(&word));
        known.map(|known| (*known).to_owned())
    })
}

/// The delivery id inside the last marker of ours.
fn marker(says: &Says<'_, '_>, entry: &Json<'_>) -> Option<String> {
    let pointed = says.fields.of(Field::Marker).iter();
    let pointed = pointed.filter_map(|pointer| KEYS.pointer(says.body, pointer));
    let beside = ["reason", "notes"]
        .into_iter()
        .filter_map(|member| KEYS.get(entry, member));
    pointed
        .chain(beside)
        .filter_map(Value::as_str)
        .find_map(|text| {
            let (_, after) = text.rsplit_once("[lb:")?;
            let (id, _) = after.split_once(']')?;
            Some(id.to_owned())
        })
}
