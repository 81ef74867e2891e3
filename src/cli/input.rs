//! What a command is given to read: files, refused as wrong usage with what to do, and the store,
//! beside whoever writes it.

use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Exit;
use crate::config::Config;
use crate::review::ReviewError;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// The payload that a person names; `-` is standard input.
pub fn read_payload(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return std::fs::read(file).map_err(|error| {
            let hint = "name the file that holds the payload, or `-` for standard input";
            unreadable(file, &error, hint)
        });
    }
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).map_err(|error| {
        Exit::WrongUsage.because(format!(
            "cannot read the payload on standard input: {error}"
        ))
    })?;
    Ok(body)
}

/// What to say of a file that a person named and that cannot be read.
pub fn unreadable(file: &Path, error: &std::io::Error, hint: &str) -> anyhow::Error {
    let shown = file.display();
    let message = match error.kind() {
        ErrorKind::NotFound => format!("there is no file {shown}; {hint}"),
        ErrorKind::IsADirectory => format!("{shown} is a directory; {hint}"),
        _ => format!("cannot read {shown}: {error}; {hint}"),
    };
    Exit::WrongUsage.because(message)
}

/// The store, read beside a running bridge; `None` if there is none yet.
pub fn open_store(config: &Config) -> anyhow::Result<Option<Store>> {
    let opened = SqliteStore::open_for_reading(&config.store.path);
    let opened = opened.map_err(|error| of_store(config, error.into()))?;
    Ok(opened.map(Store::Sqlite))
}

/// What to say where the store could not be read.
pub fn of_store(config: &Config, error: ReviewError) -> anyhow::Error {
    let path = config.store.path.display();
    match error {
        ReviewError::Store(error) => Exit::Unavailable.because(format!(
            "the store {path} (`store.url`) cannot be read: {error}"
        )),
        error => error.into(),
    }
}

/// The text of a file that a person names.
pub fn read_text(file: &Path, hint: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error, hint))
}
