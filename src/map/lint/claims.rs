//! Which comparisons a condition makes with written-out values, for those who know what each
//! member can be (`conditions`). Syntax only.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast;

use super::needs::{comparison, fallback};
use super::syntax::range_of;

/// `event.status in [70, 110]`.
#[derive(Debug, Clone)]
pub struct Claim {
    pub path: String,
    /// What `default` puts in the place of a missing value.
    pub fallback: Option<Value>,
    pub relation: Relation,
    /// Each with its place.
    pub constants: Vec<(Value, Range<usize>)>,
    pub range: Range<usize>,
    /// The condition holds only if this does.
    pub is_required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`, or `in` a list.
    Equals,
    /// `!=`, or `not in` a list.
    Differs,
    /// `<` and the like.
    Ordered,
}

pub(super) fn claims(expression: &ast::Expr<'_>, is_required: bool, found: &mut Vec<Claim>) {
    match expression {
        ast::Expr::UnaryOp(unary) => claims(&unary.expr, false, found),
        ast::Expr::BinOp(binary) => match binary.op {
            ast::BinOpKind::ScAnd => {
                claims(&binary.left, is_required, found);
                claims(&binary.right, is_required, found);
            }
            ast::BinOpKind::ScOr => {
                claims(&binary.left, false, found);
                claims(&binary.right, false, found);
            }
            _ => found.extend(claim(expression, is_required)),
        },
        ast::Expr::Compare(_) => found.extend(claim(expression, is_required)),
        ast::Expr::IfExpr(choice) => {
            claims(&choice.test_expr, false, found);
            claims(&choice.true_expr, false, found);
            if let Some(otherwise) = &choice.false_expr {
                claims(otherwise, false, found);
            }
        }
        _ => {}
    }
}

fn claim(expression: &ast::Expr<'_>, is_required: bool) -> Option<Claim> {
    use ast::CompareOpKind;
    let (left, operator, right) = comparison(expression)?;
    let (path, fallback, other) = match (fallback(left), fallback(right)) {
        (Some((path, value)), None) => (path, value, right),
        (None, Some((path, value))) if !matches!(operator, CompareOpKind::In) => {
            (path, value, left)
        }
        _ => return None,
    };
    let (relation, constants) = match operator {
        CompareOpKind::In | CompareOpKind::NotIn => {
            let relation = match operator {
                CompareOpKind::In => Relation::Equals,
                _ => Relation::Differs,
            };
            (relation, items(other)?)
        }
        _ => {
            let relation = match operator {
                CompareOpKind::Eq => Relation::Equals,
                CompareOpKind::Ne => Relation::Differs,
                _ => Relation::Ordered,
            };
            (relation, vec![constant(other)?])
        }
    };
    Some(Claim {
        path,
        fallback,
        relation,
        constants,
        range: range_of(left).start..range_of(right).end,
        is_required,
    })
}

fn items(list: &ast::Expr<'_>) -> Option<Vec<(Value, Range<usize>)>> {
    let items = match list {
        ast::Expr::List(list) => &list.items,
        ast::Expr::Tuple(tuple) => &tuple.items,
        _ => return None,
    };
    items.iter().map(constant).collect()
}

fn constant(expression: &ast::Expr<'_>) -> Option<(Value, Range<usize>)> {
    Some((expression.as_const()?, range_of(expression)))
}
