//! The demo's webhooks, in the vendors' shapes, what each must become, and the people they are
//! about.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, System};

/// One webhook of the round.
pub(crate) struct Sample {
    pub(crate) source: &'static str,
    /// What it shows, in a few words.
    pub(crate) shows: &'static str,
    body: &'static str,
    /// What is different in the body.
    changes: &'static [(&'static str, &'static str)],
    pub(crate) forged: bool,
    pub(crate) expected: Expected,
    /// Every call that it leads to, in the order of the targets' names.
    pub(crate) calls: &'static [&'static str],
    /// What the systems report of those calls, by source: what became of it.
    pub(crate) back: &'static [&'static str],
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Delivered with this category and outcome.
    Told(&'static str, &'static str),
    /// Delivered without a disposition.
    WrittenBack,
    /// Settled without a call, by this verdict.
    Settled(&'static str),
    Parked(&'static str),
    /// Not recorded again: the answer's status.
    Answered(u16),
}

use Expected::{Answered, Parked, Settled, Told, WrittenBack};

macro_rules! payload {
    ($name:literal) => {
        include_str!(concat!("../../../tests/payloads/", $name, ".json"))
    };
}

const SAMPLE: Sample = Sample {
    source: "voice",
    shows: "",
    body: "",
    changes: &[],
    forged: false,
    expected: Settled("ignored"),
    calls: &[],
    back: &[],
};

const SET: &[&str] = &["leadping set"];
const SET_AND_STATUS: &[&str] = &["capillary status", "leadping set"];
const ALL_AT_ONCE: &[&str] = &["leadping record", "leadping set", "nlpearl lead"];

/// A webhook of a lead that the round does not know, to be sent by whoever tries it out.
pub(super) fn one_to_send() -> String {
    payload!("nlpearl-lead-voicemail")
        .replace("68c3f1a2b4d5e6f708192a3c", "68c3f1a2b4d5e6f708192aff")
        .replace("lead_9X1K7", "lead_YOURS")
}

pub(crate) const SAMPLES: &[Sample] = &[
    Sample {
        shows: "New",
        body: payload!("nlpearl-lead-new"),
        expected: Told("Open", "New"),
        calls: SET,
        back: &["leadping Open: ignored"],
        ..SAMPLE
    },
    Sample {
        shows: "OnCall",
        body: payload!("nlpearl-lead-on-call"),
        ..SAMPLE
    },
    Sample {
        shows: "call starts",
        body: payload!("nlpearl-call-start"),
        ..SAMPLE
    },
    Sample {
        shows: "Success",
        body: payload!("nlpearl-lead-success"),
        expected: Told("Qualified", "Interested"),
        calls: SET_AND_STATUS,
        back: &["crm OPEN: echo", "leadping Qualified: ignored"],
        ..SAMPLE
    },
    Sample {
        shows: "call ends, summary",
        body: payload!("nlpearl-call-end"),
        expected: Told("Qualified", "Interested"),
        calls: &["leadping amend"],
        back: &["leadping Qualified: ignored"],
        ..SAMPLE
    },
    Sample {
        shows: "VoiceMailLeft",
        body: payload!("nlpearl-lead-voicemail"),
        expected: Told("Open", "Voicemail left"),
        calls: SET,
        back: &["leadping Open: ignored"],
        ..SAMPLE
    },
    Sample {
        shows: "NotSuccessful, by name",
        body: payload!("nlpearl-lead-not-successful-by-name"),
        expected: Told("Lost", "Not interested"),
        calls: SET_AND_STATUS,
        back: &["crm LOST: echo", "leadping Lost: echo"],
        ..SAMPLE
    },
    Sample {
        shows: "110, PascalCase",
        body: payload!("nlpearl-lead-pascal-case"),
        expected: Told("Lost", "Not interested"),
        calls: SET_AND_STATUS,
        back: &["crm LOST: echo", "leadping Lost: echo"],
        ..SAMPLE
    },
    Sample {
        shows: "call of a lead unknown",
        body: payload!("nlpearl-call-end"),
        changes: &[
            ("68c3f1a2b4d5e6f708192a3b", "68c3f1a2b4d5e6f708192a41"),
            ("68c4f1a2b4d5e6f708192a40", "68c4f1a2b4d5e6f708192a44"),
        ],
        expected: Told("Qualified", "Interested"),
        calls: SET_AND_STATUS,
        back: &["crm OPEN: echo", "leadping Qualified: ignored"],
        ..SAMPLE
    },
    Sample {
        shows: "Error",
        body: payload!("nlpearl-lead-error"),
        expected: Parked("row:voice:500"),
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "WON",
        body: payload!("capillary-lead-won"),
        expected: Told("Converted", "Won"),
        calls: ALL_AT_ONCE,
        back: &["leadping Converted: echo", "voice 130: echo"],
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "LOST, wrong number",
        body: payload!("capillary-lead-lost"),
        expected: Told("Invalid", "Wrong number"),
        calls: ALL_AT_ONCE,
        back: &["leadping Invalid: echo", "voice 130: echo"],
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "ON_HOLD",
        body: payload!("capillary-lead-on-hold"),
        expected: Told("Open", "On hold"),
        calls: SET,
        back: &["leadping Open: ignored"],
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "OPEN, flat envelope",
        body: payload!("capillary-lead-open-flat"),
        expected: Told("Open", "Open"),
        calls: SET,
        back: &["leadping Open: ignored"],
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "WON, sent twice",
        body: payload!("capillary-lead-won"),
        expected: Answered(200),
        ..SAMPLE
    },
    Sample {
        source: "crm",
        shows: "WON, forged",
        body: payload!("capillary-lead-won"),
        forged: true,
        expected: Answered(401),
        ..SAMPLE
    },
    Sample {
        source: "leadping",
        shows: "Lost, says a person",
        body: include_str!("../../../mappings/two-way/examples/leadping/closed-by-a-person.json"),
        changes: &[
            ("\"Converted\"", "\"Lost\""),
            ("lead_7Q2M4", "lead_5C6D7"),
            ("\"externalId\": \"2\"", "\"externalId\": \"5\""),
        ],
        expected: WrittenBack,
        calls: &["nlpearl lead"],
        back: &["voice 130: echo"],
        ..SAMPLE
    },
];

impl Sample {
    /// The body as if it were told now: the systems' own webhooks of this round are newer than the
    /// saved ones, and a stale event changes nothing.
    pub(crate) fn body(&self, now: Timestamp) -> String {
        let told_at = now.as_millisecond().to_string();
        let mut body = self.body.replace("1785578399000", &told_at);
        if self.source == "leadping" {
            body = body.replace("2026-08-01T12:00:00Z", &now.to_string());
        }
        for (was, is) in self.changes {
            body = body.replace(was, is);
        }
        body
    }
}

/// LeadPing's, NLPearl's and Capillary's id of each person.
const PEOPLE: &[(&str, &str, &str)] = &[
    ("lead_7Q2M4", "68c3f1a2b4d5e6f708192a3b", "2"),
    ("lead_9X1K7", "68c3f1a2b4d5e6f708192a3c", "3"),
    ("lead_3B8T0", "68c3f1a2b4d5e6f708192a3d", "4"),
    ("lead_5C6D7", "68c3f1a2b4d5e6f708192a3f", "5"),
    ("lead_4W9R2", "68c3f1a2b4d5e6f708192a41", "6"),
];

/// Every person at all three systems, each knowing what it usually knows of the others.
pub(super) fn put_people(sandbox: &Sandbox) -> Result<(), String> {
    for (leadping, nlpearl, capillary) in PEOPLE {
        let id: i64 = capillary.parse().unwrap_or_default();
        let people: [(System, Value); 3] = [
            (
                System::Leadping,
                json!({
                    "id": leadping,
                    "enabled": true,
                    "metadata": {"externalId": capillary, "utmSource": "partner-site"},
                    "customer": {"isHomeowner": true},
                    "tags": [{"id": "tag_1", "name": "voice", "normalizedName": "VOICE", "color": null}],
                }),
            ),
            (
                System::Nlpearl,
                json!({
                    "id": nlpearl,
                    "pearlId": "66f1a2b3c4d5e6f708192a3b",
                    "outboundId": "66f1a2b3c4d5e6f708192a4c",
                    "externalId": capillary,
                    "callData": {"leadpingLeadId": leadping},
                }),
            ),
            (
                System::Capillary,
                json!({"id": id, "extendedFields": {"leadpingLeadId": leadping}}),
            ),
        ];
        for (system, person) in people {
            sandbox.put_lead(system, &person)?;
        }
    }
    Ok(())
}
