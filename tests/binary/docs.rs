//! Every example in `docs/tables.md`, run in the order of the page in one place.
//!
//! The line above a fenced block says what is done with it:
//! - `<!-- write: PATH -->` the block becomes that file
//! - `<!-- edit: PATH -->` a diff is applied to that file; its old lines must be there
//! - `<!-- exit: N -->` what the last command of the console block ends with, if not 0
//! - `<!-- a bridge is running -->` one is started before the block
//! - `<!-- until there is a command: NAME -->` the block is left out as long as there is none
//! - `<!-- workflow -->` the commands that it runs must succeed
//!
//! Without one, a `toml` block is a table or rows of one, which must have no errors; `console`
//! blocks are run, and what they print must be what is shown, where `…` stands for anything.

use std::collections::BTreeMap;
use std::path::Path;

use clap::CommandFactory;
use leadping_bridge::cli::Arguments;
use leadping_bridge::config::SourceKind;
use leadping_bridge::diagnostic::{Finding, Severity, SourceFile};
use leadping_bridge::map;
use leadping_bridge::systems;
use leadping_bridge::systems::members::{Body, MemberType};

use super::place::{BINARY, Bridge, Place, client, sandbox};
use super::process::{Process, eventually};

mod page;

use page::{Block, blocks, markdown_table, matches};

/// Walks down the page.
struct Reader {
    place: Place,
    exported: BTreeMap<String, String>,
    bridge: Option<Bridge>,
    client: reqwest::Client,
    /// Where LeadPing is here; the page shows the real one.
    sandbox: String,
}

impl Reader {
    async fn read(&mut self, block: &Block) {
        let (name, value) = match &block.directive {
            Some((name, value)) => (name.as_str(), value.as_str()),
            None => ("", ""),
        };
        match (block.language.as_str(), name) {
            ("toml", "") => assert_is_table(block),
            ("toml" | "json", "write") => {
                self.place.write(value, &block.text);
            }
            ("diff", "edit") => self.edit(value, block),
            ("console", "until there is a command") if !is_command(value) => {}
            ("console", "until there is a command") => self.run_console(block, 0).await,
            ("console", "a bridge is running") => {
                self.start_bridge().await;
                self.run_console(block, 0).await;
            }
            ("console", "exit") => self.run_console(block, value.parse().unwrap()).await,
            ("console", "") => self.run_console(block, 0).await,
            ("yaml", "workflow") => self.run_workflow(block).await,
            (language, name) => panic!(
                "docs/tables.md:{}: nothing tests a `{language}` block marked `{name}`",
                block.line
            ),
        }
    }

    fn edit(&self, path: &str, block: &Block) {
        let side = |leave_out: char| -> String {
            let lines = block.text.lines();
            let kept = lines.filter(|line| !line.starts_with(leave_out));
            kept.map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
                .collect()
        };
        self.place.edit(path, &side('+'), &side('-'));
    }

    async fn start_bridge(&mut self) {
        let bridge = self.place.serve().await;
        // Where the commands look for it.
        for (key, address) in [("SERVER", bridge.webhooks), ("ADMIN", bridge.admin)] {
            let name = format!("LEADPING_BRIDGE__{key}__LISTEN");
            self.exported.insert(name, address.to_string());
        }
        self.bridge = Some(bridge);
    }

    async fn run_console(&mut self, block: &Block, exit: i32) {
        let commands: Vec<&str> = block.text.split("$ ").skip(1).collect();
        assert!(!commands.is_empty(), "line {}: no `$ `", block.line);
        for (index, shown) in commands.iter().enumerate() {
            let (command, shown) = shown.split_once('\n').unwrap();
            let expected = if index + 1 == commands.len() { exit } else { 0 };
            self.run(command, shown.trim_end(), (block.line, expected))
                .await;
        }
    }

    async fn run(&mut self, command: &str, shown: &str, (line, exit): (usize, i32)) {
        if let Some(set) = command.strip_prefix("export ") {
            let (name, value) = set.split_once('=').unwrap();
            self.exported.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = command.strip_prefix("unset ") {
            self.exported.remove(name).unwrap();
        } else if let Some(url) = command.strip_prefix("curl -s ") {
            self.curl(url.trim_matches('"'), shown).await;
        } else {
            let ended = Process::spawn(self.shell(command), "").wait().await;
            let printed = format!("{}{}", ended.out, ended.err)
                .replace(&self.sandbox, "https://api.leadping.ai");
            assert!(
                matches(shown, printed.trim_end()) && ended.code == Some(exit),
                "docs/tables.md:{line}: {command}\nended with {:?} and printed\n{printed}\nwhere is shown\n{shown}",
                ended.code
            );
        }
    }

    /// The bridge works meanwhile: the answer shown must come, not be there at once.
    async fn curl(&self, url: &str, shown: &str) {
        let bridge = self.bridge.as_ref().expect("a bridge is running");
        let path = url.strip_prefix("http://127.0.0.1:8081").unwrap();
        let url = format!("http://{}{path}", bridge.admin);
        let mut last = String::new();
        let come = eventually(shown, async || {
            let answer = self.client.get(&url).send().await.unwrap();
            last = answer.text().await.unwrap();
            matches(shown, &last).then_some(())
        });
        come.await;
    }

    fn shell(&self, command: &str) -> std::process::Command {
        let mut shell = self.place.command(&[]);
        let mut folders = vec![Path::new(BINARY).parent().unwrap().to_owned()];
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let variables: Vec<_> = shell
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        shell = std::process::Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(self.place.path())
            .env_clear()
            .envs(variables)
            .env("PATH", std::env::join_paths(folders).unwrap())
            .envs(&self.exported);
        shell
    }

    async fn run_workflow(&mut self, block: &Block) {
        let mut seen = 0;
        for line in block.text.lines() {
            let Some(command) = line.trim().strip_prefix("- run: ") else {
                continue;
            };
            seen += 1;
            if command.starts_with("leadping-bridge plan ") && !is_command("plan") {
                continue;
            }
            self.run(command, "…", (block.line, 0)).await;
        }
        assert!(
            seen >= 3,
            "the workflow at line {} runs {seen} commands",
            block.line
        );
    }
}

fn is_command(name: &str) -> bool {
    let arguments = Arguments::command();
    arguments
        .get_subcommands()
        .any(|known| known.get_name() == name)
}

fn assert_is_table(block: &Block) {
    let text = if block.text.contains("kind = ") {
        block.text.clone()
    } else {
        format!("kind = \"nlpearl\"\n{}", block.text)
    };
    let file = SourceFile {
        path: format!("docs/tables.md:{}", block.line).into(),
        text: text.into(),
    };
    let (table, findings) = map::parse_table("docs", &file, None);
    let errors: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    assert!(table.is_some() && errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn every_example_of_the_page_on_tables_is_true() {
    let sandbox = sandbox();
    let mut reader = Reader {
        place: Place::shipped(Some(&sandbox)),
        exported: BTreeMap::new(),
        bridge: None,
        client: client(),
        sandbox: sandbox.base_url(),
    };
    let blocks = blocks();
    assert!(blocks.len() > 15, "only {} blocks were found", blocks.len());
    for block in &blocks {
        reader.read(block).await;
    }
}

#[test]
fn the_page_lists_every_member_with_its_type() {
    for (heading, body) in [
        ("### Members of a disposition", Body::Disposition),
        ("### Members of a lead record", Body::LeadRecord),
        ("### Members of an NLPearl lead", Body::CampaignLead),
        ("### Members of a Capillary status", Body::LeadStatus),
    ] {
        let shown: Vec<(String, String)> = markdown_table(heading)
            .into_iter()
            .map(|cells| (cells[0].clone(), cells[1].clone()))
            .collect();
        let known: Vec<(String, String)> = body
            .members()
            .iter()
            .map(|(name, member_type)| {
                let required = if body.required().contains(name) {
                    ", required"
                } else {
                    ""
                };
                let words = in_words(*member_type);
                ((*name).to_owned(), format!("{words}{required}"))
            })
            .collect();
        assert_eq!(shown, known);
    }
}

#[test]
fn the_page_lists_every_status_with_its_webhooks() {
    for (heading, kind) in [
        ("### Statuses of NLPearl", SourceKind::Nlpearl),
        ("### Statuses of Capillary", SourceKind::Capillary),
        ("### Statuses of LeadPing", SourceKind::Leadping),
    ] {
        let shown: Vec<(String, String)> = markdown_table(heading)
            .into_iter()
            .map(|cells| (cells[0].clone(), cells[1].clone()))
            .collect();
        let known: Vec<(String, String)> = systems::known_statuses(kind)
            .iter()
            .map(|status| {
                let webhooks = systems::kinds_of(kind, status)
                    .iter()
                    .map(|kind| kind.as_str());
                let webhooks: Vec<&str> = webhooks.collect();
                (systems::status_label(kind, status), webhooks.join(", "))
            })
            .collect();
        assert_eq!(shown, known);
    }
}

fn in_words(member_type: MemberType) -> String {
    match member_type {
        MemberType::Text => "text".to_owned(),
        MemberType::Bool => "true or false".to_owned(),
        MemberType::Instant => "date-time".to_owned(),
        MemberType::Enum(words) => words.join(", "),
        MemberType::Whole => "whole number".to_owned(),
        MemberType::WritableStatus => "name or number".to_owned(),
        MemberType::WindowsZone => "Windows name of a time zone".to_owned(),
        MemberType::Plain => "plain value".to_owned(),
        MemberType::Texts => "list of texts".to_owned(),
        MemberType::Values => "table of plain values".to_owned(),
        MemberType::Keys(keys) => format!("table of plain values, keys {}", keys.join(", ")),
    }
}
