//! Finds the examples that lie beside the tables, and reads their files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::{read_if_there, source_file};
use crate::diagnostic::{Finding, SourceFile};
use crate::examples::{self, Expectation};
use crate::receive::check_body;
use crate::systems;

/// Inside the directory of the tables.
pub(super) const FOLDER: &str = "examples";
const PAYLOAD: &str = ".json";
const EXPECTATION: &str = ".expect.toml";

/// An expectation and the file it was read from.
pub(super) type ReadExpectation = (SourceFile, Expectation);

/// A payload, and where its expectation is or would be.
pub(super) struct Found {
    pub(super) mapping: String,
    pub(super) name: String,
    pub(super) payload: PathBuf,
    pub(super) expectation: PathBuf,
}

impl Found {
    /// `voice/voicemail`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.mapping, self.name)
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        name == self.mapping || name == self.full_name()
    }

    /// `None` without such a file; the inner error is what is wrong with it.
    pub(super) fn read_expectation(
        &self,
    ) -> anyhow::Result<Result<Option<ReadExpectation>, Vec<Finding>>> {
        let Some(text) = read_if_there(&self.expectation)? else {
            return Ok(Ok(None));
        };
        let file = source_file(&self.expectation, text);
        let (expectation, findings) = examples::parse(&file);
        Ok(match expectation {
            Some(expectation) => Ok(Some((file, expectation))),
            None => Err(findings),
        })
    }

    /// A webhook's body must be one that the bridge takes. What is wrong is told without showing it.
    pub(super) fn read_payload(&self, max_bytes: usize) -> anyhow::Result<Result<Value, Finding>> {
        let bytes = std::fs::read(&self.payload)
            .with_context(|| format!("cannot read {}", self.payload.display()))?;
        let veiled = |text: &[u8]| source_file(&self.payload, veil(text));
        let unfit = check_body(&bytes, max_bytes).err();
        if let Some(unfit) = unfit.filter(|unfit| !unfit.is_syntax) {
            let start = bytes.iter().take_while(|byte| byte.is_ascii_whitespace());
            let start = start.count();
            let finding = Finding::error(&veiled(&bytes), start..start + 1, unfit.to_string());
            return Ok(Err(finding.hint("the bridge refuses such a webhook")));
        }
        Ok(systems::body::parse(&bytes).map_err(|error| not_json(&veiled(&bytes), &bytes, &error)))
    }
}

fn not_json(veiled: &SourceFile, bytes: &[u8], error: &serde_json::Error) -> Finding {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before: Vec<&[u8]> = lines
        .by_ref()
        .take(error.line().saturating_sub(1))
        .collect();
    let line = lines.next().unwrap_or_default();
    let column = error.column().saturating_sub(1).min(line.len());
    let start = veil(&before.concat()).len() + veil(&line[..column]).len();
    let message = match error.classify() {
        serde_json::error::Category::Eof => "not JSON: it ends too early",
        _ => "not JSON from here on",
    };
    Finding::error(veiled, start..start + 1, message).hint(
        "the bridge answers such a webhook 400; an example is the body alone, without headers",
    )
}

/// As many lines and characters, of which none can be read: a payload is not shown.
fn veil(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let veiled = text.chars().map(|character| match character {
        '\n' => '\n',
        _ => ' ',
    });
    veiled.collect()
}

/// Every example, by mapping and name; and expectations without a payload.
pub(super) fn examples_in(dir: &Path) -> anyhow::Result<(Vec<Found>, Vec<Finding>)> {
    let folder = dir.join(FOLDER);
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for (mapping, path) in entries(&folder)? {
        if !path.is_dir() {
            continue;
        }
        let files: BTreeSet<String> = entries(&path)?.into_iter().map(|(name, _)| name).collect();
        for file in &files {
            if let Some(name) = file.strip_suffix(PAYLOAD) {
                found.push(Found {
                    mapping: mapping.clone(),
                    name: name.to_owned(),
                    payload: path.join(file),
                    expectation: path.join(format!("{name}{EXPECTATION}")),
                });
            } else if let Some(name) = file.strip_suffix(EXPECTATION)
                && !files.contains(&format!("{name}{PAYLOAD}"))
            {
                let file = source_file(&path.join(file), String::new());
                let message = format!("there is no payload `{name}{PAYLOAD}` beside it");
                findings.push(Finding::error(&file, 0..0, message));
            }
        }
    }
    Ok((found, findings))
}

/// The entries of a folder in order; none if it is not there. Hidden files are an editor's.
fn entries(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let reading = || format!("cannot read {}", folder.display());
    let read = match std::fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(reading),
    };
    let mut entries = Vec::new();
    for entry in read {
        let path = entry.with_context(reading)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| !name.starts_with('.')) {
            entries.push((name.to_owned(), path));
        }
    }
    entries.sort();
    Ok(entries)
}
