//! What the two senders post: bodies in their shapes, signed with the secrets of the place.

use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::place::{Bridge, CRM_SECRET, VOICE_SECRET};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Voice,
    Crm,
}

#[derive(Debug, Clone)]
pub struct Webhook {
    pub source: Source,
    pub body: String,
}

/// What the sender was told.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub retry_after: Option<String>,
    pub text: String,
}

/// A lead's Success with a note of its own.
pub fn voice(lead: &str, note: &str) -> Webhook {
    voice_status(lead, note, json!(100))
}

pub fn voice_status(lead: &str, note: &str, status: Value) -> Webhook {
    let body = json!({
        "id": format!("voice-{lead}"),
        "pearlId": "66f1a2b3c4d5e6f708192a3b",
        "status": status,
        "callData": { "leadpingLeadId": lead },
        "collectedData": { "note": note },
    });
    Webhook {
        source: Source::Voice,
        body: body.to_string(),
    }
}

/// A change of the CRM's lead; `note` is its sub-status and makes the event unique.
pub fn crm(lead: &str, note: &str) -> Webhook {
    let body = json!({
        "eventId": format!("{lead}/{note}"),
        "attributes": {
            "createdAt": 1_785_578_399_000_u64,
            "eventName": "leadStatusUpdated",
            "data": {
                "id": lead,
                "status": "OPEN",
                "subStatus": note,
                "extendedFields": { "leadpingLeadId": lead },
            },
        },
    });
    Webhook {
        source: Source::Crm,
        body: body.to_string(),
    }
}

impl Webhook {
    pub fn path(&self) -> &'static str {
        match self.source {
            Source::Voice => "/webhooks/voice",
            Source::Crm => "/webhooks/crm",
        }
    }

    /// The header that admits it.
    pub fn credential(&self) -> (&'static str, String) {
        match self.source {
            Source::Voice => ("Authorization", format!("Bearer {VOICE_SECRET}")),
            Source::Crm => {
                let mut mac = Hmac::<Sha256>::new_from_slice(CRM_SECRET.as_bytes()).unwrap();
                mac.update(self.body.as_bytes());
                let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
                ("X-Signature", format!("sha256={signature}"))
            }
        }
    }

    pub async fn post(
        &self,
        client: &reqwest::Client,
        to: SocketAddr,
    ) -> Result<Told, reqwest::Error> {
        let (name, value) = self.credential();
        let answer = client
            .post(format!("http://{to}{}", self.path()))
            .header(name, value)
            .header("content-type", "application/json")
            .body(self.body.clone())
            .send()
            .await?;
        let retry_after = answer.headers().get("retry-after");
        Ok(Told {
            status: answer.status().as_u16(),
            retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
            text: answer.text().await?,
        })
    }
}

impl Bridge {
    pub async fn post(&self, webhook: &Webhook) -> Told {
        webhook.post(&self.client, self.webhooks).await.unwrap()
    }

    /// Posts what must be taken.
    #[track_caller]
    pub fn accept(&self, webhook: &Webhook) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let told = self.post(webhook).await;
            assert_eq!(told.status, 202, "{place}: {}", told.text);
        }
    }
}
