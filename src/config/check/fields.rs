//! `[sources.x.fields]` and `events`: what a body of a free-form kind says where.

use crate::config::section::Section;
use crate::config::{Field, Fields, SourceKind};

/// Capillary event names that change a lead's status.
pub(super) const CAPILLARY_EVENTS: [&str; 3] =
    ["leadUpdated", "leadStatusUpdated", "leadStatusChanged"];

/// The fields that are pointed out; `lead` are the pointers to LeadPing's id.
pub(super) fn fields(kind: SourceKind, section: &Section<'_>, lead: &[String]) -> Fields {
    let mut fields = Fields::default();
    if matches!(kind, SourceKind::Nlpearl | SourceKind::Capillary) {
        if section.entry("fields").is_some() {
            let problem = format!(
                "has no meaning for kind `{}`, whose bodies are known",
                kind.as_str()
            );
            section.bad_value("fields", problem, "remove it");
        }
        return fields;
    }
    let Some(inner) = section.section("fields") else {
        if kind == SourceKind::Generic {
            let hint = format!(
                "point the status out: [{}] with status = \"/status\"",
                section.name_of("fields")
            );
            section.missing("fields", &hint);
        }
        return fields;
    };
    for field in Field::ALL {
        let key = field.key();
        if field.is_of(kind) {
            let pointers = inner.pointers(key);
            if inner.has(key) {
                fields.point(field, pointers);
            }
        } else if inner.has(key) && inner.entry(key).is_some() {
            let problem = format!("has no meaning for kind `{}`", kind.as_str());
            inner.bad_value(key, problem, "remove it");
        }
    }
    if kind == SourceKind::Generic {
        if !fields.has(Field::Status) {
            inner.missing("status", "such as status = \"/status\"");
        }
        if !fields.has(Field::SourceLeadId) && lead.is_empty() {
            let hint = "what the webhooks of one lead have in common; or `lead`, if they name LeadPing's id";
            inner.missing("source_lead_id", hint);
        }
    }
    inner.finish();
    fields
}

/// The event names that are acted on.
pub(super) fn events(kind: Option<SourceKind>, section: &Section<'_>) -> Vec<String> {
    let default: &[&str] = match kind {
        Some(SourceKind::Capillary) | None => &CAPILLARY_EVENTS,
        Some(SourceKind::Leadping | SourceKind::Generic) => &[],
        Some(SourceKind::Nlpearl) => {
            if section.entry("events").is_some() {
                let problem = "has no meaning for kind `nlpearl`, whose webhooks name no event";
                section.bad_value("events", problem, "remove it");
            }
            return Vec::new();
        }
    };
    let events = section.texts("events", default);
    events.into_iter().map(|(event, _)| event).collect()
}

/// Names that nothing in the body is compared with would let everything pass.
pub(super) fn check_events(kind: SourceKind, section: &Section<'_>, fields: &Fields) {
    let is_free = matches!(kind, SourceKind::Leadping | SourceKind::Generic);
    if is_free && section.has("events") && !fields.has(Field::EventName) {
        let hint = format!(
            "point the name out: `{}.event_name`",
            section.name_of("fields")
        );
        section.bad_value("events", "are names that are read nowhere", &hint);
    }
}
