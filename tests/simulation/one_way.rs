//! The world of the one-way simulation: two senders, LeadPing, a rate limit that bites.

use leadping_bridge::sandbox::RequestLimit;

use crate::world::{Setup, World};

pub const CONCURRENCY: usize = 4;
const REQUESTS_PER_MINUTE: u32 = 240;
const BURST: u32 = 10;

pub fn setup() -> Setup {
    Setup {
        tables: &[("voice", VOICE), ("crm", CRM)],
        config,
        // A window of a minute can hold the rate, one burst, and what was under way.
        limit: RequestLimit {
            requests: REQUESTS_PER_MINUTE + BURST + u32::try_from(CONCURRENCY).unwrap() * 2,
            per_seconds: 60,
        },
        echoes: false,
    }
}

/// The table gets the row that was missing.
pub fn cover_everything(world: &World) {
    let row = "\n[[row]]\nstatus = 220\nleadping = { category = \"Invalid\", outcome = \"220\" }\n";
    world.write_table("voice", &format!("{VOICE}{row}"));
}

const VOICE: &str = r#"kind = "nlpearl"
[defaults.leadping]
type = "Call"
[[row]]
status = [1, 70, 100, 110, 150]
leadping = { category = "Open", outcome = "voice {{ event.status }}" }
[[row]]
status = 20
ignore = "call in progress"
[[row]]
status = 130
leadping = { category = "Lost", outcome = "{{ body.nowhere }}" }
"#;

const CRM: &str = r#"kind = "capillary"
[defaults.leadping]
type = "CRM"
[[row]]
status = ["OPEN", "WON", "LOST"]
leadping = { category = "Open", outcome = "crm {{ event.status }}" }
[[row]]
status = "ON_HOLD"
ignore = "nothing to do"
"#;

fn config(place: &str, sandbox: &str) -> String {
    let source = |name: &str, kind: &str, more: &str| {
        format!(
            "[sources.{name}]\nkind = \"{kind}\"\nlead = [\"/leadpingLeadId\"]\n{more}\n\
             [[sources.{name}.auth]]\nscheme = \"header\"\nheader = \"x-secret\"\n\
             secret = {{ file = \"{place}/secret\" }}\n"
        )
    };
    let voice = source("voice", "nlpearl", "links = { crm = \"/externalId\" }");
    let crm = source("crm", "capillary", "");
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[store]
url = "sqlite:{place}/bridge.db"
[mappings]
dir = "{place}/mappings"
watch = false
{voice}
{crm}
[targets.leadping]
kind = "leadping"
base_url = "{sandbox}"
token = {{ file = "{place}/secret" }}
rate_limit = {{ requests = {REQUESTS_PER_MINUTE}, per_seconds = 60, burst = {BURST} }}
concurrency = {CONCURRENCY}
timeout_ms = 2000
[targets.leadping.retry]
max_ms = 20000
"#
    )
}
