//! Dockerfile, compose file and Kubernetes manifests.

use super::*;

/// `60s`
fn seconds(text: &str) -> f64 {
    text.strip_suffix('s').unwrap().parse().unwrap()
}

#[test]
fn the_image_builds_with_the_toolchain_runs_as_nobody_and_checks_itself() {
    let toolchain: toml::Table = shipped("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let builds = docker("FROM");
    assert!(
        builds[0].starts_with(&format!("rust:{channel}-")),
        "{builds:?}"
    );
    let manifest: toml::Table = shipped("Cargo.toml").parse().unwrap();
    let least = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(channel.starts_with(least));

    let user = docker("USER").pop().unwrap();
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(docker("STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(docker("ENTRYPOINT"), [r#"["leadping-bridge"]"#]);
    for told in [docker("CMD"), docker("HEALTHCHECK")] {
        let told = &told[0];
        let words: Vec<String> = serde_json::from_str(&told[told.find('[').unwrap()..]).unwrap();
        let words = words.iter().map(String::as_str);
        is_command(words.filter(|word| *word != "leadping-bridge"));
    }
    assert!(shipped("Dockerfile").contains("/etc/ssl/certs/ca-certificates.crt"));
}

#[test]
fn the_images_variables_and_ports_are_the_programs() {
    let config = config_with(&reference(), &image_variables(), &[]);
    let ports = docker("EXPOSE").pop().unwrap();
    let own = [config.server.listen, config.admin.listen].map(|address| address.port().to_string());
    assert_eq!(ports.split_whitespace().collect::<Vec<_>>(), own);
    // The admin listener has no token there: it must not be reachable.
    assert!(config.server.listen.ip().is_unspecified() && config.admin.listen.ip().is_loopback());
    let volume = docker("VOLUME").pop().unwrap();
    assert!(config.store.path.starts_with(&volume));
}

#[test]
fn the_compose_file_starts_a_bridge_that_delivers_to_the_sandbox() {
    let compose = yaml("deploy/compose.yaml");
    let mut variables = image_variables();
    let environment = at(&compose, "services.bridge.environment")
        .as_object()
        .unwrap();
    for (name, value) in environment {
        variables.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    let config = config_with(&reference(), &variables, &["without TLS"]);
    let sources = config.sources.values().flat_map(|source| &source.auth);
    let mut secrets: Vec<String> = sources.map(|auth| format!("{auth:?}")).collect();
    secrets.extend(config.targets.values().map(|target| format!("{target:?}")));
    secrets.push(format!("{:?}", config.admin.token));
    for secret in secrets {
        let (_, named) = secret
            .split_once("Env(\"")
            .expect("the shipped secrets are variables");
        let name = named.split('"').next().unwrap();
        assert!(environment.contains_key(name), "{name} is not set");
    }

    let sandbox = list(&compose, "services.sandbox.command");
    let words: Vec<&str> = sandbox.iter().map(|word| word.as_str().unwrap()).collect();
    is_command(words.clone());
    let port = words[2].rsplit(':').next().unwrap();
    let target = &config.targets["leadping"];
    assert_eq!(target.base_url, format!("http://sandbox:{port}"));
    assert_eq!(words[4], environment["LEADPING_API_KEY"]);
    is_command(
        list(&compose, "services.bridge.command")
            .iter()
            .map(|word| word.as_str().unwrap()),
    );

    let ports = list(&compose, "services.bridge.ports");
    for (published, own) in ports
        .iter()
        .zip([config.server.listen, config.admin.listen])
    {
        let published = published.as_str().unwrap();
        assert!(
            published.starts_with("127.0.0.1:"),
            "{published} is open to everybody"
        );
        assert!(
            published.ends_with(&format!(":{}", own.port())),
            "{published}"
        );
        assert!(own.ip().is_unspecified(), "{own} is not reachable");
    }
    let grace = seconds(text(&compose, "services.bridge.stop_grace_period"));
    assert!(grace >= config.server.shutdown_grace.as_secs_f64() + MARGIN_SECONDS);
    let volumes = list(&compose, "services.bridge.volumes");
    let is_mounted = |path: &std::path::Path| {
        volumes.iter().any(|volume| {
            let inside = volume.as_str().unwrap().split(':').nth(1).unwrap();
            path.starts_with(inside)
        })
    };
    assert!(is_mounted(&config.store.path) && is_mounted(&config.mappings.dir));
}

/// The objects of the manifest by their kind; of several of a kind by kind and name.
fn objects() -> BTreeMap<String, Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&shipped("deploy/kubernetes/leadping-bridge.yaml")).unwrap();
    let named = documents.into_iter().map(|object| {
        let name = format!(
            "{} {}",
            text(&object, "kind"),
            text(&object, "metadata.name")
        );
        (name, object)
    });
    named.collect()
}

#[test]
fn the_manifests_config_passes_check_and_everything_it_names_is_mounted() {
    let objects = objects();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("bridge.toml");
    let written = at(&objects["ConfigMap leadping-bridge"], "data")["bridge.toml"].as_str();
    std::fs::write(&file, written.unwrap()).unwrap();
    let pod = at(&objects["Deployment leadping-bridge"], "spec.template.spec");
    let mut variables = image_variables();
    for variable in list(pod, "containers.0.env") {
        let pair = (
            text(variable, "name").to_owned(),
            text(variable, "value").to_owned(),
        );
        variables.insert(pair.0, pair.1);
    }
    let config = config_with(&file, &variables, &[]);
    // The file alone says the same: nobody has to know the image's variables.
    let alone = config_with(&file, &BTreeMap::new(), &[]);
    assert_eq!(config::redacted(&config), config::redacted(&alone));

    let mounts: Vec<&str> = list(pod, "containers.0.volumeMounts")
        .iter()
        .map(|mount| {
            assert!(
                mount.get("subPath").is_none(),
                "a single file does not follow a change"
            );
            let name = text(mount, "name");
            let volumes = list(pod, "volumes");
            assert!(
                volumes.iter().any(|volume| volume["name"] == name),
                "{name}"
            );
            text(mount, "mountPath")
        })
        .collect();
    let is_mounted = |path: &str| mounts.iter().any(|mount| path.starts_with(mount));
    assert!(is_mounted(&variables["LEADPING_BRIDGE_CONFIG"]));
    assert!(variables["LEADPING_BRIDGE_CONFIG"].ends_with("/bridge.toml"));
    assert!(mounts.contains(&config.mappings.dir.to_str().unwrap()));
    assert!(is_mounted(config.store.path.to_str().unwrap()));
    let shown = config::redacted(&config).to_string();
    let files: Vec<&str> = shown.split("\"file\":\"").skip(1).collect();
    assert_eq!(files.len(), 4);
    let manifest = shipped("deploy/kubernetes/leadping-bridge.yaml");
    for file in files {
        let path = file.split('"').next().unwrap();
        assert!(is_mounted(path), "{path}");
        // How the secret is made is said at the head of the file.
        let key = path.rsplit('/').next().unwrap();
        assert!(manifest.contains(&format!("--from-file={key}=")), "{key}");
    }
}

#[test]
fn the_manifests_ports_probes_user_and_times_are_the_programs() {
    let objects = objects();
    let deployment = &objects["Deployment leadping-bridge"];
    assert_eq!(at(deployment, "spec.replicas"), 1);
    assert_eq!(text(deployment, "spec.strategy.type"), "Recreate");
    let pod = at(deployment, "spec.template.spec");
    let defaults = config_with(&reference(), &BTreeMap::new(), &[]);
    let grace = at(pod, "terminationGracePeriodSeconds").as_f64().unwrap();
    assert!(grace >= defaults.server.shutdown_grace.as_secs_f64() + MARGIN_SECONDS);
    let bridge = at(pod, "containers.0");
    let version = format!("leadping-bridge:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(bridge, "image"), version);
    is_command(
        list(bridge, "args")
            .iter()
            .map(|word| word.as_str().unwrap()),
    );

    let ports: BTreeMap<&str, u64> = list(bridge, "ports")
        .iter()
        .map(|port| (text(port, "name"), port["containerPort"].as_u64().unwrap()))
        .collect();
    let own = [
        ("admin", defaults.admin.listen),
        ("webhooks", defaults.server.listen),
    ];
    assert_eq!(
        ports,
        own.map(|(name, address)| (name, address.port().into()))
            .into()
    );
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = text(bridge, &format!("{probe}.httpGet.path"));
        let expected = if probe == "readinessProbe" {
            "/readyz"
        } else {
            "/healthz"
        };
        assert_eq!(path, expected, "{probe}");
        assert_eq!(text(bridge, &format!("{probe}.httpGet.port")), "webhooks");
    }
    for service in ["Service leadping-bridge", "Service leadping-bridge-admin"] {
        let port = at(&objects[service], "spec.ports.0");
        assert_eq!(
            ports[text(port, "targetPort")],
            port["port"].as_u64().unwrap()
        );
        assert_eq!(
            at(&objects[service], "spec.selector"),
            at(deployment, "spec.selector.matchLabels")
        );
    }
    let route = at(
        &objects["Ingress leadping-bridge"],
        "spec.rules.0.http.paths.0",
    );
    assert_eq!(text(route, "path"), "/webhooks/");
    assert_eq!(text(route, "backend.service.name"), "leadping-bridge");

    let user = docker("USER").pop().unwrap();
    let context = at(pod, "securityContext");
    let of_pod = format!("{}:{}", context["runAsUser"], context["runAsGroup"]);
    assert_eq!(of_pod, user);
    assert_eq!(at(context, "runAsNonRoot"), true);
    let own = at(bridge, "securityContext");
    assert_eq!(at(own, "readOnlyRootFilesystem"), true);
    assert_eq!(at(own, "allowPrivilegeEscalation"), false);
    assert_eq!(at(own, "capabilities.drop.0"), "ALL");
    let claim = text(at(pod, "volumes.0"), "persistentVolumeClaim.claimName");
    assert!(objects.contains_key(&format!("PersistentVolumeClaim {claim}")));
}
