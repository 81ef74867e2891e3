//! How commands end: with the code that scripts rely on, a word on what to do, and quietly where
//! nobody reads what they print.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use super::place::{Place, sandbox};

const LEAD: &str = "mappings/examples/voice/success-lead.json";

/// What was asked, how it ended, and what it said about it.
#[track_caller]
fn check(ended: &super::process::Ended, code: i32, says: &str) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(says), "{says}: {}", ended.err);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_wrong_usage_and_says_what_to_do() {
    let place = Place::shipped(None);
    for (arguments, says) in [
        (
            &["explain", "--source", "voice", "nowhere.json"][..],
            "there is no file nowhere.json; name the file that holds the payload, or `-`",
        ),
        (
            &["explain", "--source", "voice", "mappings"],
            "mappings is a directory; name the file that holds the payload",
        ),
        (
            &["explain", "--source", "voice", "--headers", "nowhere", LEAD],
            "there is no file nowhere; name a file of `Name: value` lines",
        ),
        (
            &["send", "--source", "voice", "nowhere.json"],
            "there is no file nowhere.json",
        ),
        (
            &["send", "--source", "voice", "mappings"],
            "mappings is a directory",
        ),
        (
            &["links", "import", "nowhere.csv"],
            "there is no file nowhere.csv; name the CSV file",
        ),
        (
            &["links", "import", "mappings"],
            "mappings is a directory; name the CSV file",
        ),
        (&["test", "voice/nowhere"], "no example `voice/nowhere`"),
        (
            &["events", "replay", "--since", "2h", "--until", "1d"],
            "--since is where it begins, --until where it ends",
        ),
        (&["explain"], "--source"),
        (&["explain", "--event", "12"], "--event"),
    ] {
        let ended = place.run(arguments).await;
        check(&ended, 2, says);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
    place.write("headers", "Host: here\nno header\n");
    let arguments = ["explain", "--source", "voice", "--headers", "headers", LEAD];
    check(
        &place.run(&arguments).await,
        2,
        "headers:2: not a `Name: value` line",
    );
}

#[tokio::test]
async fn a_bad_config_or_table_is_64_whichever_command_finds_it() {
    let place = Place::shipped(None);
    for arguments in [
        &["explain", "--source", "voice", LEAD][..],
        &["plan", "--mappings", "mappings"],
        &["test"],
        &["check"],
        &["send", "--source", "voice", LEAD],
        &["events", "list"],
        &["parked", "list"],
        &["links", "list"],
        &["healthcheck"],
        &["serve"],
    ] {
        let ended = place
            .run(&[arguments, &["--config", "nowhere.toml"]].concat())
            .await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {}", ended.err);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(
            said.contains("name the configuration with --config"),
            "{arguments:?}: {said}"
        );
    }
    let arguments = [
        "explain",
        "--mappings",
        "nowhere",
        "--source",
        "voice",
        LEAD,
    ];
    check(
        &place.run(&arguments).await,
        64,
        "nowhere:1:1: error: there is no such directory",
    );
}

#[tokio::test]
async fn a_store_that_is_none_is_69_and_stays_as_it_is() {
    let place = Place::shipped(None);
    let foreign = "not a database, and longer than the header of one would be ".repeat(3);
    let event = "01a1ff4d-d31d-70ef-9a1f-fa836e2021de";
    let asking = async || {
        let plan = place.run(&["plan", "--mappings", "mappings"]).await;
        let payload = place.run(&["explain", "--source", "voice", LEAD]).await;
        let event = place.run(&["explain", "--event", event]).await;
        [plan, payload, event]
    };
    let [plan, payload, event_of_none] = asking().await;
    check(
        &plan,
        69,
        "there is no store at data/bridge.db (`store.url`): nothing was recorded yet",
    );
    // A payload can be explained without one.
    check(&payload, 0, "");
    check(&event_of_none, 69, "no event was recorded yet");

    place.write("data/bridge.db", &foreign);
    for ended in asking().await {
        check(
            &ended,
            69,
            "data/bridge.db (`store.url`) cannot be read: it is no store of",
        );
    }
    assert_eq!(place.read("data/bridge.db"), foreign);

    std::fs::remove_file(place.path().join("data/bridge.db")).unwrap();
    std::fs::create_dir(place.path().join("data/bridge.db")).unwrap();
    for ended in asking().await {
        check(&ended, 69, "data/bridge.db (`store.url`) cannot be read");
    }
}

#[tokio::test]
async fn an_event_that_is_not_recorded_is_told() {
    let place = Place::new(None);
    assert_eq!(place.serve().await.terminate().await.code, Some(0));
    let id = "01a1ff4d-d31d-70ef-9a1f-fa836e2021de";
    let ended = place.run(&["explain", "--event", id]).await;
    check(&ended, 1, &format!("no event {id} is recorded"));
}

#[tokio::test]
async fn without_a_bridge_what_asks_one_is_69() {
    let nobody = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [webhooks, admin] = nobody.map(|port| port.local_addr().unwrap());
    let place = Place::shipped(None)
        .with("SERVER__LISTEN", webhooks)
        .with("ADMIN__LISTEN", admin);
    place.write(
        "links.csv",
        "source,source_lead_id,lead_id\nvoice,v1,lead_1\n",
    );
    for arguments in [
        &["send", "--source", "voice", LEAD][..],
        &["events", "list"],
        &["events", "replay", "--since", "1d"],
        &["parked", "list"],
        &["parked", "release", "--cause", "unmapped:voice:1"],
        &["links", "list"],
        &["links", "set", "voice", "v1", "lead_1"],
        &["links", "import", "links.csv"],
        &["links", "export"],
    ] {
        let ended = place.run(arguments).await;
        assert_eq!(ended.code, Some(69), "{arguments:?}: {}", ended.err);
        assert!(
            ended.err.contains("running"),
            "{arguments:?}: {}",
            ended.err
        );
    }
}

/// Runs a command whose output nobody reads, as in `… | true`.
fn unread(place: &Place, arguments: &[&str], both: bool) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(arguments);
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap());
    match both {
        true => command.stderr(writer),
        false => command.stderr(Stdio::piped()),
    };
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), said)
}

#[tokio::test]
async fn output_that_nobody_reads_is_no_fault() {
    let sandbox = sandbox();
    let place = Place::shipped(Some(&sandbox));
    let bridge = place.serve().await;
    let place = place
        .with("SERVER__LISTEN", bridge.webhooks)
        .with("ADMIN__LISTEN", bridge.admin);
    for (arguments, code) in [
        (&["send", "--source", "voice", LEAD][..], 0),
        (&["send", "--json", "--source", "voice", LEAD], 0),
        (&["explain", "--source", "voice", LEAD], 0),
        (&["explain", "--json", "--source", "voice", LEAD], 0),
        (&["plan", "--mappings", "mappings"], 0),
        (&["plan", "--json", "--mappings", "mappings"], 0),
        (&["test"], 0),
        (&["check"], 0),
        (&["events", "list"], 0),
        (&["parked", "list"], 0),
        (&["links", "list"], 0),
        (&["links", "export"], 0),
        (&["schema", "config"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["explain", "--help"], 0),
        // What the work came to is told all the same.
        (&["test", "nowhere"], 2),
        (&["send", "--source", "voice", "nowhere.json"], 2),
    ] {
        let (ended, said) = unread(&place, arguments, false);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(
            !said.contains("pipe") && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
        assert_eq!(
            unread(&place, arguments, true).0,
            Some(code),
            "{arguments:?}, both"
        );
    }
}

#[tokio::test]
async fn output_that_is_lost_otherwise_is_a_fault() {
    let place = Place::shipped(None);
    // A disk without room, as Linux pretends one.
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = place.command(&["explain", "--source", "voice", LEAD]);
    let ended = command.stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(70));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("the output could not be written"), "{said}");
}

/// The reader of its log goes away: the daemon works on.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let sandbox = sandbox();
    let place = Place::shipped(Some(&sandbox));
    let mut command = place.command(&["serve"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut serving = command.spawn().unwrap();
    let log = BufReader::new(serving.stderr.take().unwrap());
    let ready = log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (line["message"] == "ready").then_some(line)
    });
    let address = ready.unwrap()["webhooks"].as_str().unwrap().to_owned();
    let place = place.with("SERVER__LISTEN", address);
    // Each of these is logged.
    place.edit("mappings/voice.toml", "kind", "kin");
    let hang_up = serving.id().to_string();
    for signal in ["HUP", "HUP", "TERM"] {
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &hang_up])
            .status();
        assert!(sent.unwrap().success());
        if signal == "HUP" {
            let sent = place
                .run(&["send", "--json", "--source", "voice", LEAD])
                .await;
            let answer: Value = serde_json::from_str(&sent.out).unwrap();
            assert!(answer["answer"]["id"].is_string(), "{}", sent.out);
        }
    }
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}
