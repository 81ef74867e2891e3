//! The systemd unit and the proxies in front.

use super::*;

/// Key → values, in their order, of a unit's section.
fn unit(section: &str) -> BTreeMap<String, Vec<String>> {
    let shipped = shipped("deploy/systemd/leadping-bridge.service");
    let (_, rest) = shipped.split_once(&format!("[{section}]\n")).unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        if let Some((key, value)) = line.split_once('=') {
            keys.entry(key.to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    keys
}

#[test]
fn the_unit_starts_reloads_and_stops_the_program_as_it_wants() {
    let service = unit("Service");
    let one = |key: &str| service[key].last().unwrap().as_str();
    let number = |key: &str| one(key).parse::<f64>().unwrap();
    // The binary's test hears what this promises.
    assert_eq!(one("Type"), "notify");
    assert_eq!(one("ExecReload"), "/bin/kill -HUP $MAINPID");
    let mut words = one("ExecStart").split_whitespace();
    assert!(words.next().unwrap().ends_with("/leadping-bridge"));
    is_command(words);
    assert_eq!(one("RestartPreventExitStatus"), "2 64");

    let variables: BTreeMap<String, String> = service["Environment"]
        .iter()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = config_with(&reference(), &variables, &[]);
    let grace = config.server.shutdown_grace.as_secs_f64();
    assert!(number("TimeoutStopSec") >= grace + MARGIN_SECONDS);
    // Twice in that time it says that it lives, and a busy disk may hold it up for some seconds.
    assert!(number("WatchdogSec") >= 30.0);
    assert!(
        number("LimitNOFILE")
            >= 2.0 * f64::from(u32::try_from(config.server.max_connections).unwrap())
    );
    let state = format!("/var/lib/{}", one("StateDirectory"));
    assert!(config.store.path.starts_with(&state));
    assert_eq!(one("WorkingDirectory"), state);
    let own = "/etc/leadping-bridge/";
    assert!(variables["LEADPING_BRIDGE_CONFIG"].starts_with(own));
    assert!(config.mappings.dir.starts_with(own) && one("EnvironmentFile").starts_with(own));
}

#[test]
fn the_unit_gives_the_program_no_more_than_it_needs() {
    let service = unit("Service");
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateUsers", "yes"),
        ("PrivateTmp", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("SystemCallArchitectures", "native"),
        ("UMask", "0077"),
    ] {
        let found = service.get(key).and_then(|values| values.last());
        assert_eq!(found.map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(
        service["SystemCallFilter"],
        ["@system-service", "~@privileged @resources"]
    );
}

/// The number behind a proxy's directive.
#[track_caller]
fn directive(text: &str, name: &str, unit: &str) -> f64 {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line
        .unwrap_or_else(|| panic!("no {name}"))
        .split_whitespace()
        .nth(1)
        .unwrap();
    let number = value.trim_end_matches(';').strip_suffix(unit);
    number
        .unwrap_or_else(|| panic!("{name}: {value}"))
        .parse()
        .unwrap()
}

#[test]
fn the_proxies_pass_webhooks_on_and_wait_as_long_as_the_bridge() {
    let config = config_with(&reference(), &BTreeMap::new(), &[]);
    let server = &config.server;
    let [idle, request] =
        [server.idle_timeout, server.request_timeout].map(|time| time.as_secs_f64());
    let largest = server.max_body_bytes as f64;
    let nginx = shipped("deploy/proxy/nginx.conf");
    assert!(nginx.contains(&format!("server {};", server.listen)));
    assert!(directive(&nginx, "keepalive_timeout", "s") < idle);
    assert!(directive(&nginx, "proxy_read_timeout", "s") > request);
    assert!(directive(&nginx, "client_max_body_size", "k") * 1024.0 > largest);
    assert!(directive(&nginx, "client_header_timeout", "s") <= request);
    for passed in nginx.split("location ").skip(1) {
        let is_webhooks = passed.starts_with("/webhooks/ {");
        let block = passed.split_once("\n    }").unwrap().0;
        assert_eq!(block.contains("proxy_pass"), is_webhooks, "{block}");
    }
    // The query may hold a secret.
    let format = nginx
        .lines()
        .find(|line| line.starts_with("log_format"))
        .unwrap();
    for secret in [
        "$request ",
        "$request'",
        "$request_uri",
        "$args",
        "$http_authorization",
    ] {
        assert!(!format.contains(secret), "{format}");
    }

    let caddy = shipped("deploy/proxy/Caddyfile");
    assert!(caddy.contains("handle /webhooks/* {"));
    assert!(caddy.contains(&format!("reverse_proxy {} {{", server.listen)));
    assert!(directive(&caddy, "keepalive", "s") < idle);
    assert!(directive(&caddy, "response_header_timeout", "s") > request);
    assert!(directive(&caddy, "max_size", "KiB") * 1024.0 > largest);
    assert_eq!(caddy.matches("reverse_proxy").count(), 1);
}
