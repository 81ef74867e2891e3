//! The demo's webhooks, in the vendors' shapes, and what each must become.

/// One webhook of the round.
pub(crate) struct Sample {
    pub(crate) source: &'static str,
    /// What it shows, in a few words.
    pub(crate) shows: &'static str,
    pub(crate) body: &'static str,
    pub(crate) forged: bool,
    pub(crate) expected: Expected,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Delivered with this category and outcome.
    Delivered(&'static str, &'static str),
    /// Settled without a call, by this verdict.
    Settled(&'static str),
    Parked(&'static str),
    /// Not recorded again: the answer's status.
    Answered(u16),
}

use Expected::{Answered, Delivered, Parked, Settled};

macro_rules! payload {
    ($name:literal) => {
        include_str!(concat!("../../../tests/payloads/", $name, ".json"))
    };
}

const fn sample(
    source: &'static str,
    shows: &'static str,
    body: &'static str,
    expected: Expected,
) -> Sample {
    Sample {
        source,
        shows,
        body,
        forged: false,
        expected,
    }
}

pub(crate) const SAMPLES: &[Sample] = &[
    sample(
        "voice",
        "New",
        payload!("nlpearl-lead-new"),
        Delivered("Open", "New"),
    ),
    sample(
        "voice",
        "OnCall",
        payload!("nlpearl-lead-on-call"),
        Settled("ignored"),
    ),
    sample(
        "voice",
        "call starts",
        payload!("nlpearl-call-start"),
        Settled("ignored"),
    ),
    sample(
        "voice",
        "Success",
        payload!("nlpearl-lead-success"),
        Delivered("Qualified", "Interested"),
    ),
    sample(
        "voice",
        "call ends, summary",
        payload!("nlpearl-call-end"),
        Delivered("Qualified", "Interested"),
    ),
    sample(
        "voice",
        "VoiceMailLeft",
        payload!("nlpearl-lead-voicemail"),
        Delivered("Open", "Voicemail left"),
    ),
    sample(
        "voice",
        "NotSuccessful, by name",
        payload!("nlpearl-lead-not-successful-by-name"),
        Delivered("Lost", "Not interested"),
    ),
    sample(
        "voice",
        "110, PascalCase",
        payload!("nlpearl-lead-pascal-case"),
        Delivered("Lost", "Not interested"),
    ),
    sample(
        "voice",
        "Error",
        payload!("nlpearl-lead-error"),
        Parked("row:voice:500"),
    ),
    sample(
        "crm",
        "WON",
        payload!("capillary-lead-won"),
        Delivered("Converted", "Won"),
    ),
    sample(
        "crm",
        "LOST, wrong number",
        payload!("capillary-lead-lost"),
        Delivered("Invalid", "Wrong number"),
    ),
    sample(
        "crm",
        "ON_HOLD",
        payload!("capillary-lead-on-hold"),
        Delivered("Open", "On hold"),
    ),
    sample(
        "crm",
        "OPEN, flat envelope",
        payload!("capillary-lead-open-flat"),
        Delivered("Open", "Open"),
    ),
    sample(
        "crm",
        "WON, sent twice",
        payload!("capillary-lead-won"),
        Answered(200),
    ),
    Sample {
        source: "crm",
        shows: "WON, forged",
        body: payload!("capillary-lead-won"),
        forged: true,
        expected: Answered(401),
    },
];
