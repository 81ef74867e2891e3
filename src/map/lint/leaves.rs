//! Written-out values that a template may come to as a whole: the branches of an `if`, what
//! `default` puts in. Each has to fit the member as if it stood there alone. Syntax only.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast;

use super::needs::is_default;
use super::syntax::{range_of, span};

type Leaf = (Value, Range<usize>);

pub(super) fn of_expression(expression: &ast::Expr<'_>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(expression, &mut leaves);
    leaves
}

fn collect(expression: &ast::Expr<'_>, leaves: &mut Vec<Leaf>) {
    if let Some(value) = expression.as_const() {
        leaves.push((value, range_of(expression)));
        return;
    }
    match expression {
        ast::Expr::IfExpr(choice) => {
            collect(&choice.true_expr, leaves);
            if let Some(otherwise) = &choice.false_expr {
                collect(otherwise, leaves);
            }
        }
        ast::Expr::Filter(filter) if is_default(filter.name) => {
            if let Some(inner) = &filter.expr {
                collect(inner, leaves);
            }
            if let [ast::CallArg::Pos(fallback)] = filter.args.as_slice() {
                collect(fallback, leaves);
            }
        }
        _ => {}
    }
}

/// Of one `{% if %}` with plain text in its branches.
pub(super) fn of_template(statements: &[ast::Stmt<'_>]) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    if let [ast::Stmt::IfCond(choice)] = statements {
        branches(choice, &mut leaves);
    }
    leaves
}

fn branches(choice: &ast::IfCond<'_>, leaves: &mut Vec<Leaf>) {
    for branch in [&choice.true_body, &choice.false_body] {
        match branch.as_slice() {
            [ast::Stmt::EmitRaw(raw)] => leaves.push((Value::from(raw.raw), span(raw.span()))),
            [ast::Stmt::EmitExpr(emit)] => collect(&emit.expr, leaves),
            [ast::Stmt::IfCond(inner)] => branches(inner, leaves),
            _ => {}
        }
    }
}
