//! Reads the configuration: file, then environment, over the built-in defaults.
//!
//! All faults come back at once. Secrets are only referenced; [`missing_secrets`] asks for them,
//! and only `serve` needs to.
//!
//! [`missing_secrets`]: super::missing_secrets

use std::path::Path;

use toml::de::DeTable;

use super::Config;
use super::check::check;
use super::environment::overlay;
use super::faults::{Fault, Faults};
use super::raw::{Place, Table};
use crate::diagnostic::{Finding, Severity, SourceFile};

/// The checked configuration and its warnings, or every finding there is.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    match read(path) {
        Ok(text) => load_text(path, &text, environment),
        Err(reason) => {
            let file = SourceFile {
                path: path.into(),
                text: "".into(),
            };
            Err(vec![
                Finding::error(&file, 0..0, format!("the file cannot be read: {reason}"))
                    .hint("name the configuration with --config or LEADPING_BRIDGE_CONFIG"),
            ])
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| error.kind().to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// As [`load`], of a text already read.
pub(super) fn load_text(
    path: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    let faults = Faults::new(SourceFile {
        path: path.into(),
        text: text.into(),
    });
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        faults.report(Fault::syntax(&Place::in_file(span), error.message()));
    }
    let mut root = Table::from_toml(table.get_ref(), &Place::in_file);
    overlay(&mut root, environment, &faults);
    let config = check(&root, &faults);
    let findings = faults.into_findings();
    let sound = findings
        .iter()
        .all(|finding| finding.severity == Severity::Warning);
    match config {
        Some(config) if sound => Ok((config, findings)),
        _ => Err(findings),
    }
}
