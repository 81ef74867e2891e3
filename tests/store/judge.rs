//! A decider whose decisions stand in the webhook's body, and which remembers what it was shown.
//!
//! `{"own": "v1", "leadping": "L1", "links": {"crm": "c1"}, "calls": ["k1"], "at": 5,
//!   "outcome": "Won", "status": "WON", "targets": ["leadping"], "do": "ignore" | "park" | "panic" | "orphan"
//!   | "amend" | "fold" | "supersede" | "echo", "notes": "more"}`: the last four are about the
//! newest entry, the unsent ones, and the oldest write whose echo is awaited.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadping_bridge::decision::{
    Amended, AppliedChange, Decision, DecisionRecord, ParkCause, PlannedDelivery, Revision,
    TargetVerdict, Verdict,
};
use leadping_bridge::delivery::{Attempt, CallKind, DeliveryId, Lease, Slot};
use leadping_bridge::event::{Event, EventId, Facts, Reading, Standing, Status};
use leadping_bridge::lead::{Entry, EntryState, LeadHistory, Previous};
use leadping_bridge::store::{Decider, Undecided};
use serde_json::{Map, Value};

use crate::ground::{TARGET, at};

#[derive(Default)]
pub struct Judge {
    /// `{"do": "park"}` is now covered by a row.
    pub covers: AtomicBool,
    /// Every target is in shadow mode.
    pub shadow: AtomicBool,
    /// The table that decisions name, whatever the body says.
    pub table: Mutex<Option<String>>,
    seen: Mutex<Vec<(EventId, LeadHistory)>>,
}

impl Judge {
    /// The history that the event's last decision was made from.
    pub fn history_of(&self, id: EventId) -> LeadHistory {
        let seen = self.seen.lock().unwrap();
        let last = seen.iter().rev().find(|(event, _)| *event == id);
        last.expect("it was decided").1.clone()
    }

    /// Events in the order in which they were decided.
    pub fn order(&self) -> Vec<EventId> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|(id, _)| *id)
            .collect()
    }

    pub fn read_again(&self, event: Event) -> Undecided {
        let reading = self.read(&event);
        Undecided { event, reading }
    }
}

fn body(event: &Event) -> Value {
    serde_json::from_slice(&event.body).unwrap()
}

pub fn reading(body: &Value) -> Reading {
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let calls: Vec<String> = body["calls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| call.as_str().unwrap().to_owned())
        .collect();
    let links = body["links"].as_object().into_iter().flatten();
    Reading {
        facts: Facts {
            source_lead_id: text("own"),
            lead_id: text("leadping"),
            status: text("status").map(Status::Name),
            links: links
                .map(|(system, id)| (system.clone(), id.as_str().unwrap().to_owned()))
                .collect(),
            call: calls.last().cloned(),
            calls,
            occurred_at: body["at"].as_i64().map(at),
            ..Facts::default()
        },
        standing: Standing::Usable,
    }
}

pub fn attempt(lease: &Lease, now: Timestamp) -> Attempt {
    Attempt {
        number: lease.attempt,
        call: CallKind::Set,
        request: String::from("POST /dispositions"),
        http_status: Some(200),
        result: "accepted",
        started_at: now,
        duration_ms: 1,
    }
}

fn decision(verdict: Verdict, now: Timestamp) -> Decision {
    Decision {
        record: DecisionRecord {
            verdict,
            why: None,
            table: None,
            row: None,
            targets: std::collections::BTreeMap::new(),
            previous: None,
            near_miss: None,
            told: None,
            decided_at: now,
        },
        cause: None,
        deliveries: Vec::new(),
        revisions: Vec::new(),
        applied: None,
    }
}

impl Decider for Judge {
    fn read(&self, event: &Event) -> Reading {
        reading(&body(event))
    }

    fn is_shadowed(&self, _target: &str) -> bool {
        self.shadow.load(Ordering::Relaxed)
    }

    /// The source `mirror` reports what the target does.
    fn echoes_of(&self, source: &str) -> Option<(&str, Duration)> {
        (source == "mirror").then_some((TARGET, Duration::from_secs(600)))
    }

    fn decide(&self, event: &Undecided, history: &LeadHistory, now: Timestamp) -> Decision {
        let mut decision = self.judge(event, history, now);
        let named = body(&event.event)["table"].as_str().map(str::to_owned);
        decision.record.table = self.table.lock().unwrap().clone().or(named);
        decision
    }
}

impl Judge {
    fn judge(&self, event: &Undecided, history: &LeadHistory, now: Timestamp) -> Decision {
        self.seen
            .lock()
            .unwrap()
            .push((event.event.id, history.clone()));
        let source = &event.event.source;
        if history.contradiction.is_some() {
            return Decision {
                cause: Some(ParkCause::invalid(source)),
                ..decision(Verdict::Invalid, now)
            };
        }
        let covers = self.covers.load(Ordering::Relaxed);
        match body(&event.event)["do"].as_str() {
            Some("ignore") => return decision(Verdict::Ignored, now),
            Some("panic") => panic!("this event cannot be decided"),
            Some("park") if !covers => {
                return Decision {
                    cause: Some(ParkCause::unmapped(source, "220")),
                    ..decision(Verdict::Unmapped, now)
                };
            }
            _ => {}
        }
        let mut made = decision(Verdict::Matched, now);
        let orphan = body(&event.event)["do"] == "orphan";
        let lead_id = history
            .lead_id
            .clone()
            .or_else(|| orphan.then(|| String::from("L0")));
        let named = body(&event.event)["targets"].as_array().cloned();
        let mut applied = Vec::new();
        for target in named.unwrap_or_else(|| vec![Value::from(TARGET)]) {
            let target = target.as_str().unwrap().to_owned();
            if let Some(only) = &history.only
                && !only.is(Slot::parse(&target))
            {
                continue;
            }
            let verdict = self.weigh(event, history, &target, now);
            if verdict.is_applied() {
                applied.push(target.clone());
            }
            if let (
                Some(lead_id),
                TargetVerdict::Delivery { id, .. } | TargetVerdict::Amend { id, .. },
            ) = (&lead_id, &verdict)
            {
                let planned = self.planned(event, (history, &target), lead_id, *id);
                made.deliveries.push(planned);
            }
            made.revisions
                .extend(revisions(event, history, &target, &verdict));
            made.record.targets.insert(target, verdict);
        }
        if lead_id.is_none() {
            made.cause = Some(ParkCause::unlinked(source));
        }
        made.applied = (!applied.is_empty() && !orphan).then(|| AppliedChange {
            is_only_told: false,
            occurred_at: event.reading.facts.occurred_at,
            targets: applied,
            previous: Some(Previous {
                category: None,
                outcome: body(&event.event)["outcome"].as_str().map(str::to_owned),
                source: source.clone(),
                at: event.event.received_at,
            }),
            courses: std::collections::BTreeMap::new(),
        });
        made
    }
}

impl Judge {
    fn weigh(
        &self,
        event: &Undecided,
        history: &LeadHistory,
        target: &str,
        now: Timestamp,
    ) -> TargetVerdict {
        if history.lead_id.is_none() && body(&event.event)["do"] != "orphan" {
            return TargetVerdict::Unlinked;
        }
        let past = history.targets.get(target).cloned().unwrap_or_default();
        if let Some(newest) = past
            .applied
            .filter(|applied| *applied > event.event.sequence)
        {
            return TargetVerdict::Stale { newest };
        }
        let newest = past.entries.first().map(|entry| entry.delivery);
        let id = DeliveryId::new_at(now);
        match (body(&event.event)["do"].as_str(), newest) {
            (Some("amend"), Some(entry)) => return TargetVerdict::Amend { id, entry },
            (Some("fold"), Some(into)) => return TargetVerdict::Folded { into },
            (Some("echo"), _) => {
                if let Some(write) = past.own_writes.first() {
                    let of = write.delivery;
                    return TargetVerdict::Echo { of };
                }
            }
            _ => {}
        }
        match past.has() {
            Some(entry) if outcome_of(&entry.members) == body(&event.event)["outcome"] => {
                TargetVerdict::Unchanged {
                    since: entry.delivery,
                }
            }
            _ => TargetVerdict::Delivery {
                id,
                supersedes: past
                    .entries
                    .iter()
                    .filter(|entry| {
                        body(&event.event)["do"] == "supersede" && entry.state == EntryState::Unsent
                    })
                    .map(|entry| entry.delivery)
                    .collect(),
            },
        }
    }

    fn planned(
        &self,
        event: &Undecided,
        (history, slot): (&LeadHistory, &str),
        lead_id: &str,
        id: DeliveryId,
    ) -> PlannedDelivery {
        let newest = history
            .targets
            .get(slot)
            .and_then(|past| past.entries.first())
            .filter(|_| body(&event.event)["do"] == "amend");
        let Slot {
            target,
            lead_id: address,
            is_record,
        } = Slot::parse(slot);
        let mut members = members(event, newest);
        if is_record {
            members = Map::from_iter([(String::from("lead"), Value::Object(members))]);
        }
        PlannedDelivery {
            id,
            target: target.to_owned(),
            lead_id: address.unwrap_or(lead_id).to_owned(),
            members,
            call: event.reading.facts.call.clone(),
            amends: newest.map(|entry| Amended {
                entry: entry.delivery,
                entry_id: entry.entry_id.clone(),
                timestamp: entry.timestamp,
            }),
            timestamp: event.event.received_at,
            withheld: self.is_shadowed(target),
        }
    }
}

/// Of a record too, where it stands one deeper.
fn outcome_of(members: &Map<String, Value>) -> Value {
    let of = |members: &Map<String, Value>| members.get("outcome").cloned();
    let inside = members.get("lead").and_then(Value::as_object);
    of(inside.unwrap_or(members)).unwrap_or_default()
}

/// The outcome, and a note if the event has one, over what the entry has.
fn members(event: &Undecided, over: Option<&Entry>) -> Map<String, Value> {
    let mut members = over.map(|entry| entry.members.clone()).unwrap_or_default();
    for member in ["outcome", "notes"] {
        if let Some(value) = body(&event.event).get(member) {
            members.insert(member.to_owned(), value.clone());
        }
    }
    members
}

fn revisions(
    event: &Undecided,
    history: &LeadHistory,
    target: &str,
    verdict: &TargetVerdict,
) -> Vec<Revision> {
    let newest = history
        .targets
        .get(target)
        .and_then(|past| past.entries.first());
    match verdict {
        TargetVerdict::Folded { into } => vec![Revision::Fold {
            into: *into,
            members: members(event, newest),
        }],
        TargetVerdict::Echo { of } => vec![Revision::Echoed { delivery: *of }],
        TargetVerdict::Delivery { supersedes, .. } => supersedes
            .iter()
            .map(|delivery| Revision::Supersede {
                delivery: *delivery,
            })
            .collect(),
        TargetVerdict::Amend { entry, .. } => {
            let call = event.reading.facts.call.clone();
            call.map(|call| Revision::Call {
                entry: *entry,
                call,
            })
            .into_iter()
            .collect()
        }
        _ => Vec::new(),
    }
}
