//! Everything under `deploy/`, and the Dockerfile, against the program: what they name exists here,
//! and what they promise holds.

use std::collections::BTreeMap;

use clap::Parser;
use leadping_bridge::cli::Arguments;
use leadping_bridge::config::{self, Config};
use serde_json::Value;

mod containers;
mod dashboards;
mod host;
mod rules;

/// After SIGTERM the bridge needs its grace, and some time to write down and to say its last.
const MARGIN_SECONDS: f64 = 15.0;

fn shipped(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&shipped(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `a.b.0.c` of a parsed file, which must be there.
#[track_caller]
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, part| {
        let inner = match part.parse::<usize>() {
            Ok(place) => value.get(place),
            Err(_) => value.get(part),
        };
        inner.unwrap_or_else(|| panic!("there is no {part} of {path} in {value:#}"))
    })
}

#[track_caller]
fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    let found = at(value, path);
    found.as_str().unwrap_or_else(|| panic!("{path}: {found}"))
}

fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    at(value, path).as_array().unwrap()
}

/// The configuration that `serve` would see with these variables; without a single finding, but
/// for those that are allowed.
#[track_caller]
fn config_with(
    file: &std::path::Path,
    variables: &BTreeMap<String, String>,
    allowed: &[&str],
) -> Config {
    let (config, findings) =
        config::load(file, variables.clone()).unwrap_or_else(|findings| panic!("{findings:#?}"));
    for finding in findings {
        let told = finding.to_string();
        assert!(allowed.iter().any(|word| told.contains(word)), "{told}");
    }
    config
}

fn reference() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bridge.toml")
}

/// A command line that the program understands.
#[track_caller]
fn is_command<'w>(words: impl IntoIterator<Item = &'w str>) {
    let words: Vec<&str> = std::iter::once("leadping-bridge").chain(words).collect();
    if let Err(error) = Arguments::try_parse_from(&words) {
        panic!("{words:?}: {error}");
    }
}

/// What a Dockerfile's instruction of this name says, over its continued lines.
fn docker(instruction: &str) -> Vec<String> {
    let joined = shipped("Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| {
        let (word, rest) = line.split_once(' ')?;
        (word == instruction).then(|| rest.trim().to_owned())
    });
    lines.collect()
}

/// What the image sets by itself.
fn image_variables() -> BTreeMap<String, String> {
    let pairs = docker("ENV");
    let words = pairs.iter().flat_map(|line| line.split_whitespace());
    words
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("NAME=value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}
