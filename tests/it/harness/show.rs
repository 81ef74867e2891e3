//! What happened, as text: a lead's timeline, the calls that the target got, what is parked.

use jiff::Timestamp;
use leadping_bridge::sandbox::{JournalEntry, Operation};
use serde_json::Value;

use super::World;
use super::watch::{instant, items};

impl World {
    /// One line per event of the lead, oldest first: what was decided, what became of it.
    pub async fn timeline(&self, lead: &str) -> String {
        let mut events = self.events(&format!("lead={lead}")).await;
        events.reverse();
        events.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// One line per event, oldest first: what was decided at each target.
    pub async fn verdicts(&self) -> String {
        let mut events = self.events("").await;
        events.reverse();
        let lines = events.iter().map(|event| {
            let targets = event["decision"]["targets"].as_object();
            let verdicts = targets.into_iter().flatten();
            let verdicts: Vec<String> = verdicts
                .map(|(target, verdict)| format!("{target} {}", word(&verdict["verdict"])))
                .collect();
            let (source, state) = (word(&event["source"]), word(&event["state"]));
            format!("{source}: {state} {}", verdicts.join(", "))
                .trim_end()
                .to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// As [`World::timeline`], of all events.
    pub async fn all_events(&self) -> String {
        let mut events = self.events("").await;
        events.reverse();
        events.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// One line per request that the sandbox got: what, for which lead, outcome, answer.
    pub fn calls(&self) -> String {
        self.calls_after(0)
    }

    /// As [`World::calls`], leaving out the first `count`.
    pub fn calls_after(&self, count: usize) -> String {
        let journal = self.sandbox().journal();
        let calls = journal.iter().skip(count).map(call);
        calls.collect::<Vec<_>>().join("\n")
    }

    /// When requests came, in seconds since `since`, leaving out the first `count`.
    pub fn call_seconds(&self, since: Timestamp, count: usize) -> Vec<f64> {
        let journal = self.sandbox().journal();
        let calls = journal.iter().skip(count);
        calls
            .map(|entry| entry.at.duration_since(since).as_secs_f64())
            .collect()
    }

    /// The outcomes that the lead has at the target, oldest first.
    pub fn outcomes(&self, lead: &str) -> Vec<String> {
        let history = self.sandbox().history(lead);
        let outcomes = history.iter().map(|entry| entry["outcome"].as_str());
        outcomes
            .map(|outcome| outcome.unwrap().to_owned())
            .collect()
    }

    /// The lead's deliveries, oldest first, in a few words.
    pub async fn deliveries(&self, lead: &str) -> Vec<String> {
        let mut events = self.events(&format!("lead={lead}")).await;
        events.reverse();
        let deliveries = events
            .iter()
            .flat_map(|event| items_of(event, "deliveries"));
        deliveries.map(delivery).collect()
    }

    /// When the lead's first due delivery is due.
    pub async fn due_at(&self, lead: &str) -> Timestamp {
        let mut events = self.events(&format!("lead={lead}")).await;
        events.reverse();
        let mut deliveries = events
            .iter()
            .flat_map(|event| items_of(event, "deliveries"));
        let due = deliveries.find(|delivery| delivery["state"] == "due");
        instant(&due.expect("nothing is due")["due_at"]).unwrap()
    }

    /// Cause, events, deliveries.
    pub async fn parked(&self) -> Vec<String> {
        let page = self.get("/api/v1/parked").await;
        let causes = items(&page).iter().map(|row| {
            format!(
                "{}: {} events, {} deliveries",
                word(&row["cause"]),
                row["events"],
                row["deliveries"]
            )
        });
        causes.collect()
    }

    /// State of the one target, and the status that paused it.
    pub async fn target(&self) -> String {
        let page = self.get("/api/v1/targets").await;
        let named = |target: &&Value| target["name"] == "leadping";
        let target = items(&page).iter().find(named).unwrap();
        match target["paused_http_status"].as_u64() {
            Some(status) => format!("{} {status}", word(&target["state"])),
            None => word(&target["state"]).to_owned(),
        }
    }

    pub async fn next_try_at(&self) -> Option<Timestamp> {
        let page = self.get("/api/v1/targets").await;
        instant(&items(&page)[0]["next_try_at"])
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn items_of<'a>(event: &'a Value, member: &str) -> &'a [Value] {
    event[member].as_array().map_or(&[], Vec::as_slice)
}

/// `voice: settled, matched delivery; delivered Open/New, 1 try, 201`.
fn line(event: &Value) -> String {
    let decision = &event["decision"];
    let mut line = format!("{}: {}", word(&event["source"]), word(&event["state"]));
    match event["cause"].as_str() {
        Some(cause) => line.push_str(&format!(" {cause}")),
        None => line.push_str(&format!(", {}", word(&decision["verdict"]))),
    }
    let at_target = &decision["targets"]["leadping"]["verdict"];
    if event["cause"].is_null() && at_target.is_string() {
        line.push_str(&format!(" {}", word(at_target)));
    }
    let duplicates = event["duplicates"].as_u64().unwrap_or(0);
    if duplicates > 0 {
        line.push_str(&format!(", {duplicates} duplicates"));
    }
    for of_event in items_of(event, "deliveries") {
        line.push_str(&format!("; {}", delivery(of_event)));
    }
    line
}

fn delivery(delivery: &Value) -> String {
    let mut text = format!(
        "{} {}/{}, {} tries",
        word(&delivery["state"]),
        word(&delivery["category"]),
        word(&delivery["outcome"]),
        delivery["attempts"],
    );
    if let Some(status) = delivery["last_http_status"].as_u64() {
        text.push_str(&format!(", {status}"));
    } else if let Some(result) = delivery["last_result"].as_str() {
        text.push_str(&format!(", {result}"));
    }
    if let Some(cause) = delivery["cause"].as_str() {
        text.push_str(&format!(", {cause}"));
    }
    if let Some(status) = delivery["held_http_status"].as_u64() {
        text.push_str(&format!(", held {status}"));
    }
    text
}

fn call(entry: &JournalEntry) -> String {
    let what = match entry.operation {
        Operation::Set => "set",
        Operation::Amend => "amend",
        Operation::Read => "read",
        _ => "other",
    };
    let lead = entry.lead_id.as_deref().unwrap_or("-");
    let body = entry.json_body();
    let outcome = body["outcome"]
        .as_str()
        .map_or(String::new(), |outcome| format!(" {outcome}"));
    let answer = match (entry.status, entry.fault) {
        (Some(status), _) => status.to_string(),
        (None, Some(fault)) => fault.to_owned(),
        (None, None) => "no answer".to_owned(),
    };
    format!("{what} {lead}{outcome}: {answer}")
}
