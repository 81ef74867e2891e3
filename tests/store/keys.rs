//! Duplicate keys and leads are found wherever they are kept: in memory, half merged, in their
//! tables, and after a start.

use futures_util::future::join_all;
use leadping_bridge::event::EventId;
use leadping_bridge::store::{Appended, EventPage, LeadQuery, NewEvent};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(an_old_event_is_recognised_however_many_came_since);

/// Past two generations of keys in memory.
const MANY: usize = 20_000;

async fn an_old_event_is_recognised_however_many_came_since(engine: Engine) {
    let mut scene = Scene::on(engine);
    let events: Vec<NewEvent> = (0..MANY)
        .map(|number| {
            let lead = format!("v{}", number % 500);
            let mut event = scene.new_event("voice", json!({ "own": lead, "n": number }));
            event.dedupe.within = std::time::Duration::from_secs(3600);
            event
        })
        .collect();
    for batch in events.chunks(500) {
        for appended in join_all(batch.iter().cloned().map(|event| scene.store.append(event))).await
        {
            assert!(matches!(appended.unwrap(), Appended::New(_)));
        }
    }
    for _ in 0..2 {
        for place in [0, 1, 8_191, 8_192, 9_000, 16_384, MANY - 1] {
            let mut again = events[place].clone();
            again.undecided.event.id = EventId::new_at(scene.now);
            let appended = scene.store.append(again).await.unwrap();
            assert_eq!(
                appended,
                Appended::Duplicate(events[place].undecided.event.id),
                "event {place}"
            );
        }
        let page = EventPage {
            limit: 1000,
            lead: Some(LeadQuery {
                id: String::from("v7"),
                sources: vec![String::from("voice")],
            }),
            ..EventPage::default()
        };
        assert_eq!(
            scene.store.events(page).await.unwrap().rows.len(),
            MANY / 500
        );
        scene.reopen().await;
    }
}
