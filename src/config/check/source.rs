//! `[sources.x]`: who sends webhooks and where in them the lead is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::auth::auth_entries;
use crate::config::faults::Fault;
use crate::config::section::{MORE_THAN_ZERO, Section, Unit};
use crate::config::{RateLimit, SourceConfig, SourceKind};
use crate::diagnostic::did_you_mean;

/// Capillary event names that change a lead's status.
const CAPILLARY_EVENTS: [&str; 3] = ["leadUpdated", "leadStatusUpdated", "leadStatusChanged"];

fn default_lead(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Nlpearl => "/callData/leadpingLeadId",
        SourceKind::Capillary => "/extendedFields/leadpingLeadId",
    }
}

/// What reading a body needs, as it is where the file says nothing but the kind. It admits no
/// webhook.
pub(in crate::config) fn unconfigured(name: &str, kind: SourceKind) -> SourceConfig {
    let events: &[&str] = match kind {
        SourceKind::Capillary => &CAPILLARY_EVENTS,
        SourceKind::Nlpearl => &[],
    };
    SourceConfig {
        name: name.to_owned(),
        kind,
        mapping: name.to_owned(),
        lead: vec![default_lead(kind).to_owned()],
        links: BTreeMap::new(),
        events: events.iter().map(|name| (*name).to_owned()).collect(),
        dedupe_window: Duration::ZERO,
        redelivery: Duration::ZERO,
        rate_limit: None,
        auth: Vec::new(),
    }
}

pub(super) fn source(name: &str, section: &Section<'_>, names: &[&str]) -> Option<SourceConfig> {
    check_name(name, section);
    if !section.has("kind") {
        section.missing("kind", "kind = \"nlpearl\" or \"capillary\"");
    }
    if section.refuse_unbuilt("kind", &["leadping", "generic"]) {
        return None;
    }
    let kinds = [
        ("nlpearl", SourceKind::Nlpearl),
        ("capillary", SourceKind::Capillary),
    ];
    let kind = section.choice("kind", &kinds);
    let lead = section.texts("lead", &[kind.map_or("/", default_lead)]);
    for (pointer, place) in &lead {
        if let Some(problem) = pointer_fault(pointer) {
            let message = format!("`{}`: `{pointer}` {problem}", section.name_of("lead"));
            section
                .faults
                .report(Fault::error(place, message).hint("a JSON pointer, such as \"/lead/id\""));
        }
    }
    let source = SourceConfig {
        name: name.to_owned(),
        kind: kind.unwrap_or(SourceKind::Nlpearl),
        mapping: mapping(name, section),
        lead: lead.into_iter().map(|(pointer, _)| pointer).collect(),
        links: links(name, section, names),
        events: events(kind, section),
        dedupe_window: section.duration(
            "dedupe_window_hours",
            Unit::Hours,
            168.0,
            MORE_THAN_ZERO..=87_600.0,
        ),
        redelivery: section.duration("redelivery_seconds", Unit::Seconds, 120.0, 0.0..=86_400.0),
        rate_limit: section
            .section("rate_limit")
            .map(|limit| rate_limit(&limit, None)),
        auth: auth_entries(section),
    };
    section.finish();
    kind.map(|_| source)
}

/// The name is part of a path, of park causes and of metric labels.
fn check_name(name: &str, section: &Section<'_>) {
    let plain = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !(plain && begins && name.len() <= 64) {
        section.faults.report(
            Fault::error(
                &section.place,
                "a source's name has up to 64 letters, digits, hyphens, dots and underscores",
            )
            .hint("it is part of the webhook's path: /webhooks/{source}"),
        );
    }
}

fn mapping(name: &str, section: &Section<'_>) -> String {
    let mapping = section.text("mapping").unwrap_or(name);
    if mapping.is_empty() || mapping.starts_with('.') || mapping.contains(['/', '\\']) {
        section.bad_value(
            "mapping",
            "is not a table's name",
            "`voice` stands for voice.toml in mappings.dir",
        );
    }
    mapping.to_owned()
}

fn events(kind: Option<SourceKind>, section: &Section<'_>) -> Vec<String> {
    match kind {
        Some(SourceKind::Capillary) | None => section
            .texts("events", &CAPILLARY_EVENTS)
            .into_iter()
            .map(|(event, _)| event)
            .collect(),
        Some(SourceKind::Nlpearl) => {
            if section.entry("events").is_some() {
                let problem = "has no meaning for kind `nlpearl`, whose webhooks name no event";
                section.bad_value("events", problem, "remove it");
            }
            Vec::new()
        }
    }
}

fn links(name: &str, section: &Section<'_>, names: &[&str]) -> BTreeMap<String, String> {
    let Some(links) = section.section("links") else {
        return BTreeMap::new();
    };
    let others = || names.iter().copied().filter(|other| *other != name);
    let mut found = BTreeMap::new();
    for entry in links.entries() {
        if !others().any(|other| other == entry.key) {
            let message = if entry.key == name {
                format!("`{}` names the source itself", links.path)
            } else {
                format!("`{}` names no source: `{}`", links.path, entry.key)
            };
            let hint = match did_you_mean(&entry.key, others()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "a link names another configured source".to_owned(),
            };
            // After a syntax error the other source may just not have been read.
            let fault = Fault::missing(&entry.key_place, message);
            section.faults.report(fault.hint(hint));
        }
        let Some(pointer) = links.text_of(&links.name_of(&entry.key), &entry.node) else {
            continue;
        };
        if let Some(problem) = pointer_fault(pointer) {
            links.bad_value(
                &entry.key,
                problem,
                "a JSON pointer, such as \"/externalId\"",
            );
        }
        found.insert(entry.key.clone(), pointer.to_owned());
    }
    found
}

fn pointer_fault(pointer: &str) -> Option<&'static str> {
    if !pointer.starts_with('/') {
        return Some("must begin with `/`");
    }
    let escapes_hold = pointer
        .split('~')
        .skip(1)
        .all(|after| after.starts_with(['0', '1']));
    (!escapes_hold).then_some("has a `~` that is not `~0` or `~1`")
}

/// `{ requests, per_seconds, burst }`. Without defaults every key but `burst` is required.
pub(super) fn rate_limit(section: &Section<'_>, defaults: Option<RateLimit>) -> RateLimit {
    if defaults.is_none() {
        for key in ["requests", "per_seconds"] {
            if !section.has(key) {
                section.missing(key, "such as { requests = 600, per_seconds = 60 }");
            }
        }
    }
    let fallback = defaults.unwrap_or(RateLimit {
        requests: 600,
        per: Duration::from_secs(60),
        burst: u32::MAX,
    });
    let requests = section.whole("requests", fallback.requests, 1..=10_000_000);
    let per = section.duration(
        "per_seconds",
        Unit::Seconds,
        fallback.per.as_secs_f64(),
        0.001..=86_400.0,
    );
    let burst = section.whole("burst", fallback.burst.min(requests), 1..=10_000_000);
    if burst > requests {
        section.bad_value(
            "burst",
            format!("is more than `requests` ({requests}), so one burst would break the limit"),
            "make it smaller",
        );
    }
    section.finish();
    RateLimit {
        requests,
        per,
        burst,
    }
}
