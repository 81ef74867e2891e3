//! A bridge with a day behind it: something on every page.

use jiff::Timestamp;
use leadping_bridge::clock::Clock;
use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Setup, World, crm, retry_after, seconds, status, voice_call, voice_lead};

/// What a campaign reports, and how often in a hundred.
const STATUSES: &[(i64, usize)] = &[
    (100, 12),
    (110, 16),
    (70, 22),
    (10, 14),
    (150, 9),
    (40, 10),
    (20, 8),
    (220, 3),
    (500, 2),
    (130, 3),
    (777, 1),
];

pub struct Scene {
    pub world: World,
    pub browser: Browser,
}

impl Scene {
    pub async fn quiet() -> Self {
        Self::of(Setup::shipped()).await
    }

    pub async fn of(setup: Setup) -> Self {
        let world = setup.start().await;
        let origin = format!("http://{}", world.app().admin_address);
        let browser = Browser::start(origin).await;
        Self { world, browser }
    }

    /// Webhooks over most of a day; some are parked, one lead has a story.
    pub async fn busy() -> Self {
        let scene = Self::quiet().await;
        let world = &scene.world;
        let mut lead = 0;
        for hour in 0..8 {
            for (number, (code, often)) in STATUSES.iter().enumerate() {
                let times = often / 4 + usize::from((hour + number) % 3 == 0);
                for _ in 0..times {
                    lead += 1;
                    let body = voice_lead(&format!("lead_{lead:03}"), *code);
                    world.send_voice(&body).await.accepted();
                }
            }
            for (number, word) in ["WON", "LOST", "ON_HOLD", "OPEN"].into_iter().enumerate() {
                let now = now_ms(world);
                let body = crm(
                    &format!("lead_{:03}", lead - number),
                    &format!("e{hour}-{number}"),
                    word,
                    now,
                );
                world.send_crm(&body).await.accepted();
            }
            world.settle().await;
            world.clock.advance(seconds(2400 + 300 * hour as u64));
        }
        scene.tell_a_story().await;
        scene
    }

    /// One lead that was called, refused once, and won.
    async fn tell_a_story(&self) {
        let world = &self.world;
        world
            .send_voice(&voice_lead("lead_story", 70))
            .await
            .accepted();
        world.settle().await;
        world.clock.advance(seconds(1800));
        world
            .send_voice(&voice_lead("lead_story", 100))
            .await
            .accepted();
        world.settle().await;
        world.clock.advance(seconds(20));
        world
            .send_voice(&voice_call("lead_story", "call-7", 100))
            .await
            .accepted();
        world.settle().await;
        world.clock.advance(seconds(600));
        world.answer(FaultRule::once(FaultScope::Set, status(422)));
        world
            .send_voice(&voice_lead("lead_refused", 100))
            .await
            .accepted();
        world.settle().await;
        world
            .send_voice(&voice_call("lead_nobody", "call-9", 100))
            .await
            .accepted();
        world.settle().await;
        let now = now_ms(world);
        world
            .send_crm(&crm("lead_story", "won", "WON", now))
            .await
            .accepted();
        world.settle().await;
    }

    /// A name and an address for every page there is.
    pub async fn pages(&self) -> Vec<(&'static str, String)> {
        let told = self.world.events("lead=lead_story&source=crm").await;
        let event = told[0]["id"].as_str().unwrap();
        let table = told[0]["decision"]["table"].as_str().unwrap();
        vec![
            ("flow", String::from("/")),
            ("events", String::from("/events")),
            ("event", format!("/events/{event}")),
            ("lead", String::from("/leads/lead_story")),
            ("parked", String::from("/parked")),
            (
                "unmapped",
                String::from("/parked?cause=unmapped%3Avoice%3A777&told=parked.2"),
            ),
            (
                "refused",
                String::from("/parked?cause=refused%3Aleadping%3A422"),
            ),
            ("tables", String::from("/tables")),
            ("table", format!("/tables/version/{table}?line=23")),
            ("targets", String::from("/targets")),
            ("nothing", String::from("/leads/nobody-knows")),
        ]
    }

    /// The target asks to wait, and something does.
    pub async fn make_wait(&self) {
        self.world
            .answer(FaultRule::once(FaultScope::Set, retry_after(429, "1200")));
        self.world
            .send_voice(&voice_lead("lead_waits", 100))
            .await
            .accepted();
        self.world.settle().await;
        self.world
            .send_voice(&voice_lead("lead_waits_too", 110))
            .await
            .accepted();
        self.world.settle().await;
    }

    pub async fn end(self) {
        self.browser.end().await;
        self.world.finish().await;
    }
}

fn now_ms(world: &World) -> serde_json::Value {
    let now: Timestamp = Clock::Manual(world.clock.clone()).now();
    json!(now.as_millisecond())
}
