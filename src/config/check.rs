//! The tree, turned into checked types: one file per concern, and here what concerns several.
//!
//! Every fault is reported, none stops the reading. No IO, no clock, no secret is read.

mod auth;
mod decide;
mod fields;
mod resolve;
mod server;
mod source;
mod target;
mod telemetry;

pub(super) use decide::default_decide;
pub(super) use source::unconfigured as unconfigured_source;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::faults::{Fault, Faults};
use super::load::TablesWanted;
use super::raw::{Place, Table};
use super::section::Section;
use super::{Config, SourceConfig, SourceKind, StoreConfig, TargetConfig};

/// What could be made of the tree.
pub(super) struct Checked {
    /// `None` where a part could not be made; its fault is reported then.
    pub config: Option<Config>,
    pub tables: TablesWanted,
}

pub(super) fn check(root: &Table, faults: &Faults) -> Checked {
    let root = Section::root(root, faults);
    let empty = Table::default();
    let section = |key| {
        root.section(key).unwrap_or_else(|| {
            Section::new(String::from(key), &empty, Place::in_file(0..0), faults)
        })
    };

    let server_section = section("server");
    let server = server::server(&server_section);
    let admin_section = section("admin");
    let admin = server::admin(&admin_section);
    if overlap(server.listen, admin.listen) {
        admin_section.bad_value(
            "listen",
            format!("overlaps `server.listen` ({})", server.listen),
            "give the admin listener a port of its own",
        );
    }
    let store_section = section("store");
    let store = server::store(&store_section);
    let mappings = server::mappings(&section("mappings"));
    let sources_section = section("sources");
    let mut sources = sources(&sources_section);
    let targets = targets(&section("targets"));
    resolve::check(&sources_section, &mut sources.found, &targets.found);
    let decide = decide::decide(&section("decide"), &sources.found);
    let telemetry = telemetry::telemetry(&section("telemetry"));
    root.finish();

    if let Some(store) = &store {
        warn_short_retention(&store_section, store, &sources.found);
    }
    let tables = TablesWanted {
        dir: mappings.dir.clone(),
        kinds: mapping_kinds(&sources.found),
        uses: sources.sound.then(|| {
            let each = sources.found.values();
            each.map(|source| (source.name.clone(), source.mapping.clone()))
                .collect()
        }),
    };
    let parts = (store, sources.all_sound(), targets.all_sound());
    let config = match parts {
        (Some(store), Some(sources), Some(targets)) => Some(Config {
            server,
            admin,
            store,
            mappings,
            decide,
            telemetry,
            sources,
            targets,
        }),
        _ => None,
    };
    Checked { config, tables }
}

/// What could be made of the entries of a table.
struct Made<T> {
    found: BTreeMap<String, T>,
    sound: bool,
}

impl<T> Made<T> {
    fn all_sound(self) -> Option<BTreeMap<String, T>> {
        self.sound.then_some(self.found)
    }
}

/// By the mapping's name, the kind whose vocabulary it speaks.
pub(super) fn mapping_kinds(
    sources: &BTreeMap<String, SourceConfig>,
) -> BTreeMap<String, SourceKind> {
    sources
        .values()
        .map(|source| (source.mapping.clone(), source.kind))
        .collect()
}

/// Whether one of the two could not be bound beside the other.
fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    let same_address =
        left.ip() == right.ip() || left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && same_address
}

fn sources(section: &Section<'_>) -> Made<SourceConfig> {
    if section.entries().is_empty() {
        section.faults.report(
            Fault::missing(&section.place, "no source is configured")
                .hint("add one, such as [sources.voice] with kind = \"nlpearl\""),
        );
    }
    let names: Vec<&str> = section.entries().iter().map(|e| e.key.as_str()).collect();
    let named: Vec<source::Named<'_>> = section.entries().iter().map(source::Named::of).collect();
    let mut sources = BTreeMap::new();
    let mut mappings: BTreeMap<String, (String, SourceKind)> = BTreeMap::new();
    let mut sound = true;
    for (index, entry) in section.entries().iter().enumerate() {
        let twin = names[..index]
            .iter()
            .find(|earlier| earlier.eq_ignore_ascii_case(&entry.key));
        if let Some(twin) = twin {
            section.faults.report(
                Fault::error(
                    &entry.key_place,
                    format!("sources `{twin}` and `{}` differ only in case", entry.key),
                )
                .hint("their webhook paths would be mistaken for each other"),
            );
        }
        let Some(inner) = section.subsection(entry) else {
            continue;
        };
        let Some(source) = source::source(&entry.key, &inner, &named) else {
            sound = false;
            continue;
        };
        let (first, kind) = mappings
            .entry(source.mapping.clone())
            .or_insert_with(|| (source.name.clone(), source.kind));
        if *kind != source.kind {
            let problem = format!(
                "`{}` is the mapping of `{first}` too, which is of another kind",
                source.mapping
            );
            inner.bad_value("mapping", problem, "a table speaks one vendor's vocabulary");
        }
        sources.insert(source.name.clone(), source);
    }
    Made {
        found: sources,
        sound,
    }
}

fn targets(section: &Section<'_>) -> Made<TargetConfig> {
    if section.entries().is_empty() {
        section.faults.report(
            Fault::missing(&section.place, "no target is configured")
                .hint("add [targets.leadping] with kind = \"leadping\" and its token"),
        );
    }
    let mut targets = BTreeMap::new();
    let mut sound = true;
    for entry in section.entries() {
        let inner = section.subsection(entry);
        match inner.and_then(|inner| target::target(&entry.key, &inner)) {
            Some(target) => {
                targets.insert(target.name.clone(), target);
            }
            None => sound = false,
        }
    }
    Made {
        found: targets,
        sound,
    }
}

/// Retention takes the dedupe keys with it.
fn warn_short_retention(
    section: &Section<'_>,
    store: &StoreConfig,
    sources: &BTreeMap<String, SourceConfig>,
) {
    let longer = sources
        .values()
        .find(|source| source.dedupe_window > store.retention);
    if let Some(source) = longer {
        let message = format!(
            "`store.retention_days` is shorter than `sources.{}.dedupe_window_hours`",
            source.name
        );
        let place = section.place_of("retention_days");
        section.faults.report(
            Fault::warning(&place, message).hint(
                "what has been removed is not recognised when it is sent again: keep it longer",
            ),
        );
    }
}
