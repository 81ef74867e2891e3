//! How every command that needs the configuration gets it.

use std::io::Write;
use std::process::ExitCode;

use tracing::warn;

use super::{Exit, GlobalArgs};
use crate::config::{self, Config};
use crate::diagnostic::{Finding, render};

/// The configuration, its warnings logged; or, its findings shown, the exit code.
pub fn load_config(global: &GlobalArgs) -> Result<Config, ExitCode> {
    match config::load(&global.config, config::process_environment()) {
        Ok((config, warnings)) => {
            for warning in warnings {
                warn!("{warning}");
            }
            Ok(config)
        }
        Err(findings) => Err(refuse(&findings)),
    }
}

/// Shows the findings on stderr; the exit code says that config or mappings are at fault.
pub fn refuse(findings: &[Finding]) -> ExitCode {
    // Without a reader of stderr the exit code still tells.
    let _ = write!(anstream::stderr(), "{}", render::render(findings));
    Exit::BadConfig.into()
}
