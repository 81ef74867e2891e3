//! `[sources.x.resolve]`: which target is asked whose lead this is. What it needs of the other
//! sources and of the targets is checked once all of them have been read.

use std::collections::BTreeMap;

use crate::config::faults::Fault;
use crate::config::section::{Section, Unit};
use crate::config::{
    ResolveBy, ResolveConfig, SourceConfig, SourceKind, TargetConfig, TargetSystem,
};
use crate::diagnostic::did_you_mean;

/// Where NLPearl keeps the id by which it can be asked for a lead.
const EXTERNAL_ID: &str = "/externalId";
/// Each is asked in turn.
const MOST_PEARLS: usize = 32;

/// What the section says by itself.
pub(super) fn read(section: &Section<'_>) -> Option<ResolveConfig> {
    if !section.has("target") {
        section.missing("target", "target = \"nlpearl\", the target that is asked");
    }
    let target = section.text("target");
    let nothing_for = section.duration(
        "nothing_for_seconds",
        Unit::Seconds,
        3600.0,
        1.0..=31_536_000.0,
    );
    let pearls = section.texts("pearls", &[]);
    if pearls.len() > MOST_PEARLS {
        section.bad_value("pearls", format!("has more than {MOST_PEARLS}"), "");
    }
    for (pearl, place) in &pearls {
        let is_id = !pearl.is_empty() && pearl.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id {
            let message = format!("`{}` is a list of pearl ids", section.name_of("pearls"));
            section.faults.report(Fault::error(place, message));
        }
    }
    section.finish();
    Some(ResolveConfig {
        target: target?.to_owned(),
        nothing_for,
        // `check` knows the source's kind and the other sources.
        by: ResolveBy::ExternalId {
            through: String::new(),
            pearls: pearls.into_iter().map(|(pearl, _)| pearl).collect(),
        },
    })
}

pub(super) fn check(
    sources_section: &Section<'_>,
    sources: &mut BTreeMap<String, SourceConfig>,
    targets: &BTreeMap<String, TargetConfig>,
) {
    let speakers: Vec<Speaker> = sources.values().filter_map(Speaker::of).collect();
    for entry in sources_section.entries() {
        let Some(source) = sources.get_mut(&entry.key) else {
            continue;
        };
        let section = sources_section.subsection(entry);
        let section = section.and_then(|section| section.section("resolve"));
        let (Some(section), Some(resolve)) = (section, &mut source.resolve) else {
            continue;
        };
        let Some(outbound_ids) = asked(&section, &resolve.target, targets) else {
            continue;
        };
        match source.kind {
            SourceKind::Nlpearl => {
                if section.has("pearls") {
                    let problem =
                        "is for sources of other kinds: NLPearl's webhooks name the pearl";
                    section.bad_value("pearls", problem, "remove it");
                }
                resolve.by = ResolveBy::Id;
            }
            SourceKind::Leadping => {
                let problem =
                    "asks for what every webhook of this source says: the LeadPing lead id";
                section.bad_value("target", problem, "remove the table");
            }
            SourceKind::Capillary | SourceKind::Generic => {
                if let ResolveBy::ExternalId { through, pearls } = &mut resolve.by {
                    *through = speaker_for(&section, &source.name, &speakers).unwrap_or_default();
                    if pearls.is_empty() {
                        *pearls = outbound_ids.into_keys().take(MOST_PEARLS).collect();
                    }
                    if pearls.is_empty() {
                        section.missing("pearls", "the pearls whose leads are looked through");
                    }
                }
            }
        }
    }
}

/// A source of NLPearl's, and whose lead ids its leads have as external id.
struct Speaker {
    name: String,
    external_ids_of: Vec<String>,
}

impl Speaker {
    fn of(source: &SourceConfig) -> Option<Self> {
        let links = source.links.iter();
        (source.kind == SourceKind::Nlpearl).then(|| Self {
            name: source.name.clone(),
            external_ids_of: links
                .filter(|(_, pointer)| *pointer == EXTERNAL_ID)
                .map(|(other, _)| other.clone())
                .collect(),
        })
    }
}

/// The outbound ids of the target that is asked, if it can be.
fn asked(
    section: &Section<'_>,
    name: &str,
    targets: &BTreeMap<String, TargetConfig>,
) -> Option<BTreeMap<String, String>> {
    match targets.get(name).map(|target| &target.system) {
        Some(TargetSystem::Nlpearl(target)) => Some(target.outbound_ids.clone()),
        Some(_) => {
            let problem =
                format!("cannot be asked whose lead it is: `{name}` is not of kind nlpearl");
            section.bad_value("target", problem, "");
            None
        }
        None => {
            let message = format!("`{}` names no target: `{name}`", section.name_of("target"));
            let hint = match did_you_mean(name, targets.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add [targets.nlpearl], whose credential and limits are used".to_owned(),
            };
            // After a syntax error the target may just not have been read.
            let fault = Fault::missing(&section.place_of("target"), message);
            section.faults.report(fault.hint(hint));
            None
        }
    }
}

/// The source whose leads have an id of `name` as their external id.
fn speaker_for(section: &Section<'_>, name: &str, speakers: &[Speaker]) -> Option<String> {
    let linked = |speaker: &&Speaker| speaker.external_ids_of.iter().any(|other| other == name);
    let mut found = speakers.iter().filter(linked);
    match (found.next(), found.next()) {
        (Some(speaker), None) => return Some(speaker.name.clone()),
        (None, _) => section.bad_value(
            "target",
            format!("is asked by external id, and no source says that this is an id of `{name}`"),
            &format!("a source of kind nlpearl with links = {{ {name} = \"{EXTERNAL_ID}\" }}"),
        ),
        (Some(one), Some(other)) => section.bad_value(
            "target",
            format!(
                "is ambiguous: `{}` and `{}` both link `{name}` by {EXTERNAL_ID}",
                one.name, other.name
            ),
            "leave that link to one of them",
        ),
    }
    None
}
