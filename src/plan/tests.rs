//! What changed tables would have made of a few events; `laws` hold for any traffic.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::config;
use crate::event::{EventId, EventKind};
use crate::lead::LEADPING;
use crate::map::load_dir;

mod laws;
mod places;
mod stories;

const CONFIG: &str = r#"
[sources.voice]
kind = "nlpearl"
links = { crm = "/externalId" }
[[sources.voice.auth]]
scheme = "none"
[sources.crm]
kind = "capillary"
[[sources.crm.auth]]
scheme = "none"
[targets.leadping]
kind = "leadping"
base_url = "http://127.0.0.1:9"
token = { env = "NONE" }
rate_limit = { requests = 60, per_seconds = 60 }
"#;

const SUCCESS: &str = r#"
[[row]]
name = "success"
status = 100
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
"#;
const VOICEMAIL: &str = r#"
[[row]]
status = 70
leadping = { type = "Call", category = "Open", outcome = "Voicemail" }
"#;
const CRM: &str = r#"kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
[[row]]
status = "LOST"
leadping = { type = "CRM", category = "Lost", outcome = "Lost" }
"#;

/// Traffic, in the order recorded.
#[derive(Debug, Default, Clone)]
struct Traffic(Vec<Event>);

impl Traffic {
    fn add(mut self, source: &str, body: Value) -> Self {
        let sequence = i64::try_from(self.0.len()).unwrap() + 1;
        let received_at = Timestamp::from_millisecond(1_785_578_400_000 + sequence * 1000).unwrap();
        self.0.push(Event {
            id: EventId::new_at(received_at),
            sequence: Sequence(sequence),
            source: source.to_owned(),
            forced_kind: None::<EventKind>,
            received_at,
            body: Bytes::from(body.to_string()),
        });
        self
    }

    /// A lead of the voice system that carries its LeadPing id.
    fn voice(self, lead: &str, status: i64) -> Self {
        self.called(lead, status, &[])
    }

    fn called(self, lead: &str, status: i64, calls: &[&str]) -> Self {
        let call_data = json!({ "leadpingLeadId": format!("L{lead}") });
        let id = format!("v{lead}");
        self.add(
            "voice",
            json!({ "id": id, "status": status, "callsId": calls, "callData": call_data }),
        )
    }

    /// The same lead, naming what it is called in the CRM too.
    fn linking(self, lead: &str, status: i64) -> Self {
        let call_data = json!({ "leadpingLeadId": format!("L{lead}") });
        let (id, external) = (format!("v{lead}"), format!("c{lead}"));
        self.add(
            "voice",
            json!({ "id": id, "externalId": external, "status": status, "callData": call_data }),
        )
    }

    /// A lead of the CRM, which does not know LeadPing's id.
    fn crm(self, lead: &str, status: &str) -> Self {
        let data = json!({ "id": format!("c{lead}"), "status": status });
        self.add(
            "crm",
            json!({ "eventName": "leadStatusUpdated", "data": data }),
        )
    }
}

fn config() -> Config {
    config_of(CONFIG)
}

fn config_of(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bridge.toml");
    std::fs::write(&path, text).unwrap();
    config::load(&path, []).expect("the config is good").0
}

fn tables(config: &Config, voice: &str, crm: &str) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let voice = format!("kind = \"nlpearl\"\n{voice}");
    std::fs::write(directory.path().join("voice.toml"), voice).unwrap();
    std::fs::write(directory.path().join("crm.toml"), crm).unwrap();
    let (tables, findings) = load_dir(directory.path(), &config.mapping_kinds());
    tables.unwrap_or_else(|| panic!("{findings:?}"))
}

fn plan(config: &Config, tables: Sides<Tables>, traffic: &Traffic) -> Comparison {
    plan_knowing(config, tables, traffic, Vec::new())
}

fn plan_knowing(
    config: &Config,
    tables: Sides<Tables>,
    traffic: &Traffic,
    known: Vec<KnownLead>,
) -> Comparison {
    let mut plan = Plan::new(config, tables);
    plan.know(known);
    let mut recall = |sequence: Sequence| {
        let found = traffic.0.iter().find(|event| event.sequence == sequence);
        Ok(found.cloned())
    };
    for event in &traffic.0 {
        let reading = plan.reader().read(event);
        let event = Undecided {
            event: event.clone(),
            reading,
        };
        plan.decide(&event, &mut recall).unwrap();
    }
    plan.finish(config)
}

/// The comparison in a few lines; only rows that decided something.
fn told(comparison: &Comparison) -> String {
    let rows = comparison.rows.iter().filter_map(|line| {
        let Sides { current, candidate } = line.events;
        let decided = current != 0 || candidate != 0;
        decided.then(|| format!("{}: {current} → {candidate}, {}", line.label, line.differ))
    });
    let counts = |word: &str, counts: &Counts| -> Vec<String> {
        let counts = counts.0.iter();
        counts
            .map(|(key, count)| format!("{word} {count} {key}"))
            .collect()
    };
    let ends = comparison.lead_ends.iter().map(|end| {
        let at = match end.at.as_str() {
            LEADPING => String::new(),
            at => format!("{at} "),
        };
        let LeadEnd {
            before,
            after,
            leads,
            ..
        } = end;
        format!("leads {leads} {at}{before} → {after}")
    });
    let cost = comparison.calls.iter().find(|cost| cost.target == LEADPING);
    let cost = cost.expect("LeadPing is a target");
    let Sides { current, candidate } = cost.calls;
    let calls = format!(
        "calls: {current} → {candidate}, {} s",
        cost.difference_seconds
    );
    let differ = format!(
        "{} of {} events, {} of {} leads",
        comparison.events_differ, comparison.events, comparison.leads_differ, comparison.leads
    );
    [differ]
        .into_iter()
        .chain(rows)
        .chain(ends)
        .chain(counts("parked", &comparison.parked.newly))
        .chain(counts("released", &comparison.parked.released))
        .chain(counts("otherwise", &comparison.parked.otherwise))
        .chain([calls])
        .collect::<Vec<_>>()
        .join("\n")
}

/// Voice rows before and after, traffic, and what is told of it.
#[track_caller]
fn check(current: &str, candidate: &str, traffic: &Traffic, expected: &[&str]) {
    let config = config();
    let tables = Sides {
        current: tables(&config, current, CRM),
        candidate: tables(&config, candidate, CRM),
    };
    let comparison = plan(&config, tables, traffic);
    assert_eq!(told(&comparison), expected.join("\n"));
    let differs = comparison.events_differ > 0 || comparison.leads_differ > 0;
    assert_eq!(comparison.differs, differs);
    let shown = comparison.examples.len();
    let expected = usize::try_from(comparison.events_differ).unwrap();
    assert_eq!(shown, expected.min(tally::EXAMPLES));
}

#[test]
fn the_same_tables_differ_in_nothing() {
    let traffic = Traffic::default()
        .voice("1", 100)
        .voice("1", 100)
        .voice("2", 70);
    check(
        SUCCESS,
        SUCCESS,
        &traffic,
        &[
            "0 of 3 events, 0 of 2 leads",
            "success: 2 → 2, 0",
            "no row matches: 1 → 1, 0",
            "calls: 1 → 1, 0 s",
        ],
    );
}

#[test]
fn a_changed_row_changes_what_is_sent_and_how_leads_end() {
    let changed = SUCCESS.replace("Qualified", "Converted");
    let traffic = Traffic::default()
        .voice("1", 100)
        .voice("1", 100)
        .voice("2", 70);
    check(
        &[SUCCESS, VOICEMAIL].concat(),
        &[&changed, VOICEMAIL].concat(),
        &traffic,
        &[
            "2 of 3 events, 1 of 2 leads",
            "success: 2 → 2, 2",
            "70 (VoiceMailLeft): 1 → 1, 0",
            "leads 1 Qualified / Interested → Converted / Interested",
            "calls: 2 → 2, 0 s",
        ],
    );
}

#[test]
fn another_member_alone_is_an_end_of_its_own() {
    let changed = SUCCESS.replace("type = \"Call\",", "type = \"Call\", notes = \"by phone\",");
    check(
        SUCCESS,
        &changed,
        &Traffic::default().voice("1", 100),
        &[
            "1 of 1 events, 1 of 1 leads",
            "success: 1 → 1, 1",
            "leads 1 Qualified / Interested → Qualified / Interested with other notes",
            "calls: 1 → 1, 0 s",
        ],
    );
}

#[test]
fn an_added_row_releases_what_was_unmapped() {
    check(
        SUCCESS,
        &[VOICEMAIL, SUCCESS].concat(),
        &Traffic::default().voice("1", 70).voice("2", 100),
        &[
            "1 of 2 events, 1 of 2 leads",
            "70 (VoiceMailLeft): 0 → 1, 1",
            "success: 1 → 1, 0",
            "no row matches: 1 → 0, 1",
            "leads 1 nothing → Open / Voicemail",
            "released 1 unmapped:voice:70",
            "calls: 1 → 2, 1 s",
        ],
    );
}

#[test]
fn a_removed_row_parks_what_it_covered() {
    check(
        &[SUCCESS, VOICEMAIL].concat(),
        SUCCESS,
        &Traffic::default().voice("1", 70).voice("1", 100),
        &[
            "1 of 2 events, 0 of 1 leads",
            "success: 1 → 1, 0",
            "70 (VoiceMailLeft): 1 → 0, 1",
            "no row matches: 0 → 1, 1",
            "parked 1 unmapped:voice:70",
            "calls: 2 → 1, -1 s",
        ],
    );
}

#[test]
fn another_cause_of_parking_is_told_as_such() {
    let parks = "[[row]]\nstatus = 70\npark = \"look\"\n";
    check(
        SUCCESS,
        &[SUCCESS, parks].concat(),
        &Traffic::default().voice("1", 70),
        &[
            "1 of 1 events, 0 of 1 leads",
            "70 (VoiceMailLeft): 0 → 1, 1",
            "no row matches: 1 → 0, 1",
            "otherwise 1 unmapped:voice:70 → row:voice:70",
            "calls: 0 → 0, 0 s",
        ],
    );
}

#[test]
fn an_ignored_status_turned_into_calls_costs_time_at_the_target_s_rate() {
    let ignored = "[[row]]\nstatus = 70\nignore = \"nobody there\"\n";
    let mut traffic = Traffic::default();
    for lead in 0..90 {
        traffic = traffic.voice(&lead.to_string(), 70);
    }
    check(
        ignored,
        VOICEMAIL,
        &traffic,
        &[
            "90 of 90 events, 90 of 90 leads",
            "70 (VoiceMailLeft): 90 → 90, 90",
            "leads 90 nothing → Open / Voicemail",
            "calls: 0 → 90, 90 s",
        ],
    );
}

#[test]
fn the_order_of_a_lead_s_events_matters() {
    let after_interest = r#"
[[row]]
name = "after interest"
status = 70
when = "previous.outcome | default('') == 'Interested'"
leadping = { type = "Call", category = "Lost", outcome = "Lost interest" }
"#;
    let current = [SUCCESS, VOICEMAIL].concat();
    let candidate = [after_interest, &current].concat();
    check(
        &current,
        &candidate,
        &Traffic::default().voice("1", 100).voice("1", 70),
        &[
            "1 of 2 events, 1 of 1 leads",
            "after interest: 0 → 1, 1",
            "success: 1 → 1, 0",
            "70 (VoiceMailLeft): 1 → 0, 1",
            "leads 1 Open / Voicemail → Lost / Lost interest",
            "calls: 2 → 2, 0 s",
        ],
    );
    check(
        &current,
        &candidate,
        &Traffic::default().voice("1", 70).voice("1", 100),
        &[
            "0 of 2 events, 0 of 1 leads",
            "success: 1 → 1, 0",
            "70 (VoiceMailLeft): 1 → 1, 0",
            "calls: 2 → 2, 0 s",
        ],
    );
}

#[test]
fn calls_seen_before_count() {
    let third = r#"
[[row]]
name = "third"
status = 70
when = "lead.calls >= 3"
leadping = { type = "Call", category = "Lost", outcome = "No answer" }
"#;
    let traffic = Traffic::default()
        .called("1", 70, &["a"])
        .called("1", 70, &["a", "b"])
        .called("1", 70, &["c"])
        .called("2", 70, &["d", "e"]);
    check(
        VOICEMAIL,
        &[third, VOICEMAIL].concat(),
        &traffic,
        &[
            "1 of 4 events, 1 of 2 leads",
            "third: 0 → 1, 1",
            "70 (VoiceMailLeft): 4 → 3, 1",
            "leads 1 Open / Voicemail → Lost / No answer",
            "calls: 4 → 4, 0 s",
        ],
    );
}

#[test]
fn what_a_side_already_sent_is_unchanged_on_that_side_only() {
    let either = SUCCESS.replace("status = 100", "status = [100, 70]");
    check(
        &[SUCCESS, VOICEMAIL].concat(),
        &either,
        &Traffic::default().voice("1", 70).voice("1", 100),
        &[
            "2 of 2 events, 0 of 1 leads",
            "success: 1 → 2, 2",
            "70 (VoiceMailLeft): 1 → 0, 1",
            "calls: 2 → 1, -1 s",
        ],
    );
}

#[test]
fn what_waits_for_a_link_is_decided_when_an_event_teaches_it() {
    let changed = SUCCESS.replace("Qualified", "Converted");
    check(
        SUCCESS,
        &changed,
        &Traffic::default()
            .crm("1", "LOST")
            .crm("2", "WON")
            .linking("1", 100),
        &[
            "1 of 3 events, 1 of 2 leads",
            "WON: 1 → 1, 0",
            "LOST: 1 → 1, 0",
            "success: 1 → 1, 1",
            "leads 1 Qualified / Interested → Converted / Interested",
            "calls: 2 → 2, 0 s",
        ],
    );
}

#[test]
fn what_waited_on_one_side_only_is_decided_again_on_that_side() {
    let config = config();
    let ignoring = CRM.replace(
        "leadping = { type = \"CRM\", category = \"Lost\", outcome = \"Lost\" }",
        "ignore = \"lost\"",
    );
    let tables = Sides {
        current: tables(&config, SUCCESS, CRM),
        candidate: tables(&config, SUCCESS, &ignoring),
    };
    let traffic = Traffic::default().crm("1", "LOST").linking("1", 100);
    let comparison = plan(&config, tables, &traffic);
    let expected = [
        "1 of 2 events, 0 of 1 leads",
        "LOST: 1 → 1, 1",
        "success: 1 → 1, 0",
        "calls: 2 → 1, -1 s",
    ];
    assert_eq!(told(&comparison), expected.join("\n"));
    let example = &comparison.examples[0];
    assert_eq!(
        (&*example.before, &*example.after),
        ("Lost / Lost", "ignored")
    );
    assert_eq!(comparison.totals.current.parked.sum(), 0);
}

#[test]
fn the_link_table_names_leads_from_the_first_event_on() {
    let config = config();
    let both = |side: &str| tables(&config, side, CRM);
    let known = KnownLead {
        lead: LeadKey(7),
        ids: ["crm", "leadping"]
            .map(|system| crate::lead::SystemId::new(system, "c1"))
            .to_vec(),
        pearls: std::collections::BTreeMap::new(),
    };
    let tables = Sides {
        current: both(SUCCESS),
        candidate: both(VOICEMAIL),
    };
    let traffic = Traffic::default().crm("1", "WON").crm("1", "WON");
    let comparison = plan_knowing(&config, tables, &traffic, vec![known]);
    let expected = [
        "0 of 2 events, 0 of 1 leads",
        "WON: 2 → 2, 0",
        "calls: 1 → 1, 0 s",
    ];
    assert_eq!(told(&comparison), expected.join("\n"));
}

#[test]
fn examples_show_each_kind_of_difference_before_more_of_the_same() {
    let config = config();
    let tables = Sides {
        current: tables(&config, SUCCESS, CRM),
        candidate: tables(&config, VOICEMAIL, CRM),
    };
    let mut traffic = Traffic::default();
    for lead in 0..20 {
        traffic = traffic.voice(&lead.to_string(), 100);
    }
    let comparison = plan(&config, tables, &traffic.voice("20", 70));
    let examples: Vec<String> = comparison
        .examples
        .iter()
        .map(|example| format!("{} → {}", example.before, example.after))
        .collect();
    assert_eq!(examples.len(), 10);
    assert_eq!(
        examples[0],
        "Qualified / Interested → parked unmapped:voice:100"
    );
    assert_eq!(examples[9], "parked unmapped:voice:70 → Open / Voicemail");
}
