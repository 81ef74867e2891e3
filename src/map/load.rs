//! Reads the tables of a directory: every fault of every file at once, and no table at all if there
//! is an error among them. The only reading of files in this room.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::SourceKind;
use crate::diagnostic::{Finding, Severity, SourceFile, did_you_mean};
use crate::map::reader::{self, Sources};
use crate::map::table::Tables;

/// Reads every wanted mapping of a directory, and looks at the other tables that lie there.
pub fn load_dir(
    dir: &Path,
    wanted: &BTreeMap<String, SourceKind>,
) -> (Option<Tables>, Vec<Finding>) {
    load_dir_of(dir, wanted, None)
}

/// As [`load_dir`], if it is known which source (by its name) uses which mapping.
pub fn load_dir_of(
    dir: &Path,
    wanted: &BTreeMap<String, SourceKind>,
    uses: Option<&BTreeMap<String, String>>,
) -> (Option<Tables>, Vec<Finding>) {
    let mut findings = Vec::new();
    let present = match files_in(dir) {
        Ok(files) => files,
        Err(error) => {
            let file = source_file(dir, String::new());
            let message = match error.kind() {
                ErrorKind::NotFound => String::from("there is no such directory"),
                kind => format!("cannot be read: {kind}"),
            };
            let hint =
                "`mappings.dir`, or `--mappings` of the command, names the directory of the tables";
            return (None, vec![Finding::error(&file, 0..0, message).hint(hint)]);
        }
    };
    let mut tables = BTreeMap::new();
    for (name, kind) in wanted {
        let path = dir.join(format!("{name}.toml"));
        let sources = uses.map(|uses| sources_of(name, uses));
        let (table, found) = match read_text(&path) {
            Ok(text) => {
                let file = source_file(&path, text.readable);
                let (table, found) = reader::read(name, &file, Some(*kind), sources.as_ref());
                let unreadable = text.fault.map(|fault| fault.at(&file));
                match unreadable {
                    None => (table, found),
                    Some(fault) => (None, std::iter::once(fault).chain(found).collect()),
                }
            }
            Err(error) => (None, vec![unreadable(&path, name, &error, &present)]),
        };
        findings.extend(found);
        tables.extend(table.map(|table| (name.clone(), Arc::new(table))));
    }
    for path in &present {
        let name = mapping_name(path);
        if name.is_some_and(|name| !wanted.contains_key(name)) {
            findings.extend(look_at_unused(path, wanted, uses.is_some()));
        }
    }
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    ((!failed).then(|| Tables::new(tables)), findings)
}

fn sources_of(mapping: &str, uses: &BTreeMap<String, String>) -> Sources {
    let own = uses.iter().filter(|(_, used)| used.as_str() == mapping);
    Sources {
        all: uses.keys().cloned().collect(),
        own: own.map(|(source, _)| source.clone()).collect(),
    }
}

/// A file that no source uses: its faults, and that nothing comes of it.
fn look_at_unused(
    path: &Path,
    wanted: &BTreeMap<String, SourceKind>,
    are_all_known: bool,
) -> Vec<Finding> {
    let name = mapping_name(path).unwrap_or_default();
    let Ok(text) = read_text(path) else {
        let file = source_file(path, String::new());
        return vec![Finding::error(&file, 0..0, "cannot be read")];
    };
    let file = source_file(path, text.readable);
    if !reader::looks_like_a_mapping(&file.text) {
        return Vec::new();
    }
    let (table, mut findings) = reader::read(name, &file, None, None);
    findings.extend(text.fault.map(|fault| fault.at(&file)));
    // A table for a kind of sender that this site does not have lies ready for the day it does.
    let is_ready = table.is_some_and(|table| !wanted.values().any(|kind| *kind == table.kind));
    if are_all_known && !is_ready {
        let near = did_you_mean(name, wanted.keys().map(String::as_str));
        let hint = match near {
            Some(near) => format!(
                "the sources use: {}; did you mean `{near}.toml`?",
                wanted.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
            None => format!(
                "a source names it with `mapping = \"{name}\"`; a copy is better kept elsewhere"
            ),
        };
        let message = format!("no source uses the mapping `{name}`");
        findings.insert(0, Finding::warning(&file, 0..0, message).hint(hint));
    }
    findings
}

/// The text of a file as far as it can be read, and why not further.
struct Text {
    readable: String,
    fault: Option<NotText>,
}

/// Where a file stops being text, and in what it was probably written.
struct NotText {
    at: usize,
    why: &'static str,
}

impl NotText {
    fn at(&self, file: &SourceFile) -> Finding {
        let length = file.text[self.at..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        let hint = "save the file again as UTF-8";
        Finding::error(file, self.at..self.at + length, self.why).hint(hint)
    }
}

/// The text of a file; of one that is too large, so much that `reader` sees that it is.
fn read_text(path: &Path) -> std::io::Result<Text> {
    let most = reader::MAX_FILE_BYTES as u64 + 4;
    let mut bytes = Vec::new();
    refuse_pipe(path)?;
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    let sound = |readable: &str| Text {
        readable: readable.to_owned(),
        fault: None,
    };
    let error = match std::str::from_utf8(&bytes) {
        Ok(text) => return Ok(sound(text)),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    // Cut inside a character, it is text all the same.
    if bytes.len() as u64 == most && error.error_len().is_none() {
        return Ok(sound(std::str::from_utf8(&bytes[..at]).unwrap_or_default()));
    }
    let why = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "the file is written in UTF-16, not in UTF-8"
    } else {
        "the file is not written in UTF-8: this letter is of another encoding, such as Latin-1"
    };
    let is_wide = why.contains("UTF-16");
    Ok(Text {
        // What else there is to say about it is said too.
        readable: if is_wide {
            String::new()
        } else {
            bytes.utf8_chunks().map(readable_chunk).collect()
        },
        fault: Some(NotText {
            at: if is_wide { 0 } else { at },
            why,
        }),
    })
}

fn readable_chunk(chunk: std::str::Utf8Chunk<'_>) -> String {
    let invalid = if chunk.invalid().is_empty() {
        ""
    } else {
        "\u{fffd}"
    };
    format!("{}{invalid}", chunk.valid())
}

/// The files of a directory, sorted.
fn files_in(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// The mapping that a file is, if its name says that it is one.
fn mapping_name(path: &Path) -> Option<&str> {
    let name = path.file_stem()?.to_str()?;
    // Editors leave such files behind for a moment.
    let is_one = path.extension()? == "toml" && !name.starts_with('.');
    is_one.then_some(name)
}

fn source_file(path: &Path, text: String) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.into(),
    }
}

/// Opening a pipe would wait for somebody to write into it, for ever.
#[cfg(unix)]
fn refuse_pipe(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    if std::fs::metadata(path)?.file_type().is_fifo() {
        return Err(ErrorKind::Unsupported.into());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_pipe(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn unreadable(path: &Path, name: &str, error: &std::io::Error, present: &[PathBuf]) -> Finding {
    let file = source_file(path, String::new());
    if error.kind() == ErrorKind::IsADirectory {
        return Finding::error(&file, 0..0, "is a directory").hint(format!(
            "put a file of this name there, with the rows of `{name}`"
        ));
    }
    if error.kind() != ErrorKind::NotFound {
        return Finding::error(&file, 0..0, format!("cannot be read: {}", error.kind()));
    }
    let finding = Finding::error(
        &file,
        0..0,
        format!("no such file, but a source uses the mapping `{name}`"),
    );
    // `voice.toml.txt`, `Voice.TOML`, `voice.tml`
    let renamed = present.iter().find_map(|path| {
        let found = path.file_name()?.to_str()?;
        let stem = found.split('.').next()?;
        (stem.eq_ignore_ascii_case(name) && found.contains('.')).then(|| found.to_owned())
    });
    if let Some(found) = renamed {
        return finding.hint(format!("there is `{found}`: rename it to `{name}.toml`"));
    }
    let names = present.iter().filter_map(|path| mapping_name(path));
    match did_you_mean(name, names) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding.hint("put it there, or name another with `mapping = \"…\"` in the source"),
    }
}
