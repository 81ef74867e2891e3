//! `test`: the shipped examples, and what it says when something is not as expected.

use std::process::Command;

use serde_json::{Value, json};

use super::place::{BINARY, Place};
use super::process::{Ended, Process};
use super::shipped_place::without_line_number;

const VOICE: &str = "mappings/voice.toml";
const UNREACHABLE: &str = "outcome = \"Unreachable\"";
const EXAMPLE: &str = "mappings/examples/voice/unreachable-lead.expect.toml";

async fn test(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[&["test"], arguments].concat()).await;
    assert!(!ended.out.contains('\u{1b}'), "colours in a pipe");
    ended
}

/// Everything but the lines of the examples that hold; without the line numbers of the shipped
/// tables, which move with every comment in them.
fn without_ticks(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('✓'));
    let lines = lines.map(without_line_number);
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[tokio::test]
async fn what_is_shipped_holds_and_covers_every_row_and_needs_no_secret() {
    let mut command = Command::new(BINARY);
    command
        .args(["test", "--strict", "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear();
    let ended = Process::spawn(command, "").wait().await;
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(0), ""),
        "{}",
        ended.out
    );
    let results: Value = serde_json::from_str(&ended.out).unwrap();
    let hold = results["examples"].as_array().unwrap().len();
    assert!(hold >= 30, "only {hold} examples are shipped");
    let expected = json!({ "hold": hold, "differ": 0, "open": 0, "blessed": 0, "uncovered": 0 });
    assert_eq!(results["summary"], expected);
    assert_eq!(
        (&results["findings"], &results["uncovered"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn a_changed_row_is_shown_as_expected_against_actual_and_blessed_on_demand() {
    let place = Place::shipped(None);
    place.edit(
        VOICE,
        UNREACHABLE,
        "outcome = \"Not reached\", followUpStatus = \"Try again\"",
    );
    let ended = test(&place, &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    insta::assert_snapshot!(without_ticks(&ended.out), @r#"
    ✗ voice/unreachable-call
        outcome         expected  "Unreachable"
                        actual    "Not reached"
        followUpStatus  expected  (nothing)
                        actual    "Try again"
        decided by mappings/voice.toml:… row 4 (unreachable)
    ✗ voice/unreachable-lead
        outcome         expected  "Unreachable"
                        actual    "Not reached"
        followUpStatus  expected  (nothing)
                        actual    "Try again"
        decided by mappings/voice.toml:… row 4 (unreachable)

    33 examples: 31 hold, 2 differ
    If it is meant so: `leadping-bridge test --bless` writes what is decided now.
    "#);

    let ended = test(&place, &["--json", "voice/unreachable-lead"]).await;
    assert_eq!(ended.code, Some(1));
    let results: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(results["examples"][0]["result"], "differs");
    let differences = json!([
        { "key": "leadping.outcome", "expected": "Unreachable", "actual": "Not reached" },
        { "key": "leadping.followUpStatus", "expected": null, "actual": "Try again" },
    ]);
    assert_eq!(results["examples"][0]["differences"], differences);

    let before = place.read(EXAMPLE);
    let ended = test(&place, &["--bless", "voice/unreachable-lead"]).await;
    assert_eq!(ended.code, Some(0));
    insta::assert_snapshot!(ended.out, @r#"
    + voice/unreachable-lead: wrote mappings/examples/voice/unreachable-lead.expect.toml
        outcome         before  "Unreachable"
                        now     "Not reached"
        followUpStatus  before  (nothing)
                        now     "Try again"

    1 example: 0 hold, 1 written, to be reviewed
    "#);
    assert_ne!(place.read(EXAMPLE), before);
    assert_eq!(
        test(&place, &["voice/unreachable-lead"]).await.code,
        Some(0)
    );
    let ended = test(&place, &["--bless"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert_eq!(test(&place, &["--strict"]).await.code, Some(0));
}

#[tokio::test]
async fn a_new_row_wants_an_example_and_a_new_payload_an_expectation() {
    let place = Place::shipped(None);
    let row = "[[row]]\nname = \"third voicemail\"\nstatus = 70\nwhen = \"lead.calls >= 3\"\n\
               leadping = { category = \"Lost\", outcome = \"No answer\" }\n\n";
    let voicemail = "[[row]]\nname = \"voicemail\"\n";
    place.edit(VOICE, voicemail, &format!("{row}{voicemail}"));
    let ended = test(&place, &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    insta::assert_snapshot!(without_ticks(&ended.out), @r"
    Rows that no example covers
      mappings/voice.toml:…: row 3 (third voicemail)

    33 examples: 33 hold; 1 row without example
    ");
    assert_eq!(test(&place, &["--strict"]).await.code, Some(1));
    // Nothing can be said about the rows of a mapping of which only one example was run.
    let one = test(&place, &["--strict", "voice/voicemail-lead"]).await;
    assert_eq!(one.code, Some(0), "{}", one.out);

    let payload = place
        .read("mappings/examples/voice/voicemail-lead.json")
        .replace("\"callsId\": [", "\"callsId\": [\n    \"c-1\", \"c-2\",");
    place.write("mappings/examples/voice/third-voicemail.json", &payload);
    let ended = test(&place, &["voice"]).await;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(without_ticks(&ended.out), @r#"
    ? voice/third-voicemail: no expectation yet; now it becomes
        delivery { type = "Call", outcome = "No answer", category = "Lost", changeSource = "AI" }
        decided by mappings/voice.toml:… row 3 (third voicemail)

    25 examples: 24 hold, 1 without expectation
    If it is meant so: `leadping-bridge test --bless` writes what is decided now.
    "#);
    let ended = test(&place, &["--bless"]).await;
    assert_eq!(ended.code, Some(0));
    insta::assert_snapshot!(without_ticks(&ended.out), @r#"
    + voice/third-voicemail: wrote mappings/examples/voice/third-voicemail.expect.toml
        verdict = "delivery"
        row = "third voicemail"

        [leadping]
        type = "Call"
        outcome = "No answer"
        category = "Lost"
        changeSource = "AI"

    34 examples: 33 hold, 1 written, to be reviewed
    "#);
    assert_eq!(test(&place, &["--strict"]).await.code, Some(0));
}

#[tokio::test]
async fn faults_in_the_examples_themselves_are_64_and_do_not_hide_the_rest() {
    let place = Place::shipped(None);
    place.edit(
        EXAMPLE,
        "verdict = \"delivery\"",
        "verdict = \"delivry\"\nrows = 4",
    );
    place.write(
        "mappings/examples/voice/alone.expect.toml",
        "verdict = \"ignored\"\n",
    );
    place.write(
        "mappings/examples/voice/broken.json",
        "{\n  \"phone\": +14155550101\n}\n",
    );
    place.write("mappings/examples/voices/x.json", "{}\n");
    place.edit(VOICE, UNREACHABLE, "outcome = \"Not reached\"");
    let ended = test(&place, &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(64), ""));
    insta::assert_snapshot!(without_ticks(&ended.out), @r#"
    ✗ voice/unreachable-call
        outcome  expected  "Unreachable"
                 actual    "Not reached"
        decided by mappings/voice.toml:… row 4 (unreachable)

    mappings/examples/voice/alone.expect.toml:1:1: error: there is no payload `alone.json` beside it

    mappings/examples/voices:1:1: error: examples of a mapping that is not there: mappings/voices.toml

    mappings/examples/voice/broken.json:2:12: error: not JSON from here on
      |
    2 |                        
      |            ^
      |
      = help: the bridge answers such a webhook 400; an example is the body alone, without headers

    mappings/examples/voice/unreachable-lead.expect.toml:1:11: error: unknown verdict `delivry`
      |
    1 | verdict = "delivry"
      |           ^^^^^^^^^
      |
      = help: did you mean `delivery`?

    mappings/examples/voice/unreachable-lead.expect.toml:2:1: error: unknown key `rows`
      |
    2 | rows = 4
      | ^^^^
      |
      = help: did you mean `row`?

    5 errors

    32 examples: 31 hold, 1 differs, 4 not run, because of the faults above
    If it is meant so: `leadping-bridge test --bless` writes what is decided now.
    "#);
    let json = test(&place, &["--json"]).await;
    let results: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        results["findings"].as_array().unwrap().len(),
        5,
        "{}",
        json.out
    );
    assert_eq!(results["summary"]["differ"], 1);
    // They are no concern of the other mapping.
    assert_eq!(test(&place, &["crm"]).await.code, Some(0));
}

#[tokio::test]
async fn what_the_bridge_would_refuse_is_no_example() {
    let place = Place::shipped(None);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    let deepest = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(262_144));
    let files = [("deep", deep), ("deepest", deepest), ("large", large)];
    for (name, body) in &files {
        place.write(&format!("mappings/examples/voice/{name}.json"), body);
    }
    let ended = test(&place, &["voice"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.out);
    for (name, why) in [
        ("deep", "the body is nested deeper than 64 levels"),
        ("deepest", "the body is nested deeper than 64 levels"),
        ("large", "the body is larger than 262144 bytes"),
    ] {
        let told = format!("mappings/examples/voice/{name}.json:1:1: error: {why}");
        assert!(ended.out.contains(&told), "{}", ended.out);
    }
    assert!(!ended.out.contains("xxx"), "a payload is not shown");
}

#[tokio::test]
async fn a_faulty_table_or_config_is_64() {
    let place = Place::shipped(None);
    place.edit(VOICE, UNREACHABLE, "outcom = \"Unreachable\"");
    let ended = test(&place, &[]).await;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.out.contains("did you mean `outcome`?"),
        "{}",
        ended.out
    );
    let ended = test(&place, &["--json"]).await;
    let results: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(results["findings"][0]["file"], VOICE);
    place.edit(
        "config/bridge.toml",
        "[sources.voice]",
        "[sources.voice]\nkid = 1",
    );
    let ended = test(&place, &[]).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.out.contains("unknown key `kid`"), "{}", ended.out);
}

#[tokio::test]
async fn an_example_that_is_not_there_is_wrong_usage() {
    let place = Place::shipped(None);
    for (name, told) in [
        ("voce", "did you mean `voice`?"),
        (
            "voice/unreachable-led",
            "did you mean `voice/unreachable-lead`?",
        ),
        ("mail/x", "no example `mail/x`"),
    ] {
        let ended = test(&place, &[name]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{name}");
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[tokio::test]
async fn the_source_is_named_only_where_it_is_not_clear() {
    let place = Place::shipped(None);
    let table = place.read("mappings/crm.toml");
    // No source uses it yet: the kind is enough.
    place.write("mappings/crm-next.toml", &table);
    let payload = place.read("mappings/examples/crm/won.json");
    place.write("mappings/examples/crm-next/won.json", &payload);
    assert_eq!(test(&place, &["--bless", "crm-next"]).await.code, Some(0));
    let written = place.read("mappings/examples/crm-next/won.expect.toml");
    assert_eq!(written, place.read("mappings/examples/crm/won.expect.toml"));

    // Two do: each example says which.
    let second = "[sources.shop]\nkind = \"capillary\"\nmapping = \"crm\"\n\
                  lead = [\"/shopLead\"]\n[[sources.shop.auth]]\nscheme = \"none\"\n\n[targets.leadping]\n";
    place.edit("config/bridge.toml", "[targets.leadping]\n", second);
    let ended = test(&place, &["crm/won"]).await;
    assert_eq!(ended.code, Some(64));
    let told = "mappings/examples/crm/won.expect.toml:1:1: error: several sources use the mapping `crm`: crm, shop";
    assert!(ended.out.contains(told), "{}", ended.out);
    let won = "mappings/examples/crm/won.expect.toml";
    place.write(won, &format!("source = \"shpo\"\n{written}"));
    let ended = test(&place, &["crm/won"]).await;
    assert!(ended.out.contains("did you mean `shop`?"), "{}", ended.out);
    place.edit(won, "shpo", "crm");
    assert_eq!(test(&place, &["crm/won"]).await.code, Some(0));
    place.edit(won, "source = \"crm\"", "source = \"shop\"");
    let ended = test(&place, &["crm/won"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("unlinked"), "{}", ended.out);
}
