//! LeadPing's words: the members of a disposition that a table row may set, with their types.
//!
//! From the vendor's page "set the current lead disposition". `leadId` is not here: it is the
//! bridge's to fill. `map` checks rows and results against this list.

pub use crate::systems::members::MemberType;

pub const CATEGORIES: &[&str] = &[
    "Open",
    "Qualified",
    "Converted",
    "Lost",
    "Invalid",
    "Duplicate",
];

/// The vendor's spelling of a category.
pub fn canonical_category(name: &str) -> Option<&'static str> {
    CATEGORIES
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(name))
}

pub const CHANGE_SOURCES: &[&str] = &["User", "AI", "Automation", "System", "API"];

/// Every member that a row may set.
pub const MEMBERS: &[(&str, MemberType)] = &[
    ("type", MemberType::Text),
    ("outcome", MemberType::Text),
    ("category", MemberType::Enum(CATEGORIES)),
    ("notes", MemberType::Text),
    ("reason", MemberType::Text),
    ("changeSource", MemberType::Enum(CHANGE_SOURCES)),
    ("changedByAutomationId", MemberType::Text),
    ("timestamp", MemberType::Instant),
    ("followUpStatus", MemberType::Text),
    ("callbackAt", MemberType::Instant),
    ("taskDueAt", MemberType::Instant),
    ("appointmentStartAt", MemberType::Instant),
    ("appointmentEndAt", MemberType::Instant),
    ("appointmentNotes", MemberType::Text),
    ("assignedToUserId", MemberType::Text),
    ("relatedCallEventId", MemberType::Text),
    ("isMissedCallFollowUp", MemberType::Bool),
    ("sourceId", MemberType::Text),
];

/// What a row may change in the record of a lead, from the vendor's page "update a lead". Tags are
/// added, metadata is changed key by key; everything else of the record stays as it is.
pub const RECORD_MEMBERS: &[(&str, MemberType)] = &[
    ("enabled", MemberType::Bool),
    ("tagIds", MemberType::Texts),
    ("tagNames", MemberType::Texts),
    ("metadata", MemberType::Keys(METADATA)),
];

/// Members without which LeadPing refuses a disposition.
pub const REQUIRED: &[&str] = &["type", "outcome"];

/// The member of that exact name.
pub fn member(name: &str) -> Option<(&'static str, MemberType)> {
    MEMBERS.iter().copied().find(|(known, _)| *known == name)
}

/// What the page "Update a lead" names under `metadata`; anything else is refused there.
pub const METADATA: &[&str] = &[
    "trustedFormUrl",
    "utmSource",
    "utmMedium",
    "utmCampaign",
    "utmTerm",
    "utmContent",
    "referrer",
    "landingPage",
    "subId",
    "pubId",
    "ipAddress",
    "userAgent",
    "externalId",
    "sellerLeadId",
    "createdAt",
    "price",
    "directPostPrice",
    "product",
    "vertical",
    "complianceStatus",
    "complianceBlockedReason",
    "sourceMetadata",
    "origin",
    "importBatchId",
    "isImported",
    "assignedPhoneNumberId",
    "smsConsentStatus",
    "smsOptedOut",
    "smsOptOutAt",
    "smsOptInAt",
    "smsHelpRequestedAt",
    "smsConsentPhoneNumber",
    "userId",
    "businessId",
];
