//! One line of a table: when it matches, and what it then wants.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::event::{EventKind, Facts, Status};
use crate::map::context::Context;
use crate::map::expression::{Condition, Template};
use crate::map::place::TextPlace;
use crate::map::{Mapped, RowRef, Wish, Write};
use crate::systems::members::{Body, MemberType};

/// What is said of a member without which the vendor refuses the call.
pub const EMPTY: &str = "is empty, but required";

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
    /// A lead that is not at a write-back target parks the event.
    pub required: bool,
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
    /// What it wants, target by target.
    Targets(Vec<TargetTable>),
    Ignore(String),
    Park(String),
}

/// A target's table in a row, or the record inside LeadPing's.
#[derive(Debug, Clone)]
pub struct TargetTable {
    pub body: Body,
    pub members: Vec<Member>,
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
    /// Each of a type of its own: `Text`.
    List(Vec<MemberValue>),
    /// Each of type `Plain`.
    Object(Vec<(String, MemberValue)>),
}

impl MemberValue {
    /// Every template in it, with the type that it has to fit.
    pub fn typed_templates(
        &self,
        member_type: MemberType,
    ) -> Vec<(MemberType, &Template, &TextPlace)> {
        match self {
            Self::Literal(_) | Self::LeftOut => Vec::new(),
            Self::Template(template, place) => vec![(member_type, template.as_ref(), place)],
            Self::List(items) => items
                .iter()
                .flat_map(|item| item.typed_templates(MemberType::Text))
                .collect(),
            Self::Object(entries) => entries
                .iter()
                .flat_map(|(_, value)| value.typed_templates(MemberType::Plain))
                .collect(),
        }
    }

    /// `None`: it is left out.
    fn fill(
        &self,
        member_type: MemberType,
        context: &Context<'_>,
    ) -> Result<Option<Value>, String> {
        match self {
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::LeftOut => Ok(None),
            Self::Template(template, _) => template.evaluate(member_type, context),
            Self::List(items) => {
                let mut filled = Vec::new();
                for item in items {
                    filled.extend(item.fill(MemberType::Text, context)?);
                }
                Ok((!filled.is_empty()).then_some(Value::Array(filled)))
            }
            Self::Object(entries) => {
                let mut filled = Map::new();
                for (key, value) in entries {
                    if let Some(value) = value.fill(MemberType::Plain, context)? {
                        filled.insert(key.clone(), value);
                    }
                }
                Ok((!filled.is_empty()).then_some(Value::Object(filled)))
            }
        }
    }
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
            RowResult::Targets(tables) => match self.wishes(tables, context) {
                Ok(wishes) if wishes.is_empty() => Mapped::Ignored {
                    row,
                    why: String::from("every member that the row names is empty"),
                },
                Ok(wishes) => Mapped::Wishes { row, wishes },
                Err(why) => self.invalid(&why),
            },
        }
    }

    fn wishes(&self, tables: &[TargetTable], context: &Context<'_>) -> Result<Vec<Wish>, String> {
        let mut wishes = Vec::new();
        for table in tables {
            let members = fill(&table.members, context)?;
            // An update of nothing is no call. A disposition of nothing is a fault, told below.
            if members.is_empty() && table.body != Body::Disposition {
                continue;
            }
            let is_named = |required: &str| table.members.iter().any(|own| own.name == required);
            let empty = table.body.required().iter().find(|required| {
                // A table without it passed the check all the same: nobody asks for it there.
                !members.contains_key(**required) && is_named(required)
            });
            if let Some(empty) = empty {
                return Err(format!("member `{empty}` {EMPTY}"));
            }
            let (target, members) = match table.body {
                Body::LeadRecord => {
                    let record =
                        Map::from_iter([(table.body.key().to_owned(), Value::Object(members))]);
                    (Body::Disposition.key(), record)
                }
                body => (body.key(), members),
            };
            wishes.push(Wish {
                target: target.to_owned(),
                members,
                required: self.required,
                write: self.write,
                is_final: self.is_final,
            });
        }
        Ok(wishes)
    }

    /// How many templates it holds.
    pub fn templates(&self) -> usize {
        let RowResult::Targets(tables) = &self.result else {
            return 0;
        };
        let members = tables.iter().flat_map(|table| &table.members);
        members
            .map(|member| member.value.typed_templates(member.member_type).len())
            .sum()
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
        let value = member
            .value
            .fill(member.member_type, context)
            .map_err(|why| format!("member `{}` {why}", member.name))?;
        if let Some(value) = value {
            filled.insert(member.name.to_owned(), value);
        }
    }
    Ok(filled)
}
