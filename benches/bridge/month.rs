//! A month of webhooks, received, decided and delivered by the bridge itself, in this process, with
//! a clock that is moved by hand: so that what it counted lies as it would after a real month.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use leadping_bridge::app::App;
use leadping_bridge::clock::{Clock, ManualClock};
use leadping_bridge::{config, map};

use crate::daemon::Place;
use crate::load::{Drive, drive};
use crate::scrape::{self, Scrape};
use crate::webhook::{self, Batch, SIGNATURE_HEADER, SIGNATURE_PREFIX};

const CONNECTIONS: usize = 64;
pub const LEADS: usize = 50_000;
/// Of every hundred webhooks.
const UNMAPPED: usize = 1;
const MAPPED: usize = 15;
/// Different statuses of each kind.
const UNMAPPED_STATUSES: usize = 50;
const MAPPED_STATUSES: usize = 80;
const IGNORED_STATUSES: usize = 20;
const CATEGORIES: [&str; 5] = ["Open", "Qualified", "Lost", "Invalid", "Converted"];
/// Far apart while long ago, minute by minute at the end.
const STEPS: [(usize, Duration); 3] = [
    (29 * 8, Duration::from_secs(3 * 3600)),
    (21, Duration::from_secs(3600)),
    (180, Duration::from_secs(60)),
];

/// A source with many statuses, and its table.
pub fn add_source(place: &Place) -> anyhow::Result<()> {
    let path = place.path().display();
    let source = format!(
        r#"
[sources.many]
kind = "generic"
mapping = "many"
lead = ["/lead"]
[sources.many.fields]
status = "/status"
event_id = "/number"
source_lead_id = "/own"
[[sources.many.auth]]
scheme = "hmac-sha256"
header = "{SIGNATURE_HEADER}"
prefix = "{SIGNATURE_PREFIX}"
encoding = "hex"
secret = {{ file = "{path}/crm.secret" }}
"#
    );
    let text = std::fs::read_to_string(place.config())? + &source;
    std::fs::write(place.config(), text)?;
    let mut table = String::from("kind = \"generic\"\n[defaults.leadping]\ntype = \"Call\"\n");
    for number in 0..MAPPED_STATUSES {
        let category = CATEGORIES[number % CATEGORIES.len()];
        writeln!(
            table,
            "[[row]]\nstatus = \"m{number}\"\nleadping = {{ category = \"{category}\", outcome = \"o{number}\" }}"
        )?;
    }
    for number in 0..IGNORED_STATUSES {
        writeln!(
            table,
            "[[row]]\nstatus = \"i{number}\"\nignore = \"nothing to tell\""
        )?;
    }
    std::fs::write(place.path().join("mappings/many.toml"), table)?;
    Ok(())
}

/// So many webhooks over thirty days that end now.
pub async fn live_through(place: &Place, count: usize) -> anyhow::Result<()> {
    let length: Duration = STEPS
        .iter()
        .map(|(steps, width)| *width * u32::try_from(*steps).unwrap_or(u32::MAX))
        .sum();
    let clock = ManualClock::starting_at(jiff::Timestamp::now() - length);
    let app = start(place, clock.clone()).await?;
    let all: usize = STEPS.iter().map(|(steps, _)| steps).sum();
    let widths = STEPS.iter().flat_map(|step| vec![step.1; step.0]);
    let mut sent = 0;
    for (step, width) in widths.enumerate() {
        clock.advance(width);
        let until = count * (step + 1) / all;
        sent += send(&app, sent..until).await?;
    }
    if sent != count {
        bail!("{sent} of {count} were sent");
    }
    let open = |scrape: &Scrape| {
        let of = |state| scrape.sum("deliveries", state);
        f64::from(u8::from(
            of("state=\"due\"") + of("state=\"in_flight\"") == 0.0,
        ))
    };
    scrape::wait_for(app.admin_address, open, 1).await?;
    // Old counts are merged once a moment.
    clock.advance(Duration::from_secs(601));
    tokio::time::sleep(Duration::from_secs(10)).await;
    app.stop().await;
    Ok(())
}

async fn start(place: &Place, clock: ManualClock) -> anyhow::Result<App> {
    let loaded = config::load(&place.config(), std::iter::empty());
    let (config, _) = loaded.map_err(|findings| anyhow::anyhow!("{findings:?}"))?;
    let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
    let tables = tables.with_context(|| format!("{findings:?}"))?;
    App::start(config, tables, Clock::Manual(clock)).await
}

async fn send(app: &App, numbers: std::ops::Range<usize>) -> anyhow::Result<usize> {
    let key = webhook::key();
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(&key, "many", body(number).as_bytes());
    }
    let all = Drive {
        address: app.webhook_address,
        connections: CONNECTIONS,
        during: Duration::MAX,
        again: false,
    };
    Ok(drive(&Arc::new(batch), all).await?.accepted)
}

fn body(number: usize) -> String {
    let turn = number / 100;
    let status = match number % 100 {
        unmapped if unmapped < UNMAPPED => format!("u{}", turn % UNMAPPED_STATUSES),
        mapped if mapped < UNMAPPED + MAPPED => {
            format!("m{}", (turn + mapped) % MAPPED_STATUSES)
        }
        ignored => format!("i{}", (turn + ignored) % IGNORED_STATUSES),
    };
    // Neighbours are not of the same lead.
    let lead = number.wrapping_mul(7919) % LEADS;
    format!(
        r#"{{"number":"{number}","lead":"lead_{lead}","own":"own-{lead}","status":"{status}","name":"Somebody of the benchmark","note":"said that they would call back on Monday"}}"#
    )
}
