//! Fifty thousand webhooks of five thousand leads in random order, one in twenty sent twice, one in
//! twenty late: through verifying, recording, deciding and the store, to two targets that take what
//! they are given. Each lead ends exactly where it must, told in exactly that order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use leadping_bridge::config::{self, Config};
use leadping_bridge::decider::Rules;
use leadping_bridge::delivery::{Lease, Leave};
use leadping_bridge::map;
use leadping_bridge::record::{NewWebhook, Recorded, Recorder};
use leadping_bridge::store::sqlite::SqliteStore;
use leadping_bridge::store::{
    Decided, Decider, Desk, EventPage, Leased, Outcome, Settlement, Store, TakeDue,
};
use leadping_bridge::verify::{Gate, RawWebhook, verify};
use serde_json::{Value, json};

use crate::dice::Dice;

const EVENTS: usize = 50_000;
const LEADS: u64 = 5_000;
/// Sent at once, each by a connection of its own.
const BATCH: usize = 250;
const APART: SignedDuration = SignedDuration::from_millis(100);
const PEARL: &str = "66f1a2b3c4d5e6f708192a3b";
const TARGETS: [&str; 2] = ["leadping", "nlpearl"];

const VOICE: &str = r#"kind = "nlpearl"
[[row]]
status = 100
leadping = { type = "Call", category = "Open", outcome = "{{ body.name }}" }
"#;

const CRM: &str = r#"kind = "capillary"
[defaults.leadping]
type = "CRM"
category = "Open"
outcome = "{{ body.name }}"
[[row]]
status = "OPEN"
leadping = {}
[[row]]
status = "WON"
leadping = {}
nlpearl = { status = 130 }
[[row]]
status = "LOST"
leadping = {}
nlpearl = { status = 110 }
"#;

/// One webhook, and whether it is one that was sent before.
#[derive(Clone)]
struct Sent {
    source: &'static str,
    lead: u64,
    name: String,
    status: &'static str,
    stamp: Option<Timestamp>,
}

/// What each lead should have been told at the targets, by the rules.
#[derive(Default)]
struct Expected {
    told: BTreeMap<(&'static str, u64), Vec<String>>,
    newest: BTreeMap<u64, Timestamp>,
    /// Leads whose campaign is known.
    campaigns: BTreeSet<u64>,
    /// How many of the writes to the campaign have got there.
    there: BTreeMap<u64, usize>,
    /// Leads whose campaign has said something else since.
    moved_on: BTreeSet<u64>,
    duplicates: usize,
    stale: usize,
}

impl Expected {
    fn take_in(&mut self, sent: &Sent) {
        if let Some(stamp) = sent.stamp {
            let newest = self.newest.entry(sent.lead).or_insert(stamp);
            if stamp < *newest {
                self.stale += 1;
                return;
            }
            *newest = stamp;
        } else {
            self.campaigns.insert(sent.lead);
            let written = self.told.get(&("nlpearl", sent.lead)).map(Vec::len);
            // What is still on its way comes after what the campaign says now.
            if written.is_some() && written == self.there.get(&sent.lead).copied() {
                self.moved_on.insert(sent.lead);
            }
        }
        let told = self.told.entry(("leadping", sent.lead)).or_default();
        told.push(sent.name.clone());
        let status = match sent.status {
            "WON" => "130",
            "LOST" => "110",
            _ => return,
        };
        if self.campaigns.contains(&sent.lead) {
            let told = self.told.entry(("nlpearl", sent.lead)).or_default();
            // What it has already is not told again.
            let has_it = told.last().is_some_and(|last| last == status);
            if self.moved_on.remove(&sent.lead) || !has_it {
                told.push(status.to_owned());
            }
        }
    }
}

struct Senders {
    dice: Dice,
    sent: Vec<Sent>,
    expected: Expected,
    now: Timestamp,
}

impl Senders {
    /// The next webhook; `true`: for the first time.
    fn next(&mut self) -> (Sent, bool) {
        self.now += APART;
        let number = self.sent.len();
        if number > 0 && self.dice.one_in(20) {
            // Within the time in which a sender repeats itself.
            let back = usize::try_from(self.dice.between(1, 1000)).unwrap();
            let again = self.sent[number.saturating_sub(back)].clone();
            self.expected.duplicates += 1;
            return (again, false);
        }
        let lead = self.dice.below(LEADS);
        // A lead's first cannot be late.
        let is_late = self.dice.one_in(16);
        let name = format!("event {number}");
        let newest = self.expected.newest.get(&lead).filter(|_| is_late);
        let sent = match newest {
            Some(newest) => Sent {
                stamp: Some(*newest - APART),
                ..self.crm(lead, name)
            },
            None if self.dice.one_in(2) => Sent {
                source: "voice",
                lead,
                name,
                status: "100",
                stamp: None,
            },
            None => self.crm(lead, name),
        };
        self.sent.push(sent.clone());
        self.expected.take_in(&sent);
        (sent, true)
    }

    fn crm(&mut self, lead: u64, name: String) -> Sent {
        Sent {
            source: "crm",
            lead,
            name,
            status: self.dice.pick::<&str>(&["OPEN", "WON", "LOST"]),
            stamp: Some(self.now),
        }
    }
}

fn body(sent: &Sent) -> Value {
    let (lead, crm) = (format!("L{}", sent.lead), format!("c{}", sent.lead));
    match sent.source {
        "voice" => json!({
            "id": format!("v{}", sent.lead), "pearlId": PEARL, "status": 100, "name": sent.name,
            "externalId": crm, "callsId": [], "callData": { "leadpingLeadId": lead },
        }),
        _ => json!({
            "eventId": sent.name, "name": sent.name,
            "attributes": {
                "eventName": "leadUpdated",
                "createdAt": sent.stamp.unwrap().as_millisecond(),
                "data": {
                    "id": crm, "status": sent.status,
                    "extendedFields": { "leadpingLeadId": lead },
                },
            },
        }),
    }
}

/// Decides what is appended, in its transaction; sends nothing at once.
struct Bench {
    rules: Arc<Rules>,
    now: Mutex<Timestamp>,
}

impl Desk for Bench {
    fn sit(&self) -> (Arc<dyn Decider>, Timestamp) {
        (self.rules.snapshot(), *self.now.lock().unwrap())
    }

    fn leave(&self, _target: &str) -> Option<Leave> {
        None
    }

    fn announce(&self, _decided: Vec<Decided>, _leased: Vec<Leased>) {}
}

struct Bridge {
    config: Config,
    store: Store,
    bench: Arc<Bench>,
    gates: BTreeMap<&'static str, Gate>,
    told: BTreeMap<(&'static str, u64), Vec<String>>,
}

impl Bridge {
    fn open(place: &Path, now: Timestamp) -> Self {
        std::fs::create_dir(place.join("mappings")).unwrap();
        for (mapping, table) in [("voice", VOICE), ("crm", CRM)] {
            std::fs::write(place.join(format!("mappings/{mapping}.toml")), table).unwrap();
        }
        std::fs::write(place.join("bridge.toml"), configuration(place)).unwrap();
        let (config, _) = config::load(&place.join("bridge.toml"), std::iter::empty())
            .unwrap_or_else(|findings| panic!("{findings:?}"));
        let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
        let tables = tables.unwrap_or_else(|| panic!("{findings:?}"));
        let (store, _handed) = SqliteStore::open(&config.store.path, Box::new(|_| {})).unwrap();
        let store = Store::Sqlite(store);
        let bench = Arc::new(Bench {
            rules: Arc::new(Rules::new(&config, tables)),
            now: Mutex::new(now),
        });
        let desk: Arc<dyn Desk> = bench.clone();
        store.decide_at(&desk);
        let gates =
            ["voice", "crm"].map(|source| (source, Gate::load(&config.sources[source]).unwrap()));
        Self {
            config,
            store,
            bench,
            gates: gates.into(),
            told: BTreeMap::new(),
        }
    }

    /// As an HTTP request would.
    async fn receive(&self, sent: &Sent, received_at: Timestamp) -> Recorded {
        let body = Bytes::from(body(sent).to_string());
        let raw = RawWebhook {
            headers: &HeaderMap::new(),
            query: None,
            body: &body,
        };
        let verified = verify(raw, &self.gates[sent.source], received_at).unwrap();
        let read = serde_json::from_slice(&body).unwrap();
        let source = Arc::new(self.config.sources[sent.source].clone());
        let webhook = NewWebhook::read(&source, None, (verified, &read), received_at);
        Recorder::new(self.store.clone())
            .record(webhook)
            .await
            .unwrap()
    }

    /// Gives a target some of what is due for it; whether there was any.
    async fn deliver(&mut self, target: &'static str, limit: usize, now: Timestamp) -> bool {
        let take = TakeDue {
            target: target.to_owned(),
            limit,
            now,
            probe_not: None,
            look_only: false,
        };
        let leases = self.store.take_due(take).await.unwrap().leases;
        for lease in &leases {
            let (lead, what) = heard(lease);
            self.told.entry((target, lead)).or_default().push(what);
        }
        let settling = leases.iter().map(|lease| {
            self.store.settle(Settlement {
                row: lease.row,
                token: lease.token,
                attempts: Vec::new(),
                outcome: Outcome::Delivered {
                    entry_id: Some(lease.id.to_string()),
                },
                at: now,
            })
        });
        for settled in join_all(settling).await {
            settled.unwrap();
        }
        !leases.is_empty()
    }
}

/// Which lead was told what.
fn heard(lease: &Lease) -> (u64, String) {
    let lead = lease.lead_id.rsplit(['L', 'v']).next().unwrap();
    let members = &lease.members;
    let what = members.get("outcome").or_else(|| members.get("status"));
    let what = what.unwrap().to_string().trim_matches('"').to_owned();
    (lead.parse().unwrap(), what)
}

fn configuration(place: &Path) -> String {
    let place = place.display();
    format!(
        r#"
[store]
url = "sqlite:{place}/bridge.db"
[mappings]
dir = "{place}/mappings"
[sources.voice]
kind = "nlpearl"
links = {{ crm = "/externalId" }}
[[sources.voice.auth]]
scheme = "none"
[sources.crm]
kind = "capillary"
[[sources.crm.auth]]
scheme = "none"
[targets.leadping]
kind = "leadping"
base_url = "http://127.0.0.1:9"
token = {{ env = "NONE" }}
[targets.nlpearl]
kind = "nlpearl"
base_url = "http://127.0.0.1:9"
token = {{ env = "NONE" }}
api = "v2"
"#
    )
}

#[tokio::test]
async fn fifty_thousand_events_leave_every_lead_where_it_must_be() {
    let seed = std::env::var("SIMULATION_SEED").map_or(50_000, |seed| seed.parse().unwrap());
    let _shown = crate::SeedShown(seed);
    let directory = tempfile::tempdir().unwrap();
    let mut senders = Senders {
        dice: Dice::new(seed),
        sent: Vec::new(),
        expected: Expected::default(),
        now: "2026-08-01T10:00:00Z".parse().unwrap(),
    };
    let mut bridge = Bridge::open(directory.path(), senders.now);
    let mut recorded = 0;
    for _ in 0..EVENTS / BATCH {
        let batch: Vec<_> = (0..BATCH).map(|_| (senders.next(), senders.now)).collect();
        *bridge.bench.now.lock().unwrap() = senders.now;
        let received = batch
            .iter()
            .map(|((sent, _), at)| bridge.receive(sent, *at));
        let received = join_all(received).await;
        for (((sent, is_new), _), received) in batch.iter().zip(&received) {
            assert_eq!(
                matches!(received, Recorded::New(_)),
                *is_new,
                "{}",
                sent.name
            );
            recorded += usize::from(*is_new);
        }
        // Some of it waits, now here, now there.
        let target = *senders.dice.pick(&TARGETS);
        let limit = usize::try_from(senders.dice.between(1, 400)).unwrap();
        bridge.deliver(target, limit, senders.now).await;
        let written = bridge.told.iter();
        let there = written.filter(|((target, _), _)| *target == "nlpearl");
        senders.expected.there = there.map(|((_, lead), told)| (*lead, told.len())).collect();
    }
    for target in TARGETS {
        while bridge.deliver(target, 500, senders.now).await {}
    }
    let Expected {
        told,
        duplicates,
        stale,
        ..
    } = &senders.expected;
    assert_eq!(recorded + duplicates, EVENTS);
    for expected in [*duplicates, *stale] {
        assert!(
            (EVENTS / 25..EVENTS / 16).contains(&expected),
            "one in twenty: {expected}"
        );
    }
    assert_eq!(bridge.told.len(), told.len());
    for (place, told) in told {
        assert_eq!(bridge.told.get(place), Some(told), "{place:?}");
    }
    all_is_settled(&bridge, recorded).await;
    bridge.store.close().await;
}

async fn all_is_settled(bridge: &Bridge, recorded: usize) {
    let newest = EventPage {
        limit: 1,
        ..EventPage::default()
    };
    let newest = bridge.store.events(newest).await.unwrap();
    assert_eq!(
        usize::try_from(newest.rows[0].sequence.0).unwrap(),
        recorded
    );
    assert!(bridge.store.parked().await.unwrap().is_empty());
    for target in bridge.store.targets().await.unwrap() {
        let delivered = bridge
            .told
            .iter()
            .filter(|((name, _), _)| *name == target.name);
        let delivered: usize = delivered.map(|(_, told)| told.len()).sum();
        let counts: Vec<_> = target
            .deliveries
            .iter()
            .filter(|(_, count)| **count > 0)
            .collect();
        assert_eq!(
            counts,
            [(&"delivered".to_owned(), &i64::try_from(delivered).unwrap())]
        );
    }
}
