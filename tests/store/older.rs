//! A store that an older version wrote is brought up to date when it is opened, and nothing of it is
//! lost: what was decided, what waits, what is on its way, what a lead is.

use leadping_bridge::delivery::DeliveryState;
use leadping_bridge::event::{EventState, Sequence};
use leadping_bridge::lead::EntryState;
use leadping_bridge::store::{Appended, NewEvent};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::ground::{Engine, Ground, START_MS, Scene, TARGET, at};

on_every_engine!(
    a_store_of_the_first_version_is_all_there,
    a_store_of_the_second_version_gets_sources_and_pearls,
    a_place_is_never_given_twice,
);

/// An event's row as the first version wrote it, with its body.
fn event(
    place: i64,
    source: &str,
    own: &str,
    (state, cause, decision): (&str, &str, &str),
    body: &str,
) -> String {
    let id = uuid(place);
    let received_at = START_MS + place * 1000;
    let hash = lead_hash(source, own);
    let quoted = |text: &str| match text {
        "" => "NULL".to_owned(),
        text => format!("'{text}'"),
    };
    format!(
        "INSERT INTO event (sequence, id, source, source_lead_id, lead_hash, dedupe_hash,
                            dedupe_key, received_at, state, cause, decision)
         VALUES ({place}, x'{id}', '{source}', '{own}', {hash}, {place}, x'{place:032x}',
                 {received_at}, '{state}', {}, {});
         INSERT INTO event_body VALUES ({place}, CAST('{body}' AS BLOB));",
        quoted(cause),
        quoted(decision)
    )
}

fn delivery(row: i64, (state, more): (&str, &str), members: &str) -> String {
    let id = uuid(0x1000 + row);
    format!(
        "INSERT INTO delivery (delivery, id, event, lead, target, lead_id, members, call, timestamp,
                               received_at, state, head, due_at, attempts, {more})
         VALUES ({row}, x'{id}', {row}, 1, 'leadping', 'L1', '{members}', 'k{row}', {START_MS},
                 {START_MS}, {state});"
    )
}

/// In hexadecimal, without dashes.
fn uuid(number: i64) -> String {
    let number = u128::from(number.unsigned_abs());
    format!(
        "{:032x}",
        0x0190_0000_0000_7000_8000_0000_0000_0000_u128 + number
    )
}

/// Four events: one delivered, one whose process died while it was sent, one that waits for a
/// link, one that nobody has decided yet; as the first version wrote them.
fn rows(version: i32) -> String {
    let decided = |verdict: &str| {
        format!(
            r#"{{"verdict":"matched","table":"sha256:t1","targets":{{"leadping":{verdict}}},"decided_at":"2026-08-01T10:00:01Z"}}"#
        )
    };
    let set = |row: i64| {
        decided(&format!(
            r#"{{"verdict":"delivery","id":"01900000-0000-7000-8000-00000000100{row}"}}"#
        ))
    };
    let state = r#"{"ids":[{"system":"voice","id":"v1"},{"system":"leadping","id":"L1"}],"calls":["k1"],
        "previous":{"category":"Converted","outcome":"Won","source":"crm","at":"2026-08-01T10:00:01Z"},
        "applied":{"crm":{"sequence":1,"occurred_at":"2026-08-01T10:00:00.005Z"}},
        "targets":{"leadping":2}}"#;
    let texts = match version {
        1 => String::new(),
        _ => "INSERT INTO table_use VALUES ('sha256:t1', 2);".to_owned(),
    };
    [
        event(1, "crm", "c1", ("settled", "", &set(1)), r#"{"own":"c1","leadping":"L1","outcome":"Won"}"#),
        event(2, "voice", "v1", ("decided", "", &set(2)), r#"{"own":"v1","outcome":"Lost"}"#),
        event(
            3, "voice", "v2",
            ("parked", "unlinked:voice", &decided(r#"{"verdict":"unlinked"}"#).replace(r#""table":"sha256:t1","#, "")),
            r#"{"own":"v2","outcome":"waits"}"#,
        ),
        event(4, "voice", "v1", ("received", "", ""), r#"{"own":"v1","outcome":"last"}"#),
        delivery(1, ("'delivered', 0, 0, 1, 'e1', 1785578401000", "entry_id, settled_at"), r#"{"category":"Converted","outcome":"Won"}"#),
        delivery(2, ("'in_flight', 1, 0, 1, 7, 1785578402000", "token, leased_at"), r#"{"outcome":"Lost"}"#),
        format!("INSERT INTO lead VALUES (1, '{state}');"),
        "INSERT INTO link VALUES ('voice', 'v1', 1, 'p1'), ('leadping', 'L1', 1, NULL), ('crm', 'c1', 1, NULL);
         INSERT INTO tally VALUES ('leadping', 'delivered', 1), ('leadping', 'in_flight', 1);
         INSERT INTO attempt (delivery, number, call, request, http_status, result, started_at, duration_ms)
         VALUES (1, 1, 'set', 'POST /dispositions', 201, 'accepted', 1785578401000, 9);
         INSERT INTO target VALUES ('leadping', '{}');".to_owned(),
        texts,
        match version {
            1 => "INSERT INTO fact VALUES ('decided_through', '3');".to_owned(),
            _ => "INSERT INTO fact VALUES ('last_place', '3');".to_owned(),
        },
    ]
    .concat()
}

/// As the store finds a source's lead.
fn lead_hash(source: &str, own: &str) -> i64 {
    let digest = Sha256::digest(format!("{source}\0{own}"));
    i64::from_be_bytes(digest[..8].try_into().unwrap())
}

fn opened(ground: Ground) -> Scene {
    let (store, handed) = ground.open().unwrap();
    let mut scene = Scene {
        ground,
        store,
        handed,
        judge: std::sync::Arc::default(),
        now: at(0),
    };
    scene.advance(60_000);
    scene
}

async fn everything_is_there(scene: &mut Scene) {
    let mut events = scene.events().await;
    events.reverse();
    let states: Vec<_> = events.iter().map(|event| event.state).collect();
    assert_eq!(
        states,
        [
            EventState::Settled,
            EventState::Decided,
            EventState::Parked,
            EventState::Received
        ]
    );
    let first = &events[0].deliveries[0];
    assert_eq!(
        (
            first.state,
            first.entry_id.as_deref(),
            first.last_http_status
        ),
        (DeliveryState::Delivered, Some("e1"), Some(201))
    );
    assert_eq!(events[0].decision.as_ref().unwrap().words(), ["delivery"]);
    // The one on its way is due again, and what nobody decided is decided behind it.
    let lookup_after = std::time::Duration::ZERO;
    let recovered = scene
        .store
        .recover_leases(TARGET, scene.now, lookup_after)
        .await;
    assert_eq!(recovered.unwrap(), 1);
    scene.decide().await;
    let history = scene.judge.history_of(events[3].id);
    assert_eq!((history.lead_id.as_deref(), history.calls), (Some("L1"), 1));
    assert_eq!(history.pearls["v1"], "p1");
    assert_eq!(history.applied["crm"].occurred_at, Some(at(5)));
    let past = &history.targets[TARGET];
    assert_eq!(past.applied, Some(Sequence(2)));
    let entries: Vec<_> = past
        .entries
        .iter()
        .map(|entry| (&*entry.source, entry.state, entry.call.as_deref()))
        .collect();
    assert_eq!(
        entries,
        [
            ("voice", EntryState::OnItsWay, Some("k2")),
            ("crm", EntryState::There, Some("k1"))
        ]
    );
    // Who set what must not be left by just anybody is known.
    let course = past.course.as_ref().unwrap();
    assert_eq!(
        (course.words.category.as_deref(), &*course.source),
        (Some("Converted"), "crm")
    );
    let again = scene.take_one().await;
    assert!(again.fate_unknown && again.attempt == 2);
    scene.deliver(&again, "e2").await;
    // What waited goes when its link comes.
    scene
        .carry(json!({ "own": "v2", "leadping": "L2", "outcome": "now" }))
        .await;
    let mut said = scene.deliver_all().await;
    said.sort();
    assert_eq!(said, ["last", "now", "waits"]);
    let counted = scene.ground.counted_deliveries();
    assert_eq!(
        counted,
        [((TARGET.to_owned(), "delivered".to_owned()), 5)].into()
    );
    let shown = scene.store.targets().await.unwrap();
    assert_eq!(shown[0].deliveries["delivered"], 5);
}

async fn a_store_of_the_first_version_is_all_there(engine: Engine) {
    let mut scene = opened(Ground::of_version(engine, 1, &rows(1)));
    // Two decisions name that table, so its text must stay.
    let uses = "SELECT decisions FROM table_use WHERE hash = 'sha256:t1'";
    assert_eq!(scene.ground.number(uses), 2);
    // A webhook that is sent again is still known.
    let mut known = scene.new_event(
        "crm",
        json!({ "own": "c1", "leadping": "L1", "outcome": "Won" }),
    );
    known.dedupe.key = 1_u128.to_be_bytes();
    known.dedupe.within = std::time::Duration::from_secs(3600);
    let events = scene.events().await;
    let NewEvent { undecided, dedupe } = known;
    let appended = scene
        .store
        .append(NewEvent { undecided, dedupe })
        .await
        .unwrap();
    assert_eq!(appended, Appended::Duplicate(events[3].id));
    everything_is_there(&mut scene).await;
}

async fn a_store_of_the_second_version_gets_sources_and_pearls(engine: Engine) {
    let mut scene = opened(Ground::of_version(engine, 2, &rows(2)));
    everything_is_there(&mut scene).await;
}

/// Retention had removed the newest events.
async fn a_place_is_never_given_twice(engine: Engine) {
    let rows = "INSERT INTO fact VALUES ('decided_through', '41');";
    let scene = opened(Ground::of_version(engine, 1, rows));
    scene.record(json!({ "do": "ignore" })).await;
    assert_eq!(scene.events().await[0].sequence, Sequence(42));
}
