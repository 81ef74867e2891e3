//! What the configuration says about deciding, in the form that decisions ask it. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::config::DecideConfig;
use crate::lead::course::Span;

/// The part of the rules that is not in the tables.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub decide: DecideConfig,
    /// Source → the target of the same system, whose changes it reports.
    pub reports: BTreeMap<String, Reported>,
}

/// The target whose own webhooks a source receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub target: String,
    /// The vendor's word: `leadping`, `nlpearl`, `capillary`.
    pub kind: &'static str,
}

impl Policy {
    /// How many returns are looked at, and how far back.
    pub fn span(&self) -> Span {
        let budget = self.decide.write_budget;
        Span {
            most: usize::try_from(budget.returns).unwrap_or(usize::MAX),
            per: SignedDuration::try_from(budget.per).unwrap_or(SignedDuration::MAX),
        }
    }
}
