//! Capillary's lead statuses: upper-case names, understood in any letter case.

use crate::systems::members::MemberType;

/// Every member of the vendor's page "update lead status".
pub const MEMBERS: &[(&str, MemberType)] = &[
    ("status", MemberType::Enum(STATUSES)),
    ("subStatus", MemberType::Text),
    ("reasonId", MemberType::Whole),
    ("createdBy", MemberType::Whole),
    ("createdOn", MemberType::Instant),
];

/// Members without which Capillary refuses a status.
pub const REQUIRED: &[&str] = &["status", "reasonId"];

pub const STATUSES: &[&str] = &["OPEN", "WON", "LOST", "ON_HOLD", "DELETED"];

/// The vendor's spelling of a status.
pub fn canonical(name: &str) -> Option<&'static str> {
    STATUSES
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(name))
}
