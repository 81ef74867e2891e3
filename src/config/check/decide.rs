//! `[decide]`: whose word counts, and what happens when words come thick and fast.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::faults::Fault;
use crate::config::section::{MORE_THAN_ZERO, Section, Unit};
use crate::config::{DecideConfig, OnNewer, SourceConfig, WriteBudget};
use crate::diagnostic::did_you_mean;

const TERMINAL: &[&str] = &["Converted"];
const AUTHORITY: &[&str] = &["crm", "voice"];
const ECHO_WINDOW_SECONDS: f64 = 600.0;
const RETURNS: u32 = 20;
const PER_SECONDS: f64 = 600.0;
/// A lead's returns are kept beside its state: a budget has to stay small.
const MOST_RETURNS: u32 = 1000;
/// LeadPing's own words; the check of the tables knows them from its vocabulary.
const CATEGORIES: &[&str] = &[
    "Open",
    "Qualified",
    "Converted",
    "Lost",
    "Invalid",
    "Duplicate",
];

/// The values of a file that does not mention `[decide]`.
pub(in crate::config) fn default_decide() -> DecideConfig {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    DecideConfig {
        terminal_categories: words(TERMINAL),
        authority: words(AUTHORITY),
        on_newer: OnNewer::Queue,
        echo_window: Duration::from_secs_f64(ECHO_WINDOW_SECONDS),
        write_budget: WriteBudget {
            returns: RETURNS,
            per: Duration::from_secs_f64(PER_SECONDS),
        },
    }
}

pub(super) fn decide(
    section: &Section<'_>,
    sources: &BTreeMap<String, SourceConfig>,
) -> DecideConfig {
    let choices = [("queue", OnNewer::Queue), ("supersede", OnNewer::Supersede)];
    let decide = DecideConfig {
        terminal_categories: listed(section, "terminal_categories", TERMINAL, |word| {
            if CATEGORIES.contains(&word) {
                return None;
            }
            let problem = format!("`{word}` is no category of LeadPing");
            Some((problem, near(word, CATEGORIES.iter().copied())))
        }),
        authority: listed(section, "authority", AUTHORITY, |word| {
            // What no source answers to in the defaults harms nobody.
            if sources.contains_key(word) || !section.has("authority") {
                return None;
            }
            let problem = format!("`{word}` is no source");
            Some((problem, near(word, sources.keys().map(String::as_str))))
        }),
        on_newer: section
            .choice("on_newer", &choices)
            .unwrap_or(OnNewer::Queue),
        echo_window: section.duration(
            "echo_window_seconds",
            Unit::Seconds,
            ECHO_WINDOW_SECONDS,
            MORE_THAN_ZERO..=604_800.0,
        ),
        write_budget: write_budget(section),
    };
    section.finish();
    decide
}

/// A list in which every word is checked and none stands twice.
fn listed(
    section: &Section<'_>,
    key: &'static str,
    default: &[&str],
    fault_of: impl Fn(&str) -> Option<(String, String)>,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (word, place) in section.texts(key, default) {
        let name = section.name_of(key);
        if let Some((problem, hint)) = fault_of(&word) {
            // After a syntax error what it names may just not have been read.
            let fault = Fault::missing(&place, format!("`{name}`: {problem}"));
            section.faults.report(fault.hint(hint));
        } else if found.contains(&word) {
            let fault = Fault::error(&place, format!("`{name}` names `{word}` twice"));
            section.faults.report(fault.hint("name it once"));
        }
        found.push(word);
    }
    found
}

fn near<'w>(word: &str, words: impl Iterator<Item = &'w str> + Clone) -> String {
    match did_you_mean(word, words.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", words.collect::<Vec<_>>().join(", ")),
    }
}

fn write_budget(decide: &Section<'_>) -> WriteBudget {
    let empty = Default::default();
    let section = decide.section("write_budget").unwrap_or_else(|| {
        Section::new(
            decide.name_of("write_budget"),
            &empty,
            decide.place.clone(),
            decide.faults,
        )
    });
    let budget = WriteBudget {
        returns: section.whole("returns", RETURNS, 1..=MOST_RETURNS),
        per: section.duration("per_seconds", Unit::Seconds, PER_SECONDS, 1.0..=86_400.0),
    };
    section.finish();
    budget
}
