//! The world of two-way tables: four sources, three systems that are written to and tell of it, and
//! six leads that are known at all three.

use leadping_bridge::sandbox::{RequestLimit, System};
use serde_json::json;

use crate::world::{Setup, World};

pub const LEADS: u64 = 6;
pub const PEARL: &str = "66f1a2b3c4d5e6f708192a3b";
const OUTBOUND: &str = "66f1a2b3c4d5e6f708192a4c";

pub fn voice_id(lead: u64) -> String {
    format!("68c3f1a2b4d5e6f70819{lead:04x}")
}

pub fn crm_id(lead: u64) -> u64 {
    lead + 1
}

pub fn leadping_id(lead: u64) -> String {
    format!("L{lead}")
}

/// `on_newer` is the one key of deciding that the seeds differ in.
pub fn setup(supersede: bool) -> Setup {
    Setup {
        tables: &[
            ("voice", VOICE),
            ("crm", CRM),
            ("leadping", LEADPING),
            ("shop", SHOP),
        ],
        config: if supersede { superseding } else { queueing },
        limit: RequestLimit::OFF,
        echoes: true,
    }
}

pub fn put_leads(world: &World) {
    for lead in 0..LEADS {
        let (voice, crm, leadping) = (voice_id(lead), crm_id(lead), leadping_id(lead));
        let at_voice = json!({
            "id": voice, "pearlId": PEARL, "outboundId": OUTBOUND, "externalId": crm.to_string(),
            "callData": { "leadpingLeadId": leadping },
        });
        let at_crm = json!({
            "id": crm, "userId": 1, "extendedFields": { "leadpingLeadId": leadping },
        });
        let at_leadping = json!({
            "id": leadping, "enabled": true, "metadata": { "externalId": crm.to_string() },
        });
        for (system, lead) in [
            (System::Nlpearl, at_voice),
            (System::Capillary, at_crm),
            (System::Leadping, at_leadping),
        ] {
            world.sandbox().put_lead(system, &lead).unwrap();
        }
    }
}

const VOICE: &str = r#"kind = "nlpearl"
[defaults.leadping]
type = "Call"
notes = "{{ call.summary | default('') }}"
[[row]]
status = 1
leadping = { category = "Open", outcome = "New" }
[[row]]
status = 20
ignore = "call in progress"
[[row]]
status = 70
leadping = { category = "Open", outcome = "Voicemail" }
[[row]]
status = 100
leadping = { category = "Qualified", outcome = "Interested" }
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = 110
leadping = { category = "Lost", outcome = "Not interested" }
[[row]]
status = 130
leadping = { category = "Lost", outcome = "Done" }
[[row]]
status = 500
park = "a person looks at errors"
"#;

const CRM: &str = r#"kind = "capillary"
[defaults.leadping]
type = "CRM"
[[row]]
status = "OPEN"
leadping = { category = "Open", outcome = "Open" }
[[row]]
status = "WON"
leadping = { category = "Converted", outcome = "Won" }
nlpearl = { status = 130 }
[[row]]
status = "LOST"
final = true
leadping = { category = "Lost", outcome = "Lost" }
nlpearl = { status = 110 }
[[row]]
status = "ON_HOLD"
ignore = "nothing to do"
[[row]]
status = "DELETED"
nlpearl = { status = 130 }
"#;

const LEADPING: &str = r#"kind = "leadping"
[[row]]
status = "Converted"
nlpearl = { status = 130 }
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = "Lost"
capillary = { status = "LOST", reasonId = 5 }
[[row]]
status = ["Open", "Qualified", "Invalid", "Duplicate"]
ignore = "nobody else has to know"
"#;

const SHOP: &str = r#"kind = "generic"
[defaults.leadping]
type = "Order"
[[row]]
status = "asked"
leadping = { category = "Open", outcome = "Asked" }
[[row]]
status = "paid"
leadping = { category = "Converted", outcome = "Paid" }
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = "gone"
leadping = { category = "Lost", outcome = "Gone" }
"#;

fn queueing(place: &str, sandbox: &str) -> String {
    config((place, sandbox), "queue")
}

fn superseding(place: &str, sandbox: &str) -> String {
    config((place, sandbox), "supersede")
}

fn config((place, sandbox): (&str, &str), on_newer: &str) -> String {
    let secret = format!("{{ file = \"{place}/secret\" }}");
    let source = |name: &str, more: &str| {
        format!(
            "[sources.{name}]\n{more}\n[[sources.{name}.auth]]\nscheme = \"header\"\n\
             header = \"x-secret\"\nsecret = {secret}\n"
        )
    };
    let sources = [
        source(
            "voice",
            "kind = \"nlpearl\"\nlinks = { crm = \"/externalId\" }",
        ),
        source(
            "crm",
            "kind = \"capillary\"\nevents = [\"leadUpdated\", \"leadStatusUpdated\"]",
        ),
        source(
            "leadping",
            "kind = \"leadping\"\nlinks = { crm = \"/lead/metadata/externalId\" }",
        ),
        source(
            "shop",
            "kind = \"generic\"\nlead = [\"/customer/leadping\"]\nlinks = { crm = \"/customer/crm\" }\n\
             [sources.shop.fields]\nstatus = \"/order\"\nsource_lead_id = \"/customer/id\"\n\
             occurred_at = \"/at\"\nevent_id = \"/id\"",
        ),
    ];
    let limits =
        "rate_limit = { requests = 60000, per_seconds = 60, burst = 1000 }\ntimeout_ms = 2000";
    let target = |name: &str, more: &str| {
        format!(
            "[targets.{name}]\nkind = \"{name}\"\nbase_url = \"{sandbox}\"\n{limits}\n{more}\n\
             [targets.{name}.retry]\nmax_ms = 20000\n"
        )
    };
    let targets = [
        target("leadping", &format!("token = {secret}")),
        target(
            "nlpearl",
            &format!("token = {secret}\noutbound_ids = {{ {PEARL} = \"{OUTBOUND}\" }}"),
        ),
        target(
            "capillary",
            &format!("auth = {{ scheme = \"basic\", username = \"till\", password = {secret} }}"),
        ),
    ];
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite:{place}/bridge.db\"\n\
         [mappings]\ndir = \"{place}/mappings\"\nwatch = false\n\
         [decide]\nterminal_categories = [\"Converted\"]\nauthority = [\"crm\", \"voice\"]\n\
         on_newer = \"{on_newer}\"\nwrite_budget = {{ returns = {RETURNS}, per_seconds = 600 }}\n\
         echo_window_seconds = 600\n{}{}",
        sources.concat(),
        targets.concat()
    )
}

/// Ways back that a lead has within ten minutes.
pub const RETURNS: usize = 4;
