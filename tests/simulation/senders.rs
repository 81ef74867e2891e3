//! The two senders: what they say about which lead, in what order, how often again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadping_bridge::event::EventId;
use serde_json::{Value, json};

use crate::dice::Dice;

pub const LEADS: u64 = 8;

#[derive(Debug, Clone)]
pub struct Webhook {
    pub source: &'static str,
    pub lead: u64,
    /// Capillary's own clock.
    pub stamp: Option<Timestamp>,
    pub body: Value,
}

/// Everything sent so far, and what was promised for it.
#[derive(Default)]
pub struct Senders {
    sent: Vec<Webhook>,
    /// Acknowledged events.
    pub promised: BTreeMap<EventId, Webhook>,
}

impl Senders {
    pub fn some(&mut self, dice: &mut Dice, now: Timestamp) -> Vec<Webhook> {
        let count = dice.between(1, 8);
        let mut webhooks = Vec::new();
        for _ in 0..count {
            let webhook = if !self.sent.is_empty() && dice.one_in(6) {
                dice.pick(&self.sent).clone()
            } else if dice.one_in(2) {
                self.voice(dice)
            } else {
                self.crm(dice, now)
            };
            self.sent.push(webhook.clone());
            webhooks.push(webhook);
        }
        webhooks
    }

    fn voice(&self, dice: &mut Dice) -> Webhook {
        let lead = dice.below(LEADS);
        // 20 is ignored, 220 is not mapped at first, 130 lacks something.
        let status = *dice.pick(&[1, 20, 70, 100, 110, 130, 150, 220]);
        let mut body = json!({
            "id": format!("v{lead}"),
            "status": status,
            "callsId": [format!("call-{lead}-{}", dice.below(4))],
        });
        if dice.one_in(3) {
            body["externalId"] = Value::from(format!("c{lead}"));
        }
        if dice.one_in(6) {
            body["leadpingLeadId"] = Value::from(format!("L{lead}"));
        }
        Webhook {
            source: "voice",
            lead,
            stamp: None,
            body,
        }
    }

    fn crm(&self, dice: &mut Dice, now: Timestamp) -> Webhook {
        let lead = dice.below(LEADS);
        let status = *dice.pick(&["OPEN", "WON", "LOST", "ON_HOLD"]);
        let past = i64::try_from(dice.between(0, 20_000)).unwrap();
        let stamp = now.as_millisecond() - past;
        let mut data = json!({ "id": format!("c{lead}"), "status": status });
        if dice.one_in(4) {
            data["leadpingLeadId"] = Value::from(format!("L{lead}"));
        }
        let number = self.sent.len();
        let body = json!({
            "eventId": format!("event-{number}-{stamp}-{}", dice.below(1_000_000)),
            "attributes": { "eventName": "leadUpdated", "createdAt": stamp, "data": data },
        });
        Webhook {
            source: "crm",
            lead,
            stamp: Some(Timestamp::from_millisecond(stamp).unwrap()),
            body,
        }
    }

    /// So that nothing has to stay unlinked.
    pub fn one_that_links_each_lead(&self) -> Vec<Webhook> {
        let links = |lead| Webhook {
            source: "voice",
            lead,
            stamp: None,
            body: json!({
                "id": format!("v{lead}"), "externalId": format!("c{lead}"),
                "leadpingLeadId": format!("L{lead}"), "status": 100, "callsId": ["the-last"],
            }),
        };
        (0..LEADS).map(links).collect()
    }

    pub fn note(&mut self, answered: Vec<(Webhook, Option<EventId>)>) {
        for (webhook, id) in answered {
            if let Some(id) = id {
                self.promised.insert(id, webhook);
            }
        }
    }
}
