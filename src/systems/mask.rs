//! Bodies and texts as people may see them who did not ask for the person behind: phone numbers,
//! e-mails, names and free text are hidden, and what a decision rests on stays.
//!
//! Nothing is shown because it looks harmless, only because of where it stands: an unknown member
//! is hidden. Pure; who may see a body as it came, and that it is written down, is the business
//! of `admin`.

use serde_json::{Map, Value};

use crate::config::{Field, SourceConfig};
use crate::event::Facts;

/// What stands where something was hidden.
pub const MASKED: &str = "[masked]";

/// So many digits are enough for a telephone.
pub(super) const DIGITS_OF_A_NUMBER: usize = 7;
const LONGEST_ID: usize = 128;
const LONGEST_WORD: usize = 64;
const LONGEST_TIME: usize = 40;

/// What a member holds that is not hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// One token, and not a way to reach somebody.
    Id,
    /// A word of a vocabulary: a status, an outcome.
    Word,
    Time,
    /// Only our own marker in it.
    Marker,
}

/// Members that are shown in any body, in lower case.
const MEMBERS: &[(Shown, &[&str])] = &[
    (
        Shown::Id,
        &[
            "id",
            "eventid",
            "leadid",
            "leadpingleadid",
            "pearlid",
            "callid",
            "callsid",
            "externalid",
            "refid",
            "apirequestid",
            "consumergroupid",
            "dispositionid",
            "entryid",
            "reasonid",
            "orgsourceid",
            "sourceid",
            "tagids",
            "relatedcalleventid",
            "changedbyautomationid",
            "changedbyuserid",
            "assignedtouserid",
        ],
    ),
    (
        Shown::Word,
        &[
            "status",
            "substatus",
            "conversationstatus",
            "eventtype",
            "eventname",
            "event",
            "actiontype",
            "type",
            "kind",
            "category",
            "outcome",
            "changesource",
            "followupstatus",
            "olddispositioncategory",
            "olddispositionoutcome",
        ],
    ),
    (
        Shown::Time,
        &[
            "timestamp",
            "timezone",
            "created",
            "createdat",
            "createdon",
            "changedat",
            "lastupdatedon",
            "starttime",
            "endtime",
            "nextfollowup",
            "callbackat",
            "taskdueat",
            "appointmentstartat",
            "appointmentendat",
        ],
    ),
    (Shown::Marker, &["reason", "notes"]),
];

/// Members that hold a way to reach somebody: no id anywhere in the body may repeat it.
pub(super) const CONTACTS: &[&str] = &["phone", "mobile", "msisdn", "whatsapp"];
const CONTACTS_OF_A_CALL: &[&str] = &["to", "from"];

/// A webhook's body. `source` tells what its pointers lead to; without one (a source that is no
/// longer configured) only the members count that every vendor names alike.
pub fn body(source: Option<&SourceConfig>, body: &Value) -> Value {
    let mut contacts = Vec::new();
    collect_contacts(body, "", &mut contacts);
    let mask = Mask {
        pointed: source.map(pointed).unwrap_or_default(),
        contacts,
    };
    mask.value(body, &mut Vec::new())
}

/// Recorded bytes; what is not JSON is hidden whole.
pub fn recorded(source: Option<&SourceConfig>, bytes: &[u8]) -> Value {
    super::body::parse(bytes).map_or_else(
        |_| Value::String(MASKED.to_owned()),
        |found: Value| body(source, &found),
    )
}

/// Members of a call, or its whole request or answer: as a body of no source.
pub fn members(members: &Value) -> Value {
    body(None, members)
}

/// What was read from a body.
pub fn facts(facts: &Facts) -> Facts {
    let mut contacts: Vec<String> = facts.phone.iter().map(|phone| digits_of(phone)).collect();
    contacts.retain(|digits| digits.len() >= DIGITS_OF_A_NUMBER);
    let mask = Mask {
        pointed: Vec::new(),
        contacts,
    };
    let id = |id: &Option<String>| id.as_deref().map(|id| mask.text(id, Shown::Id));
    let word = |word: &Option<String>| word.as_deref().map(|word| mask.text(word, Shown::Word));
    let hidden = |text: &Option<String>| text.as_ref().map(|_| MASKED.to_owned());
    Facts {
        source_lead_id: id(&facts.source_lead_id),
        lead_id: id(&facts.lead_id),
        links: facts
            .links
            .iter()
            .map(|(system, id)| (system.clone(), mask.text(id, Shown::Id)))
            .collect(),
        pearl_id: id(&facts.pearl_id),
        sub_status: word(&facts.sub_status),
        sender_event_id: id(&facts.sender_event_id),
        event_name: word(&facts.event_name),
        calls: facts
            .calls
            .iter()
            .map(|call| mask.text(call, Shown::Id))
            .collect(),
        call: id(&facts.call),
        external_id: id(&facts.external_id),
        phone: hidden(&facts.phone),
        call_summary: hidden(&facts.call_summary),
        call_recording: hidden(&facts.call_recording),
        collected: facts
            .collected
            .iter()
            .map(|(name, value)| (key(name), mask.value(value, &mut Vec::new())))
            .collect(),
        ..facts.clone()
    }
}

/// Which pointers of the configuration show what.
fn pointed(source: &SourceConfig) -> Vec<(Shown, Vec<String>)> {
    let fields = |shown: Shown, fields: &'static [Field]| {
        let pointers = fields.iter().flat_map(|field| source.fields.of(*field));
        pointers.map(move |pointer| (shown, parts(pointer)))
    };
    let ids = source.lead.iter().chain(source.links.values());
    ids.map(|pointer| (Shown::Id, parts(pointer)))
        .chain(fields(
            Shown::Id,
            &[
                Field::EventId,
                Field::SourceLeadId,
                Field::ExternalId,
                Field::CallId,
                Field::EntryId,
                Field::ReasonId,
            ],
        ))
        .chain(fields(
            Shown::Word,
            &[
                Field::Status,
                Field::SubStatus,
                Field::Kind,
                Field::EventName,
                Field::ChangeSource,
            ],
        ))
        .chain(fields(Shown::Time, &[Field::OccurredAt]))
        .chain(fields(Shown::Marker, &[Field::Marker]))
        .collect()
}

/// A pointer's segments, as [`Mask::shown`] compares them.
fn parts(pointer: &str) -> Vec<String> {
    let parts = pointer.split('/').skip(1);
    parts
        .map(|part| normal(&part.replace("~1", "/").replace("~0", "~")))
        .collect()
}

/// A member's name whatever the sender's spelling.
pub(super) fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}

struct Mask {
    pointed: Vec<(Shown, Vec<String>)>,
    /// Digits of the numbers that the body calls telephone numbers.
    contacts: Vec<String>,
}

impl Mask {
    /// `path`: the normal names from the root to here; a list's items have their number.
    fn value(&self, value: &Value, path: &mut Vec<String>) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => match (self.shown(path), number.to_string()) {
                (Some(Shown::Id), text) if self.is_contact(&digits_of(&text)) => hidden(),
                (Some(Shown::Id | Shown::Word | Shown::Time), _) => value.clone(),
                (_, text) if digits_of(&text).len() < DIGITS_OF_A_NUMBER => value.clone(),
                _ => hidden(),
            },
            Value::String(text) if text.is_empty() => value.clone(),
            Value::String(text) => match self.shown(path) {
                Some(shown) => Value::String(self.text(text, shown)),
                None => hidden(),
            },
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let masked = items.map(|(at, item)| self.under(item, path, at.to_string()));
                Value::Array(masked.collect())
            }
            Value::Object(members) => {
                let masked = members
                    .iter()
                    .map(|(name, member)| (key(name), self.under(member, path, normal(name))));
                Value::Object(masked.collect::<Map<_, _>>())
            }
        }
    }

    fn under(&self, value: &Value, path: &mut Vec<String>, part: String) -> Value {
        path.push(part);
        let masked = self.value(value, path);
        path.pop();
        masked
    }

    /// A pointer counts wherever its segments end a path: a vendor's pointers begin inside the
    /// envelope.
    fn shown(&self, path: &[String]) -> Option<Shown> {
        let pointed = self.pointed.iter().find(|(_, parts)| path.ends_with(parts));
        if let Some((shown, _)) = pointed {
            return Some(*shown);
        }
        let is_number = |part: &&String| part.bytes().all(|byte| byte.is_ascii_digit());
        let name = path.iter().rev().find(|part| !is_number(part))?;
        let member = MEMBERS
            .iter()
            .find(|(_, names)| names.contains(&name.as_str()))?;
        Some(member.0)
    }

    fn text(&self, text: &str, shown: Shown) -> String {
        let is_clean = match shown {
            Shown::Id => self.is_id(text),
            Shown::Word => is_word(text),
            Shown::Time => is_time(text),
            Shown::Marker => return marker(text),
        };
        match is_clean {
            true => text.to_owned(),
            false => MASKED.to_owned(),
        }
    }

    fn is_id(&self, text: &str) -> bool {
        text.len() <= LONGEST_ID
            && !text.starts_with('+')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
            && !self.is_contact(&digits_of(text))
    }

    /// With or without the country in front.
    fn is_contact(&self, digits: &str) -> bool {
        digits.len() >= DIGITS_OF_A_NUMBER
            && self
                .contacts
                .iter()
                .any(|contact| contact.ends_with(digits) || digits.ends_with(contact.as_str()))
    }
}

fn hidden() -> Value {
    Value::String(MASKED.to_owned())
}

/// A member's name, unless it is data itself.
fn key(name: &str) -> String {
    match is_word(name) {
        true => name.to_owned(),
        false => MASKED.to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    text.chars().count() <= LONGEST_WORD
        && !text.contains('@')
        && digits_of(text).len() < DIGITS_OF_A_NUMBER
}

/// Digits and what stands between them in a time or an offset; a telephone number begins with `+`
/// or has no separator of a time.
fn is_time(text: &str) -> bool {
    let of_a_time = |byte: u8| byte.is_ascii_digit() || b"-+:.TZ ".contains(&byte);
    text.len() <= LONGEST_TIME
        && text.bytes().all(of_a_time)
        && (digits_of(text).len() < DIGITS_OF_A_NUMBER || text.contains(':'))
}

fn marker(text: &str) -> String {
    let found = text.rsplit_once("[lb:").and_then(|(_, after)| {
        let (id, _) = after.split_once(']')?;
        let of_an_id = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        id.bytes().all(of_an_id).then_some(id)
    });
    match found {
        Some(id) => format!("{MASKED} [lb:{id}]"),
        None => MASKED.to_owned(),
    }
}

pub(super) fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn collect_contacts(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect_contacts(member, &normal(name), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_contacts(item, name, found);
            }
        }
        Value::String(text) => {
            let named = CONTACTS.iter().any(|word| name.contains(word))
                || CONTACTS_OF_A_CALL.contains(&name);
            note_contact(text, named || text.trim_start().starts_with('+'), found);
        }
        Value::Number(number) => {
            let named = CONTACTS.iter().any(|word| name.contains(word));
            note_contact(&number.to_string(), named, found);
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn note_contact(text: &str, is_contact: bool, found: &mut Vec<String>) {
    let digits = digits_of(text);
    if is_contact && digits.len() >= DIGITS_OF_A_NUMBER {
        found.push(digits);
    }
}

#[cfg(test)]
mod tests;
