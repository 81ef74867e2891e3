//! The Grafana dashboard and the commands of the runbook.

use clap::CommandFactory;
use regex::Regex;

use super::rules::Shown;
use super::*;

#[tokio::test]
async fn every_panel_asks_for_what_a_bridge_shows() {
    let shown = Shown::by_a_bridge().await;
    let dashboard: Value =
        serde_json::from_str(&shipped("deploy/grafana/leadping-bridge.json")).unwrap();
    let label = Regex::new(r"\{\{([a-z_]+)\}\}").unwrap();
    let mut asked = 0;
    for panel in list(&dashboard, "panels")
        .iter()
        .filter(|panel| panel["type"] != "row")
    {
        let title = text(panel, "title");
        for target in list(panel, "targets") {
            asked += 1;
            let expression = text(target, "expr");
            let told = shown.answers(expression);
            assert_eq!(told, Ok(()), "{title}: {expression}");
            assert!(
                expression.contains("$instance"),
                "{title} shows every bridge"
            );
            for named in label.captures_iter(text(target, "legendFormat")) {
                assert!(
                    expression.contains(&named[1])
                        || expression.contains("target_state")
                        || expression.contains("oldest_due"),
                    "{title}: {}",
                    &named[1]
                );
            }
        }
        assert_eq!(text(panel, "datasource.uid"), "${datasource}", "{title}");
    }
    assert!(asked > 20, "only {asked} questions");
    let variable = text(&dashboard, "templating.list.1.definition");
    assert_eq!(shown.answers(variable), Ok(()));
    // Nothing of the dashboard comes from elsewhere.
    assert!(!dashboard.to_string().contains("://"));
}

/// What a person types at night is what the program takes.
#[test]
fn every_command_of_the_runbook_exists() {
    let page = shipped("docs/alerts.md");
    let placeholder = Regex::new("<[^>]+>").unwrap();
    let mut typed = 0;
    for block in page.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block
            .lines()
            .filter(|line| line.starts_with("leadping-bridge "))
        {
            typed += 1;
            let line = line.split(" #").next().unwrap();
            let line = placeholder.replace_all(line, "019a8e1c-0000-7000-8000-000000000000");
            is_command(line.split_whitespace().skip(1));
        }
    }
    assert!(typed > 10, "only {typed} commands");
    // And what it asks of the admin listener.
    assert!(page.contains("admin /api/v1/mappings"));
    assert!(Arguments::command().find_subcommand("serve").is_some());
}
