//! NLPearl and Capillary beside LeadPing, all three pretended, and what happens there by itself:
//! with `Setup::echoing` the sandbox fires their webhooks at the bridge, each signed as the
//! bridge's source of that kind wants it.

use leadping_bridge::config::AuthScheme;
use leadping_bridge::sandbox::{JournalEntry, System, WebhookReceiver, WebhookState};
use serde_json::{Value, json};

use super::{Setup, World};

pub const PEARL: &str = "66f1a2b3c4d5e6f708192a3b";
pub const OUTBOUND: &str = "66f1a2b3c4d5e6f708192a4c";
/// The one lead of these stories, by each system's id.
pub const VOICE_LEAD: &str = "68c3f1a2b4d5e6f708192a3b";
pub const CRM_LEAD: &str = "2";
pub const LEADPING_LEAD: &str = "lead_a";

impl Setup {
    /// Whatever is written at a system comes back as its webhook, where the bridge has a source
    /// of that kind.
    pub fn echoing(mut self) -> Self {
        self.sandbox_sends_webhooks = true;
        self
    }

    /// NLPearl and Capillary are targets too, with limits out of the way.
    pub fn writing_back(self) -> Self {
        let limit = "{ requests = 1000, per_seconds = 0.01, burst = 1000 }";
        self.set(
            "targets.nlpearl",
            "{ kind = \"nlpearl\", base_url = \"$SANDBOX\", token = { file = \"$PLACE/nlpearl.secret\" } }",
        )
        .set(
            "targets.nlpearl.outbound_ids",
            &format!("{{ {PEARL} = {OUTBOUND:?} }}"),
        )
        .set(
            "targets.capillary",
            "{ kind = \"capillary\", base_url = \"$SANDBOX\" }",
        )
        .set(
            "targets.capillary.auth",
            "{ scheme = \"basic\", username = \"till.01\", password = { file = \"$PLACE/capillary.secret\" } }",
        )
        .set("targets.nlpearl.rate_limit", limit)
        .set("targets.capillary.rate_limit", limit)
        .set("targets.nlpearl.retry.jitter", "0.0")
        .set("targets.capillary.retry.jitter", "0.0")
    }
}

/// A lead webhook of the lead of these stories, which names all its ids.
pub fn voice_of_all(status: impl Into<Value>) -> Value {
    json!({
        "id": VOICE_LEAD,
        "pearlId": PEARL,
        "externalId": CRM_LEAD,
        "phoneNumber": "+14155550101",
        "status": status.into(),
        "created": "2026-08-01T10:00:00Z",
        "callsId": [],
        "callData": {"leadpingLeadId": LEADPING_LEAD},
    })
}

/// An event of the lead of these stories at the CRM, which names no other id.
pub fn crm_alone(event: &str, status: &str) -> Value {
    json!({
        "eventId": event,
        "attributes": {
            "eventName": "leadStatusUpdated",
            "data": {"id": CRM_LEAD, "status": status},
        },
    })
}

impl World {
    /// The bridge's address changes with every start, so this is told each time.
    pub(super) fn send_webhooks(&self) {
        let (true, Some(sandbox), Some(app)) = (self.sends_webhooks, &self.sandbox, &self.app)
        else {
            return;
        };
        for source in self.config.sources.values() {
            let url = format!("http://{}/webhooks/{}", app.webhook_address, source.name);
            // A generic source has no system here.
            if let Ok(receiver) = WebhookReceiver::of_source(source, url) {
                sandbox.send_webhooks(receiver);
            }
        }
    }

    /// The same person at all three systems, each knowing what it usually knows of the others.
    pub fn put_lead_everywhere(&self) {
        let voice = json!({
            "id": VOICE_LEAD,
            "pearlId": PEARL,
            "outboundId": OUTBOUND,
            "externalId": CRM_LEAD,
            "phoneNumber": "+14155550101",
            "callData": {"leadpingLeadId": LEADPING_LEAD},
        });
        let crm = json!({
            "id": 2,
            "userId": 368_754_334,
            "leadFor": "item001",
            "extendedFields": {"leadpingLeadId": LEADPING_LEAD},
        });
        let leadping = json!({
            "id": LEADPING_LEAD,
            "enabled": true,
            "metadata": {"externalId": CRM_LEAD, "utmSource": "partner-site"},
            "contact": {
                "firstName": "Sarah",
                "coordinate": {"latitude": "30.27", "longitude": "-97.74"},
            },
            "customer": {"isHomeowner": true},
            "tags": [{"id": "tag_1", "name": "voice", "normalizedName": "VOICE", "color": null}],
        });
        for (system, lead) in [
            (System::Nlpearl, voice),
            (System::Capillary, crm),
            (System::Leadping, leadping),
        ] {
            self.sandbox().put_lead(system, &lead).unwrap();
        }
    }

    /// From now on what this system tells goes to this source, which is of no kind that it knows.
    pub fn forward_webhooks(&self, system: System, source: &str) {
        let auth = self.config.sources[source].auth[0].clone();
        let AuthScheme::Header { secret, .. } = &auth.scheme else {
            panic!("these are signed by a header");
        };
        self.sandbox().send_webhooks(WebhookReceiver {
            system,
            url: format!("http://{}/webhooks/{source}", self.app().webhook_address),
            secret: secret.load().unwrap(),
            auth,
        });
    }

    /// The campaign gives the lead of these stories another status.
    #[track_caller]
    pub fn campaign_sets(&self, status: i64) {
        assert!(self.sandbox().campaign_sets(VOICE_LEAD, status), "{status}");
    }

    /// The staff gives the lead of these stories another status.
    #[track_caller]
    pub fn staff_sets(&self, status: &str, reason_id: i64) {
        let change = json!({"status": status, "reasonId": reason_id});
        self.sandbox().staff_sets(CRM_LEAD, change).unwrap();
    }

    /// One line per request that the system got: what, for which lead, the body, the answer.
    pub fn calls_at(&self, system: System) -> String {
        let journal = self.sandbox().journal();
        let calls = journal.iter().filter(|entry| entry.system == system);
        calls.map(call).collect::<Vec<_>>().join("\n")
    }

    /// One line per webhook that the systems fired: of which lead, what became of it.
    pub fn webhooks(&self) -> Vec<String> {
        let webhooks = self.sandbox().webhooks();
        let lines = webhooks.iter().map(|webhook| {
            let body = webhook.json_body();
            let says = [
                &body["status"],
                &body["attributes"]["data"]["status"],
                &body["outcome"],
            ];
            let says = says.into_iter().find(|value| !value.is_null());
            let end = match webhook.state {
                WebhookState::Delivered => String::new(),
                other => format!(", {other:?}"),
            };
            let says = says.map_or(String::new(), Value::to_string);
            format!("{}: {says}{end}", webhook.system.as_str())
        });
        lines.collect()
    }
}

fn call(entry: &JournalEntry) -> String {
    let lead = entry.lead_id.as_deref().unwrap_or("-");
    let answer = entry
        .status
        .map_or("no answer".to_owned(), |it| it.to_string());
    let body = entry.body.as_deref().unwrap_or("");
    format!("{:?} {lead} {body}: {answer}", entry.operation)
}
