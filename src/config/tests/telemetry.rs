//! `[telemetry.otlp]`: where it may push to, and that no secret stands in the file.

use super::*;

#[track_caller]
fn check_otlp(lines: &str, expected: &str) {
    let text = format!("[telemetry.otlp]\n{lines}\n{MINIMAL}");
    assert_eq!(findings(&text, &[]), expected, "of {lines}");
}

#[test]
fn a_collector_is_named_and_reached_safely() {
    check_otlp("endpoint = \"http://127.0.0.1:4318\"", "");
    check_otlp("endpoint = \"https://otlp.example/otlp\"", "");
    check_otlp(
        "endpoint = \"http://otel:4318\"\nallow_insecure_http = true",
        "",
    );
    check_otlp(
        "traces = true",
        "bridge.toml:1:12: error: `telemetry.otlp.endpoint` is missing (the collector, such as endpoint = \"http://127.0.0.1:4318\")",
    );
    check_otlp(
        "endpoint = \"http://otel:4318\"",
        "bridge.toml:2:12: error: `telemetry.otlp.endpoint` must begin with `https://` (plain http is for loopback only, unless allow_insecure_http = true)",
    );
}

#[test]
fn a_header_and_its_secret_come_together_and_the_secret_is_a_reference() {
    let endpoint = "endpoint = \"https://otlp.example\"";
    let secret = "secret = { env = \"OTLP_TOKEN\" }";
    check_otlp(
        &format!("{endpoint}\nheader = \"Authorization\"\nprefix = \"Bearer \"\n{secret}"),
        "",
    );
    check_otlp(
        &format!("{endpoint}\nheader = \"Authorization\""),
        "bridge.toml:1:12: error: `telemetry.otlp.secret` is missing (what the header carries)",
    );
    check_otlp(
        &format!("{endpoint}\n{secret}"),
        "bridge.toml:1:12: error: `telemetry.otlp.header` is missing (such as header = \"Authorization\")",
    );
    check_otlp(
        &format!("{endpoint}\nheader = \"X-Key\"\nsecret = \"plain\""),
        "bridge.toml:4:10: error: `telemetry.otlp.secret` must be a reference, never the secret itself (write { env = \"NAME\" } or { file = \"/run/secrets/name\" })",
    );
}

#[test]
fn shares_and_times_are_bounded_and_nothing_at_all_is_worth_a_word() {
    let endpoint = "endpoint = \"https://otlp.example\"";
    check_otlp(
        &format!("{endpoint}\nsample_ratio = 1.5"),
        "bridge.toml:3:16: error: `telemetry.otlp.sample_ratio` must be 0 to 1",
    );
    check_otlp(
        &format!("{endpoint}\ninterval_seconds = 0"),
        "bridge.toml:3:20: error: `telemetry.otlp.interval_seconds` must be 1 to 3600",
    );
    check_otlp(
        &format!("{endpoint}\ntraces = false\nmetrics = false"),
        "bridge.toml:1:12: warning: neither traces nor metrics are exported (leave the section out, or turn one of them on)",
    );
}
