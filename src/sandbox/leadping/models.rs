//! LeadPing's request models as tables: every member that its pages name, and nothing else.
//!
//! Written from the vendor's pages alone, so that a misreading in the bridge is not repeated here.

use crate::sandbox::schema::{Field, Shape};

use Shape::{Date, Flag, Instant, List, Object, OpenObject, Text, TextOrNumber, Word};

/// The longest lead id accepted; what the vendor's limit is, nobody has published.
pub(super) const MAX_LEAD_ID_CHARS: usize = 128;

const CATEGORIES: &[&str] = &[
    "Open",
    "Qualified",
    "Converted",
    "Lost",
    "Invalid",
    "Duplicate",
];
const CHANGE_SOURCES: &[&str] = &["User", "AI", "Automation", "System", "API"];

/// `POST /dispositions`: the lead is named in the body.
pub(super) const LEAD_REQUIRED: &[Field] = &[Field::required("leadId", Text)];
/// `PUT /dispositions/{id}`: it may be named again.
pub(super) const LEAD_ALLOWED: &[Field] = &[Field::optional("leadId", Text)];

/// The members of an entry, in the order in which answers show them.
pub(super) const ENTRY: &[Field] = &[
    Field::required("type", Text),
    Field::required("outcome", Text),
    Field::nullable("category", Word(CATEGORIES)),
    Field::nullable("notes", Text),
    Field::nullable("reason", Text),
    Field::nullable("changeSource", Word(CHANGE_SOURCES)),
    Field::nullable("changedByAutomationId", Text),
    Field::optional("timestamp", Instant),
    Field::nullable("followUpStatus", Text),
    Field::nullable("callbackAt", Instant),
    Field::nullable("taskDueAt", Instant),
    Field::nullable("appointmentStartAt", Instant),
    Field::nullable("appointmentEndAt", Instant),
    Field::nullable("appointmentNotes", Text),
    Field::nullable("assignedToUserId", Text),
    Field::nullable("relatedCallEventId", Text),
    Field::optional("isMissedCallFollowUp", Flag),
    Field::nullable("sourceId", Text),
];

/// `PUT /leads/{id}`. There is no status in it: the current disposition is only ever read.
pub(super) const LEAD: &[Field] = &[
    Field::optional("metadata", Object(METADATA)),
    Field::optional("contact", Object(CONTACT)),
    Field::optional("customer", Object(CUSTOMER)),
    Field::nullable("enabled", Flag),
    Field::nullable("adminEnablementOverride", Object(ENABLEMENT)),
    Field::optional("tagIds", List(&Text)),
    Field::optional("tagNames", List(&Text)),
    Field::nullable("id", Text),
];

/// Of a lead as it is shown: what a lead that is put there may bring along,
pub(super) const STORED: &[&str] = &[
    "metadata",
    "contact",
    "customer",
    "enabled",
    "adminEnablementOverride",
    "tags",
];
/// and what the vendor alone keeps.
pub(super) const SHOWN_ONLY: &[&str] = &[
    "createdAt",
    "modifiedAt",
    "isArchived",
    "archivedAt",
    "archivedByUserId",
    "archiveReason",
    "archiveNote",
    "currentDisposition",
    "currentLeadStatus",
];

const METADATA: &[Field] = &[
    Field::nullable("trustedFormUrl", Text),
    Field::nullable("utmSource", Text),
    Field::nullable("utmMedium", Text),
    Field::nullable("utmCampaign", Text),
    Field::nullable("utmTerm", Text),
    Field::nullable("utmContent", Text),
    Field::nullable("referrer", Text),
    Field::nullable("landingPage", Text),
    Field::nullable("subId", Text),
    Field::nullable("pubId", Text),
    Field::nullable("ipAddress", Text),
    Field::nullable("userAgent", Text),
    Field::nullable("externalId", Text),
    Field::nullable("sellerLeadId", Text),
    Field::nullable("createdAt", Instant),
    Field::nullable("price", TextOrNumber),
    Field::nullable("directPostPrice", TextOrNumber),
    Field::nullable("product", Text),
    Field::nullable("vertical", Text),
    Field::nullable("complianceStatus", Text),
    Field::nullable("complianceBlockedReason", Text),
    Field::nullable("sourceMetadata", OpenObject),
    Field::nullable("origin", Text),
    Field::nullable("importBatchId", Text),
    Field::nullable("isImported", Flag),
    Field::nullable("assignedPhoneNumberId", Text),
    Field::nullable("smsConsentStatus", Text),
    Field::nullable("smsOptedOut", Flag),
    Field::nullable("smsOptOutAt", Instant),
    Field::nullable("smsOptInAt", Instant),
    Field::nullable("smsHelpRequestedAt", Instant),
    Field::nullable("smsConsentPhoneNumber", Text),
    Field::nullable("userId", Text),
    Field::nullable("businessId", Text),
];

const CONTACT: &[Field] = &[
    Field::nullable("firstName", Text),
    Field::nullable("lastName", Text),
    Field::nullable("streetAddress", Object(STREET_ADDRESS)),
    Field::nullable("timeZoneId", Text),
    Field::nullable("phone", Object(PHONE)),
    Field::nullable("email", Text),
];

const STREET_ADDRESS: &[Field] = &[
    Field::nullable("line1", Text),
    Field::nullable("line2", Text),
    Field::nullable("city", Text),
    Field::nullable("state", Text),
    Field::nullable("province", Text),
    Field::nullable("region", Text),
    Field::nullable("postalCode", Text),
    Field::nullable("country", Text),
    Field::nullable("additionalInfo", Text),
];

const PHONE: &[Field] = &[
    Field::nullable("number", Text),
    Field::nullable("type", Text),
    Field::nullable("lookup", Object(LOOKUP)),
];

const LOOKUP: &[Field] = &[
    Field::nullable("number", Text),
    Field::nullable("isValid", Flag),
    Field::nullable("location", Object(LOCATION)),
    Field::nullable("id", Text),
    Field::nullable("createdAt", Instant),
    Field::nullable("modifiedAt", Instant),
];

const LOCATION: &[Field] = &[
    Field::nullable("location", Text),
    Field::nullable("state", Text),
    Field::nullable("countryCode", Text),
    Field::nullable("timeZoneId", Text),
];

const CUSTOMER: &[Field] = &[
    Field::nullable("height", TextOrNumber),
    Field::nullable("weight", TextOrNumber),
    Field::nullable("birthDate", Date),
    Field::nullable("income", TextOrNumber),
    Field::nullable("isHomeowner", Flag),
    Field::nullable("monthsAtResidence", TextOrNumber),
    Field::nullable("creditScore", TextOrNumber),
    Field::nullable("hasBankruptcy", Flag),
    Field::nullable("numberOfDependents", TextOrNumber),
    Field::nullable("hasMedicalCondition", Flag),
];

const ENABLEMENT: &[Field] = &[
    Field::nullable("enabled", Flag),
    Field::nullable("reason", Text),
    Field::nullable("updatedByUserId", Text),
    Field::nullable("updatedAt", Instant),
];
