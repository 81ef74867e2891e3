//! `serve` that cannot start: every fault at once, the documented exit code, nothing bound or made.

use std::net::TcpListener;

use super::place::{CRM_SECRET, LEADPING_TOKEN, Place, VOICE_SECRET};
use super::process::Ended;

/// A place whose ports are taken: whoever binds one fails with another code than 64.
fn place_without_ports() -> (Place, [TcpListener; 2]) {
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [webhooks, admin] = [&taken[0], &taken[1]].map(|port| port.local_addr().unwrap());
    let place = Place::new(None)
        .with("SERVER__LISTEN", webhooks)
        .with("ADMIN__LISTEN", admin);
    (place, taken)
}

/// It ended before it touched anything, and told no secret.
#[track_caller]
fn is_refused(place: &Place, ended: &Ended) {
    assert_eq!(ended.code, Some(64), "{}", ended.err);
    assert!(!place.path().join("bridge.db").exists(), "a store was made");
    assert!(!ended.err.contains("cannot listen"), "{}", ended.err);
    assert_eq!(ended.out, "");
    for secret in [VOICE_SECRET, CRM_SECRET, LEADPING_TOKEN] {
        assert!(!ended.err.contains(secret), "a secret is shown");
    }
}

#[tokio::test]
async fn faults_of_config_and_tables_come_all_at_once() {
    let (place, _taken) = place_without_ports();
    place.edit("config/bridge.toml", "watch = false", "wach = false");
    place.edit(
        "config/bridge.toml",
        "token = { env = \"LEADPING_API_KEY\" }",
        &format!("token = \"{LEADPING_TOKEN}\""),
    );
    place.edit("mappings/voice.toml", "\"Success\"", "\"Sucess\"");
    place.edit("mappings/crm.toml", "outcome =", "outcom =");
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    insta::assert_snapshot!("faults_at_once", ended.err);
}

#[tokio::test]
async fn a_table_alone_stops_the_start() {
    let (place, _taken) = place_without_ports();
    place.write(
        "mappings/crm.toml",
        "kind = \"capillary\"\n[[row]]\nstatus = \n",
    );
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    assert!(
        ended.err.contains("mappings/crm.toml:3:10: error"),
        "{}",
        ended.err
    );

    std::fs::remove_file(place.path().join("mappings/crm.toml")).unwrap();
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    assert!(ended.err.contains("mappings/crm.toml"), "{}", ended.err);
}

#[tokio::test]
async fn a_config_that_is_not_there_is_named() {
    let (place, _taken) = place_without_ports();
    let ended = place.run(&["serve", "--config", "config/none.toml"]).await;
    is_refused(&place, &ended);
    assert!(
        ended.err.starts_with("config/none.toml:1:1: error"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn secrets_that_are_missing_or_empty_come_all_at_once() {
    let (place, _taken) = place_without_ports();
    let place = place
        .without_variable("LEADPING_API_KEY")
        .without_variable("CRM_WEBHOOK_SECRET")
        .variable("CRM_WEBHOOK_SECRET", "");
    std::fs::remove_file(place.path().join("voice.secret")).unwrap();
    place.edit("mappings/voice.toml", "\"Success\"", "\"Sucess\"");
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    for named in [
        "mappings/voice.toml:4:10",
        "environment variable LEADPING_API_KEY is not set (for targets.leadping.token)",
        "environment variable CRM_WEBHOOK_SECRET is empty (for sources.crm.auth)",
        "file voice.secret cannot be read",
    ] {
        assert!(ended.err.contains(named), "{named} is not in {}", ended.err);
    }
}

#[tokio::test]
async fn a_secret_of_the_wrong_form_stops_the_start() {
    let (place, _taken) = place_without_ports();
    let place = place.variable("SIGNING_SECRET", "whsec_!not-base64!");
    let config = place.read("config/bridge.toml");
    let entry = "[[sources.crm.auth]]\nscheme = \"standard-webhooks\"\nsecret = { env = \"SIGNING_SECRET\" }\n\n[targets.leadping]";
    place.write(
        "config/bridge.toml",
        &config.replace("[targets.leadping]", entry),
    );
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    assert!(ended.err.contains("SIGNING_SECRET"), "{}", ended.err);
    assert!(!ended.err.contains("!not-base64!"), "{}", ended.err);

    let place = place
        .variable(
            "SIGNING_SECRET",
            "whsec_c2lnbmluZyBzZWNyZXQgc2lnbmluZyBzZWNyZXQ=",
        )
        .variable("LEADPING_API_KEY", "two\nlines");
    let ended = place.run(&["serve"]).await;
    is_refused(&place, &ended);
    assert!(ended.err.contains("LEADPING_API_KEY"), "{}", ended.err);
    assert!(!ended.err.contains("lines"), "{}", ended.err);
}

#[tokio::test]
async fn a_store_in_use_is_told_and_the_first_goes_on() {
    let place = Place::new(None);
    let first = place.serve().await;
    let second = place.run(&["serve"]).await;
    assert_eq!(second.code, Some(69), "{}", second.err);
    assert!(
        second
            .err
            .contains("bridge.db is in use by another leadping-bridge"),
        "{}",
        second.err
    );
    assert_eq!(first.status_of("/readyz").await, 200);
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_69() {
    for (url, told) in [
        ("sqlite:in-the-way/bridge.db", "cannot create in-the-way"),
        (
            "sqlite:/proc/no-such-place/bridge.db",
            "cannot create /proc/no-such-place",
        ),
        ("sqlite:mappings", "cannot open the store mappings: "),
        ("sqlite:text.db", "not a database"),
    ] {
        let place = Place::new(None).with("STORE__URL", format!("\"{url}\""));
        place.write("in-the-way", "a file, no directory");
        place.write("text.db", &"this is no database, it is text. ".repeat(200));
        let ended = place.run(&["serve"]).await;
        assert_eq!(ended.code, Some(69), "{url}: {}", ended.err);
        let error = ended.err.lines().find(|line| line.starts_with("error: "));
        assert!(
            error.unwrap_or_default().contains(told),
            "{url}: {}",
            ended.err
        );
    }
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (key, name) in [
        ("SERVER__LISTEN", "server.listen"),
        ("ADMIN__LISTEN", "admin.listen"),
    ] {
        let ended = Place::new(None).with(key, address).run(&["serve"]).await;
        assert_eq!(ended.code, Some(70), "{}", ended.err);
        let told = format!("error: cannot listen on {address} (`{name}`): Address already in use");
        assert!(ended.err.contains(&told), "{}", ended.err);
    }
}
