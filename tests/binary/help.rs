//! `--help` of every command, as people see it, and what wrong usage is answered.

use super::place::Place;

#[tokio::test]
async fn every_command_explains_itself() {
    let place = Place::new(None);
    for command in [
        "",
        "serve",
        "demo",
        "sandbox",
        "check",
        "send",
        "healthcheck",
        "links",
        "links set",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let ended = place.run(&arguments).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{command}");
        let name = format!("help {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, ended.out);
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
