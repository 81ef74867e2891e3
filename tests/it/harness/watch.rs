//! Waiting, with a deadline, until nothing is left to happen at this time of the clock.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadping_bridge::clock::{after, until};
use serde_json::Value;

use super::{DEADLINE, World};

const LOOK_EVERY: Duration = Duration::from_millis(4);
/// Looks without any change before a refusal counts as held: its judge is paced by time.
const STILL: u32 = 25;
/// When only held deliveries are left, nobody outside can see when they are judged.
const HELD_STEP: Duration = Duration::from_millis(500);

/// What can be seen from outside, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    received: usize,
    pub in_flight: i64,
    pub due: i64,
    /// Of the first target that is not open, or `open`.
    pub target_state: String,
    pub next_try_at: Option<Timestamp>,
    /// Of each lead's next delivery that is not held: when it is due.
    heads: Vec<Timestamp>,
    held: usize,
    requests: u64,
    /// Of the sandbox's own, on their way to the bridge.
    webhooks: usize,
}

enum Rest {
    Moving,
    /// Only the clock, or the pace of judging, can change it.
    Held,
    Still,
}

impl World {
    /// Waits until everything that can happen now has happened.
    pub async fn settle(&self) -> Look {
        let started = Instant::now();
        let mut still = 0;
        let mut last = self.look().await;
        loop {
            assert!(started.elapsed() < DEADLINE, "still moving: {last:#?}");
            match self.rest(&last) {
                Rest::Moving => still = 0,
                Rest::Held if still < STILL => {}
                Rest::Still if still < 2 => {}
                Rest::Held | Rest::Still => return last,
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let look = self.look().await;
            still = if look == last { still + 1 } else { 0 };
            last = look;
        }
    }

    /// Moves the clock and waits until what that set off has happened.
    pub async fn advance(&self, by: Duration) -> Look {
        self.clock.advance(by);
        self.settle().await
    }

    /// Moves the clock to the next time at which something is due; how far that was.
    pub async fn advance_to_next(&self) -> Duration {
        let look = self.settle().await;
        let now = self.now();
        let by_target = look.next_try_at.filter(|_| look.target_state != "open");
        let next = match by_target {
            Some(at) => at,
            None if look.heads.is_empty() && look.held > 0 => after(now, HELD_STEP),
            None => look.heads.iter().copied().min().expect("nothing is due"),
        };
        let wait = until(now, next);
        assert!(!wait.is_zero(), "due and yet at rest: {look:#?}");
        self.advance(wait).await;
        wait
    }

    /// Moves the clock from due time to due time until nothing is due.
    pub async fn run(&self) {
        for _ in 0..500 {
            if self.settle().await.due == 0 {
                return;
            }
            self.advance_to_next().await;
        }
        panic!("there is always something due: {:#?}", self.look().await);
    }

    /// Polls until `condition` holds of what can be seen.
    pub async fn look_until(&self, condition: impl Fn(&Look) -> bool) -> Look {
        let started = Instant::now();
        loop {
            let look = self.look().await;
            if condition(&look) {
                return look;
            }
            assert!(started.elapsed() < DEADLINE, "in vain: {look:#?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets the bridge go on where only the rate limit may hold it up, which nobody outside sees.
    pub async fn look_on(&self) -> Look {
        let mut last = self.look().await;
        let mut still = 0;
        while still < STILL {
            tokio::time::sleep(LOOK_EVERY).await;
            let look = self.look().await;
            still = if look == last { still + 1 } else { 0 };
            last = look;
        }
        last
    }

    /// Waits until the sandbox has so many writes in hand, and has looked at its clock for them.
    pub async fn writes_in_hand(&self, count: u32) {
        let deadline = std::time::Instant::now() + DEADLINE;
        while self.sandbox().open_writes() != count {
            assert!(std::time::Instant::now() < deadline, "not {count} in hand");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }

    /// Waits until the sandbox has had so many requests.
    pub async fn requests(&self, count: u64) {
        let had = self
            .sandbox()
            .wait_until(|sandbox| sandbox.total_requests() >= count);
        let in_time = tokio::time::timeout(DEADLINE, had).await;
        assert!(
            in_time.is_ok(),
            "only {} requests",
            self.sandbox().total_requests()
        );
    }

    pub fn now(&self) -> Timestamp {
        leadping_bridge::clock::Clock::Manual(self.clock.clone()).now()
    }

    fn rest(&self, look: &Look) -> Rest {
        let now = self.now();
        if look.received > 0 || look.in_flight > 0 || look.webhooks > 0 {
            return Rest::Moving;
        }
        if look.target_state != "open" {
            let waits = match look.target_state.as_str() {
                // By a person: nothing ends it by itself.
                "stopped" => true,
                _ => look.next_try_at.is_some_and(|at| at > now),
            };
            return if waits && look.held == 0 {
                Rest::Still
            } else {
                Rest::Moving
            };
        }
        if look.held > 0 {
            return Rest::Held;
        }
        if look.heads.iter().any(|at| *at <= now) {
            return Rest::Moving;
        }
        Rest::Still
    }

    pub async fn look(&self) -> Look {
        let sandbox = self.sandbox.as_ref();
        let requests = sandbox.map_or(0, |s| s.total_requests());
        // Before the events: what has arrived by now is among them.
        let webhooks = sandbox.map_or(0, |s| s.webhooks_moving());
        let received = self.get("/api/v1/events?state=received&limit=1").await;
        let targets = self.get("/api/v1/targets").await;
        let targets = items(&targets);
        let sum = |state: &str| {
            let counts = targets.iter().map(|it| count(&it["deliveries"][state]));
            counts.sum::<i64>()
        };
        let is_closed = |target: &&Value| target["state"] != "open";
        let shown = targets.iter().find(is_closed).unwrap_or(&targets[0]);
        let due = sum("due");
        let mut look = Look {
            received: items(&received).len(),
            in_flight: sum("in_flight"),
            due,
            target_state: shown["state"].as_str().unwrap().to_owned(),
            next_try_at: instant(&shown["next_try_at"]),
            heads: Vec::new(),
            held: 0,
            requests,
            webhooks,
        };
        if due > 0 {
            self.look_at_due(&mut look).await;
        }
        look
    }

    async fn look_at_due(&self, look: &mut Look) {
        let mut leads = BTreeSet::new();
        let mut events = self.events("state=decided").await;
        events.reverse();
        for event in &events {
            for delivery in event["deliveries"].as_array().unwrap() {
                let is_open = delivery["state"] == "due" || delivery["state"] == "in_flight";
                let head = format!("{} {}", delivery["target"], delivery["lead_id"]);
                if !is_open || !leads.insert(head) {
                    continue;
                }
                if delivery["held_http_status"].is_null() {
                    look.heads.extend(instant(&delivery["due_at"]));
                } else {
                    look.held += 1;
                }
            }
        }
    }

    /// All events that the query names, newest first.
    pub async fn events(&self, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/events?limit=500&{query}{cursor}");
            let page = self.get(&path).await;
            all.extend(items(&page).iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

pub fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map_or(&[], Vec::as_slice)
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

pub fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().unwrap())
}
