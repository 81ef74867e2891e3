//! The house rules that a machine can check, read from the sources themselves.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may what it stands on"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const MOST_PRODUCTION_LINES: usize = 500;

/// The rooms of the walk that hold no IO, no clock and no dice.
const PURE: &[&str] = &[
    "verify",
    "map",
    "decide",
    "systems",
    "deliver/limit",
    "deliver/schedule",
    "deliver/breaker",
    "deliver/judge",
    "deliver/health",
    "explain",
    "schema",
    "plan",
    "lead/identity",
    "lead/after",
    "examples",
];

/// What a pure room never says, and which of them may.
const IMPURE_WORDS: &[(&str, &[&str])] = &[
    ("async ", &[]),
    (".await", &[]),
    ("rusqlite", &[]),
    ("reqwest", &[]),
    ("Timestamp::now", &[]),
    ("SystemTime::now", &[]),
    // The limit runs on the machine's monotonic clock.
    ("Instant::now", &["deliver/limit"]),
    ("RandomState", &[]),
    ("std::env", &[]),
    // The tables are read by the one function that `app` calls.
    ("std::fs", &["map/load"]),
];

/// Ground and nouns: whom anybody may use.
const NOUNS: &[&str] = &[
    "clock",
    "config",
    "diagnostic",
    "secret",
    "event",
    "lead",
    "decision",
    "delivery",
    "telemetry",
];

/// Whom each room may use besides itself and, where it says so, the nouns. What is not listed may
/// use nobody.
fn allowed(room: &str) -> Vec<&'static str> {
    let with_nouns = |rooms: &[&'static str]| [NOUNS, rooms].concat();
    match room {
        "main" => vec!["cli"],
        "cli" | "app" => with_nouns(&[
            "app", "explain", "examples", "plan", "receive", "verify", "record", "decider", "map",
            "decide", "deliver", "resolve", "systems", "store", "admin", "web", "listen",
            "problem", "schema", "sandbox", "review",
        ]),
        "receive" => with_nouns(&["verify", "record", "listen", "problem", "systems"]),
        "verify" => vec!["config", "secret", "clock"],
        "record" => with_nouns(&["verify", "systems", "store"]),
        "decider" => with_nouns(&["map", "decide", "deliver", "systems", "store"]),
        "map" => vec![
            "config",
            "diagnostic",
            "event",
            "lead",
            "decision",
            "systems",
        ],
        "decide" => vec![
            "config", "event", "lead", "decision", "delivery", "map", "systems",
        ],
        "deliver" => with_nouns(&["systems", "store"]),
        "resolve" => with_nouns(&["decider", "deliver", "store", "systems"]),
        "systems" => vec!["config", "decision", "event", "delivery", "lead"],
        "store" => vec!["decision", "delivery", "event", "lead"],
        "explain" => vec![
            "config", "decide", "decision", "event", "lead", "map", "systems",
        ],
        "plan" => vec![
            "config", "decider", "decision", "delivery", "event", "explain", "lead", "map",
            "store", "systems",
        ],
        "review" => vec![
            "config", "decider", "event", "explain", "lead", "map", "plan", "store",
        ],
        "examples" => with_nouns(&["decide", "explain", "map", "systems"]),
        "admin" => with_nouns(&[
            "decider", "explain", "plan", "deliver", "decide", "map", "review", "store", "problem",
            "systems",
        ]),
        "web" => with_nouns(&[
            "admin", "decider", "deliver", "explain", "map", "problem", "store", "systems",
        ]),
        "schema" => vec!["config", "event", "map", "systems"],
        "listen" => vec!["config", "clock", "problem", "telemetry"],
        "sandbox" => vec!["clock", "config", "secret", "verify"],
        "decision" => vec!["delivery", "event", "lead", "map"],
        "delivery" => vec!["event", "lead"],
        "lead" => vec!["decision", "delivery", "event"],
        "config" => vec!["diagnostic", "secret"],
        "telemetry" => vec!["clock", "config", "secret", "event", "delivery"],
        _ => vec![],
    }
}

struct Source {
    /// `deliver/health`, without the ending.
    name: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.name.split('/').any(|part| part == "tests")
    }

    fn room(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The lines before the file's own test module, without comments.
    fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self
            .text
            .find("#[cfg(test)]\nmod tests {")
            .unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate();
        lines
            .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}

fn files_under(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, ending, found);
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let source = root().join("src");
    let mut paths = Vec::new();
    files_under(&source, "rs", &mut paths);
    paths.sort();
    assert!(paths.len() > 50, "the sources were not found");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&source).unwrap().with_extension("");
        Source {
            name: name.to_str().unwrap().replace('\\', "/"),
            text: std::fs::read_to_string(&path).unwrap(),
        }
    };
    paths.into_iter().map(read).collect()
}

/// Collects what is wrong everywhere, then says all of it at once.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn add(&mut self, file: &str, line: usize, what: impl std::fmt::Display) {
        let _ = writeln!(self.0, "src/{file}.rs:{line}: {what}");
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

fn is_in(name: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| {
        name.strip_prefix(room)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[test]
fn pure_rooms_stay_pure() {
    let mut findings = Findings::default();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let Some(room) = PURE.iter().find(|room| is_in(&source.name, &[room])) else {
            continue;
        };
        *seen.entry(room).or_default() += 1;
        for (number, line) in source.production() {
            for (word, may) in IMPURE_WORDS {
                if line.contains(word) && !is_in(&source.name, may) {
                    findings.add(
                        &source.name,
                        number,
                        format_args!("a pure room says `{word}`"),
                    );
                }
            }
        }
    }
    assert_eq!(seen.len(), PURE.len(), "a pure room has gone: {seen:?}");
    findings.none();
}

/// The rooms that a line of code names: `crate::room::…`, also inside `use crate::{a::…, b}`.
fn rooms_named(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .flat_map(|(at, found)| {
            let rest = &line[at + found.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split(',').collect(),
                None => vec![rest],
            };
            names.into_iter().map(|name| {
                let name = name.trim();
                let end = name
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(name.len());
                name[..end].to_owned()
            })
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn arrows_go_one_way() {
    let sources = sources();
    let rooms: Vec<&str> = sources.iter().map(Source::room).collect();
    let mut findings = Findings::default();
    let mut arrows = 0;
    for source in sources.iter().filter(|source| !source.is_test()) {
        let room = source.room();
        let may = allowed(room);
        for (number, line) in source.production() {
            if line.trim_end().ends_with("crate::{") {
                findings.add(
                    &source.name,
                    number,
                    "one `use` per room, so that arrows can be read",
                );
            }
            for named in rooms_named(line)
                .iter()
                .filter(|named| rooms.contains(&named.as_str()))
            {
                arrows += 1;
                if named != room && !may.contains(&named.as_str()) {
                    findings.add(
                        &source.name,
                        number,
                        format_args!("`{room}` may not use `{named}`"),
                    );
                }
            }
        }
    }
    assert!(arrows > 100, "only {arrows} arrows were seen");
    findings.none();
}

#[test]
fn the_layers_themselves_allow_no_way_back() {
    for (low, high) in [
        ("store", "deliver"),
        ("store", "receive"),
        ("store", "map"),
        ("decide", "store"),
        ("decide", "deliver"),
        ("map", "decide"),
        ("systems", "map"),
        ("verify", "record"),
        ("record", "decide"),
        ("deliver", "decide"),
        ("admin", "app"),
        ("receive", "app"),
    ] {
        assert!(!allowed(low).contains(&high), "{low} → {high}");
    }
    for room in [
        "receive", "verify", "record", "decider", "map", "decide", "deliver", "store", "admin",
        "web",
    ] {
        assert!(
            !allowed(room).contains(&"app") && !allowed(room).contains(&"cli"),
            "{room}"
        );
        assert!(
            !allowed(room).contains(&"sandbox"),
            "{room} knows the sandbox"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut findings = Findings::default();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            findings.add(&source.name, 1, "opens without `//!`");
        }
        if source.name.ends_with("/mod") {
            findings.add(&source.name, 1, "is a mod.rs");
        }
        for vague in ["utils", "util", "common", "helpers", "helper", "misc"] {
            if source.name.split('/').any(|part| part == vague) {
                findings.add(&source.name, 1, "its name does not say what is inside");
            }
        }
    }
    findings.none();
}

#[test]
fn files_fit_into_a_head() {
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let lines = source.production().count();
        if lines > MOST_PRODUCTION_LINES {
            findings.add(
                &source.name,
                1,
                format_args!("{lines} lines of production code"),
            );
        }
    }
    findings.none();
}

#[test]
fn production_code_never_unwraps() {
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (number, line) in source.production() {
            for word in [
                ".unwrap()",
                "todo!(",
                "unimplemented!(",
                "dbg!(",
                ".expect(\"\")",
            ] {
                if line.contains(word) {
                    findings.add(&source.name, number, word);
                }
            }
            if line.contains("#[allow(") {
                findings.add(
                    &source.name,
                    number,
                    "`allow` where `expect` with a reason belongs",
                );
            }
        }
    }
    findings.none();
}

#[test]
fn nothing_names_the_place_where_it_was_made() {
    // Put together here, so that this file does not name them either.
    let words = ["work", "tmp", "root", "home"].map(|folder| format!("/{folder}/"));
    let named = |line: &str| words.iter().any(|word| names_a_folder(line, word));
    assert_eq!(lines_of_the_project(named), "");
}

#[test]
fn no_merge_is_left_half_done() {
    let markers = ["<", ">", "|"].map(|sign| sign.repeat(7) + " ");
    let marked = |line: &str| {
        markers
            .iter()
            .any(|marker| line.starts_with(marker.as_str()))
    };
    assert_eq!(lines_of_the_project(marked), "");
}

/// Where something stands in any text of ours.
fn lines_of_the_project(is_meant: impl Fn(&str) -> bool) -> String {
    let endings = ["rs", "toml", "md", "sql", "yml", "yaml", "sh", "json"];
    let mut paths = Vec::new();
    for folder in [
        "src",
        "tests",
        "config",
        "mappings",
        "migrations",
        "benches",
        "docs",
        "deploy",
    ] {
        let folder = root().join(folder);
        for ending in endings.iter().filter(|_| folder.is_dir()) {
            files_under(&folder, ending, &mut paths);
        }
    }
    let beside = std::fs::read_dir(root()).unwrap();
    let beside = beside.map(|entry| entry.unwrap().path());
    // A checkout may have a file `.git` that says where it was made.
    paths.extend(beside.filter(|path| path.is_file() && !path.ends_with(".git")));
    let mut found = String::new();
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| is_meant(line)) {
            let _ = writeln!(found, "{}:{}: {line}", path.display(), number + 1);
        }
    }
    found
}

/// As a path from the root, not as the middle of another path.
fn names_a_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !before.is_ascii_alphanumeric() && !"_-.}/".contains(before))
    })
}
