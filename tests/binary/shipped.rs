//! `check`, on what is shipped and on what people mistype.

use std::process::Command;

use serde_json::Value;

use super::place::{BINARY, Place};
use super::process::{Ended, Process};

/// In the repository, without any secret.
async fn check_shipped(arguments: &[&str]) -> Ended {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear();
    Process::spawn(command, "").wait().await
}

#[tokio::test]
async fn what_is_shipped_has_no_findings_and_needs_no_secret() {
    let ended = check_shipped(&["check", "--strict"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert_eq!(
        ended.out,
        "config/bridge.toml and its mappings: no findings\n"
    );
    assert_eq!(ended.err, "");
    let ended = check_shipped(&["check", "--json"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "[]\n"));
}

#[tokio::test]
async fn three_typos_in_two_files_are_three_findings_of_one_run() {
    let place = Place::new(None);
    place.edit("config/bridge.toml", "timeout_ms", "timeot_ms");
    place.edit("mappings/crm.toml", "\"LOST\"", "\"LSOT\"");
    place.edit("mappings/crm.toml", "outcome =", "outcom =");
    let ended = place.run(&["check"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.out);
    for (finding, hint) in [
        (
            "config/bridge.toml:37:1: error: unknown key `timeot_ms`",
            "did you mean `timeout_ms`?",
        ),
        ("mappings/crm.toml:4:26: error", "did you mean `LOST`?"),
        ("mappings/crm.toml:5:47: error", "did you mean `outcome`?"),
    ] {
        let (_, behind) = ended.out.split_once(finding).unwrap_or_else(|| {
            panic!("{finding} is not in {}", ended.out);
        });
        let shown = behind.split("\n\n").next().unwrap();
        assert!(shown.contains(hint), "{hint} is not in {shown}");
    }

    let ended = place.run(&["check", "--json"]).await;
    assert_eq!(ended.code, Some(64));
    let findings: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| {
            let place = (&finding["line"], &finding["column"]);
            format!(
                "{}:{}:{}",
                finding["file"].as_str().unwrap(),
                place.0,
                place.1
            )
        })
        .collect();
    let expected = [
        "config/bridge.toml:37:1",
        "mappings/crm.toml:4:26",
        "mappings/crm.toml:5:47",
    ];
    assert_eq!(errors, expected, "{}", ended.out);
}

#[tokio::test]
async fn a_warning_counts_only_if_strict() {
    // The place's voice table covers one status of many.
    let place = Place::new(None);
    let ended = place.run(&["check"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert!(ended.out.contains("warning"), "{}", ended.out);
    assert_eq!(place.run(&["check", "--strict"]).await.code, Some(1));
}

#[tokio::test]
async fn warnings_are_for_check_and_serve_to_say() {
    let place = Place::new(None)
        .with("TARGETS__LEADPING__BASE_URL", "http://leadping.example")
        .with("TARGETS__LEADPING__ALLOW_INSECURE_HTTP", true);
    let says = "use https:// where you can";
    let checked = place.run(&["check"]).await;
    assert!(checked.out.contains(says), "{}{}", checked.out, checked.err);
    let payload = "mappings/examples/voice/success-lead.json";
    for arguments in [
        &["explain", "--source", "voice", payload][..],
        &["send", "--source", "voice", payload],
        &["plan", "--mappings", "mappings"],
        &["parked", "list"],
    ] {
        let ended = place.run(arguments).await;
        assert!(!ended.err.contains(says), "{arguments:?}: {}", ended.err);
        assert!(!ended.err.contains("WARN"), "{arguments:?}: {}", ended.err);
    }
}
