//! Written-out values where `and`, `or` and `not` want a question: `event.status == 70 or 150` asks
//! nothing about 150. One for each such row of questions, with what was probably meant. Syntax only.

use std::ops::Range;

use minijinja::machinery::ast;

use super::needs::{comparison, parts_of};
use super::syntax::{chain, range_of};

#[derive(Debug, Clone)]
pub struct Stray {
    /// Of the first value.
    pub range: Range<usize>,
    /// `event.status in [70, 150]`
    pub meant: Option<String>,
}

pub(super) fn strays(expression: &ast::Expr<'_>, source: &str) -> Vec<Stray> {
    let mut found = Vec::new();
    search(expression, source, &mut found);
    found
}

fn search(expression: &ast::Expr<'_>, source: &str, found: &mut Vec<Stray>) {
    match expression {
        ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Not) => {
            in_a_row(&[&unary.expr], None, source, found);
        }
        ast::Expr::BinOp(binary) if is_joint(&binary.op) => {
            let mut questions = Vec::new();
            let is_or = matches!(binary.op, ast::BinOpKind::ScOr);
            joined(expression, is_or, &mut questions);
            in_a_row(&questions, Some(is_or), source, found);
        }
        ast::Expr::BinOp(binary) => {
            search(&binary.left, source, found);
            search(&binary.right, source, found);
        }
        ast::Expr::IfExpr(choice) => {
            in_a_row(&[&choice.test_expr], None, source, found);
            search(&choice.true_expr, source, found);
            if let Some(otherwise) = &choice.false_expr {
                search(otherwise, source, found);
            }
        }
        other => {
            for part in parts_of(other) {
                search(part, source, found);
            }
        }
    }
}

fn is_joint(operator: &ast::BinOpKind) -> bool {
    matches!(operator, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr)
}

/// The questions of `a or b or c`.
fn joined<'e, 'a>(
    expression: &'e ast::Expr<'a>,
    is_or: bool,
    questions: &mut Vec<&'e ast::Expr<'a>>,
) {
    match expression {
        ast::Expr::BinOp(binary)
            if is_joint(&binary.op) && matches!(binary.op, ast::BinOpKind::ScOr) == is_or =>
        {
            joined(&binary.left, is_or, questions);
            joined(&binary.right, is_or, questions);
        }
        _ => questions.push(expression),
    }
}

fn in_a_row(
    questions: &[&ast::Expr<'_>],
    is_or: Option<bool>,
    source: &str,
    found: &mut Vec<Stray>,
) {
    let is_stray = |question: &ast::Expr<'_>| {
        let value = question.as_const();
        value.is_some_and(|value| value.kind() != minijinja::value::ValueKind::Bool)
    };
    if let Some(first) = questions.iter().find(|question| is_stray(question)) {
        let strays = questions.iter().filter(|question| is_stray(question));
        let strays: Vec<&str> = strays.map(|stray| said(stray, source)).collect();
        found.push(Stray {
            range: range_of(first),
            meant: is_or.and_then(|is_or| meant(questions, is_or, (&strays, source))),
        });
    }
    for question in questions.iter().filter(|question| !is_stray(question)) {
        search(question, source, found);
    }
}

fn said<'s>(expression: &ast::Expr<'_>, source: &'s str) -> &'s str {
    source.get(range_of(expression)).unwrap_or_default()
}

/// All of them compared as the one that is.
fn meant(
    questions: &[&ast::Expr<'_>],
    is_or: bool,
    (strays, source): (&[&str], &str),
) -> Option<String> {
    use ast::CompareOpKind;
    questions.iter().find_map(|question| {
        let (left, operator, right) = comparison(question)?;
        let path = chain(left)?.path();
        right.as_const()?;
        let sign = match (operator, is_or) {
            (CompareOpKind::Eq, true) => "in",
            (CompareOpKind::Ne, false) => "not in",
            _ => return None,
        };
        Some(format!(
            "{path} {sign} [{}, {}]",
            said(right, source),
            strays.join(", ")
        ))
    })
}
