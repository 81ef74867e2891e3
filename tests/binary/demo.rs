//! `demo`: the round both ways, as it is printed; and the tables and the configuration that it, and
//! whoever wants both ways, take over.

use std::process::Command;

use serde_json::{Value, json};

use super::place::{BINARY, Place};
use super::process::{Ended, Process};

/// Without what differs from run to run: ports, and how long calls took.
fn steady(text: &str) -> String {
    let without = |text: &str, begins: &str, digit: fn(char) -> bool, ends: &str| {
        let mut shown = String::new();
        let mut parts = text.split(begins);
        shown.push_str(parts.next().unwrap());
        for part in parts {
            let rest = part.trim_start_matches(digit);
            let is_number = rest.len() < part.len() && rest.starts_with(ends);
            shown.push_str(begins);
            shown.push_str(if is_number { "…" } else { "" });
            shown.push_str(if is_number { rest } else { part });
        }
        shown
    };
    let digit = |character: char| character.is_ascii_digit();
    let text = without(text, "127.0.0.1:", digit, "");
    // `set 201 14ms`
    let text = without(&text, " 200 ", digit, "ms");
    without(&text, " 201 ", digit, "ms")
}

#[tokio::test]
async fn demo_once_shows_the_round_both_ways_and_leaves_nothing_behind() {
    let place = Place::new(None);
    let temporary = place.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let place = place.variable("TMPDIR", temporary.display());
    let ended = place.run(&["demo", "--once"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert_eq!(ended.err, "");
    assert!(!ended.out.contains('\u{1b}'), "colours in a pipe");
    insta::assert_snapshot!("demo", steady(&ended.out));
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 0, "the throw-away store is still there");
}

/// In the repository, without any secret.
async fn two_way(arguments: &[&str]) -> Ended {
    let mut command = Command::new(BINARY);
    command
        .args(["--config", "config/two-way.toml"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear();
    Process::spawn(command, "").wait().await
}

#[tokio::test]
async fn the_configuration_for_both_ways_is_sound_and_its_examples_cover_every_row() {
    let checked = two_way(&["check", "--strict"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.out);
    assert_eq!(
        checked.out,
        "config/two-way.toml and its mappings: no findings\n"
    );
    let tested = two_way(&["test", "--strict", "--json"]).await;
    assert_eq!(
        (tested.code, tested.err.as_str()),
        (Some(0), ""),
        "{}",
        tested.out
    );
    let results: Value = serde_json::from_str(&tested.out).unwrap();
    let hold = results["examples"].as_array().unwrap().len();
    let expected = json!({ "hold": hold, "differ": 0, "open": 0, "blessed": 0, "uncovered": 0 });
    assert_eq!(results["summary"], expected);
}

/// What LeadPing is told is the same with both sets of tables: the shipped examples hold with the
/// rows that write back, but for what those change in LeadPing's record.
#[tokio::test]
async fn both_sets_of_tables_tell_leadping_the_same() {
    let place = Place::shipped(None);
    for mapping in ["voice", "crm"] {
        let table = place
            .path()
            .join(format!("mappings/two-way/{mapping}.toml"));
        std::fs::copy(table, place.path().join(format!("mappings/{mapping}.toml"))).unwrap();
    }
    let ended = place.run(&["test", "--json"]).await;
    let results: Value = serde_json::from_str(&ended.out).unwrap();
    let differ: Vec<&Value> = results["examples"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|example| example["result"] != "holds")
        .collect();
    let names: Vec<&str> = differ
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["deleted", "lost-wrong-number", "won"],
        "{differ:#?}"
    );
}
