//! SIGKILL under load, again and again on one store: what was acknowledged arrives, in order per
//! lead, written once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope, Sandbox};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::place::{Bridge, Place, client, log_line, sandbox};
use super::process::{PATIENCE, eventually};
use super::senders::{self, Source, Webhook};

const ROUNDS: u32 = 20;
const CLIENTS: usize = 10;
const LEADS_EACH: usize = 5;
/// The bridge looks up a call of a dead process no earlier, so the sandbox may be so late.
const LOOKUP_AFTER_MS: u64 = 1500;
const LATE_MS: u64 = 100;
/// What a start says of calls that the last process left open.
const INTERRUPTED: &str = "calls were interrupted";

/// Small and seeded: a failure can be repeated as far as two processes can.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// What one client was told, lead by lead.
#[derive(Default)]
struct Ledger {
    sent: BTreeMap<String, u64>,
    acknowledged: BTreeMap<String, Vec<u64>>,
    broken_off: u64,
}

/// Posts the next event of one of its leads once the last was acknowledged or given up.
struct Client {
    number: usize,
    address: watch::Receiver<Option<SocketAddr>>,
    stop: watch::Receiver<bool>,
    acknowledged: watch::Sender<u64>,
    dice: Dice,
}

impl Client {
    async fn run(mut self) -> Ledger {
        let http = client();
        let mut ledger = Ledger::default();
        for turn in 0.. {
            if *self.stop.borrow() {
                break;
            }
            let lead = format!("lead_{}_{}", self.number, turn % LEADS_EACH);
            let sequence = ledger.sent.entry(lead.clone()).or_default();
            *sequence += 1;
            let webhook = event(self.number, &lead, *sequence);
            let sequence = *sequence;
            if self.deliver(&http, &webhook, &mut ledger.broken_off).await {
                ledger.acknowledged.entry(lead).or_default().push(sequence);
                self.acknowledged.send_modify(|count| *count += 1);
            }
        }
        ledger
    }

    /// Until it is acknowledged, or the connection broke and the sender gives it up.
    async fn deliver(
        &mut self,
        http: &reqwest::Client,
        webhook: &Webhook,
        broken_off: &mut u64,
    ) -> bool {
        loop {
            let address = *self.address.wait_for(Option::is_some).await.unwrap();
            let address = address.expect("waited for");
            match webhook.post(http, address).await {
                Ok(told) if matches!(told.status, 200 | 202) => return true,
                Ok(told) => panic!("a bridge under load answered {told:?}"),
                Err(_) => {
                    *broken_off += 1;
                    if self.dice.roll(2) == 0 {
                        return false;
                    }
                }
            }
        }
    }
}

fn event(client: usize, lead: &str, sequence: u64) -> Webhook {
    let note = format!("event {sequence}");
    match [Source::Voice, Source::Crm][client % 2] {
        Source::Voice => senders::voice(lead, &note),
        Source::Crm => senders::crm(lead, &note),
    }
}

/// What to wait for before the kill.
enum Moment {
    Acknowledged(u64),
    /// A call was applied by the target, its answer never came.
    Unanswered,
    /// A call is on its way and applied only after the process is gone.
    Late,
    Starting,
}

impl Moment {
    fn of(round: u32, dice: &mut Dice) -> Self {
        match round % 5 {
            0 | 1 => Self::Acknowledged(20 + dice.roll(380)),
            2 => Self::Unanswered,
            3 => Self::Late,
            _ => Self::Starting,
        }
    }

    async fn come(&self, sandbox: &Sandbox, acknowledged: &mut watch::Receiver<u64>) {
        let fault = match self {
            Self::Starting => return,
            Self::Acknowledged(more) => {
                let goal = *acknowledged.borrow() + 1 + more;
                acknowledged.wait_for(|count| *count >= goal).await.unwrap();
                return;
            }
            Self::Unanswered => Fault::HangAfterApply,
            Self::Late => Fault::DelayMs(LATE_MS),
        };
        sandbox.add_fault(FaultRule::once(FaultScope::Set, fault));
        sandbox
            .wait_until(|sandbox| sandbox.faults().is_empty())
            .await;
    }
}

/// The clients at work, wherever the bridge is just now.
struct Load {
    address: watch::Sender<Option<SocketAddr>>,
    stop: watch::Sender<bool>,
    acknowledged: watch::Receiver<u64>,
    clients: Vec<JoinHandle<Ledger>>,
}

impl Load {
    fn start(seed: u64) -> Self {
        let (address, addresses) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let (acknowledging, acknowledged) = watch::channel(0);
        let start = |number| {
            let client = Client {
                number,
                address: addresses.clone(),
                stop: stopped.clone(),
                acknowledged: acknowledging.clone(),
                dice: Dice(seed ^ number as u64),
            };
            tokio::spawn(client.run())
        };
        Self {
            clients: (0..CLIENTS).map(start).collect(),
            address,
            stop,
            acknowledged,
        }
    }

    /// Lets each client end its event at this bridge; what each was told.
    async fn end(self, bridge: &Bridge) -> Vec<Ledger> {
        self.stop.send_replace(true);
        self.address.send_replace(Some(bridge.webhooks));
        let mut ledgers = Vec::new();
        for client in self.clients {
            ledgers.push(timeout(PATIENCE, client).await.unwrap().unwrap());
        }
        ledgers
    }
}

/// One start and one kill; whether the start found calls of unknown fate.
async fn round(place: &Place, sandbox: &Sandbox, load: &mut Load, moment: Moment) -> bool {
    let process = place.spawn_serve();
    if matches!(moment, Moment::Starting) {
        eventually("serve starts", async || {
            log_line(&process.err(), "starting")
        })
        .await;
        process.kill();
        return false;
    }
    let bridge = Bridge::ready(process).await;
    load.address.send_replace(Some(bridge.webhooks));
    timeout(PATIENCE, moment.come(sandbox, &mut load.acknowledged))
        .await
        .unwrap_or_else(|_| panic!("{}", bridge.log()));
    load.address.send_replace(None);
    bridge.process.kill().err.contains(INTERRUPTED)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_times_killed_under_load_and_nothing_lost_reordered_or_doubled() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox))
        .with("TARGETS__LEADPING__TIMEOUT_MS", 1000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", LOOKUP_AFTER_MS)
        .with("TARGETS__LEADPING__CONCURRENCY", 16);
    // Every event is a call that appends: what else could be lost or doubled?
    for table in ["mappings/voice.toml", "mappings/crm.toml"] {
        place.edit(table, "\nleadping = ", "\nwrite = \"set\"\nleadping = ");
    }
    let mut load = Load::start(seed);
    let mut interrupted = 0;
    for number in 0..ROUNDS {
        let moment = Moment::of(number, &mut dice);
        interrupted += u32::from(round(&place, &sandbox, &mut load, moment).await);
    }

    let bridge = place.serve().await;
    let ledgers = load.end(&bridge).await;
    bridge.at_rest().await;
    assert_eq!(bridge.parked().await, [""; 0]);
    assert_eq!(sandbox.overlaps(), 0, "two calls of one lead at once");
    let arrived = arrived(&sandbox);
    for ledger in &ledgers {
        check(ledger, &arrived, seed);
    }
    assert_eq!(bridge.terminate().await.code, Some(0));

    // Else the kills came too gently to show anything.
    let broken_off: u64 = ledgers.iter().map(|ledger| ledger.broken_off).sum();
    assert!(broken_off > 0, "no kill hit a webhook in hand");
    assert!(interrupted > 0, "no kill hit a call in hand");
}

/// The sequence numbers each lead was given, in the order in which they took effect.
fn arrived(sandbox: &Sandbox) -> BTreeMap<String, Vec<u64>> {
    let mut arrived = BTreeMap::<String, Vec<u64>>::new();
    for write in sandbox.writes() {
        let body = write.json_body();
        let note = body["notes"].as_str().unwrap();
        let sequence = note.strip_prefix("event ").unwrap().parse().unwrap();
        arrived
            .entry(write.lead_id.unwrap())
            .or_default()
            .push(sequence);
    }
    for (lead, sequences) in &arrived {
        assert_eq!(sandbox.history(lead).len(), sequences.len(), "{lead}");
    }
    arrived
}

fn check(ledger: &Ledger, arrived: &BTreeMap<String, Vec<u64>>, seed: u64) {
    for (lead, acknowledged) in &ledger.acknowledged {
        let arrived = &arrived[lead];
        assert!(
            arrived.is_sorted_by(|one, next| one < next),
            "seed {seed}, {lead}: out of order or twice: {arrived:?}"
        );
        let there: BTreeSet<_> = arrived.iter().collect();
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|sequence| !there.contains(sequence))
            .collect();
        assert!(lost.is_empty(), "seed {seed}, {lead}: lost {lost:?}");
        let never_sent = arrived.iter().any(|sequence| *sequence > ledger.sent[lead]);
        assert!(!never_sent, "seed {seed}, {lead}: {arrived:?}");
    }
}
