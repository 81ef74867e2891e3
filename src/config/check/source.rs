//! `[sources.x]`: who sends webhooks and where in them the lead is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::auth::auth_entries;
use super::fields::{self, CAPILLARY_EVENTS};
use super::resolve;
use crate::config::faults::Fault;
use crate::config::raw::{Entry, Value};
use crate::config::section::{MORE_THAN_ZERO, Section, Unit, pointer_fault};
use crate::config::{Fields, RateLimit, SourceConfig, SourceKind};
use crate::diagnostic::did_you_mean;

/// A source beside the one that is being read.
#[derive(Clone, Copy)]
pub(super) struct Named<'t> {
    name: &'t str,
    is_leadping: bool,
}

impl<'t> Named<'t> {
    pub fn of(entry: &'t Entry) -> Self {
        let kind = match &entry.node.value {
            Value::Table(table) => table.get("kind").map(|kind| &kind.node.value),
            _ => None,
        };
        Self {
            name: &entry.key,
            is_leadping: matches!(kind, Some(Value::String(kind)) if kind == "leadping"),
        }
    }
}

fn default_lead(kind: SourceKind) -> &'static [&'static str] {
    match kind {
        SourceKind::Nlpearl => &["/callData/leadpingLeadId"],
        SourceKind::Capillary => &["/extendedFields/leadpingLeadId"],
        SourceKind::Leadping => &[
            "/leadId",
            "/lead/id",
            "/data/leadId",
            "/data/lead/id",
            "/id",
        ],
        SourceKind::Generic => &[],
    }
}

/// What reading a body needs, as it is where the file says nothing but the kind. It admits no
/// webhook.
pub(in crate::config) fn unconfigured(name: &str, kind: SourceKind) -> SourceConfig {
    let events: &[&str] = match kind {
        SourceKind::Capillary => &CAPILLARY_EVENTS,
        _ => &[],
    };
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    SourceConfig {
        name: name.to_owned(),
        kind,
        mapping: name.to_owned(),
        lead: owned(default_lead(kind)),
        fields: Fields::default(),
        links: BTreeMap::new(),
        events: owned(events),
        dedupe_window: Duration::ZERO,
        redelivery: Duration::ZERO,
        rate_limit: None,
        resolve: None,
        auth: Vec::new(),
    }
}

pub(super) fn source(
    name: &str,
    section: &Section<'_>,
    others: &[Named<'_>],
) -> Option<SourceConfig> {
    if !section.has("kind") {
        section.missing(
            "kind",
            "kind = \"nlpearl\", \"capillary\", \"leadping\" or \"generic\"",
        );
    }
    let kinds = SourceKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = section.choice("kind", &kinds);
    check_name(name, kind, section);
    let lead = lead(kind, section);
    let fields = match kind {
        Some(kind) => fields::fields(kind, section, &lead),
        None => {
            section.entry("fields");
            Fields::default()
        }
    };
    let events = fields::events(kind, section);
    if let Some(kind) = kind {
        fields::check_events(kind, section, &fields);
    }
    let source = SourceConfig {
        name: name.to_owned(),
        kind: kind.unwrap_or(SourceKind::Nlpearl),
        mapping: mapping(name, section),
        lead,
        fields,
        links: links(name, section, others),
        events,
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
        resolve: section
            .section("resolve")
            .and_then(|resolve| resolve::read(&resolve)),
        auth: auth_entries(section),
    };
    section.finish();
    kind.map(|_| source)
}

fn lead(kind: Option<SourceKind>, section: &Section<'_>) -> Vec<String> {
    let lead = section.texts("lead", kind.map_or(&["/"], default_lead));
    for (pointer, place) in &lead {
        if let Some(problem) = pointer_fault(pointer) {
            let message = format!("`{}`: `{pointer}` {problem}", section.name_of("lead"));
            section
                .faults
                .report(Fault::error(place, message).hint("a JSON pointer, such as \"/lead/id\""));
        }
    }
    lead.into_iter().map(|(pointer, _)| pointer).collect()
}

/// The name is part of a path, of park causes and of metric labels.
fn check_name(name: &str, kind: Option<SourceKind>, section: &Section<'_>) {
    if name == SourceKind::Leadping.as_str()
        && kind.is_some_and(|kind| kind != SourceKind::Leadping)
    {
        let message = "a source called `leadping` must be of kind `leadping`";
        section.faults.report(
            Fault::error(&section.place, message)
                .hint("its lead ids would be taken for LeadPing's own"),
        );
    }
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

fn links(name: &str, section: &Section<'_>, all: &[Named<'_>]) -> BTreeMap<String, String> {
    let Some(links) = section.section("links") else {
        return BTreeMap::new();
    };
    let others = || {
        all.iter()
            .map(|other| other.name)
            .filter(|other| *other != name)
    };
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
        if all
            .iter()
            .any(|other| other.is_leadping && other.name == entry.key && entry.key != name)
        {
            let message = format!(
                "`{}` names `{}`, whose lead ids are LeadPing's own",
                links.path, entry.key
            );
            let fault = Fault::error(&entry.key_place, message);
            section
                .faults
                .report(fault.hint("add the pointer to `lead` instead"));
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
