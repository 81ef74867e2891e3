//! NLPearl's lead statuses: numbers, names, and which of them its API lets one write.
//!
//! The vendor spells two names in two ways; both are understood, in any letter case.

use crate::systems::members::MemberType;

/// Every member of the vendor's page "update lead". All are optional: what is not sent stays.
pub const MEMBERS: &[(&str, MemberType)] = &[
    ("status", MemberType::WritableStatus),
    ("externalId", MemberType::Text),
    ("phoneNumber", MemberType::Text),
    ("timeZoneId", MemberType::WindowsZone),
    ("callData", MemberType::Values),
];

/// One lead status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadStatus {
    pub number: i64,
    /// As the webhook pages spell it.
    pub name: &'static str,
    /// May be sent in an update of a lead.
    pub writable: bool,
    /// Occurs as `conversationStatus` of a call too, not only as the status of a lead.
    pub of_calls: bool,
}

const fn status(number: i64, name: &'static str, writable: bool, of_calls: bool) -> LeadStatus {
    LeadStatus {
        number,
        name,
        writable,
        of_calls,
    }
}

pub const STATUSES: &[LeadStatus] = &[
    status(1, "New", true, false),
    status(10, "NeedRetry", true, true),
    status(20, "InCallQueue", false, true),
    status(30, "WrongCountryCode", false, false),
    status(40, "OnCall", false, true),
    status(70, "VoiceMailLeft", false, true),
    status(100, "Success", true, true),
    status(110, "NotSuccessful", true, true),
    status(130, "Completed", true, true),
    status(150, "Unreachable", false, true),
    status(220, "Blacklisted", false, true),
    status(300, "QueueAbandon", false, true),
    status(500, "Error", false, true),
];

/// Other spellings that the vendor's own pages use.
pub const SPELLINGS: &[(&str, i64)] = &[("NotSuccessfull", 110), ("Complete", 130)];

/// The number that a name stands for.
pub fn number_of(name: &str) -> Option<i64> {
    STATUSES
        .iter()
        .map(|status| (status.name, status.number))
        .chain(SPELLINGS.iter().copied())
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, number)| number)
}

pub fn by_number(number: i64) -> Option<&'static LeadStatus> {
    STATUSES.iter().find(|status| status.number == number)
}

/// Whether a call of this status has not ended: its webhook has no summary yet.
pub fn in_progress(number: i64) -> bool {
    matches!(
        by_number(number),
        Some(LeadStatus {
            name: "InCallQueue" | "OnCall",
            ..
        })
    )
}

/// The number of a status as a table or a template writes it: a name, or digits.
pub fn number_in(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| number_of(text))
}

/// What may be written, for people: `1 New, 10 NeedRetry, …`.
pub fn writable_statuses() -> String {
    STATUSES
        .iter()
        .filter(|status| status.writable)
        .map(|status| format!("{} {}", status.number, status.name))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_vendor_is_understood() {
        #[track_caller]
        fn check(name: &str, expected: Option<i64>) {
            assert_eq!(number_of(name), expected, "{name}");
        }
        check("Success", Some(100));
        check("success", Some(100));
        check("NOTSUCCESSFUL", Some(110));
        check("NotSuccessfull", Some(110));
        check("Completed", Some(130));
        check("complete", Some(130));
        check("Succeeded", None);
        check("", None);
    }

    #[test]
    fn exactly_the_five_statuses_of_the_update_page_are_writable() {
        let writable: Vec<i64> = STATUSES
            .iter()
            .filter(|status| status.writable)
            .map(|status| status.number)
            .collect();
        assert_eq!(writable, [1, 10, 100, 110, 130]);
    }
}
