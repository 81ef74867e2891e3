//! Whole files through `load`: what is found in them, and where.

mod sources;
mod targets;
mod telemetry;

use super::load::inspect_text;
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
    let inspection = inspect_text("bridge.toml".as_ref(), text, environment);
    match inspection.config {
        Some(config) => Ok((config, inspection.findings)),
        None => Err(inspection.findings),
    }
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
    insta::assert_snapshot!(findings(&text, &[]), @r"
    bridge.toml:2:1: error: unknown key `lisen` in [server] (did you mean `listen`?)
    bridge.toml:13:8: error: `sources.crm.kind` must be one of `nlpearl`, `capillary`, `leadping`, `generic` (did you mean `capillary`?)
    bridge.toml:22:12: error: `targets.leadping.retry.max_ms` must be a whole number, not a string
    ");
}

#[test]
fn unknown_keys_are_told_apart_from_known_ones() {
    check_in(
        "[server]",
        "max_body_byte = 1",
        "bridge.toml:2:1: error: unknown key `max_body_byte` in [server] (did you mean `max_body_bytes`?)",
    );
    check(
        "[mappings]",
        "[maping]",
        "bridge.toml:4:2: error: unknown key `maping` (did you mean `mappings`?)",
    );
    check_in(
        "[[sources.voice.auth]]",
        "encoding = \"hex\"",
        "bridge.toml:8:1: error: unknown key `encoding` in [sources.voice.auth] (known here: scheme, header, prefix, secret, not_after)",
    );
    check_in(
        "[store]",
        "zebra = 1",
        "bridge.toml:4:1: error: unknown key `zebra` in [store] (known here: url, retention_days)",
    );
}

#[test]
fn wrong_types_and_values_are_named() {
    check_in(
        "[server]",
        "listen = 8080",
        "bridge.toml:2:10: error: `server.listen` must be a string, not an integer",
    );
    check_in(
        "[server]",
        "listen = \"localhost:8080\"",
        "bridge.toml:2:10: error: `server.listen` is not an IP address and a port (write it like \"127.0.0.1:8080\" or \"0.0.0.0:8080\")",
    );
    check_in(
        "[server]",
        "max_connections = 0",
        "bridge.toml:2:19: error: `server.max_connections` must be 1 to 1000000",
    );
    check_in(
        "[server]",
        "header_timeout_ms = 1.5",
        "bridge.toml:2:21: error: `server.header_timeout_ms` must be a whole number, not a float",
    );
    check_in(
        "[store]",
        "retention_days = 0",
        "bridge.toml:4:18: error: `store.retention_days` must be more than 0 and at most 36500",
    );
    check_in(
        "[mappings]",
        "watch = \"yes\"",
        "bridge.toml:5:9: error: `mappings.watch` must be true or false, not a string",
    );
    check_in(
        "[targets.leadping.retry]",
        "jitter = 2\nmultiplier = nan",
        "bridge.toml:21:10: error: `targets.leadping.retry.jitter` must be 0 to 1\n\
         bridge.toml:22:14: error: `targets.leadping.retry.multiplier` must be 1 to 100",
    );
    check(
        "[server]",
        "server = 1",
        "bridge.toml:1:10: error: `server` must be a table, not an integer",
    );
    check_in(
        "[sources.voice]",
        "lead = [\"leadId\", 5, \"/a~b\"]",
        "bridge.toml:6:9: error: `sources.voice.lead`: `leadId` must begin with `/` (a JSON pointer, such as \"/lead/id\")\n\
         bridge.toml:6:19: error: `sources.voice.lead` must be a string, not an integer\n\
         bridge.toml:6:22: error: `sources.voice.lead`: `/a~b` has a `~` that is not `~0` or `~1` (a JSON pointer, such as \"/lead/id\")",
    );
    check_in(
        "[[sources.crm.auth]]",
        "not_after = 2026-12-31\ntimestamp_header = \"X Y\"",
        "bridge.toml:14:13: error: `sources.crm.auth.not_after` is not a time with its zone (such as \"2026-12-31T00:00:00Z\")\n\
         bridge.toml:15:20: error: `sources.crm.auth.timestamp_header` is not a header's name (such as \"X-Signature\")",
    );
}

#[test]
fn what_is_not_there_is_missed() {
    check(
        "[targets.leadping]\nkind = \"leadping\"\ntoken = { env = \"LEADPING_API_KEY\" }\n[targets.leadping.retry]\n[targets.leadping.breaker]\n",
        "",
        "bridge.toml:1:1: error: no target is configured (add [targets.leadping] with kind = \"leadping\" and its token)",
    );
    check(
        "token = { env = \"LEADPING_API_KEY\" }\n",
        "",
        "bridge.toml:17:10: error: `targets.leadping.token` is missing (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
    );
    check(
        "[[sources.crm.auth]]\nscheme = \"hmac-sha256\"\nheader = \"X-Signature\"\nsecret = { env = \"CRM_WEBHOOK_SECRET\" }\n",
        "",
        "bridge.toml:11:10: error: `sources.crm.auth` is missing (add [[sources.crm.auth]]; scheme = \"none\" must be written out)",
    );
    check(
        "header = \"X-Signature\"\n",
        "",
        "bridge.toml:13:1: error: `sources.crm.auth.header` is missing (the header that carries the credential)",
    );
    assert_eq!(
        findings("", &[]),
        "bridge.toml:1:1: error: no source is configured (add one, such as [sources.voice] with kind = \"nlpearl\")\n\
         bridge.toml:1:1: error: no target is configured (add [targets.leadping] with kind = \"leadping\" and its token)"
    );
}

/// A named token is a token too: the listener may be reached from elsewhere.
#[test]
fn a_named_token_guards_the_admin_listener() {
    let admin = "[admin]\nlisten = \"0.0.0.0:9000\"\ntokens = [{ name = \"night\", secret = { env = \"B\" } }]\n";
    let config = sound(&MINIMAL.replace("[admin]\n", admin), &[]);
    let named: Vec<&str> = config.admin.named_tokens().map(|(name, _)| name).collect();
    assert_eq!(named, ["night"]);
}

#[test]
fn names_of_tokens_tell_them_apart() {
    check_in(
        "[admin]",
        "tokens = [{ name = \"loopback\", secret = { env = \"A\" } }]",
        "bridge.toml:3:20: error: `admin.tokens.name` is taken (give each token a name of its own)",
    );
    check_in(
        "[admin]",
        "token = { env = \"A\" }\ntokens = [{ name = \"admin\", secret = { env = \"B\" } }]",
        "bridge.toml:4:20: error: `admin.tokens.name` is taken (give each token a name of its own)",
    );
    check_in(
        "[admin]",
        "tokens = [{ name = \"a\\nb\", secret = { env = \"B\" } }]",
        "bridge.toml:3:20: error: `admin.tokens.name` is not a name (1 to 64 letters, digits, blanks, dots, hyphens and underscores)",
    );
    check_in(
        "[admin]",
        "tokens = [{ name = \"night\", secret = \"s3cret\" }]",
        "bridge.toml:3:38: error: `admin.tokens.secret` must be a reference, never the secret itself (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
    );
    check_in(
        "[admin]",
        "tokens = [{ secret = { env = \"B\" } }]",
        "bridge.toml:3:11: error: `admin.tokens.name` is missing (the audit trail tells it: name = \"night-shift\")",
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    check_in(
        "[server]",
        "listen = \"0.0.0.0:8081\"",
        "bridge.toml:3:2: error: `admin.listen` overlaps `server.listen` (0.0.0.0:8081) (give the admin listener a port of its own)",
    );
    check_in(
        "[admin]",
        "listen = \"0.0.0.0:9000\"",
        "bridge.toml:3:10: error: `admin.listen` = 0.0.0.0:9000 is reachable from elsewhere, so `admin.token` is required (add token = { env = \"BRIDGE_ADMIN_TOKEN\" }, or listen on 127.0.0.1)",
    );
    check_in(
        "[sources.crm]",
        "mapping = \"voice\"",
        "bridge.toml:12:11: error: `sources.crm.mapping` `voice` is the mapping of `voice` too, which is of another kind (a table speaks one vendor's vocabulary)",
    );
    check_in(
        "[sources.voice]",
        "links = { cmr = \"/a\", voice = \"b\" }",
        "bridge.toml:6:11: error: `sources.voice.links` names no source: `cmr` (did you mean `crm`?)\n\
         bridge.toml:6:23: error: `sources.voice.links` names the source itself (a link names another configured source)\n\
         bridge.toml:6:31: error: `sources.voice.links.voice` must begin with `/` (a JSON pointer, such as \"/externalId\")",
    );
    check_in(
        "[sources.voice]",
        "events = []",
        "bridge.toml:6:10: error: `sources.voice.events` has no meaning for kind `nlpearl`, whose webhooks name no event (remove it)",
    );
    check_in(
        "[sources.voice]",
        "rate_limit = { requests = 5, burst = 6 }",
        "bridge.toml:6:1: error: `sources.voice.rate_limit.per_seconds` is missing (such as { requests = 600, per_seconds = 60 })\n\
         bridge.toml:6:38: error: `sources.voice.rate_limit.burst` is more than `requests` (5), so one burst would break the limit (make it smaller)",
    );
    check_in(
        "[[sources.crm.auth]]",
        "tolerance_seconds = 60",
        "bridge.toml:14:21: error: `sources.crm.auth.tolerance_seconds` does nothing without `timestamp_header` (name the header that carries the signed time, or remove it)",
    );
    check_in(
        "[targets.leadping.breaker]",
        "max_ms = 10",
        "bridge.toml:22:10: error: `targets.leadping.breaker.max_ms` is less than `initial_ms` (1000) (the interval grows from `initial_ms` to `max_ms`)",
    );
    check(
        "[sources.crm]\n",
        "[sources.Voice]\nkind = \"nlpearl\"\nauth = [{ scheme = \"none\" }]\n[sources.crm]\n",
        "bridge.toml:11:10: error: sources `voice` and `Voice` differ only in case (their webhook paths would be mistaken for each other)\n\
         bridge.toml:13:20: warning: `sources.Voice.auth`: anybody may post webhooks here (use a secret if the sender can send one)",
    );
}

#[test]
fn a_target_is_called_safely_or_not_at_all() {
    #[track_caller]
    fn check_url(url: &str, expected: &str) {
        check_in(
            "[targets.leadping]",
            &format!("base_url = \"{url}\""),
            expected,
        );
    }
    let insecure = "bridge.toml:18:12: error: `targets.leadping.base_url` must begin with `https://` (plain http is for loopback only, unless allow_insecure_http = true)";
    check_url("https://api.example.test/v1/", "");
    check_url("http://127.0.0.1:9", "");
    check_url("http://localhost:9", "");
    check_url("http://[::1]:9", "");
    check_url("http://api.example.test", insecure);
    check_url("http://localhost.example.test", insecure);
    check_url("http://127.0.0.1.example.test", insecure);
    check_url(
        "ftp://api.example.test",
        "bridge.toml:18:12: error: `targets.leadping.base_url` is not an http or https URL (such as \"https://host\")",
    );
    check_url(
        "https://me:hunter2@api.example.test",
        "bridge.toml:18:12: error: `targets.leadping.base_url` must not hold credentials (write scheme, host, port and path only)",
    );
    check_url(
        "https://api.example.test/?key=hunter2",
        "bridge.toml:18:12: error: `targets.leadping.base_url` must not have a query or a fragment (write scheme, host, port and path only)",
    );
    check_url(
        "http://api.example.test\"\nallow_insecure_http = true\nproxy = \"http://proxy.test:1",
        "bridge.toml:18:12: warning: the target is called without TLS: its token can be read on the way (use https:// where you can)",
    );
}

#[test]
fn the_rules_of_deciding_name_what_there_is() {
    let check = |lines: &str, expected: &str| {
        check(
            "[mappings]\n",
            &format!("[decide]\n{lines}\n[mappings]\n"),
            expected,
        );
    };
    check("", "");
    check(
        "authority = [\"voice\", \"crm\"]\nterminal_categories = []",
        "",
    );
    check(
        "authority = [\"voise\", \"crm\", \"crm\"]",
        "bridge.toml:5:14: error: `decide.authority`: `voise` is no source (did you mean `voice`?)\n\
         bridge.toml:5:30: error: `decide.authority` names `crm` twice (name it once)",
    );
    check(
        "terminal_categories = [\"converted\", \"Won\"]",
        "bridge.toml:5:24: error: `decide.terminal_categories`: `converted` is no category of LeadPing (did you mean `Converted`?)\n\
         bridge.toml:5:37: error: `decide.terminal_categories`: `Won` is no category of LeadPing (there are: Open, Qualified, Converted, Lost, Invalid, Duplicate)",
    );
    check(
        "on_newer = \"superseed\"\necho_window_seconds = 0\nwrite_budget = { return = 3, returns = 0 }",
        "bridge.toml:5:12: error: `decide.on_newer` must be one of `queue`, `supersede` (did you mean `supersede`?)\n\
         bridge.toml:6:23: error: `decide.echo_window_seconds` must be more than 0 and at most 604800\n\
         bridge.toml:7:18: error: unknown key `return` in [decide.write_budget] (did you mean `returns`?)\n\
         bridge.toml:7:40: error: `decide.write_budget.returns` must be 1 to 1000",
    );
}

#[test]
fn without_a_crm_the_built_in_authority_names_nobody_who_is_missed() {
    let text = MINIMAL
        .replace("[sources.crm]", "[sources.shop]")
        .replace("sources.crm", "sources.shop");
    assert_eq!(findings(&text, &[]), "");
    assert_eq!(sound(&text, &[]).decide, DecideConfig::default());
}

#[test]
fn what_is_not_built_yet_is_refused() {
    check_in(
        "[store]",
        "url = \"postgres://me:hunter2@db/bridge\"",
        "bridge.toml:4:7: error: `store.url` for PostgreSQL is not built yet (write it like \"sqlite:data/bridge.db\")",
    );
    check_in(
        "[store]",
        "url = { env = \"DATABASE_URL\" }",
        "bridge.toml:4:7: error: `store.url` by reference (for PostgreSQL) is not built yet (write it like \"sqlite:data/bridge.db\")",
    );
    check(
        "[targets.leadping]\n",
        "[targets.second]\nkind = \"leadping\"\ntoken = { env = \"A\" }\n[targets.leadping]\n",
        "bridge.toml:17:10: error: a target of kind `leadping` must be named `leadping` for now (rows of the mapping tables name it so: write [targets.leadping])",
    );
}

#[test]
fn warnings_stop_nothing() {
    check_in(
        "[targets.leadping]",
        "lookup_after_ms = 10\nrate_limit = { requests = 400 }",
        "bridge.toml:18:19: warning: `targets.leadping.lookup_after_ms` is shorter than `timeout_ms`: a call of unknown fate may still arrive after the look-up (twice the timeout is the default)\n\
         bridge.toml:19:14: warning: `targets.leadping.rate_limit` is above LeadPing's own limit of 300 requests in 60 seconds (what is above it is answered 429 and sent again)",
    );
    check_in(
        "[store]",
        "retention_days = 0.5",
        "bridge.toml:4:18: warning: `store.retention_days` is shorter than `sources.crm.dedupe_window_hours` (what has been removed is not recognised when it is sent again: keep it longer)",
    );
    let text = MINIMAL.replace("[store]\n", "[store]\nretention_days = 0.5\n");
    let config = sound(&text, &[]);
    assert_eq!(config.store.retention.as_secs(), 12 * 3600);
}

#[test]
fn syntax_errors_come_together_and_without_their_consequences() {
    let text = "[server]\nlisten = 127.0.0.1:8080\n[store\nurl = 1\n[admin]\nlisen = 2\n";
    insta::assert_snapshot!(findings(text, &[]), @r"
    bridge.toml:2:15: error: invalid float (a string stands in quotes)
    bridge.toml:3:7: error: unclosed table, expected `]`
    bridge.toml:6:1: error: unknown key `lisen` in [admin] (did you mean `listen`?)
    ");
    check(
        "[sources.crm]\n",
        "[sources.voice]\n[sources.crm]\n",
        "bridge.toml:11:10: error: duplicate key",
    );
}

#[test]
fn a_literal_secret_is_refused_and_shown_nowhere() {
    let token = "token = { env = \"LEADPING_API_KEY\" }";
    for literal in [
        "token = \"hunter2\"",
        "token = \"\"\"\nhunter2\"\"\"",
        "token = [\"hunter2\"]",
        "token = { value = \"hunter2\" }",
        "token = { env = \"hunter2 is it\" }",
        "tokn = \"hunter2\"",
        "token = \"hunter2",
        "token = hunter2",
        "token = { env = \"A\" }\nproxy = \"http://me:hunter2@proxy.test\"",
        "token = { env = \"A\" }\nbase_url = \"https://me:hunter2@host.test\"",
    ] {
        let text = MINIMAL.replace(token, literal);
        let findings = load_with(&text, &[]).expect_err(literal);
        let shown = crate::diagnostic::render::render(&findings);
        let json = crate::diagnostic::render::to_json(&findings).to_string();
        let debug = format!("{findings:?}");
        for text in [shown, json, debug] {
            assert!(!text.contains("hunter2"), "of {literal}: {text}");
        }
    }
    let name = "LEADPING_BRIDGE__TARGETS__LEADPING__TOKEN";
    let findings = load_with(MINIMAL, &[(name, "hunter2")]).expect_err("a literal");
    assert!(!format!("{findings:?}").contains("hunter2"));
}

#[test]
fn the_environment_lies_over_the_file() {
    let text = MINIMAL.replace("[server]\n", "[server]\nlisten = \"127.0.0.1:1\"\n");
    let config = sound(
        &text,
        &[
            ("LEADPING_BRIDGE__SERVER__LISTEN", "127.0.0.1:2"),
            ("leadping_bridge__server__max_connections", "7"),
            ("LEADPING_BRIDGE__ADMIN", "{ listen = \"[::1]:3\" }"),
            (
                "LEADPING_BRIDGE__TARGETS__LEADPING__TOKEN",
                "{ file = \"/x\" }",
            ),
            ("LEADPING_BRIDGE__ADMIN__TOKEN__ENV", "ADMIN"),
            ("LEADPING_BRIDGE__SOURCES__CRM__EVENTS", "[\"leadUpdated\"]"),
            ("LEADPING_BRIDGE_CONFIG", "elsewhere.toml"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.server.max_connections, 7);
    assert_eq!(config.admin.listen.port(), 3);
    assert_eq!(
        config.targets["leadping"].system.secrets(),
        [("token", &SecretReference::File("/x".into()))]
    );
    assert_eq!(
        config.admin.token,
        Some(SecretReference::Env("ADMIN".into()))
    );
    assert_eq!(config.sources["crm"].events, ["leadUpdated"]);
}

#[test]
fn a_variable_alone_can_add_a_section() {
    let text = MINIMAL.replace("[server]\n", "");
    let config = sound(&text, &[("LEADPING_BRIDGE__SERVER__LISTEN", "[::1]:0")]);
    assert_eq!(config.server.listen.to_string(), "[::1]:0");
}

#[test]
fn findings_in_the_environment_name_the_variable() {
    check_variable(
        "LEADPING_BRIDGE__SERVER__LISEN",
        "127.0.0.1:1",
        "environment:1:26: error: LEADPING_BRIDGE__SERVER__LISEN: unknown key `lisen` in [server] (did you mean `listen`?)",
    );
    check_variable(
        "LEADPING_BRIDGE__SERVRE__LISTEN",
        "127.0.0.1:1",
        "environment:1:18: error: LEADPING_BRIDGE__SERVRE__LISTEN: unknown key `servre` (did you mean `server`?)",
    );
    check_variable(
        "LEADPING_BRIDGE__SERVER__MAX_CONNECTIONS",
        "many",
        "environment:1:42: error: LEADPING_BRIDGE__SERVER__MAX_CONNECTIONS: `server.max_connections` must be a whole number, not a string",
    );
    check_variable(
        "LEADPING_BRIDGE__SERVER____LISTEN",
        "x",
        "environment:1:1: error: LEADPING_BRIDGE__SERVER____LISTEN: a part of the name is empty (two underscores step into a table, such as LEADPING_BRIDGE__SERVER__LISTEN)",
    );
    check_variable(
        "LEADPING_BRIDGE__SOURCES__VOICE__AUTH__SECRET",
        "x",
        "environment:1:40: error: LEADPING_BRIDGE__SOURCES__VOICE__AUTH__SECRET: `auth` is a list, not a table (set it as a whole, written as TOML)",
    );
    check_variable(
        "LEADPING_BRIDGE__TARGETS__LEADPING__RATE_LIMIT",
        "{ requests = 1, ",
        "environment:1:63: error: LEADPING_BRIDGE__TARGETS__LEADPING__RATE_LIMIT: unclosed inline table, expected `}`",
    );
}

/// The shipped reference, next to what the code believes.
mod reference {
    use super::*;

    const REFERENCE: &str = include_str!("../../config/bridge.toml");

    #[test]
    fn it_loads_without_findings() {
        assert_eq!(findings(REFERENCE, &[]), "");
    }

    #[test]
    fn its_values_are_the_built_in_defaults() {
        // The keys that the reference calls examples are set; everything else is left out.
        let minimal = MINIMAL
            .replace(
                "[sources.voice]\n",
                "[sources.voice]\nlinks = { crm = \"/externalId\" }\n",
            )
            .replace(
                "\"Authorization\"\n",
                "\"Authorization\"\nprefix = \"Bearer \"\n",
            )
            .replace(
                "\"X-Signature\"\n",
                "\"X-Signature\"\nprefix = \"sha256=\"\n",
            );
        let defaults = redacted(&sound(&minimal, &[]));
        let shown = redacted(&sound(REFERENCE, &[]));
        pretty_equal(&shown, &defaults);
    }

    #[track_caller]
    fn pretty_equal(left: &serde_json::Value, right: &serde_json::Value) {
        assert_eq!(format!("{left:#}"), format!("{right:#}"));
    }

    /// A line such as `#token = …` is a key that is off; with the `#` taken away it must hold.
    #[test]
    fn its_commented_keys_are_sound_too() {
        let uncommented: String = REFERENCE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_lowercase()) => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_ne!(uncommented, REFERENCE);
        assert_eq!(findings(&uncommented, &[]), "");
        let config = sound(&uncommented, &[]);
        assert_eq!(config.sources["voice"].auth.len(), 4);
        assert!(config.admin.token.is_some() && config.targets["leadping"].proxy.is_some());
    }

    /// Every key that a section knows is written in the reference, on or off.
    #[test]
    fn it_shows_every_key() {
        for (section, keys) in [
            ("[server]", "server"),
            ("[admin]", "admin"),
            ("[store]", "store"),
            ("[mappings]", "mappings"),
            ("[sources.voice]", "sources.voice"),
            ("[sources.crm]", "sources.crm"),
            ("[targets.leadping]", "targets.leadping"),
            ("[targets.leadping.retry]", "targets.leadping.retry"),
            ("[targets.leadping.breaker]", "targets.leadping.breaker"),
        ] {
            let text = MINIMAL.replace(
                &format!("{section}\n"),
                &format!("{section}\nno_such_key_at_all = 1\n"),
            );
            let found = findings(&text, &[]);
            let (_, known) = found.split_once("known here: ").expect(keys);
            for key in known.trim_end_matches(')').split(", ") {
                let shown = REFERENCE.lines().any(|line| {
                    line.trim_start_matches('#')
                        .trim_start_matches('[')
                        .split([' ', '=', ']'])
                        .next()
                        .is_some_and(|word| word == key || word.ends_with(&format!(".{key}")))
                });
                assert!(shown, "{section} does not show `{key}`");
            }
        }
    }
}

#[test]
fn missing_secrets_come_all_at_once() {
    let text = MINIMAL
        .replace("VOICE_WEBHOOK_SECRET", "NO_SUCH_VARIABLE_1")
        .replace(
            "{ env = \"CRM_WEBHOOK_SECRET\" }",
            "{ file = \"/nonexistent/secret\" }",
        )
        .replace("LEADPING_API_KEY", "NO_SUCH_VARIABLE_2");
    let missing: Vec<String> = missing_secrets(&sound(&text, &[]))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        missing,
        [
            "file /nonexistent/secret cannot be read: entity not found (for sources.crm.auth)",
            "environment variable NO_SUCH_VARIABLE_1 is not set (for sources.voice.auth)",
            "environment variable NO_SUCH_VARIABLE_2 is not set (for targets.leadping.token)",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_too() {
    let findings = load("/nonexistent/bridge.toml".as_ref(), []).expect_err("no such file");
    assert_eq!(
        findings[0].to_string(),
        "/nonexistent/bridge.toml:1:1: error: the file cannot be read: there is none of this name (name the configuration with --config or LEADPING_BRIDGE_CONFIG)"
    );
}

#[test]
fn the_tables_are_known_although_another_part_is_at_fault() {
    let text = MINIMAL
        .replace("[mappings]\n", "[mappings]\ndir = \"tables\"\n")
        .replace("[server]\n", "[server]\nlisen = 1\n");
    let inspection = inspect_text("bridge.toml".as_ref(), &text, []);
    assert!(inspection.config.is_none());
    let tables = inspection.tables.expect("no syntax error");
    assert_eq!(tables.dir, PathBuf::from("tables"));
    let kinds = [
        ("crm", SourceKind::Capillary),
        ("voice", SourceKind::Nlpearl),
    ];
    assert_eq!(
        tables.kinds,
        kinds.map(|(name, kind)| (name.to_owned(), kind)).into()
    );
}
