//! What a template comes to, as far as its text is written out: `{{ … }} + 2h` is anything, and then
//! ` + 2h`. Each way through an `if` that is the whole template has an outline. Syntax only.

use std::ops::Range;

use minijinja::machinery::ast;

use super::needs::is_default;
use super::syntax::{range_of, span};

/// Text with open places.
#[derive(Debug, Clone)]
pub struct Outline {
    pub parts: Vec<Part>,
    /// From the first written-out text to the last.
    pub range: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// Whatever an event brings; perhaps nothing.
    Open,
}

/// Each with its place, which of an open part nobody asks for.
type Parts = Vec<(Part, Range<usize>)>;

pub(super) fn of_expression(expression: &ast::Expr<'_>) -> Vec<Outline> {
    let mut outlines = Vec::new();
    choices(expression, &mut outlines);
    outlines
}

pub(super) fn of_template(statements: &[ast::Stmt<'_>]) -> Vec<Outline> {
    let mut outlines = Vec::new();
    branches(statements, &mut outlines);
    outlines
}

/// Values that stand there alone are `leaves`' business.
fn keep(parts: Parts, outlines: &mut Vec<Outline>) {
    let texts = || {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        parts.iter().filter(move |(part, _)| is_text(part))
    };
    let start = texts().map(|(_, range)| range.start).min();
    let end = texts().map(|(_, range)| range.end).max();
    if parts.len() > 1
        && let (Some(start), Some(end)) = (start, end)
    {
        outlines.push(Outline {
            range: start..end,
            parts: parts.into_iter().map(|(part, _)| part).collect(),
        });
    }
}

fn choices(expression: &ast::Expr<'_>, outlines: &mut Vec<Outline>) {
    match expression {
        ast::Expr::IfExpr(choice) => {
            choices(&choice.true_expr, outlines);
            if let Some(otherwise) = &choice.false_expr {
                choices(otherwise, outlines);
            }
        }
        ast::Expr::Filter(filter) if is_default(filter.name) => {
            if let Some(inner) = &filter.expr {
                choices(inner, outlines);
            }
            if let [ast::CallArg::Pos(fallback)] = filter.args.as_slice() {
                choices(fallback, outlines);
            }
        }
        _ => {
            let mut parts = Vec::new();
            joined(expression, &mut parts);
            keep(parts, outlines);
        }
    }
}

/// `'Lost: ' ~ call.summary`.
fn joined(expression: &ast::Expr<'_>, parts: &mut Parts) {
    if let Some(text) = expression
        .as_const()
        .filter(|value| value.as_str().is_some())
    {
        let text = text.as_str().unwrap_or_default().to_owned();
        return parts.push((Part::Text(text), range_of(expression)));
    }
    match expression {
        ast::Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::Concat) => {
            joined(&binary.left, parts);
            joined(&binary.right, parts);
        }
        _ => parts.push((Part::Open, range_of(expression))),
    }
}

fn branches(statements: &[ast::Stmt<'_>], outlines: &mut Vec<Outline>) {
    if let [ast::Stmt::IfCond(choice)] = statements {
        branches(&choice.true_body, outlines);
        return branches(&choice.false_body, outlines);
    }
    if let [ast::Stmt::EmitExpr(emit)] = statements {
        return choices(&emit.expr, outlines);
    }
    let mut parts = Vec::new();
    for statement in statements {
        match statement {
            ast::Stmt::EmitRaw(raw) => {
                parts.push((Part::Text(raw.raw.to_owned()), span(raw.span())));
            }
            ast::Stmt::EmitExpr(emit) => joined(&emit.expr, &mut parts),
            _ => parts.push((Part::Open, 0..0)),
        }
    }
    keep(parts, outlines);
}
