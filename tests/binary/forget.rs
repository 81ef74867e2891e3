//! `leads forget`: a person's data gone from the store and its files, and nobody else's.

use serde_json::{Value, json};

use super::place::{Bridge, Place, sandbox};
use super::senders::{Source, Webhook, crm};

const PHONE: &str = "+14155550137";
const EMAIL: &str = "ann.example@mail.example";

fn voice(id: &str, lead: &str, phone: &str, note: &str) -> Webhook {
    let body = json!({
        "id": format!("voice-{id}"),
        "pearlId": "66f1a2b3c4d5e6f708192a3b",
        "phoneNumber": phone,
        "status": 100,
        "callData": { "leadpingLeadId": lead, "email": EMAIL, "firstName": "Ann" },
        "collectedData": { "note": note },
    });
    Webhook {
        source: Source::Voice,
        body: body.to_string(),
    }
}

/// An event name that is not acted on: recorded, and tied to no lead.
fn nobodys(phone: &str) -> Webhook {
    let body = json!({
        "eventId": format!("nobody/{phone}"),
        "attributes": { "eventName": "customerAdded", "data": { "mobile": phone } },
    });
    Webhook {
        source: Source::Crm,
        body: body.to_string(),
    }
}

/// How often any file of the store holds these bytes.
fn traces(place: &Place, needle: &str) -> usize {
    let files = std::fs::read_dir(place.path()).unwrap();
    let store = files.map(|entry| entry.unwrap().path()).filter(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("bridge.db")
    });
    store
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let windows = bytes.windows(needle.len());
            windows
                .filter(|window| *window == needle.as_bytes())
                .count()
        })
        .sum()
}

async fn told(bridge: &Bridge, place: &Place, lead: &str) -> (Option<i32>, Value) {
    let url = format!("http://{}", bridge.admin);
    let arguments = ["leads", "forget", lead, "--json", "--admin-url", &url];
    let ended = place.run(&arguments).await;
    assert_eq!(ended.err, "");
    (ended.code, serde_json::from_str(&ended.out).unwrap())
}

#[tokio::test]
async fn a_person_is_erased_and_the_files_prove_it() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    for number in 0..40 {
        let lead = format!("lead_other_{number}");
        let phone = format!("+1415555{:04}", 2000 + number);
        for note in ["one", "two"] {
            bridge
                .accept(&voice(&format!("other-{number}"), &lead, &phone, note).without_email())
                .await;
        }
    }
    for note in ["one", "two", "three"] {
        bridge
            .accept(&voice("gone-4711", "lead_gone_4711", PHONE, note))
            .await;
    }
    bridge.accept(&crm("lead_gone_4711", "four")).await;
    bridge.accept(&nobodys(PHONE)).await;
    bridge.at_rest().await;
    assert!(traces(&place, "lead_gone_4711") > 4 && traces(&place, EMAIL) > 0);

    let (code, said) = told(&bridge, &place, "voice-gone-4711").await;
    assert_eq!((code, &said["proven"]), (Some(0), &json!(true)), "{said}");
    assert_eq!(said["events"], 5, "four of the lead, one of nobody: {said}");
    assert_eq!(said["deliveries"], 4, "{said}");
    for needle in ["lead_gone_4711", "voice-gone-4711", "14155550137", EMAIL] {
        assert_eq!(traces(&place, needle), 0, "{needle}");
        assert!(!said.to_string().contains(needle), "{said}");
        assert!(!bridge.log().contains("4155550137") && !bridge.log().contains(EMAIL));
    }
    assert!(traces(&place, "lead_other_17") > 2);
    let checked = place.run(&["store", "check", "--full"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.out);

    let entries = sandbox.history("lead_gone_4711").len();

    // Nobody is there any more; and life goes on, also for the one who comes back.
    let url = format!("http://{}", bridge.admin);
    let again = place
        .run(&["leads", "forget", "lead_gone_4711", "--admin-url", &url])
        .await;
    assert_eq!(again.code, Some(1), "{}", again.out);
    assert!(again.err.contains("with this id"), "{}", again.err);
    bridge
        .accept(&voice("gone-4711", "lead_gone_4711", PHONE, "five"))
        .await;
    bridge.at_rest().await;
    // Nothing is left that it could amend.
    assert_eq!(sandbox.history("lead_gone_4711").len(), entries + 1);
    assert_eq!(bridge.terminate().await.code, Some(0));
}

#[tokio::test]
async fn what_is_due_goes_too_and_what_is_shared_is_told() {
    // Nobody answers: everything stays due.
    let place = Place::new(None)
        .with("TARGETS__LEADPING__RETRY__INITIAL_MS", 60_000)
        .with("TARGETS__LEADPING__RETRY__MAX_MS", 60_000);
    let bridge = place.serve().await;
    bridge
        .accept(&voice("a-000001", "lead_a_000001", PHONE, "one"))
        .await;
    bridge
        .accept(&voice("b-000001", "lead_b_000001", PHONE, "one").without_email())
        .await;
    let (code, said) = told(&bridge, &place, "lead_a_000001").await;
    assert_eq!((code, &said["proven"]), (Some(1), &json!(false)), "{said}");
    assert_eq!(
        (&said["deliveries"], &said["shared"]),
        (&json!(1), &json!(1)),
        "{said}"
    );
    assert_eq!(said["shared_events"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(traces(&place, "lead_a_000001"), 0);
    let (code, said) = told(&bridge, &place, "lead_b_000001").await;
    assert_eq!((code, &said["proven"]), (Some(0), &json!(true)), "{said}");
    assert_eq!(traces(&place, "14155550137"), 0);
    let targets = bridge.admin("targets").await;
    assert_eq!(targets["items"][0]["deliveries"]["due"], 0, "{targets}");
    assert_eq!(bridge.terminate().await.code, Some(0));
}

impl Webhook {
    fn without_email(mut self) -> Self {
        self.body = self.body.replace(EMAIL, "");
        self
    }
}
