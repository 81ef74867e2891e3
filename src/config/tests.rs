//! Whole files through `load`: what is found in them, and where.

use super::load::load_text;
use super::*;
use crate::diagnostic::Finding;

/// The keys that have no default.
const MINIMAL: &str = r#"[server]
[admin]
[store]
[mappings]
[sources.voice]
kind = "nlpearl"
[[sources.voice.auth]]
scheme = "header"
header = "Authorization"
secret = { env = "VOICE_WEBHOOK_SECRET" }
[sources.crm]
kind = "capillary"
[[sources.crm.auth]]
scheme = "hmac-sha256"
header = "X-Signature"
secret = { env = "CRM_WEBHOOK_SECRET" }
[targets.leadping]
kind = "leadping"
token = { env = "LEADPING_API_KEY" }
[targets.leadping.retry]
[targets.leadping.breaker]
"#;

fn load_with(
    text: &str,
    environment: &[(&str, &str)],
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_text("bridge.toml".as_ref(), text, environment)
}

fn findings(text: &str, environment: &[(&str, &str)]) -> String {
    let findings = match load_with(text, environment) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// The minimal file with `old` replaced by `new`, and what is found then.
#[track_caller]
fn check(old: &str, new: &str, expected: &str) {
    assert_eq!(MINIMAL.matches(old).count(), 1, "`{old}` is there once");
    let found = findings(&MINIMAL.replace(old, new), &[]);
    assert_eq!(found, expected, "of {new}");
}

/// The minimal file with these lines right under the section's header.
#[track_caller]
fn check_in(header: &str, lines: &str, expected: &str) {
    check(
        &format!("{header}\n"),
        &format!("{header}\n{lines}\n"),
        expected,
    );
}

#[track_caller]
fn check_variable(name: &str, value: &str, expected: &str) {
    let found = findings(MINIMAL, &[(name, value)]);
    assert_eq!(found, expected, "of {name}={value}");
}

fn sound(text: &str, environment: &[(&str, &str)]) -> Config {
    match load_with(text, environment) {
        Ok((config, _)) => config,
        Err(findings) => panic!("{}", crate::diagnostic::render::render(&findings)),
    }
}

#[test]
fn the_minimal_file_is_sound() {
    assert_eq!(findings(MINIMAL, &[]), "");
}

#[test]
fn three_typos_in_three_sections_are_three_findings() {
    let text = MINIMAL
        .replace("[server]\n", "[server]\nlisen = \"127.0.0.1:1\"\n")
        .replace("kind = \"capillary\"\n", "kind = \"capilary\"\n")
        .replace(
            "[targets.leadping.retry]\n",
            "[targets.leadping.retry]\n  max_ms = \"1\"\n",
        );
    insta::assert_snapshot!(findings(&text, &[]), @"");
}
