//! Many links at once: taught in one transaction, listed page by page, and the same again when what
//! was listed is taught to another store.

use leadping_bridge::lead::{LEADPING, SystemId};
use leadping_bridge::store::{LeadQuery, Learnt, LinkPage, LinkRow, Linked, NewLink};
use serde_json::json;

use crate::ground::{Engine, Scene};

on_every_engine!(
    each_link_tells_what_it_taught,
    what_waited_is_decided_link_by_link,
    pages_show_every_link_once_and_nothing_else,
    a_leads_links_are_found_by_any_of_its_ids,
    what_one_store_lists_another_learns,
);

fn id(system: &str, id: &str) -> SystemId {
    SystemId::new(system, id)
}

fn link(own: (&str, &str), same_as: (&str, &str)) -> NewLink {
    NewLink {
        id: id(own.0, own.1),
        same_as: id(same_as.0, same_as.1),
        pearl_id: None,
    }
}

async fn teach(scene: &Scene, links: Vec<NewLink>) -> Vec<Linked> {
    let taught = scene
        .store
        .set_links(links, scene.judge.clone(), scene.now)
        .await;
    taught.unwrap()
}

async fn each_link_tells_what_it_taught(engine: Engine) {
    let scene = Scene::on(engine);
    let links = vec![
        link(("voice", "v1"), (LEADPING, "L1")),
        link(("voice", "v1"), (LEADPING, "L1")),
        link(("crm", "c1"), ("voice", "v1")),
        link(("voice", "v2"), (LEADPING, "L2")),
        // LeadPing has two leads; the bridge does not make one of them.
        link(("voice", "v2"), ("crm", "c1")),
        link(("voice", "v1"), (LEADPING, "L2")),
        // Joined by an id that neither had.
        link(("voice", "v3"), ("crm", "c3")),
        link(("crm", "c3"), (LEADPING, "L3")),
        link(("voice", "v3"), (LEADPING, "L3")),
    ];
    let taught: Vec<Learnt> = teach(&scene, links)
        .await
        .into_iter()
        .map(|linked| linked.learnt)
        .collect();
    assert_eq!(
        taught,
        [
            Learnt::New,
            Learnt::Known,
            Learnt::New,
            Learnt::New,
            Learnt::Contradicts,
            Learnt::Moved,
            Learnt::New,
            Learnt::New,
            Learnt::Known,
        ]
    );
}

async fn what_waited_is_decided_link_by_link(engine: Engine) {
    let mut scene = Scene::on(engine);
    let mut waiting = Vec::new();
    for own in ["v1", "v2", "v1", "v3"] {
        waiting.push(scene.carry(json!({ "own": own, "outcome": "x" })).await);
    }
    let links = vec![
        link(("voice", "v2"), (LEADPING, "L2")),
        link(("voice", "v1"), ("crm", "c1")),
        link(("crm", "c1"), (LEADPING, "L1")),
    ];
    let decided: Vec<Vec<_>> = teach(&scene, links)
        .await
        .into_iter()
        .map(|linked| {
            linked
                .decided
                .into_iter()
                .map(|event| event.event)
                .collect()
        })
        .collect();
    assert_eq!(decided[0], [waiting[1]]);
    assert_eq!(decided[2], [waiting[0], waiting[2]]);
    assert_eq!(scene.line(waiting[3]).await, "parked unlinked:voice");
}

async fn all(scene: &Scene, limit: u32, source: Option<&str>) -> (Vec<LinkRow>, usize) {
    let mut rows = Vec::new();
    let mut after = None;
    for pages in 1.. {
        let page = LinkPage {
            limit,
            after,
            source: source.map(str::to_owned),
            lead: None,
        };
        let links = scene.store.links(page).await.unwrap();
        rows.extend(links.rows);
        after = links.next;
        if after.is_none() {
            return (rows, pages);
        }
    }
    unreachable!("the pages end")
}

fn told(rows: &[LinkRow]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let who = match (&row.lead_id, &row.same_as) {
                (Some(lead_id), None) => lead_id.clone(),
                (None, Some(id)) => format!("{}:{}", id.system, id.id),
                other => panic!("{other:?}"),
            };
            let pearl = row.pearl_id.as_ref().map(|pearl| format!(" in {pearl}"));
            let pearl = pearl.unwrap_or_default();
            format!("{}:{} = {who}{pearl}", row.source, row.source_lead_id)
        })
        .collect()
}

/// Two leads that LeadPing knows, one that it does not, and ids that are tied to nothing.
async fn leads(scene: &mut Scene) {
    let mut in_campaign = link(("voice", "v1"), (LEADPING, "L1"));
    in_campaign.pearl_id = Some("P1".to_owned());
    let mut alone = link(("voice", "v4"), ("voice", "v3"));
    alone.pearl_id = Some("P4".to_owned());
    let links = vec![
        in_campaign,
        link(("crm", "c1"), (LEADPING, "L1")),
        link(("voice", "v2"), (LEADPING, "L1")),
        link(("crm", "c2"), (LEADPING, "L2")),
        link(("crm", "c3"), ("voice", "v3")),
        alone,
    ];
    teach(scene, links).await;
    scene
        .carry(json!({ "own": "v9", "calls": ["a"], "do": "ignore" }))
        .await;
}

const EVERY_LINK: [&str; 7] = [
    "crm:c1 = L1",
    "crm:c2 = L2",
    "crm:c3 = voice:v3",
    "voice:v1 = L1 in P1",
    "voice:v2 = L1",
    "voice:v3 = crm:c3",
    "voice:v4 = crm:c3 in P4",
];

async fn pages_show_every_link_once_and_nothing_else(engine: Engine) {
    let mut scene = Scene::on(engine);
    assert_eq!(all(&scene, 10, None).await.0, []);
    leads(&mut scene).await;
    for limit in [1, 2, 3, 100] {
        let (rows, pages) = all(&scene, limit, None).await;
        assert_eq!(told(&rows), EVERY_LINK, "pages of {limit}");
        assert!(limit > 50 || pages > 2, "{pages} pages of {limit}");
        assert_eq!(
            told(&all(&scene, limit, Some("crm")).await.0),
            EVERY_LINK[..3]
        );
        assert_eq!(
            told(&all(&scene, limit, Some("voice")).await.0),
            EVERY_LINK[3..]
        );
    }
    assert_eq!(all(&scene, 10, Some("elsewhere")).await.0, []);
}

async fn a_leads_links_are_found_by_any_of_its_ids(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene).await;
    for (any, source, expected) in [
        (
            "L1",
            None,
            &["crm:c1 = L1", "voice:v1 = L1 in P1", "voice:v2 = L1"][..],
        ),
        (
            "v2",
            Some("voice"),
            &["voice:v1 = L1 in P1", "voice:v2 = L1"],
        ),
        (
            "c3",
            None,
            &[
                "crm:c3 = voice:v3",
                "voice:v3 = crm:c3",
                "voice:v4 = crm:c3 in P4",
            ],
        ),
        ("v9", None, &[]),
        ("nobody", None, &[]),
    ] {
        let page = LinkPage {
            limit: 10,
            source: source.map(str::to_owned),
            lead: Some(LeadQuery {
                id: any.to_owned(),
                sources: vec!["voice".to_owned(), "crm".to_owned()],
            }),
            after: None,
        };
        let mut found = told(&scene.store.links(page).await.unwrap().rows);
        found.sort();
        assert_eq!(found, expected, "{any}");
    }
}

async fn what_one_store_lists_another_learns(engine: Engine) {
    let mut scene = Scene::on(engine);
    leads(&mut scene).await;
    let (rows, _) = all(&scene, 100, None).await;
    let links = |rows: &[LinkRow]| -> Vec<NewLink> {
        let links = rows.iter().map(|row| NewLink {
            id: id(&row.source, &row.source_lead_id),
            same_as: match (&row.lead_id, &row.same_as) {
                (Some(lead_id), _) => id(LEADPING, lead_id),
                (None, other) => other.clone().unwrap(),
            },
            pearl_id: row.pearl_id.clone(),
        });
        links.collect()
    };
    let other = Scene::on(engine);
    teach(&other, links(&rows)).await;
    assert_eq!(all(&other, 100, None).await.0, rows);
    // Again, and backwards: nothing changes.
    let mut backwards = links(&rows);
    backwards.reverse();
    let again = teach(&other, backwards).await;
    assert!(again.iter().all(|linked| linked.learnt == Learnt::Known));
    assert_eq!(all(&other, 100, None).await.0, rows);
}
