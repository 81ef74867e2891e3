//! One line of a table: when it matches, and what it then wants.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::event::{EventKind, Facts, Status};
use crate::map::context::Context;
use crate::map::expression::{Condition, Template};
use crate::map::place::TextPlace;
use crate::map::{Mapped, RowRef, Wish, Write};
use crate::systems::leadping::vocabulary::MemberType;

/// A checked row.
#[derive(Debug)]
pub struct Row {
    pub reference: RowRef,
    /// The `[[row]]` in the file.
    pub span: Range<usize>,
    /// `None` matches every status.
    pub statuses: Option<Vec<Status>>,
    pub on: Option<EventKind>,
    /// Empty matches any.
    pub sub_statuses: Vec<String>,
    /// Empty matches any.
    pub reason_ids: Vec<i64>,
    pub when: Option<When>,
    /// Forces the call to be one of the two.
    pub write: Option<Write>,
    pub is_final: bool,
    pub result: RowResult,
}

/// The plain key by which a row of the right status does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    Kind,
    SubStatus,
    ReasonId,
}

/// A condition with its text, by which equal conditions are recognised.
#[derive(Debug)]
pub struct When {
    pub text: String,
    pub condition: Condition,
    pub place: TextPlace,
    /// Looks at nothing, and is always true.
    pub is_always_true: bool,
}

#[derive(Debug)]
pub enum RowResult {
    Leadping(Vec<Member>),
    Ignore(String),
    Park(String),
}

/// One member of a target's table.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: &'static str,
    pub member_type: MemberType,
    pub value: MemberValue,
}

#[derive(Debug, Clone)]
pub enum MemberValue {
    Literal(Value),
    /// Written as empty text: not sent, and no default either.
    LeftOut,
    Template(Arc<Template>, TextPlace),
}

impl Row {
    /// The plain key by which the row does not match; statuses are the index's business.
    pub fn mismatch(&self, facts: &Facts) -> Option<Mismatch> {
        if self.on.is_some_and(|kind| facts.kind != Some(kind)) {
            return Some(Mismatch::Kind);
        }
        let sub_status = facts.sub_status.as_ref();
        if !self.sub_statuses.is_empty()
            && !sub_status.is_some_and(|found| self.sub_statuses.contains(found))
        {
            return Some(Mismatch::SubStatus);
        }
        let reason = facts.reason_id;
        if !self.reason_ids.is_empty()
            && !reason.is_some_and(|found| self.reason_ids.contains(&found))
        {
            return Some(Mismatch::ReasonId);
        }
        None
    }

    /// What the row says, now that it is the first to match.
    pub fn apply(&self, context: &Context<'_>) -> Mapped {
        let row = self.reference.clone();
        match &self.result {
            RowResult::Ignore(why) => Mapped::Ignored {
                row,
                why: why.clone(),
            },
            RowResult::Park(why) => Mapped::Parked {
                row,
                why: why.clone(),
            },
            RowResult::Leadping(members) => match fill(members, context) {
                Ok(members) => Mapped::Wishes {
                    row,
                    wishes: vec![Wish {
                        target: "leadping".to_owned(),
                        members,
                        write: self.write,
                        is_final: self.is_final,
                    }],
                },
                Err(why) => self.invalid(&why),
            },
        }
    }

    /// The row could not be evaluated; `why` names the member or condition.
    pub fn invalid(&self, why: &str) -> Mapped {
        let row = self.reference.clone();
        let why = match &row.name {
            Some(name) => format!("row {} (`{name}`), {why}", row.number),
            None => format!("row {}, {why}", row.number),
        };
        Mapped::Invalid { row, why }
    }
}

fn fill(members: &[Member], context: &Context<'_>) -> Result<Map<String, Value>, String> {
    let mut filled = Map::new();
    for member in members {
        let value = match &member.value {
            MemberValue::Literal(value) => Some(value.clone()),
            MemberValue::LeftOut => None,
            MemberValue::Template(template, _) => template
                .evaluate(member.member_type, context)
                .map_err(|why| format!("member `{}` {why}", member.name))?,
        };
        if let Some(value) = value {
            filled.insert(member.name.to_owned(), value);
        }
    }
    Ok(filled)
}
