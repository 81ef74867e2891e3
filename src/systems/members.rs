//! What a target's table in a row may say: the members of that API's own request body, each with
//! its type. `map` checks rows and results against these lists, `schema` shows them to editors.
//!
//! The lists themselves stand in each vendor's `vocabulary`. Pure.

use super::{capillary, leadping, nlpearl};

/// What a member's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberType {
    Text,
    Bool,
    /// An RFC 3339 date-time; sent in UTC.
    Instant,
    /// One of these words, exactly.
    Enum(&'static [&'static str]),
    /// A whole number.
    Whole,
    /// An NLPearl lead status that its API lets one write: a name or a number, sent as the number.
    WritableStatus,
    /// A Windows time-zone name.
    WindowsZone,
    /// Text, a number, or true or false: whatever it is.
    Plain,
    /// A list of texts.
    Texts,
    /// An object with keys of the user's own and plain values.
    Values,
    /// A table of plain values under these keys alone.
    Keys(&'static [&'static str]),
}

/// One kind of request body that a row can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// LeadPing's disposition.
    Disposition,
    /// What a row changes in LeadPing's record of the lead.
    LeadRecord,
    /// NLPearl's lead in a campaign.
    CampaignLead,
    /// Capillary's status of a lead.
    LeadStatus,
}

/// The tables of a row by their keys, which are the targets' names.
pub const TARGETS: &[(&str, Body)] = &[
    ("leadping", Body::Disposition),
    ("nlpearl", Body::CampaignLead),
    ("capillary", Body::LeadStatus),
];

impl Body {
    /// The key of its table: a target's name, or the member that holds the record.
    pub fn key(self) -> &'static str {
        match self {
            Self::Disposition => "leadping",
            Self::LeadRecord => leadping::record::MEMBER,
            Self::CampaignLead => "nlpearl",
            Self::LeadStatus => "capillary",
        }
    }

    /// "a disposition", for people.
    pub fn what(self) -> &'static str {
        match self {
            Self::Disposition => "a disposition",
            Self::LeadRecord => "a lead record",
            Self::CampaignLead => "an NLPearl lead",
            Self::LeadStatus => "a Capillary status",
        }
    }

    pub fn members(self) -> &'static [(&'static str, MemberType)] {
        match self {
            Self::Disposition => leadping::vocabulary::MEMBERS,
            Self::LeadRecord => leadping::vocabulary::RECORD_MEMBERS,
            Self::CampaignLead => nlpearl::vocabulary::MEMBERS,
            Self::LeadStatus => capillary::vocabulary::MEMBERS,
        }
    }

    /// Members without which the vendor refuses it.
    pub fn required(self) -> &'static [&'static str] {
        match self {
            Self::Disposition => leadping::vocabulary::REQUIRED,
            Self::LeadRecord | Self::CampaignLead => &[],
            Self::LeadStatus => capillary::vocabulary::REQUIRED,
        }
    }

    /// The member of that exact name.
    pub fn member(self, name: &str) -> Option<(&'static str, MemberType)> {
        self.members()
            .iter()
            .copied()
            .find(|(known, _)| *known == name)
    }
}
