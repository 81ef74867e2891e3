//! Four senders that know little of each other: each webhook names its lead's own id, and now and
//! then another system's; some come late, some twice.

use jiff::Timestamp;
use leadping_bridge::event::EventId;
use serde_json::{Value, json};

use super::ground::{LEADS, PEARL, crm_id, leadping_id, voice_id};
use crate::dice::Dice;
use crate::senders::Webhook;

#[derive(Default)]
pub struct Senders {
    sent: Vec<Webhook>,
    /// Acknowledged, also as a repetition of an event recorded before.
    pub promised: Vec<(EventId, Webhook)>,
    /// Per lead: how many things voice has said, so that calls go on.
    said: [u64; LEADS as usize],
}

impl Senders {
    pub fn some(&mut self, dice: &mut Dice, now: Timestamp) -> Vec<Webhook> {
        let count = dice.between(1, 6);
        (0..count).map(|_| self.one(dice, now)).collect()
    }

    pub fn one(&mut self, dice: &mut Dice, now: Timestamp) -> Webhook {
        if !self.sent.is_empty() && dice.one_in(8) {
            return dice.pick(&self.sent).clone();
        }
        let lead = dice.below(LEADS);
        let number = self.sent.len();
        // Late ones are told with the time at which it happened.
        let late = if dice.one_in(5) { 60_000 } else { 0 };
        let stamp = now.as_millisecond() - i64::try_from(dice.between(0, late)).unwrap();
        let stamp = Timestamp::from_millisecond(stamp).unwrap();
        let webhook = match dice.below(10) {
            0..=3 => self.voice(dice, lead),
            4..=6 => crm(dice, (lead, number), stamp),
            7 | 8 => leadping(dice, lead, stamp),
            _ => shop(dice, (lead, number), stamp),
        };
        let mut webhook = Webhook { lead, ..webhook };
        webhook.body["number"] = json!(number);
        self.sent.push(webhook.clone());
        webhook
    }

    fn voice(&mut self, dice: &mut Dice, lead: u64) -> Webhook {
        let said = &mut self.said[usize::try_from(lead).unwrap()];
        *said += 1;
        let call = format!("call-{lead}-{}", *said / 3);
        let body = if dice.one_in(3) {
            json!({
                "id": call, "leadId": voice_id(lead), "pearlId": PEARL, "status": 4,
                "conversationStatus": dice.pick(&[70, 100, 110]),
                "summary": format!("said {}", dice.below(3)),
            })
        } else {
            let calls: &[&str] = if dice.one_in(4) { &[] } else { &[&call] };
            let status = dice.pick(&[1, 20, 70, 70, 100, 100, 110, 110, 130, 220, 500]);
            let mut body = json!({
                "id": voice_id(lead), "pearlId": PEARL, "status": status, "callsId": calls,
            });
            if dice.one_in(4) {
                body["externalId"] = json!(crm_id(lead).to_string());
            }
            if dice.one_in(6) {
                body["callData"] = json!({ "leadpingLeadId": leadping_id(lead) });
            }
            body
        };
        of("voice", None, body)
    }
}

fn of(source: &'static str, stamp: Option<Timestamp>, body: Value) -> Webhook {
    Webhook {
        source,
        lead: 0,
        stamp,
        body,
    }
}

fn crm(dice: &mut Dice, (lead, number): (u64, usize), stamp: Timestamp) -> Webhook {
    let status = dice.pick(&["OPEN", "OPEN", "WON", "LOST", "LOST", "ON_HOLD", "DELETED"]);
    let mut data = json!({ "id": crm_id(lead), "status": status });
    if dice.one_in(5) {
        data["extendedFields"] = json!({ "leadpingLeadId": leadping_id(lead) });
    }
    let body = json!({
        "eventId": format!("crm-{number}"),
        "attributes": {
            "eventName": "leadUpdated", "createdAt": stamp.as_millisecond(), "data": data,
        },
    });
    of("crm", Some(stamp), body)
}

fn leadping(dice: &mut Dice, lead: u64, stamp: Timestamp) -> Webhook {
    let (category, outcome) = *dice.pick(&[
        ("Converted", "Sold"),
        ("Converted", "Won"),
        ("Lost", "Not interested"),
        ("Lost", "Gave up"),
        ("Open", "Open"),
    ]);
    let mut body = json!({
        "leadId": leadping_id(lead), "timestamp": stamp.to_string(), "changeSource": "User",
        "category": category, "outcome": outcome,
    });
    if dice.one_in(5) {
        body["lead"] = json!({ "metadata": { "externalId": crm_id(lead).to_string() } });
    }
    of("leadping", Some(stamp), body)
}

fn shop(dice: &mut Dice, (lead, number): (u64, usize), stamp: Timestamp) -> Webhook {
    let mut customer = json!({ "id": format!("shop-{lead}") });
    if dice.one_in(3) {
        customer["leadping"] = json!(leadping_id(lead));
    }
    if dice.one_in(3) {
        customer["crm"] = json!(crm_id(lead));
    }
    let body = json!({
        "id": format!("shop-event-{number}"), "at": stamp.to_string(), "customer": customer,
        "order": dice.pick(&["asked", "paid", "gone"]),
    });
    of("shop", Some(stamp), body)
}
