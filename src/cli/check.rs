//! `check`: every fault of config and mappings at once. Reads no secret, opens no port.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::config_file::inspect_all;
use super::{Exit, GlobalArgs};
use crate::config;
use crate::diagnostic::{Finding, Severity, render};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Let warnings fail too, with exit code 1
    #[arg(long)]
    pub strict: bool,
    /// Print the findings as a JSON array of objects with severity (error, warning), file, line,
    /// column, end_line, end_column (counted from 1, in characters; the end lies behind the last
    /// one), message, and hint (may be null)
    #[arg(long)]
    pub json: bool,
}

pub async fn run(args: CheckArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let (_, _, findings) = inspect_all(&global.config, config::process_environment());
    let text = if args.json {
        format!("{:#}\n", render::to_json(&findings))
    } else {
        human(&global.config, &findings)
    };
    match anstream::stdout().write_all(text.as_bytes()) {
        // Whoever reads only the first lines has seen what they wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.context("the findings cannot be written")?,
    }
    Ok(verdict(&findings, args.strict).into())
}

fn human(config: &Path, findings: &[Finding]) -> String {
    let mut text = render::render(findings);
    if findings.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} and its mappings: no findings", config.display());
    }
    text
}

fn verdict(findings: &[Finding], strict: bool) -> Exit {
    let worst = findings.iter().map(|finding| finding.severity).min();
    match worst {
        Some(Severity::Error) => Exit::BadConfig,
        Some(Severity::Warning) if strict => Exit::Unmet,
        Some(Severity::Warning) | None => Exit::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULTY: &str = r#"[server]
lisen = "127.0.0.1:8080"

[sources.voice]
kind = "nlperl"
[[sources.voice.auth]]
scheme = "none"

[targets.leadping]
kind = "leadping"
token = "lp_live_0123456789"
"#;

    fn findings_of(text: &str) -> Vec<Finding> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bridge.toml");
        std::fs::write(&path, text).unwrap();
        let mut findings = config::inspect(&path, []).findings;
        for finding in &mut findings {
            finding.file.path = "bridge.toml".into();
        }
        findings
    }

    #[test]
    fn the_output_shows_every_fault_and_no_secret() {
        let shown = human("bridge.toml".as_ref(), &findings_of(FAULTY));
        let plain = anstream::adapter::strip_str(&shown).to_string();
        insta::assert_snapshot!(plain, @r#"
        bridge.toml:2:1: error: unknown key `lisen` in [server]
          |
        2 | lisen = "127.0.0.1:8080"
          | ^^^^^
          |
          = help: did you mean `listen`?

        bridge.toml:5:8: error: `sources.voice.kind` must be one of `nlpearl`, `capillary`, `leadping`, `generic`
          |
        5 | kind = "nlperl"
          |        ^^^^^^^^
          |
          = help: did you mean `nlpearl`?

        bridge.toml:7:10: warning: `sources.voice.auth`: anybody may post webhooks here
          |
        7 | scheme = "none"
          |          ^^^^^^
          |
          = help: use a secret if the sender can send one

        bridge.toml:11:9: error: `targets.leadping.token` must be a reference, never the secret itself
           |
        11 | token = ********************
           |         ^^^^^^^^^^^^^^^^^^^^
           |
           = help: write { env = "NAME" } or { file = "/run/secrets/name" }

        3 errors, 1 warning
        "#);
    }

    #[test]
    fn no_findings_are_said_so() {
        assert_eq!(
            human("bridge.toml".as_ref(), &[]),
            "bridge.toml and its mappings: no findings\n"
        );
    }

    #[test]
    fn errors_are_64_and_warnings_count_only_if_strict() {
        let findings = findings_of(FAULTY);
        let (errors, warnings): (Vec<_>, Vec<_>) = findings
            .into_iter()
            .partition(|finding| finding.severity == Severity::Error);
        assert_eq!(verdict(&errors, false), Exit::BadConfig);
        assert_eq!(verdict(&errors, true), Exit::BadConfig);
        assert_eq!(verdict(&warnings, false), Exit::Fine);
        assert_eq!(verdict(&warnings, true), Exit::Unmet);
        assert_eq!(verdict(&[], true), Exit::Fine);
    }
}
