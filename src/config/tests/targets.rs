//! Targets that write back: what each needs, what contradicts itself, and that the reference shows
//! the defaults in force.

use super::*;
use crate::config::{CapillaryAuth, NlpearlApi, TargetConfig, TargetSystem, redacted};

const LEADPING: &str = "[targets.leadping]\n";

/// The minimal configuration with these lines before its target.
fn with(lines: &str) -> String {
    MINIMAL.replacen(LEADPING, &format!("{lines}\n{LEADPING}"), 1)
}

#[track_caller]
fn check_lines(lines: &str, expected: &[&str]) {
    let found = findings(&with(lines), &[]);
    let first = MINIMAL.lines().position(|line| line == LEADPING.trim());
    let before = first.expect("it is there");
    // Places are told from the first of these lines.
    let found: Vec<String> = found
        .lines()
        .map(|line| {
            let rest = line.strip_prefix("bridge.toml:").expect(line);
            let (number, rest) = rest.split_once(':').expect(line);
            let number: usize = number.parse().expect(line);
            format!("{}:{rest}", number - before)
        })
        .collect();
    assert_eq!(found, expected);
}

fn target(lines: &str, name: &str) -> TargetConfig {
    sound(&with(lines), &[]).targets[name].clone()
}

const NLPEARL: &str = "[targets.nlpearl]\nkind = \"nlpearl\"\ntoken = { env = \"N\" }\n";
const CAPILLARY: &str =
    "[targets.capillary]\nkind = \"capillary\"\nbase_url = \"https://eu.example.test\"\n";
const BASIC: &str =
    "auth = { scheme = \"basic\", username = \"till\", password = { env = \"P\" } }\n";

#[test]
fn a_target_of_nlpearl_needs_its_token_and_for_version_1_the_outbounds() {
    check_lines(
        "[targets.nlpearl]\nkind = \"nlpearl\"",
        &[
            "1:10: warning: `targets.nlpearl.outbound_ids` is empty: the paths of v1 name the outbound, and webhooks only the pearl (outbound_ids = { \"<pearl id>\" = \"<outbound id>\" }, or api = \"v2\")",
            "1:10: error: `targets.nlpearl.token` is missing (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
        ],
    );
    check_lines(
        &format!(
            "{NLPEARL}api = \"v3\"\noutbound_ids = {{ p1 = 5, \"p/2\" = \"o\", p3 = \"o 3\" }}\nmarker = \"notes\""
        ),
        &[
            "4:7: error: `targets.nlpearl.api` must be one of `v1`, `v2` (did you mean `v1`?)",
            "5:23: error: `targets.nlpearl.outbound_ids.p1` must be a string, not an integer",
            "5:34: error: `targets.nlpearl.outbound_ids.p/2` is not a pair of ids (\"<pearl id>\" = \"<outbound id>\", letters and digits only)",
            "5:44: error: `targets.nlpearl.outbound_ids.p3` is not a pair of ids (\"<pearl id>\" = \"<outbound id>\", letters and digits only)",
            "6:1: error: unknown key `marker` in [targets.nlpearl] (known here: kind, allow_insecure_http, base_url, rate_limit, timeout_ms, lookup_after_ms, concurrency, mode, proxy, retry, breaker, api, outbound_ids, token)",
        ],
    );
    check_lines(&format!("{NLPEARL}api = \"v2\""), &[]);
    let lines = format!("{NLPEARL}outbound_ids = {{ p1 = \"o1\" }}");
    let target = target(&lines, "nlpearl");
    assert_eq!(target.base_url, "https://api.nlpearl.ai");
    let TargetSystem::Nlpearl(nlpearl) = target.system else {
        panic!("{:?}", target.system);
    };
    assert_eq!(nlpearl.api, NlpearlApi::V1);
    assert_eq!(nlpearl.outbound_ids["p1"], "o1");
}

#[test]
fn a_target_of_capillary_needs_its_region_and_one_way_in() {
    check_lines(
        "[targets.capillary]\nkind = \"capillary\"",
        &[
            "1:10: error: `targets.capillary.base_url` is missing (the API of your region, such as base_url = \"https://eu.api.capillarytech.com\")",
            "1:10: error: `targets.capillary.auth` is missing (auth = { scheme = \"basic\", username = \"…\", password = { env = \"…\" } }, or { scheme = \"oauth\", key = …, secret = … })",
        ],
    );
    check_lines(
        &format!(
            "{CAPILLARY}auth = {{ scheme = \"basic\", username = \"a:b\", password = \"clear\", key = \"k1\" }}"
        ),
        &[
            "4:39: error: `targets.capillary.auth.username` is empty or has a colon in it",
            "4:57: error: `targets.capillary.auth.password` must be a reference, never the secret itself (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
            "4:72: error: `targets.capillary.auth.key` must be a reference, never the secret itself (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
            "4:72: error: `targets.capillary.auth.key` belongs to scheme `oauth` (remove it)",
        ],
    );
    check_lines(
        &format!("{CAPILLARY}auth = {{ scheme = \"oauth\", username = \"till\" }}"),
        &[
            "4:1: error: `targets.capillary.auth.key` is missing (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
            "4:1: error: `targets.capillary.auth.secret` is missing (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
            "4:39: error: `targets.capillary.auth.username` belongs to scheme `basic` (remove it)",
        ],
    );
    let TargetSystem::Capillary(basic) = target(&format!("{CAPILLARY}{BASIC}"), "capillary").system
    else {
        panic!("another kind");
    };
    assert!(matches!(basic.auth, CapillaryAuth::Basic { .. }));
}

#[test]
fn a_target_s_name_is_its_kind_for_now() {
    check_lines(
        "[targets.campaign]\nkind = \"nlpearl\"\napi = \"v2\"\ntoken = { env = \"N\" }",
        &[
            "1:10: error: a target of kind `nlpearl` must be named `nlpearl` for now (rows of the mapping tables name it so: write [targets.nlpearl])",
        ],
    );
    check_lines(
        "[targets.nlpearl]\nkind = \"nlperl\"\napi = \"v2\"\ntoken = { env = \"N\" }",
        &[
            "2:8: error: `targets.nlpearl.kind` must be one of `leadping`, `nlpearl`, `capillary` (did you mean `nlpearl`?)",
        ],
    );
}

/// The reference with the lines of this target switched on.
fn switched_on(name: &str) -> String {
    let header = format!("#[targets.{name}");
    let mut inside = false;
    let lines = REFERENCE.lines().map(|line| {
        if line.starts_with("#[targets.") {
            inside = line.starts_with(&header);
        }
        match line.strip_prefix('#') {
            Some(code) if inside && !code.starts_with(' ') && !code.starts_with("proxy") => code,
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_shows_the_defaults_of_every_target() {
    for (name, least) in [
        (
            "nlpearl",
            format!(
                "{NLPEARL}outbound_ids = {{ 66f1a2b4d5e6f708192a3b4c = \"66f1a2b4d5e6f708192a3b4d\" }}"
            ),
        ),
        ("capillary", format!("{CAPILLARY}{BASIC}")),
    ] {
        let shown = redacted(&sound(&switched_on(name), &[]))["targets"][name].clone();
        let mut in_force = redacted(&sound(&with(&least), &[]))["targets"][name].clone();
        for example in ["base_url", "token", "auth"] {
            if in_force.get(example).is_some() {
                in_force[example] = shown[example].clone();
            }
        }
        assert_eq!(shown, in_force);
    }
}
