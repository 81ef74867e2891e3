//! The vendors: one folder each, with all we know of it.
//!
//! `body` parses a webhook's bytes, [`read`] turns that into facts; [`parse_status`] and its
//! neighbours are the words that tables share with bodies. `members` lists what a table may set,
//! `place` says where a target keeps a lead, `outbound` makes the calls, `mask` hides the person in
//! what is shown. Pure: no IO, no clock.

pub mod body;
pub mod capillary;
mod fields;
pub mod generic;
pub mod json;
pub mod leadping;
pub mod mask;
pub mod members;
pub mod nlpearl;
pub mod outbound;
pub mod person;
pub mod place;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::config::{SourceConfig, SourceKind};
use crate::event::{EventKind, Facts, Reading, Standing, Status};
use json::Json;

/// The longest text of a sender that goes into a cause or a reason.
const SAFE_CHARACTERS: usize = 64;

/// What a body says. The same body gives the same reading every time.
///
/// `forced` is the kind that the route named; it matters where a source sends both kinds.
pub fn read(source: &SourceConfig, forced: Option<EventKind>, body: &Json<'_>) -> Reading {
    let mut facts = Facts::default();
    let standing = match source.kind {
        SourceKind::Nlpearl => nlpearl::inbound::read(source, forced, body, &mut facts),
        SourceKind::Capillary => capillary::inbound::read(source, body, &mut facts),
        SourceKind::Leadping => leadping::inbound::read(source, body, &mut facts),
        SourceKind::Generic => generic::inbound::read(source, forced, body, &mut facts),
    };
    let mut standing = standing.unwrap_or_else(Standing::Invalid);
    // A path segment of only dots is no id: it would change the path it stands in.
    if facts.lead_id.as_deref().is_some_and(is_only_dots) {
        facts.lead_id = None;
        standing = Standing::Invalid(String::from("the LeadPing lead id is not an id"));
    }
    Reading { facts, standing }
}

/// What recorded bytes say.
pub fn read_recorded(source: &SourceConfig, forced: Option<EventKind>, body: &[u8]) -> Reading {
    body::with(body, |body| match body {
        Ok(body) => read(source, forced, &body),
        // Only JSON objects are recorded; a damaged row must not stop the rest.
        Err(_) => Reading {
            facts: Facts::default(),
            standing: Standing::Invalid(String::from("its recorded body is not JSON")),
        },
    })
}

/// `.` and `..` name no lead, whatever a sender says.
pub fn is_only_dots(id: &str) -> bool {
    id == "." || id == ".."
}

/// A status written as text, in a body or in a table: a known name, a number, or a name that the
/// vocabulary does not know, which stays as it was sent.
pub fn parse_status(kind: SourceKind, raw: &str) -> Status {
    let raw = raw.trim();
    match kind {
        SourceKind::Nlpearl => raw
            .parse::<i64>()
            .ok()
            .or_else(|| nlpearl::vocabulary::number_of(raw))
            .map_or_else(|| Status::Name(raw.to_owned()), Status::Number),
        SourceKind::Capillary => Status::Name(
            capillary::vocabulary::canonical(raw)
                .unwrap_or(raw)
                .to_owned(),
        ),
        SourceKind::Leadping => Status::Name(
            leadping::vocabulary::canonical_category(raw)
                .unwrap_or(raw)
                .to_owned(),
        ),
        SourceKind::Generic => Status::Name(raw.to_owned()),
    }
}

/// A status written as a number.
pub fn parse_status_number(kind: SourceKind, number: i64) -> Status {
    match kind {
        SourceKind::Nlpearl => Status::Number(number),
        _ => Status::Name(number.to_string()),
    }
}

/// Every status that the vendor documents; none where there is no vocabulary.
pub fn known_statuses(kind: SourceKind) -> Vec<Status> {
    match kind {
        SourceKind::Nlpearl => nlpearl::vocabulary::STATUSES
            .iter()
            .map(|status| Status::Number(status.number))
            .collect(),
        _ => status_names(kind)
            .into_iter()
            .map(|name| Status::Name(name.to_owned()))
            .collect(),
    }
}

/// Whether the statuses of this kind are the vendor's, and not each customer's own.
pub fn has_vocabulary(kind: SourceKind) -> bool {
    kind != SourceKind::Generic
}

/// The vendor's name, for people.
pub fn vendor(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Nlpearl => "NLPearl",
        SourceKind::Capillary => "Capillary",
        SourceKind::Leadping => "LeadPing",
        SourceKind::Generic => "the sender",
    }
}

/// The vendor's status names, for "did you mean".
pub fn status_names(kind: SourceKind) -> Vec<&'static str> {
    match kind {
        SourceKind::Nlpearl => nlpearl::vocabulary::STATUSES
            .iter()
            .map(|status| status.name)
            .collect(),
        SourceKind::Capillary => capillary::vocabulary::STATUSES.to_vec(),
        SourceKind::Leadping => leadping::vocabulary::CATEGORIES.to_vec(),
        SourceKind::Generic => Vec::new(),
    }
}

/// The kinds of event that such a source sends.
pub fn kinds_sent(kind: SourceKind) -> &'static [EventKind] {
    match kind {
        SourceKind::Nlpearl | SourceKind::Generic => &EventKind::ALL,
        SourceKind::Capillary | SourceKind::Leadping => &[EventKind::Lead],
    }
}

/// The kinds of event in which this status occurs.
pub fn kinds_of(kind: SourceKind, status: &Status) -> &'static [EventKind] {
    let of_calls = match (kind, status) {
        (SourceKind::Nlpearl, Status::Number(number)) => {
            nlpearl::vocabulary::by_number(*number).is_none_or(|status| status.of_calls)
        }
        _ => return kinds_sent(kind),
    };
    if of_calls {
        &EventKind::ALL
    } else {
        &[EventKind::Lead]
    }
}

/// A status for people: `70 (VoiceMailLeft)`, `ON_HOLD`.
pub fn status_label(kind: SourceKind, status: &Status) -> String {
    match (kind, status) {
        (SourceKind::Nlpearl, Status::Number(number)) => {
            match nlpearl::vocabulary::by_number(*number) {
                Some(status) => format!("{number} ({})", status.name),
                None => number.to_string(),
            }
        }
        (_, status) => status.to_string(),
    }
}

/// The last part of the cause `unmapped:<source>:<status>`: the status as the vendor sends it,
/// NLPearl's number, at most 64 safe characters. A blank is `_`. Where more than that was lost, the
/// end tells two statuses apart: who discards one cause must not discard two.
pub fn park_cause_status(status: &Status) -> String {
    let status = status.to_string();
    let safe = safe_text(&status);
    let is_kept = safe.len() == status.len()
        && safe
            .bytes()
            .zip(status.bytes())
            .all(|(safe, own)| safe == own || own == b' ');
    if is_kept {
        return safe;
    }
    let digest = Sha256::digest(&status);
    let ending = HEXLOWER.encode(&digest[..4]);
    let kept: String = safe.chars().take(SAFE_CHARACTERS - 9).collect();
    format!("{kept}.{ending}")
}

/// A sender's word, made safe for causes, reasons and logs.
pub(crate) fn safe_text(text: &str) -> String {
    text.chars()
        .take(SAFE_CHARACTERS)
        .map(|character| match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => character,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests;
