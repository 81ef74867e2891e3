//! Reads the configuration: file, then environment, over the built-in defaults.
//!
//! All faults come back at once. Secrets are only referenced; [`missing_secrets`] asks for them,
//! and only `serve` needs to.
//!
//! [`missing_secrets`]: super::missing_secrets

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::check::check;
use super::environment::overlay;
use super::faults::{Fault, Faults};
use super::raw::{Place, Table};
use super::{Config, SourceKind};
use crate::diagnostic::{Finding, Severity, SourceFile};

/// All there is to say about a configuration, sound or not.
pub struct Inspection {
    /// Only without errors.
    pub config: Option<Config>,
    /// In the order of the lines.
    pub findings: Vec<Finding>,
    /// What is known of the tables, even if other parts are at fault.
    pub tables: Option<TablesWanted>,
}

/// Which mapping tables the sources need.
pub struct TablesWanted {
    pub dir: PathBuf,
    /// By the mapping's name, the kind whose vocabulary it speaks.
    pub kinds: BTreeMap<String, SourceKind>,
    /// By the source's name, the mapping that it uses; only if all sources could be read.
    pub uses: Option<BTreeMap<String, String>>,
}

/// The checked configuration and its warnings, or every finding there is.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    let inspection = inspect(path, environment);
    match inspection.config {
        Some(config) => Ok((config, inspection.findings)),
        None => Err(inspection.findings),
    }
}

/// As [`load`], and what can be said about the tables in any case.
pub fn inspect(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Inspection {
    match read(path) {
        Ok(text) => inspect_text(path, &text, environment),
        Err(reason) => {
            let file = SourceFile {
                path: path.into(),
                text: "".into(),
            };
            let finding = Finding::error(&file, 0..0, format!("the file cannot be read: {reason}"))
                .hint("name the configuration with --config or LEADPING_BRIDGE_CONFIG");
            Inspection {
                config: None,
                findings: vec![finding],
                tables: None,
            }
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is none of this name".to_owned(),
        kind => kind.to_string(),
    })?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// As [`inspect`], of a text already read.
pub(super) fn inspect_text(
    path: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Inspection {
    let faults = Faults::new(SourceFile {
        path: path.into(),
        text: text.into(),
    });
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.report(Fault::syntax(&Place::in_file(span), error));
    }
    let mut root = Table::from_toml(table.get_ref(), &Place::in_file);
    overlay(&mut root, environment, &faults);
    let checked = check(&root, &faults);
    let findings = faults.into_findings();
    let sound = findings
        .iter()
        .all(|finding| finding.severity == Severity::Warning);
    Inspection {
        config: checked.config.filter(|_| sound),
        findings,
        // Of a file read in part, the directory may be among what was not read.
        tables: errors.is_empty().then_some(checked.tables),
    }
}
