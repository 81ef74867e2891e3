//! How every command that needs the configuration gets it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::{Exit, GlobalArgs};
use crate::config::{self, Config, Inspection};
use crate::diagnostic::{Finding, render};
use crate::map::{self, Tables};

/// The configuration and the tables it names, each if it is sound, and every finding of both.
pub fn inspect_all(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> (Option<Config>, Option<Tables>, Vec<Finding>) {
    let Inspection {
        config,
        mut findings,
        tables: wanted,
    } = config::inspect(path, environment);
    let tables = wanted.and_then(|wanted| {
        let (tables, of_tables) =
            map::load_dir_of(&wanted.dir, &wanted.kinds, wanted.uses.as_ref());
        findings.extend(of_tables);
        tables
    });
    (config, tables, findings)
}

/// The configuration; or, its findings shown, the exit code. What is no more than a warning is for
/// `check` and `serve` to say.
pub fn load_config(global: &GlobalArgs) -> Result<Config, ExitCode> {
    match config::load(&global.config, config::process_environment()) {
        Ok((config, _warnings)) => Ok(config),
        Err(findings) => Err(refuse(&findings)),
    }
}

/// Shows the findings on stderr; the exit code says that config or mappings are at fault.
pub fn refuse(findings: &[Finding]) -> ExitCode {
    // Without a reader of stderr the exit code still tells.
    let _ = write!(anstream::stderr(), "{}", render::render(findings));
    Exit::BadConfig.into()
}
