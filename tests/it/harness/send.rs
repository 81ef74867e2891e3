//! The senders' side: bodies in the vendors' shapes, signed and posted; and the admin API's users.

use leadping_bridge::clock::Clock;
use leadping_bridge::config::AuthScheme;
use leadping_bridge::verify::sign;
use serde_json::{Value, json};

use super::{World, contract};

/// Status and body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub status: u16,
    pub body: Value,
}

impl Answered {
    /// The id of a webhook that was recorded.
    #[track_caller]
    pub fn accepted(self) -> String {
        assert_eq!(self.status, 202, "{}", self.body);
        self.body["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn duplicate(self) {
        assert_eq!((self.status, &self.body["duplicate"]), (200, &json!(true)));
    }
}

/// A lead webhook of NLPearl for the LeadPing lead of the same name.
pub fn voice_lead(lead: &str, status: impl Into<Value>) -> Value {
    json!({
        "id": format!("pearl-{lead}"),
        "pearlId": "66f1a2b3c4d5e6f708192a3b",
        "phoneNumber": "+14155550101",
        "status": status.into(),
        "created": "2026-08-01T10:00:00Z",
        "callsId": [],
        "callData": {"leadpingLeadId": lead},
    })
}

/// A call webhook of NLPearl: it names NLPearl's lead only.
pub fn voice_call(lead: &str, call: &str, status: impl Into<Value>) -> Value {
    json!({
        "id": call,
        "pearlId": "66f1a2b3c4d5e6f708192a3b",
        "startTime": "2026-08-01T10:15:00Z",
        "conversationStatus": status.into(),
        "status": 4,
        "from": "+18005550100",
        "to": "+14155550101",
        "summary": "wants a visit",
        "collectedInfo": [],
        "leadId": format!("pearl-{lead}"),
    })
}

/// A Capillary envelope; `created_at` in milliseconds since 1970.
pub fn crm(lead: &str, event: &str, status: &str, created_at: impl Into<Value>) -> Value {
    json!({
        "eventId": event,
        "eventType": "100458_leadStatusUpdated",
        "attributes": {
            "createdAt": created_at.into(),
            "eventName": "leadStatusUpdated",
            "data": {
                "id": format!("crm-{lead}"),
                "status": status,
                "extendedFields": {"leadpingLeadId": lead},
            },
        },
    })
}

impl World {
    /// Signs as the source would, and posts.
    pub async fn send(&self, source: &str, body: &Value) -> Answered {
        self.send_signed(source, "m", body).await
    }

    pub async fn send_voice(&self, body: &Value) -> Answered {
        self.send("voice", body).await
    }

    pub async fn send_crm(&self, body: &Value) -> Answered {
        self.send("crm", body).await
    }

    /// A webhook whose disposition has `step` as its outcome (with the table of `Setup::steps`).
    pub async fn step(&self, lead: &str, step: &str) {
        let mut body = voice_lead(lead, 100);
        body["step"] = json!(step);
        self.send_voice(&body).await.accepted();
    }

    /// With further headers.
    #[cfg(feature = "otel")]
    pub async fn send_with(
        &self,
        source: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answered {
        let mut request = self.signed(source, "m", body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answered(request).await
    }

    /// With this id of the message, where the source's scheme has one.
    pub async fn send_signed(&self, source: &str, message: &str, body: &Value) -> Answered {
        answered(self.signed(source, message, body)).await
    }

    fn signed(&self, source: &str, message: &str, body: &Value) -> reqwest::RequestBuilder {
        let auth = &self.config.sources[source].auth[0];
        let secret = match &auth.scheme {
            AuthScheme::Header { secret, .. } | AuthScheme::StandardWebhooks { secret, .. } => {
                secret
            }
            AuthScheme::HmacSha256(hmac) => &hmac.secret,
            other => panic!("these worlds do not sign by {other:?}"),
        };
        let text = body.to_string();
        let now = Clock::Manual(self.clock.clone()).now();
        let signed = sign(auth, &secret.load().unwrap(), text.as_bytes(), now, message).unwrap();
        let url = format!("http://{}/webhooks/{source}", self.app().webhook_address);
        self.client
            .post(signed.url(&url))
            .headers(signed.headers.into_iter().collect())
            .header("content-type", "application/json")
            .body(text)
    }

    /// Asks the admin API, with the bearer token if there is one.
    pub async fn admin(&self, path: &str, token: Option<&str>) -> Answered {
        let mut request = self.client.get(self.admin_url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answered(request).await
    }

    /// Asks under another name, as a page in a browser might.
    pub async fn admin_as(&self, host: &str, path: &str) -> Answered {
        answered(self.client.get(self.admin_url(path)).header("host", host)).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.admin(path, Some("admin-secret")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn metrics(&self) -> String {
        let request = self.client.get(self.admin_url("/metrics"));
        request.send().await.unwrap().text().await.unwrap()
    }

    /// `PUT /api/v1/links`; returns how many events it released.
    pub async fn set_link(&self, source: &str, source_lead_id: &str, lead_id: &str) -> Answered {
        let body = json!({"source": source, "source_lead_id": source_lead_id, "lead_id": lead_id});
        answered(self.client.put(self.admin_url("/api/v1/links")).json(&body)).await
    }

    /// `POST /api/v1/{path}`, with the token.
    pub async fn post_admin(&self, path: &str, body: &Value) -> Answered {
        let call = self.client.post(self.admin_url(&format!("/api/v1/{path}")));
        answered(call.bearer_auth("admin-secret").json(body)).await
    }

    /// `DELETE /api/v1/{path}`, with the token.
    pub async fn delete_admin(&self, path: &str) -> Answered {
        let call = self
            .client
            .delete(self.admin_url(&format!("/api/v1/{path}")));
        answered(call.bearer_auth("admin-secret")).await
    }

    /// `POST /api/v1/links`.
    pub async fn post_links(&self, links: &Value) -> Answered {
        let call = self.client.post(self.admin_url("/api/v1/links"));
        answered(call.json(&json!({"links": links}))).await
    }

    /// Any call of the admin API, with what headers and body it may need.
    pub async fn call_admin(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answered {
        let mut call = self
            .client
            .request(method.parse().unwrap(), self.admin_url(path));
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        if let Some(body) = body {
            call = call.json(body);
        }
        answered(call).await
    }

    /// What somebody else does at the target.
    pub async fn at_target(&self, method: &str, path: &str, body: &Value) -> Answered {
        let url = format!("{}{path}", self.sandbox().base_url());
        let request = self
            .client
            .request(method.parse().unwrap(), url)
            .bearer_auth(super::TOKEN)
            .json(body);
        answered(request).await
    }

    fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app().admin_address)
    }
}

/// Of the admin API, every answer is also held against its document.
async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = client.execute(request).await.unwrap();
    let answered = Answered {
        status: response.status().as_u16(),
        body: response.json().await.unwrap_or_default(),
    };
    if path.starts_with("/api/v1/") {
        let fault = contract::fault(method.as_str(), &path, answered.status, &answered.body);
        assert_eq!(fault, None);
    }
    answered
}
