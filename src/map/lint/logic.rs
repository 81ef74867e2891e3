//! What a condition says, as `and` and `or` of single questions, so that `possible` can ask whether
//! anything answers them. `not` is pushed down to the questions. Syntax only.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast;

use super::needs::{comparison, fallback};
use super::syntax::{chain, range_of};
use crate::map::sandbox::are_comparable;

#[derive(Debug, Clone)]
pub enum Logic {
    All(Vec<Logic>),
    Any(Vec<Logic>),
    Known(bool),
    Asks(Atom),
}

/// One question.
#[derive(Debug, Clone)]
pub struct Atom {
    pub fact: Fact,
    pub range: Range<usize>,
}

#[derive(Debug, Clone)]
pub enum Fact {
    /// The value is one of these, or none of them.
    Among {
        subject: Subject,
        values: Vec<Value>,
        truth: bool,
    },
    Ordered {
        subject: Subject,
        /// As in `subject < constant`.
        operator: Order,
        constant: Value,
    },
    Defined {
        path: String,
        truth: bool,
    },
    /// True or false by itself.
    Holds {
        subject: Subject,
        truth: bool,
    },
    /// Nobody can tell.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A path, and what stands for it where it is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub path: String,
    pub fallback: Option<Value>,
}

impl Default for Logic {
    fn default() -> Self {
        Self::Asks(Atom {
            fact: Fact::Open,
            range: 0..0,
        })
    }
}

impl Logic {
    /// What holds exactly where this does not.
    pub fn negated(&self) -> Self {
        let each = |parts: &[Self]| parts.iter().map(Self::negated).collect();
        match self {
            Self::All(parts) => Self::Any(each(parts)),
            Self::Any(parts) => Self::All(each(parts)),
            Self::Known(truth) => Self::Known(!truth),
            Self::Asks(atom) => Self::Asks(Atom {
                fact: atom.fact.negated(),
                range: atom.range.clone(),
            }),
        }
    }

    pub fn atoms(&self) -> Vec<&Atom> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::atoms).collect(),
            Self::Known(_) => Vec::new(),
            Self::Asks(atom) => vec![atom],
        }
    }
}

impl Fact {
    pub fn subject(&self) -> Option<(&str, Option<&Value>)> {
        match self {
            Self::Among { subject, .. }
            | Self::Ordered { subject, .. }
            | Self::Holds { subject, .. } => Some((&subject.path, subject.fallback.as_ref())),
            Self::Defined { path, .. } => Some((path, None)),
            Self::Open => None,
        }
    }

    pub fn negated(&self) -> Self {
        let mut negated = self.clone();
        match &mut negated {
            Self::Among { truth, .. } | Self::Defined { truth, .. } | Self::Holds { truth, .. } => {
                *truth = !*truth;
            }
            Self::Ordered { operator, .. } => {
                *operator = match operator {
                    Order::Less => Order::AtLeast,
                    Order::AtMost => Order::More,
                    Order::More => Order::AtMost,
                    Order::AtLeast => Order::Less,
                }
            }
            Self::Open => {}
        }
        negated
    }
}

impl Order {
    /// `None`: they have no order.
    pub fn holds(self, left: &Value, right: &Value) -> Option<bool> {
        are_comparable(left, right).then(|| match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        })
    }

    fn turned_round(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }
}

pub(super) fn of(expression: &ast::Expr<'_>) -> Logic {
    if let Some(value) = expression.as_const() {
        return Logic::Known(value.is_true());
    }
    match expression {
        ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Not) => {
            of(&unary.expr).negated()
        }
        ast::Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::ScAnd) => {
            Logic::All(vec![of(&binary.left), of(&binary.right)])
        }
        ast::Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::ScOr) => {
            Logic::Any(vec![of(&binary.left), of(&binary.right)])
        }
        ast::Expr::Compare(compare) if compare.ops.len() > 1 => in_a_row(compare),
        _ => Logic::Asks(Atom {
            fact: fact(expression).unwrap_or(Fact::Open),
            range: whole_range(expression),
        }),
    }
}

/// `1 < x < 5` is `1 < x and x < 5`.
fn in_a_row(compare: &ast::Spanned<ast::Compare<'_>>) -> Logic {
    let mut left = &compare.expr;
    let mut parts = Vec::new();
    for step in &compare.ops {
        parts.push(Logic::Asks(Atom {
            fact: compared(left, step.op, &step.expr).unwrap_or(Fact::Open),
            range: range_of(left).start..range_of(&step.expr).end,
        }));
        left = &step.expr;
    }
    Logic::All(parts)
}

fn fact(expression: &ast::Expr<'_>) -> Option<Fact> {
    if let ast::Expr::Test(test) = expression {
        let truth = match test.name {
            "defined" => true,
            "undefined" | "none" => false,
            _ => return None,
        };
        let path = chain(&test.expr)?.path();
        return Some(Fact::Defined { path, truth });
    }
    if let Some((path, fallback)) = fallback(expression) {
        return Some(Fact::Holds {
            subject: Subject { path, fallback },
            truth: true,
        });
    }
    let (left, operator, right) = comparison(expression)?;
    compared(left, operator, right)
}

fn compared(
    left: &ast::Expr<'_>,
    operator: ast::CompareOpKind,
    right: &ast::Expr<'_>,
) -> Option<Fact> {
    use ast::CompareOpKind;
    let order = match operator {
        CompareOpKind::Lt => Some(Order::Less),
        CompareOpKind::Lte => Some(Order::AtMost),
        CompareOpKind::Gt => Some(Order::More),
        CompareOpKind::Gte => Some(Order::AtLeast),
        _ => None,
    };
    let is_list = matches!(operator, CompareOpKind::In | CompareOpKind::NotIn);
    let ((path, fallback), other, is_turned) = match (fallback(left), fallback(right)) {
        (Some(subject), None) => (subject, right, false),
        (None, Some(subject)) if !is_list => (subject, left, true),
        _ => return None,
    };
    let subject = Subject { path, fallback };
    let constant = other.as_const()?;
    if let Some(order) = order {
        let operator = if is_turned {
            order.turned_round()
        } else {
            order
        };
        return Some(Fact::Ordered {
            subject,
            operator,
            constant,
        });
    }
    let values = if is_list {
        // `'x' in 'a text'` looks for a piece.
        match other {
            ast::Expr::List(_) | ast::Expr::Tuple(_) => constant.try_iter().ok()?.collect(),
            _ => return None,
        }
    } else {
        vec![constant]
    };
    Some(Fact::Among {
        subject,
        values,
        truth: matches!(operator, CompareOpKind::Eq | CompareOpKind::In),
    })
}

fn whole_range(expression: &ast::Expr<'_>) -> Range<usize> {
    match comparison(expression) {
        Some((left, _, right)) => range_of(left).start..range_of(right).end,
        None => range_of(expression),
    }
}
