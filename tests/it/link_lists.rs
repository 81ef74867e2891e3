//! Links for people: what was learnt is listed, many are taught at once, and each says what came
//! of it.

use serde_json::{Value, json};

use crate::harness::{Setup, World, crm, voice_call, voice_lead};

const NOON: i64 = 1_785_585_600_000;

/// Every page of so many, as `source:id = LeadPing's id`.
async fn listed(world: &World, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/api/v1/links?{query}{cursor}")).await;
        for link in page["items"].as_array().unwrap() {
            let text = |key: &str| link[key].as_str().unwrap_or("-").to_owned();
            let who = match link["same_as"]["source_lead_id"].as_str() {
                Some(other) => format!("same as {other}"),
                None => text("lead_id"),
            };
            let pearl = match link["pearl_id"].as_str() {
                Some(_) => " in a campaign",
                None => "",
            };
            found.push(format!(
                "{}:{} = {who}{pearl}",
                text("source"),
                text("source_lead_id")
            ));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn what_events_taught_is_listed_page_by_page() {
    let world = Setup::shipped()
        .set("sources.voice.links", "{ crm = \"/externalId\" }")
        .start()
        .await;
    let mut lead = voice_lead("lead_a", 100);
    lead["externalId"] = json!("crm-lead_a");
    world.send_voice(&lead).await.accepted();
    // The same lead in a second campaign, and one whose LeadPing id nobody knows yet.
    lead["id"] = json!("pearl-again");
    world.send_voice(&lead).await.accepted();
    let mut unknown = voice_lead("lead_b", 100);
    unknown["callData"] = json!({});
    unknown["externalId"] = json!("crm-lead_b");
    world.send_voice(&unknown).await.accepted();
    // A call alone ties nothing to anything.
    world
        .send_voice(&voice_call("lead_c", "c1", 40))
        .await
        .accepted();
    world.settle().await;
    let every = [
        "crm:crm-lead_a = lead_a",
        "crm:crm-lead_b = same as pearl-lead_b",
        "voice:pearl-again = lead_a in a campaign",
        "voice:pearl-lead_a = lead_a in a campaign",
        "voice:pearl-lead_b = same as crm-lead_b in a campaign",
    ];
    for limit in [1, 2, 50] {
        assert_eq!(listed(&world, &format!("limit={limit}")).await, every);
    }
    assert_eq!(listed(&world, "limit=1&source=crm").await, every[..2]);
    assert_eq!(
        listed(&world, "lead=crm-lead_a&source=voice").await.len(),
        2
    );
    world.finish().await;
}

#[tokio::test]
async fn many_links_are_taught_at_once_and_each_says_what_came_of_it() {
    let world = Setup::shipped().start().await;
    for (lead, call) in [("lead_a", "c1"), ("lead_b", "c2"), ("lead_a", "c3")] {
        world
            .send_voice(&voice_call(lead, call, 100))
            .await
            .accepted();
    }
    world
        .send_crm(&crm("lead_z", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    let link =
        |id: &str, lead: &str| json!({"source": "voice", "source_lead_id": id, "lead_id": lead});
    let answer = world
        .post_links(&json!([
            link("pearl-lead_a", "lead_a"),
            link("pearl-lead_a", "lead_a"),
            {"source": "crm", "source_lead_id": "crm-lead_z", "lead_id": "lead_y"},
            {"source": "voice", "source_lead_id": "pearl-lead_b", "pearl_id": "66f1",
             "same_as": {"source": "crm", "source_lead_id": "crm-lead_b"}},
            {"source": "crm", "source_lead_id": "crm-lead_b", "lead_id": "lead_b"},
            link("pearl-lead_b", ".."),
            link("", "lead_b"),
            {"source": "video", "source_lead_id": "x", "lead_id": "y"},
            {"source": "voice", "source_lead_id": "x"},
            {"source": "voice", "source_lead_id": "x", "same_as": {"source": "voice", "source_lead_id": " x "}},
        ]))
        .await;
    assert_eq!(answer.status, 200);
    let told: Vec<String> = answer.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let why = result["why"].as_str().unwrap_or_default();
            format!(
                "{} {} {why}",
                result["result"].as_str().unwrap(),
                result["decided"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "new 2 ",
            "known 0 ",
            "moved 0 ",
            "new 0 ",
            "new 1 ",
            "refused 0 lead_id has 1 to 256 characters, and not only dots",
            "refused 0 source_lead_id has 1 to 256 characters, and not only dots",
            "refused 0 no source is named `video`; there are: crm, voice",
            "refused 0 neither lead_id nor same_as is given",
            "refused 0 the id is linked to itself",
        ]
    );
    world.settle().await;
    // Two calls, so two entries.
    assert_eq!(world.outcomes("lead_a"), ["Interested", "Interested"]);
    assert_eq!(world.outcomes("lead_b"), ["Interested"]);
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_a_list_of_links_is_refused_as_a_whole() {
    let world = Setup::shipped().start().await;
    let one = json!({"source": "voice", "source_lead_id": "x", "lead_id": "y"});
    for links in [
        json!("all"),
        json!([{"source": "voice"}]),
        json!([{"source": "voice", "source_lead_id": "x", "lead": "y"}]),
        Value::Array(vec![one; 201]),
    ] {
        assert_eq!(world.post_links(&links).await.status, 400);
    }
    for query in ["limit=x", "cursor=abc", "system=voice"] {
        let answer = world.admin(&format!("/api/v1/links?{query}"), None).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    assert_eq!(listed(&world, "limit=10").await, [""; 0]);
    world.finish().await;
}
