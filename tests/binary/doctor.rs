//! `doctor`: what is wrong with a place is found, with a remedy, and no secret is told.

use std::os::unix::fs::PermissionsExt;

use leadping_bridge::sandbox::Sandbox;
use serde_json::Value;

use super::bad_certificate::listen_with;
use super::place::{CRM_SECRET, LEADPING_TOKEN, Place, VOICE_SECRET, sandbox};

/// Levels and words of all that was found about one thing.
struct Found {
    code: Option<i32>,
    findings: Vec<Value>,
    text: String,
}

impl Found {
    async fn of(place: &Place, more: &[&str]) -> Self {
        let arguments = [&["doctor", "--json"], more].concat();
        let ended = place.run(&arguments).await;
        let told: Value = serde_json::from_str(&ended.out)
            .unwrap_or_else(|_| panic!("{:?} {} {}", ended.code, ended.out, ended.err));
        let findings = told["findings"].as_array().unwrap().clone();
        let fails = findings.iter().any(|it| it["level"] == "error");
        assert_eq!(ended.code, Some(i32::from(fails)), "{told:#}");
        assert_eq!(told["ok"], !fails);
        for finding in &findings {
            let is_ok = finding["level"] == "ok";
            assert_eq!(finding["remedy"].is_null(), is_ok, "{finding}");
        }
        for secret in [VOICE_SECRET, CRM_SECRET, LEADPING_TOKEN] {
            assert!(!ended.out.contains(secret) && !ended.err.contains(secret));
        }
        Self {
            code: ended.code,
            findings,
            text: ended.out,
        }
    }

    #[track_caller]
    fn says(&self, about: &str, level: &str, words: &str) {
        let is_meant = |it: &&Value| {
            it["about"] == about
                && it["level"] == level
                && it["what"].as_str().unwrap().contains(words)
        };
        let found = self.findings.iter().find(is_meant);
        assert!(
            found.is_some(),
            "no {level} about {about} with `{words}`: {}",
            self.text
        );
    }

    fn has(&self, about: &str, level: &str) -> bool {
        self.findings
            .iter()
            .any(|it| it["about"] == about && it["level"] == level)
    }
}

fn careful(target: Option<&Sandbox>) -> Place {
    let place = Place::new(target);
    let secret = place.path().join("voice.secret");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place
}

#[tokio::test]
async fn a_sound_place_is_told_so() {
    let sandbox = sandbox();
    let place = careful(Some(&sandbox));
    let found = Found::of(&place, &[]).await;
    found.says("secrets", "ok", "all 3 are there");
    found.says("targets.leadping", "ok", "the credential is accepted");
    found.says(
        "targets.leadping",
        "ok",
        "GET /dispositions/lead/leadping-bridge-doctor",
    );
    found.says("clock", "ok", "in step with the one of `leadping`");
    found.says("server.listen", "ok", "any free port");
    assert!(found.findings.iter().any(|it| {
        it["about"] == "store"
            && it["what"]
                .as_str()
                .unwrap()
                .contains("one durable page takes")
    }));
    assert!(
        found.findings.iter().any(|it| {
            it["about"] == "store" && it["what"].as_str().unwrap().contains("MiB free")
        })
    );
    assert_eq!(sandbox.writes().len(), 0);
    let asked = sandbox.total_requests();
    let offline = Found::of(&place, &["--offline"]).await;
    assert!(!offline.has("targets.leadping", "ok"));
    assert_eq!(sandbox.total_requests(), asked, "nobody was asked");
    let files: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert!(files.iter().all(|it| {
        !it.as_ref()
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .contains("doctor")
    }));
}

#[tokio::test]
async fn a_credential_that_is_refused_is_an_error() {
    let sandbox = sandbox();
    let place = careful(Some(&sandbox)).without_variable("LEADPING_API_KEY");
    let place = place.variable("LEADPING_API_KEY", "another-key-77");
    let found = Found::of(&place, &[]).await;
    found.says("targets.leadping", "error", "refuses the credential");
    found.says("targets.leadping", "error", "answered 401");
    assert_eq!(found.code, Some(1));
    assert!(!found.text.contains("another-key-77"));
}

#[tokio::test]
async fn an_answer_that_needs_no_credential_proves_nothing() {
    // Any other server that knows no such path: here the bridge's own listener.
    let other = careful(None).serve().await;
    let base = format!("http://{}", other.webhooks);
    let place = careful(None).with("TARGETS__LEADPING__BASE_URL", base);
    let found = Found::of(&place, &[]).await;
    found.says("targets.leadping", "warning", "that proves nothing");
    assert_eq!(other.terminate().await.code, Some(0));
}

#[tokio::test]
async fn a_closed_port_and_a_broken_handshake_are_told_apart() {
    let found = Found::of(&careful(None), &[]).await;
    found.says("targets.leadping", "error", "nobody listens there");
    // It speaks plain HTTP where TLS is asked for.
    let sandbox = sandbox();
    let base = sandbox.base_url().replace("http:", "https:");
    let place = careful(None).with("TARGETS__LEADPING__BASE_URL", base);
    let found = Found::of(&place, &[]).await;
    found.says("targets.leadping", "error", "no secure connection");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_told_with_its_reason() {
    for (certificate, what, remedy) in [
        (
            "self-signed.pem",
            "does not trust who signed",
            "trust store",
        ),
        ("expired.pem", "is not valid now", "renewed"),
    ] {
        let base = format!("https://{}", listen_with(certificate).await);
        let place = careful(None).with("TARGETS__LEADPING__BASE_URL", base);
        let found = Found::of(&place, &[]).await;
        found.says("targets.leadping", "error", what);
        let about = |it: &&Value| it["about"] == "targets.leadping";
        let said = found.findings.iter().find(about).unwrap();
        assert!(said["remedy"].as_str().unwrap().contains(remedy), "{said}");
    }
}

#[tokio::test]
async fn secrets_and_tables_are_looked_at() {
    let place = careful(None).without_variable("CRM_WEBHOOK_SECRET");
    let secret = place.path().join("voice.secret");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    place.edit("mappings/voice.toml", "category", "categroy");
    let found = Found::of(&place, &["--offline"]).await;
    found.says("secrets", "error", "CRM_WEBHOOK_SECRET");
    found.says("secrets", "warning", "others may read file");
    found.says("config", "error", "categroy");
    place.edit("config/bridge.toml", "[admin]", "[amdin]");
    let ended = place.run(&["doctor"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.out);
}

#[tokio::test]
async fn a_running_bridge_is_seen_from_both_sides() {
    let place = careful(None);
    let bridge = place.serve().await;
    let place = place
        .with("SERVER__LISTEN", bridge.webhooks)
        .with("ADMIN__LISTEN", bridge.admin);
    let url = format!("http://{}", bridge.webhooks);
    let found = Found::of(&place, &["--public-url", &url]).await;
    found.says("server.listen", "ok", "answers 200");
    found.says("admin.listen", "ok", "answers 200");
    found.says("public_url", "ok", "senders reach");
    let wrong = format!("http://{}", bridge.admin);
    let found = Found::of(&place, &["--public-url", &wrong]).await;
    found.says("public_url", "error", "answered 404");
    let ended = place.run(&["doctor"]).await;
    assert!(
        ended
            .out
            .contains("error   targets.leadping: nobody listens there"),
        "{}",
        ended.out
    );
    assert_eq!(bridge.terminate().await.code, Some(0));
    let found = Found::of(&place, &["--public-url", "http://127.0.0.1:9"]).await;
    found.says("public_url", "error", "no answer");
    found.says("server.listen", "ok", "is free");
}

#[tokio::test]
async fn the_store_is_made_for_its_owner_alone_and_one_that_is_not_is_told() {
    let place = Place::new(None).with("STORE__URL", "sqlite:data/made/bridge.db");
    let _bridge = place.serve().await;
    let mode = |name: &str| {
        let there = std::fs::metadata(place.path().join(name)).expect(name);
        there.permissions().mode() & 0o777
    };
    for directory in ["data", "data/made"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
    for ending in ["", "-wal", "-shm", ".lock"] {
        let name = format!("data/made/bridge.db{ending}");
        assert_eq!(mode(&name), 0o600, "{name}");
    }
    let words = "can be read by every user of this machine";
    assert!(!Found::of(&place, &[]).await.text.contains(words));
    let open = |name: &str, mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(place.path().join(name), permissions).unwrap();
    };
    open("data/made/bridge.db", 0o644);
    // Nobody else comes near it yet.
    assert!(!Found::of(&place, &[]).await.text.contains(words));
    for directory in ["", "data", "data/made"] {
        open(directory, 0o755);
    }
    Found::of(&place, &[]).await.says("store", "warning", words);
}
