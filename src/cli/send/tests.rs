//! `send` and `healthcheck` against a stand-in that verifies what it is sent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as RoutePath, RawQuery, State};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use super::*;
use crate::cli::healthcheck::{self, HealthcheckArgs};
use crate::config::{AdminConfig, MappingsConfig, ServerConfig, SourceKind, StoreConfig};
use crate::secret::SecretReference;
use crate::verify::{Gate, RawWebhook, verify};

fn config(listen: SocketAddr, source: SourceConfig) -> Config {
    Config {
        server: ServerConfig {
            listen,
            max_body_bytes: 1000,
            max_connections: 10,
            header_timeout: TIMEOUT,
            idle_timeout: TIMEOUT,
            request_timeout: TIMEOUT,
            shutdown_grace: TIMEOUT,
        },
        admin: AdminConfig {
            listen,
            token: None,
            tokens: Vec::new(),
        },
        store: StoreConfig {
            path: PathBuf::new(),
            retention: TIMEOUT,
        },
        mappings: MappingsConfig {
            dir: PathBuf::new(),
            watch: false,
        },
        decide: crate::config::DecideConfig::default(),
        telemetry: crate::config::TelemetryConfig::default(),
        sources: BTreeMap::from([(source.name.clone(), source)]),
        targets: BTreeMap::new(),
    }
}

fn source(secret: PathBuf) -> SourceConfig {
    SourceConfig {
        name: "voice".into(),
        kind: SourceKind::Nlpearl,
        mapping: "voice".into(),
        lead: Vec::new(),
        fields: crate::config::Fields::default(),
        links: BTreeMap::new(),
        events: Vec::new(),
        dedupe_window: TIMEOUT,
        redelivery: TIMEOUT,
        rate_limit: None,
        resolve: None,
        auth: vec![AuthConfig {
            scheme: AuthScheme::Query {
                parameter: "token".into(),
                secret: SecretReference::File(secret),
            },
            not_after: None,
        }],
    }
}

async fn take(
    State(gate): State<Arc<Gate>>,
    RoutePath(kind): RoutePath<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let raw = RawWebhook {
        headers: &headers,
        query: query.as_deref(),
        body: &body,
    };
    let admitted = verify(raw, &gate, Timestamp::now()).is_ok();
    match (admitted, kind.as_str(), body.as_ref()) {
        (true, "call", b"{}") => StatusCode::ACCEPTED,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[tokio::test]
async fn exit_codes_tell_accepted_refused_and_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let (secret, payload) = (directory.path().join("s"), directory.path().join("p"));
    std::fs::write(&secret, "a+b c%").unwrap();
    std::fs::write(&payload, "{}").unwrap();
    let source = source(secret.clone());
    let router = Router::new()
        .route("/webhooks/voice/{kind}", post(take))
        .with_state(Arc::new(Gate::load(&source).unwrap()))
        .route("/readyz", get(async || StatusCode::OK));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
    let config = config(everywhere, source);

    let code = async |source: &str, kind, file: &Path, url: Option<&str>| {
        let args = SendArgs {
            source: source.into(),
            file: file.to_owned(),
            url: url.map(str::to_owned),
            kind,
            json: true,
        };
        let ended = run(args, &config).await;
        ended.unwrap_or_else(|error| crate::cli::Exit::of(&error).into())
    };
    let call = Some(EventKind::Call);
    assert_eq!(code("voice", call, &payload, None).await, ExitCode::SUCCESS);
    assert_eq!(
        code("voice", Some(EventKind::Lead), &payload, None).await,
        ExitCode::from(1)
    );
    assert_eq!(code("vioce", call, &payload, None).await, ExitCode::from(2));
    assert_eq!(
        code("voice", call, &directory.path().join("no"), None).await,
        ExitCode::from(2)
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody_url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    assert_eq!(
        code("voice", call, &payload, Some(&nobody_url)).await,
        ExitCode::from(69)
    );
    std::fs::remove_file(&secret).unwrap();
    assert_eq!(
        code("voice", call, &payload, None).await,
        ExitCode::from(64)
    );

    let healthy = async |url| {
        healthcheck::run(HealthcheckArgs { url }, &config)
            .await
            .unwrap()
    };
    assert_eq!(healthy(None).await, ExitCode::SUCCESS);
    assert_eq!(healthy(Some(nobody_url)).await, ExitCode::FAILURE);
    assert_eq!(
        healthy(Some(format!("http://{address}/none"))).await,
        ExitCode::FAILURE
    );
    server.abort();
}
