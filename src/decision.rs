//! The decision: what mapping and the lead's past say must happen, with the reason.
//!
//! Data only. `decide` makes it, `store` writes it in one transaction, people read it back.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::delivery::{DeliveryId, slot};
use crate::event::Sequence;
use crate::lead::course::{Course, Return, Words};
use crate::lead::{LEADPING, Previous};
use crate::map::RowRef;

/// Why something waits for a person or for its cause to go away: a stable key.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct ParkCause(String);

/// What a person does where the row requires that the lead is known at another system than LeadPing;
/// which one, the decision's reason says.
pub const FOR_A_PLACE: &str = "wait until the first webhook of the system that the row requires names the lead; or say where the lead is there: `leadping-bridge links set <its source> <its lead id> <LeadPing lead id> --pearl <pearl id>`, or `links import` with a column `pearl_id`; or take `required` out of the row";

impl ParkCause {
    /// `status`: as the vendor sends it, at most 64 safe characters.
    pub fn unmapped(source: &str, status: &str) -> Self {
        Self(format!("unmapped:{source}:{status}"))
    }

    pub fn unlinked(source: &str) -> Self {
        Self(format!("unlinked:{source}"))
    }

    pub fn invalid(source: &str) -> Self {
        Self(format!("invalid:{source}"))
    }

    /// Parked by a row of the table (`park = "why"`).
    pub fn by_row(source: &str, status: &str) -> Self {
        Self(format!("row:{source}:{status}"))
    }

    pub fn refused(target: &str, http_status: u16) -> Self {
        Self(format!("refused:{target}:{http_status}"))
    }

    pub fn exhausted(target: &str) -> Self {
        Self(format!("exhausted:{target}"))
    }

    pub fn unsure(target: &str) -> Self {
        Self(format!("unsure:{target}"))
    }

    /// The lead is decided back and forth at this target.
    pub fn looping(target: &str) -> Self {
        Self(format!("looping:{target}"))
    }

    /// A cause read back from the store.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first word: `unmapped`, `refused`, …
    pub fn class(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }

    /// What a person does about it, in one line.
    pub fn suggestion(&self) -> String {
        self.suggestion_for(None)
    }

    /// The same; `status` is the one that the cause is about, as it is written in a table: the key
    /// has it in safe characters only.
    pub fn suggestion_for(&self, status: Option<&str>) -> String {
        let mut parts = self.0.splitn(3, ':');
        let (class, name, detail) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        match class {
            "unmapped" => match status.or(plain(detail)) {
                Some(status) => format!(
                    "add a row for {status} to the mapping of `{name}`; it is then decided again by itself"
                ),
                None => format!(
                    "add a row for its status, which `leadping-bridge parked list` shows as it was sent, to the mapping of `{name}`; it is then decided again by itself"
                ),
            },
            // LeadPing's own webhooks name LeadPing's id: what is missing is the lead's place elsewhere.
            "unlinked" if name == LEADPING => String::from(
                "wait for a webhook that says where else the lead is, or name it: `leadping-bridge links set <source there> <lead id there> <LeadPing lead id>`",
            ),
            "unlinked" => format!(
                "name the LeadPing lead: `leadping-bridge links set {name} <its lead id> <LeadPing lead id>`, or wait for an event that names both"
            ),
            "invalid" => format!(
                "the body, a template or a target's configuration lacks something, which its reason names; mend the sender, the mapping of `{name}` or the configuration"
            ),
            "row" => format!(
                "a row of the mapping of `{name}` parks {}; change the row to act on it",
                status.or(plain(detail)).unwrap_or("this status")
            ),
            "refused" => format!(
                "`{name}` answered {detail}: mend the row or the lead there, then release it"
            ),
            "exhausted" => {
                format!("`{name}` did not take it for too long; release it to try again")
            }
            "unsure" => {
                format!(
                    "look at the lead's history at `{name}`: several entries could be ours; release it if none is, else discard it"
                )
            }
            "looping" => format!(
                "two tables contradict each other about this lead at `{name}`: its decision shows who decided it back and when; mend a row, then release it once the time of `decide.write_budget` has passed"
            ),
            _ => String::from("a person has to look"),
        }
    }
}

/// The status of a cause, where it cannot be another than the one that was sent: `_` may stand for a
/// blank, and a full stop before the digits that tell two apart.
fn plain(detail: &str) -> Option<&str> {
    (!detail.contains(['_', '.'])).then_some(detail)
}

impl fmt::Display for ParkCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What became of the event as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The body lacks or contradicts what is needed.
    Invalid,
    /// No row matches.
    Unmapped,
    /// A row, or the event itself, says that nothing has to be done.
    Ignored,
    /// A row says that a person has to look.
    Parked,
    /// A row wants calls: see the verdict per target.
    Matched,
}

/// What becomes of a row's wish at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum TargetVerdict {
    /// No id of the lead is known there.
    Unlinked,
    /// Our own write coming back.
    Echo { of: DeliveryId },
    /// Older than what the lead already has.
    Stale { newest: Sequence },
    /// A stronger source set what only it, or a stronger one, may leave.
    Outranked { by: String, stays: Words },
    /// The target already has it.
    Unchanged { since: DeliveryId },
    /// Decided back to what it had before too often: parked with the evidence.
    Looping {
        returns: Vec<Return>,
        per_seconds: u64,
    },
    /// Detail of a set that has not been sent: it goes with that.
    Folded { into: DeliveryId },
    Delivery {
        id: DeliveryId,
        /// Unsent older deliveries that give way to it: so many calls are saved.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        supersedes: Vec<DeliveryId>,
    },
    /// Detail of an entry that is at the target, or on its way there.
    Amend {
        id: DeliveryId,
        /// The set that made the entry.
        entry: DeliveryId,
    },
    /// The lead has no id at this write-back target, which is no fault.
    Absent,
    /// The lead is there, and the configuration lacks what addresses it.
    Invalid { why: String },
    /// The configuration has no such target: nothing is written there.
    Off,
}

impl TargetVerdict {
    /// The word in `decisions_total{decision}`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unlinked => "unlinked",
            Self::Echo { .. } => "echo",
            Self::Stale { .. } => "stale",
            Self::Outranked { .. } => "outranked",
            Self::Unchanged { .. } => "unchanged",
            Self::Looping { .. } => "looping",
            Self::Folded { .. } => "folded",
            Self::Delivery { .. } => "delivery",
            Self::Amend { .. } => "amend",
            Self::Absent => "absent",
            Self::Invalid { .. } => "invalid",
            Self::Off => "off",
        }
    }

    /// Whether the event counts as applied to the lead at this target.
    pub fn is_applied(&self) -> bool {
        match self {
            Self::Echo { .. }
            | Self::Unchanged { .. }
            | Self::Folded { .. }
            | Self::Delivery { .. }
            | Self::Amend { .. } => true,
            Self::Unlinked
            | Self::Stale { .. }
            | Self::Outranked { .. }
            | Self::Looping { .. }
            | Self::Absent
            | Self::Invalid { .. }
            | Self::Off => false,
        }
    }
}

/// What a webhook says that the system which sent it has of the lead, whatever the table makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "told")]
pub enum Told {
    /// Our own write coming back, in a webhook that no row acts on.
    Echo { target: String, of: DeliveryId },
    /// Something else than what we wrote: it counts as what the target has.
    Has {
        target: String,
        #[serde(flatten)]
        words: Words,
        /// What was the newest of ours there: it counts no longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<DeliveryId>,
        /// What is older and was not sent yet: so many calls are saved.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        supersedes: Vec<DeliveryId>,
    },
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo { target, of } => {
                write!(formatter, "{target} reports our own write, delivery {of}")
            }
            Self::Has {
                target,
                words,
                supersedes,
                ..
            } => {
                let words = [&words.category, &words.outcome];
                let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
                write!(
                    formatter,
                    "{target} itself says that it has {}: that counts there from now on",
                    words.join("/")
                )?;
                match supersedes.len() {
                    0 => Ok(()),
                    1 => write!(formatter, "; 1 older call not sent yet gave way"),
                    more => write!(formatter, "; {more} older calls not sent yet gave way"),
                }
            }
        }
    }
}

/// The part of a decision that is kept beside the event: enough to explain and to compare it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionRecord {
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Content hash of the table that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RowRef>,
    /// Target → verdict; `leadping.lead` is LeadPing's record of the lead, and a lead that is at a
    /// target more than once has a verdict for each address: `nlpearl:<address>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, TargetVerdict>,
    /// What the lead was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// A webhook of this target's own system that was no echo, although one was awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_miss: Option<String>,
    /// What the event says of its own system, where that changes what counts there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    pub decided_at: Timestamp,
}

impl DecisionRecord {
    /// Calls that this decision made unnecessary, by target.
    pub fn saved_calls(&self) -> impl Iterator<Item = (&str, usize)> {
        let told = match &self.told {
            Some(Told::Has {
                target, supersedes, ..
            }) if !supersedes.is_empty() => Some((target.as_str(), supersedes.len())),
            _ => None,
        };
        self.targets
            .iter()
            .filter_map(|(target, verdict)| match verdict {
                TargetVerdict::Delivery { supersedes, .. } if !supersedes.is_empty() => {
                    Some((target.as_str(), supersedes.len()))
                }
                _ => None,
            })
            .chain(told)
    }

    /// A planned delivery that goes on as an earlier one.
    pub fn rename_delivery(&mut self, from: DeliveryId, to: DeliveryId) {
        for verdict in self.targets.values_mut() {
            if let TargetVerdict::Delivery { id, .. } | TargetVerdict::Amend { id, .. } = verdict
                && *id == from
            {
                *id = to;
            }
        }
    }

    /// The words in `decisions_total{decision}`: one per target, else the event's own.
    pub fn words(&self) -> Vec<&'static str> {
        match self.verdict {
            Verdict::Invalid => vec!["invalid"],
            Verdict::Unmapped => vec!["unmapped"],
            Verdict::Ignored => vec!["ignored"],
            Verdict::Parked => vec!["parked"],
            Verdict::Matched => self.targets.values().map(TargetVerdict::as_str).collect(),
        }
    }
}

/// A call that must be made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDelivery {
    pub id: DeliveryId,
    pub target: String,
    /// The lead's id there, or its address (see `systems::place`).
    pub lead_id: String,
    /// What the row gave; of an amend, over what the entry had.
    pub members: Map<String, Value>,
    pub call: Option<String>,
    /// `None`: a set. Else the entry that is amended.
    pub amends: Option<Amended>,
    /// The event's clock, else the time received.
    pub timestamp: Timestamp,
    /// The target is in shadow mode: recorded, not sent.
    pub withheld: bool,
}

impl PlannedDelivery {
    pub fn slot(&self) -> String {
        slot(&self.target, &self.lead_id, &self.members)
    }
}

/// An entry that is to be amended, as far as it was known when that was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Amended {
    /// The set that made it.
    pub entry: DeliveryId,
    pub entry_id: Option<String>,
    pub timestamp: Timestamp,
}

/// A change to a delivery that was decided before.
#[derive(Debug, Clone, PartialEq)]
pub enum Revision {
    /// The entry that this set makes is about this call.
    Call { entry: DeliveryId, call: String },
    /// An unsent set takes more detail along.
    Fold {
        into: DeliveryId,
        members: Map<String, Value>,
    },
    /// An unsent delivery gives way to a newer one.
    Supersede { delivery: DeliveryId },
    /// Nor is what would amend this entry, which somebody else has changed in its place, and was not
    /// sent yet.
    SupersedeAmends { entry: DeliveryId },
    /// The echo of this write came: no other webhook is.
    Echoed { delivery: DeliveryId },
}

/// Everything that one event leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub record: DecisionRecord,
    /// With it the event is parked.
    pub cause: Option<ParkCause>,
    pub deliveries: Vec<PlannedDelivery>,
    /// Written in the same transaction, before the deliveries.
    pub revisions: Vec<Revision>,
    /// The lead's new past, if the event was applied or tells what its own system has.
    pub applied: Option<AppliedChange>,
}

/// How an applied event changes what later decisions see, or one that only tells what its own
/// system has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AppliedChange {
    /// No wish of the event was applied: its source's clock stands where it stood.
    pub is_only_told: bool,
    pub occurred_at: Option<Timestamp>,
    /// In these slots (see `delivery::slot`).
    pub targets: Vec<String>,
    /// What the lead now is, unless it stays what it was: detail of an older entry, an echo,
    /// another target's business.
    pub previous: Option<Previous>,
    /// Slot → the lead's course there, where it went on.
    pub courses: BTreeMap<String, Course>,
}

#[cfg(test)]
mod cause_tests {
    use super::*;

    #[test]
    fn a_status_is_named_from_its_cause_only_where_it_cannot_be_another() {
        #[track_caller]
        fn check(status: &str, expected: &str) {
            let suggestion = ParkCause::unmapped("voice", status).suggestion();
            assert!(suggestion.starts_with(expected), "{suggestion}");
        }
        check("77", "add a row for 77 to the mapping of `voice`");
        check("Paused", "add a row for Paused to");
        let unsaid =
            "add a row for its status, which `leadping-bridge parked list` shows as it was";
        // `Gone fishing`, or `Gone_fishing`; and what no table could be written for.
        check("Gone_fishing", unsaid);
        check("Gone__fishing_.213da3ea", unsaid);
        let by_row = ParkCause::by_row("crm", "ON_HOLD").suggestion();
        assert!(by_row.contains("parks this status"), "{by_row}");
        let full = ParkCause::unmapped("voice", "Gone_fishing");
        let full = full.suggestion_for(Some("\"Gone fishing\""));
        assert!(
            full.starts_with("add a row for \"Gone fishing\" to"),
            "{full}"
        );
    }
}
