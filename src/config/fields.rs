//! Which member of a body says what: the fields that a source of a free-form kind points out.
//!
//! Plain data. `check` reads them from `[sources.x.fields]`, `systems` follows them. Other kinds
//! know their vendor's bodies and take none.

use std::collections::BTreeMap;

use super::SourceKind;

/// Something that a body may say. Named after the variable of templates that it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Status,
    SubStatus,
    ReasonId,
    OccurredAt,
    Kind,
    EventId,
    EventName,
    SourceLeadId,
    ExternalId,
    Phone,
    CallId,
    CallSummary,
    CallDuration,
    CallRecording,
    CallSentiment,
    CallTransferred,
    Collected,
    EntryId,
    ChangeSource,
    Marker,
}

impl Field {
    pub const ALL: [Self; 20] = [
        Self::Status,
        Self::SubStatus,
        Self::ReasonId,
        Self::OccurredAt,
        Self::Kind,
        Self::EventId,
        Self::EventName,
        Self::SourceLeadId,
        Self::ExternalId,
        Self::Phone,
        Self::CallId,
        Self::CallSummary,
        Self::CallDuration,
        Self::CallRecording,
        Self::CallSentiment,
        Self::CallTransferred,
        Self::Collected,
        Self::EntryId,
        Self::ChangeSource,
        Self::Marker,
    ];

    /// The key in `[sources.x.fields]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::SubStatus => "sub_status",
            Self::ReasonId => "reason_id",
            Self::OccurredAt => "occurred_at",
            Self::Kind => "kind",
            Self::EventId => "event_id",
            Self::EventName => "event_name",
            Self::SourceLeadId => "source_lead_id",
            Self::ExternalId => "external_id",
            Self::Phone => "phone",
            Self::CallId => "call_id",
            Self::CallSummary => "call_summary",
            Self::CallDuration => "call_duration",
            Self::CallRecording => "call_recording",
            Self::CallSentiment => "call_sentiment",
            Self::CallTransferred => "call_transferred",
            Self::Collected => "collected",
            Self::EntryId => "entry_id",
            Self::ChangeSource => "change_source",
            Self::Marker => "marker",
        }
    }

    /// Whether a source of this kind has it pointed out.
    pub fn is_of(self, kind: SourceKind) -> bool {
        let of_entries = matches!(self, Self::EntryId | Self::ChangeSource | Self::Marker);
        match kind {
            SourceKind::Nlpearl | SourceKind::Capillary => false,
            SourceKind::Generic => !of_entries,
            // Its lead id is LeadPing's own, and it tells of no calls.
            SourceKind::Leadping => {
                of_entries
                    || matches!(
                        self,
                        Self::Status
                            | Self::SubStatus
                            | Self::OccurredAt
                            | Self::EventId
                            | Self::EventName
                            | Self::ExternalId
                            | Self::Phone
                    )
            }
        }
    }
}

/// Field → JSON pointers; the first that leads to something counts. Fields that are not pointed
/// out are not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<Field, Vec<String>>);

impl Fields {
    pub fn point(&mut self, field: Field, pointers: Vec<String>) {
        self.0.insert(field, pointers);
    }

    /// Empty where nothing points it out.
    pub fn of(&self, field: Field) -> &[String] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    pub fn has(&self, field: Field) -> bool {
        self.0.contains_key(&field)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Field, &[String])> {
        self.0
            .iter()
            .map(|(field, pointers)| (*field, pointers.as_slice()))
    }
}
