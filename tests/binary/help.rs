//! `--help` of every command, as people see it, and what wrong usage is answered.

use clap::CommandFactory;
use leadping_bridge::cli::Arguments;

use super::place::Place;

/// The words of every command there is, and of those below it.
fn every_command() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut open = vec![(Vec::new(), Arguments::command())];
    while let Some((words, command)) = open.pop() {
        for below in command.get_subcommands() {
            let words = [words.as_slice(), &[below.get_name().to_owned()]].concat();
            found.push(words.clone());
            open.push((words, below.clone()));
        }
    }
    found
}

#[tokio::test]
async fn every_command_explains_itself() {
    let place = Place::new(None);
    for words in every_command() {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ended = place.run(&arguments).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{words:?}");
        let name = format!("help {}", words.join(" "));
        insta::assert_snapshot!(name.trim().replace(' ', "_"), ended.out);
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_says_what_is_right() {
    let place = Place::new(None);
    for (arguments, told) in [
        (&[] as &[&str], "Usage: leadping-bridge"),
        (&["sevre"], "serve"),
        (&["serve", "--port", "80"], "--port"),
        (&["send", "body.json"], "--source"),
        (
            &["send", "--source", "voice", "--kind", "leed", "body.json"],
            "`lead` or `call`",
        ),
        (&["links", "set", "voice"], "<SOURCE_LEAD_ID>"),
        (&["sandbox", "--listen", "here"], "here"),
        (&["sandbox", "--token", ""], "--token"),
        (&["sandbox", "--webhook", "voice"], "SOURCE=URL"),
        (&["sandbox", "--webhook", "voice=ftp://here"], "http"),
        (
            &["sandbox", "--nlpearl-key", "account"],
            "--nlpearl-key must be two parts",
        ),
        (&["--log-format", "xml", "check"], "xml"),
    ] {
        let ended = place.run(arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(told), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn the_version_is_the_packages() {
    let ended = Place::new(None).run(&["--version"]).await;
    let version = concat!("leadping-bridge ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), version));
}
