//! What a bridge really shows at `/metrics`, and the metrics, labels and values that an expression
//! asks for.

use std::collections::BTreeSet;

use regex::Regex;

use super::*;
use crate::place::{Bridge, Place, sandbox};
use crate::senders::{crm, voice, voice_status};

/// Labels that Prometheus adds.
const FROM_OUTSIDE: [&str; 2] = ["instance", "job"];
const PREFIX: &str = "leadping_bridge_";

/// Metric → label → values.
pub(super) struct Shown {
    metrics: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// As `docs/operating.md` writes them: `events_total{source,result}`.
    pub(super) families: BTreeSet<String>,
}

impl Shown {
    /// Of a bridge through which something of every kind went.
    pub(super) async fn by_a_bridge() -> Self {
        let sandbox = sandbox();
        let place = Place::new(Some(&sandbox));
        let bridge = place.serve().await;
        bridge.accept(&voice("lead_1", "event 1")).await;
        bridge.accept(&crm("lead_1", "event 1")).await;
        bridge
            .accept(&voice_status("lead_2", "event 1", 77.into()))
            .await;
        bridge.at_rest().await;
        let text = scrape(&bridge).await;
        assert_eq!(bridge.terminate().await.code, Some(0));
        Self::read(&text)
    }

    fn read(text: &str) -> Self {
        let pair = Regex::new(r#"([a-z_]+)="([^"]*)""#).unwrap();
        let mut metrics: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        let mut families = BTreeSet::new();
        for line in text.lines() {
            if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, kind) = typed.split_once(' ').unwrap();
                let ending = if kind == "counter" { "_total" } else { "" };
                families.insert(format!("{}{ending}", name.strip_prefix(PREFIX).unwrap()));
            }
            if line.starts_with('#') {
                continue;
            }
            let name = line.split(['{', ' ']).next().unwrap();
            let labels = metrics.entry(name.to_owned()).or_default();
            for found in pair.captures_iter(line) {
                let values = labels.entry(found[1].to_owned()).or_default();
                values.insert(found[2].to_owned());
            }
        }
        Self { metrics, families }
    }

    /// Every metric, label and value that the expression names is there. Values that hold a
    /// variable of a dashboard are left out.
    pub(super) fn answers(&self, expression: &str) -> Result<(), String> {
        let metric = Regex::new(r"([a-z_]+_bridge_[a-z_]+)(?:\{([^}]*)\})?").unwrap();
        let matcher = Regex::new(r#"([a-z_]+)\s*(=~|!=|!~|=)\s*"([^"]*)""#).unwrap();
        let grouping = Regex::new(r"\b(?:by|on|without)\s*\(([^)]*)\)").unwrap();
        let mut known: BTreeSet<&str> = FROM_OUTSIDE.into();
        let mut named = 0;
        for found in metric.captures_iter(expression) {
            named += 1;
            let labels = self.metrics.get(&found[1]);
            let labels = labels.ok_or_else(|| format!("no metric {}", &found[1]))?;
            known.extend(labels.keys().map(String::as_str));
            let matchers = found.get(2).map_or("", |matchers| matchers.as_str());
            for matched in matcher.captures_iter(matchers) {
                let (label, operator, wanted) = (&matched[1], &matched[2], &matched[3]);
                if FROM_OUTSIDE.contains(&label) {
                    continue;
                }
                let values = labels.get(label);
                let values = values.ok_or_else(|| format!("no label {label} of {}", &found[1]))?;
                let must_exist = operator.starts_with('=') && !wanted.contains('$');
                for value in wanted.split('|').filter(|_| must_exist) {
                    if !values.contains(value) {
                        return Err(format!("{} never has {label}=\"{value}\"", &found[1]));
                    }
                }
            }
        }
        for grouped in grouping.captures_iter(expression) {
            for label in grouped[1].split(',').map(str::trim) {
                if !known.contains(label) {
                    return Err(format!("nothing there has the label {label}"));
                }
            }
        }
        match named {
            0 if !expression.contains("up{") => Err(String::from("names no metric of ours")),
            _ => Ok(()),
        }
    }
}

async fn scrape(bridge: &Bridge) -> String {
    let url = format!("http://{}/metrics", bridge.admin);
    bridge
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[test]
fn an_expression_that_asks_for_what_is_not_there_is_seen() {
    let shown = Shown::read(
        "# TYPE leadping_bridge_events counter\nleadping_bridge_events_total{source=\"voice\",result=\"accepted\"} 1\n",
    );
    let check = |expression: &str, expected: Result<(), &str>| {
        assert_eq!(
            shown.answers(expression),
            expected.map_err(str::to_owned),
            "{expression}"
        );
    };
    check(
        "rate(leadping_bridge_events_total{result=\"accepted\"}[5m])",
        Ok(()),
    );
    check(
        "sum by (source, instance) (leadping_bridge_events_total)",
        Ok(()),
    );
    check(
        "leadping_bridge_events",
        Err("no metric leadping_bridge_events"),
    );
    check(
        "leadping_bridge_events_total{state=\"x\"}",
        Err("no label state of leadping_bridge_events_total"),
    );
    check(
        "leadping_bridge_events_total{result=~\"accepted|acepted\"}",
        Err("leadping_bridge_events_total never has result=\"acepted\""),
    );
    check(
        "sum by (target) (leadping_bridge_events_total)",
        Err("nothing there has the label target"),
    );
    check("vector(1)", Err("names no metric of ours"));
}

#[tokio::test]
async fn every_alert_can_fire_says_what_it_is_about_and_has_its_page() {
    let shown = Shown::by_a_bridge().await;
    let rules = yaml("deploy/prometheus/alerts.yml");
    let page = shipped("docs/alerts.md");
    let label = Regex::new(r"\$labels\.([a-z_]+)").unwrap();
    let mut anchors = BTreeSet::new();
    let mut names = BTreeSet::new();
    for rule in list(&rules, "groups.0.rules") {
        let (name, expression) = (text(rule, "alert"), text(rule, "expr"));
        assert!(names.insert(name.to_owned()), "{name} twice");
        shown
            .answers(expression)
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let severity = text(rule, "labels.severity");
        assert!(["page", "ticket"].contains(&severity), "{name}: {severity}");
        let summary = text(rule, "annotations.summary");
        assert!(!text(rule, "annotations.description").is_empty());
        for named in label.captures_iter(summary) {
            let is_there = expression.contains(&named[1]) || expression.contains("target_state");
            let is_there = is_there || expression.contains("parked{");
            assert!(is_there, "{name}: its alert has no label {}", &named[1]);
        }
        let anchor = text(rule, "annotations.runbook_url").strip_prefix("docs/alerts.md#");
        let anchor = anchor.unwrap_or_else(|| panic!("{name} has no page"));
        assert!(
            page.contains(&format!("\n## {anchor}\n")),
            "{name}: no {anchor}"
        );
        assert!(anchors.insert(anchor.to_owned()), "{anchor} twice");
    }
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let headings: BTreeSet<String> = headings.map(str::to_owned).collect();
    assert_eq!(headings, anchors, "a page without an alert");

    let manager = shipped("deploy/prometheus/alertmanager.yml");
    let inhibited = Regex::new(r"LeadpingBridge[A-Za-z]+").unwrap();
    assert!(inhibited.find_iter(&manager).count() > 3);
    for alert in inhibited.find_iter(&manager) {
        assert!(
            names.contains(alert.as_str()),
            "there is no {}",
            alert.as_str()
        );
    }
    let _: Value = serde_saphyr::from_str(&manager).unwrap();
}

#[test]
fn prometheus_finds_the_bridge_and_the_rules() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    assert_eq!(text(&prometheus, "rule_files.0"), "alerts.yml");
    let job = text(&prometheus, "scrape_configs.0.job_name");
    assert!(shipped("deploy/prometheus/alerts.yml").contains(&format!("up{{job=\"{job}\"}}")));
    let config = config_with(&reference(), &BTreeMap::new(), &[]);
    let target = text(&prometheus, "scrape_configs.0.static_configs.0.targets.0");
    assert_eq!(target, config.admin.listen.to_string());
}

/// The list in docs/operating.md is complete, and nothing in it is made up.
#[tokio::test]
async fn every_metric_is_in_the_manual() {
    let shown = Shown::by_a_bridge().await;
    let manual = shipped("docs/operating.md");
    let (_, list) = manual.split_once("\n## Metrics\n").unwrap();
    let list = list.split("\n## ").next().unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)(?:\{([a-z,]+)\})?` \|").unwrap();
    let mut told = BTreeSet::new();
    for found in row.captures_iter(list) {
        told.insert(found[1].to_owned());
        let Some(labels) = found.get(2) else {
            continue;
        };
        let series = [String::new(), String::from("_bucket")]
            .map(|ending| format!("{PREFIX}{}{ending}", &found[1]));
        let known = series.iter().find_map(|name| shown.metrics.get(name));
        let Some(known) = known else {
            panic!("{} is not shown", &found[1]);
        };
        // What has no series yet shows no labels.
        for label in labels.as_str().split(',').filter(|_| !known.is_empty()) {
            assert!(
                known.contains_key(label),
                "{} has no label {label}",
                &found[1]
            );
        }
    }
    assert_eq!(told, shown.families);
}
