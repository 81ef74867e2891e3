//! Which values an expression cannot do without, and which ones a condition proves to be there.
//!
//! Syntax only: it notes every use of a value that may be missing and that neither `default` nor
//! a test around it allows for. Whether it can be missing in a row is `presence`'s business.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast;

use super::logic::Order;
use super::syntax::{chain, range_of};
use crate::event::EventKind;

/// A value that must be there for the expression to be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Such as `call.summary`.
    pub path: String,
    pub range: Range<usize>,
    /// It is looked at only where the event is of this kind.
    pub on: Option<EventKind>,
}

/// Paths that are surely there; and the kind of the event, where it is known (`kind_proven`).
pub type Proven = Vec<String>;

/// Tests that a missing value passes or fails without ado.
const TOLERANT_TESTS: &[&str] = &["defined", "undefined", "none"];

#[derive(Default)]
pub(super) struct Needs<'a> {
    found: Vec<Need>,
    /// Names that loops bind.
    scope: Vec<&'a str>,
}

impl<'a> Needs<'a> {
    pub(super) fn of_expression(expression: &ast::Expr<'a>) -> Vec<Need> {
        let mut needs = Self::default();
        needs.expression(expression, &Vec::new());
        needs.found
    }

    pub(super) fn of_template(statements: &[ast::Stmt<'a>]) -> Vec<Need> {
        let mut needs = Self::default();
        needs.statements(statements, &Vec::new());
        needs.found
    }

    fn statements(&mut self, statements: &[ast::Stmt<'a>], proven: &Proven) {
        for statement in statements {
            match statement {
                ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr, proven),
                ast::Stmt::IfCond(choice) => {
                    self.expression(&choice.expr, proven);
                    let holds = both(proven, proven_by(&choice.expr, true));
                    self.statements(&choice.true_body, &holds);
                    let fails = both(proven, proven_by(&choice.expr, false));
                    self.statements(&choice.false_body, &fails);
                }
                ast::Stmt::ForLoop(each) => self.each(each, proven),
                _ => {}
            }
        }
    }

    fn each(&mut self, each: &ast::ForLoop<'a>, proven: &Proven) {
        self.expression(&each.iter, proven);
        let outside = self.scope.len();
        self.scope.push("loop");
        bind(&each.target, &mut self.scope);
        if let Some(filter) = &each.filter_expr {
            self.expression(filter, proven);
        }
        self.statements(&each.body, proven);
        self.scope.truncate(outside);
        self.statements(&each.else_body, proven);
    }

    fn expression(&mut self, expression: &ast::Expr<'a>, proven: &Proven) {
        if let Some(chain) = chain(expression) {
            let path = chain.path();
            let is_member = !chain.parts.is_empty();
            if is_member && !self.scope.contains(&chain.root.id) && !is_proven(&path, proven) {
                self.found.push(Need {
                    path,
                    range: range_of(expression),
                    on: kind_proven(proven),
                });
            }
            return;
        }
        match expression {
            ast::Expr::Filter(filter) if is_default(filter.name) => {
                if let Some(inner) = filter.expr.as_ref().filter(|inner| chain(inner).is_none()) {
                    self.expression(inner, proven);
                }
                self.arguments(&filter.args, proven);
            }
            ast::Expr::Test(test) => {
                if !(TOLERANT_TESTS.contains(&test.name) && chain(&test.expr).is_some()) {
                    self.expression(&test.expr, proven);
                }
                self.arguments(&test.args, proven);
            }
            ast::Expr::BinOp(binary) => {
                self.expression(&binary.left, proven);
                let after_left = match binary.op {
                    ast::BinOpKind::ScAnd => both(proven, proven_by(&binary.left, true)),
                    ast::BinOpKind::ScOr => both(proven, proven_by(&binary.left, false)),
                    _ => proven.clone(),
                };
                self.expression(&binary.right, &after_left);
            }
            ast::Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr, proven);
                let holds = both(proven, proven_by(&choice.test_expr, true));
                self.expression(&choice.true_expr, &holds);
                if let Some(otherwise) = &choice.false_expr {
                    let fails = both(proven, proven_by(&choice.test_expr, false));
                    self.expression(otherwise, &fails);
                }
            }
            other => {
                for part in parts_of(other) {
                    self.expression(part, proven);
                }
            }
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'a>], proven: &Proven) {
        for argument in arguments {
            self.expression(argument_of(argument), proven);
        }
    }
}

fn bind<'a>(target: &ast::Expr<'a>, scope: &mut Vec<&'a str>) {
    match target {
        ast::Expr::Var(name) => scope.push(name.id),
        ast::Expr::Tuple(names) => names.items.iter().for_each(|name| bind(name, scope)),
        ast::Expr::List(names) => names.items.iter().for_each(|name| bind(name, scope)),
        _ => {}
    }
}

/// The parts that are evaluated whenever the whole is.
pub(super) fn parts_of<'e, 'a>(expression: &'e ast::Expr<'a>) -> Vec<&'e ast::Expr<'a>> {
    match expression {
        ast::Expr::Slice(slice) => [&slice.start, &slice.stop, &slice.step]
            .into_iter()
            .flatten()
            .chain([&slice.expr])
            .collect(),
        ast::Expr::UnaryOp(unary) => vec![&unary.expr],
        ast::Expr::Compare(compare) => std::iter::once(&compare.expr)
            .chain(compare.ops.iter().map(|step| &step.expr))
            .collect(),
        ast::Expr::Filter(filter) => filter
            .expr
            .iter()
            .chain(filter.args.iter().map(argument_of))
            .collect(),
        ast::Expr::GetAttr(attribute) => vec![&attribute.expr],
        ast::Expr::GetItem(item) => vec![&item.expr, &item.subscript_expr],
        ast::Expr::Call(call) => call.args.iter().map(argument_of).collect(),
        ast::Expr::List(list) => list.items.iter().collect(),
        ast::Expr::Tuple(tuple) => tuple.items.iter().collect(),
        ast::Expr::Map(map) => map.keys.iter().chain(&map.values).collect(),
        _ => Vec::new(),
    }
}

fn argument_of<'e, 'a>(argument: &'e ast::CallArg<'a>) -> &'e ast::Expr<'a> {
    match argument {
        ast::CallArg::Pos(expression)
        | ast::CallArg::Kwarg(_, expression)
        | ast::CallArg::PosSplat(expression)
        | ast::CallArg::KwargSplat(expression) => expression,
    }
}

/// What is surely there once the expression turned out `truth`.
pub(super) fn proven_by(expression: &ast::Expr<'_>, truth: bool) -> Proven {
    match expression {
        ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Not) => {
            proven_by(&unary.expr, !truth)
        }
        ast::Expr::BinOp(binary) => match (binary.op, truth) {
            (ast::BinOpKind::ScAnd, true) | (ast::BinOpKind::ScOr, false) => both(
                &proven_by(&binary.left, truth),
                proven_by(&binary.right, truth),
            ),
            (ast::BinOpKind::ScAnd, false) | (ast::BinOpKind::ScOr, true) => {
                let right = both(
                    &proven_by(&binary.left, !truth),
                    proven_by(&binary.right, truth),
                );
                let mut left = proven_by(&binary.left, truth);
                left.retain(|path| right.contains(path));
                left
            }
            _ => proven_by_comparison(expression, truth),
        },
        ast::Expr::Compare(_) => proven_by_comparison(expression, truth),
        ast::Expr::Test(test) => {
            let proves = match test.name {
                "defined" => truth,
                "undefined" | "none" => !truth,
                // A missing value fails every other test, or the evaluation.
                _ => truth,
            };
            chain(&test.expr)
                .filter(|_| proves)
                .map(|chain| chain.path())
                .into_iter()
                .collect()
        }
        // Of itself, it is there; with a default, only if that would have turned out otherwise.
        _ => match fallback(expression) {
            Some((path, None)) => vec![path],
            Some((path, Some(value))) if value.is_true() != truth => vec![path],
            _ => Vec::new(),
        },
    }
}

fn proven_by_comparison(expression: &ast::Expr<'_>, truth: bool) -> Proven {
    let Some((left, operator, right)) = comparison(expression) else {
        return Vec::new();
    };
    let mut proven = Vec::new();
    for (side, other, side_is_left) in [(left, right, true), (right, left, false)] {
        let compared = |value: &Value, constant: &Value| match side_is_left {
            true => compare(value, operator, constant),
            false => compare(constant, operator, value),
        };
        if let (Some((path, _)), Some(constant)) = (fallback(side), other.as_const())
            && path == KIND
        {
            proven.extend(only_kind(|kind| compared(&kind, &constant) == Some(truth)));
        }
        match fallback(side) {
            Some((path, None)) => proven.push(path),
            Some((path, Some(value))) => {
                let Some(constant) = other.as_const() else {
                    continue;
                };
                let outcome = compared(&value, &constant);
                if outcome == Some(!truth) {
                    proven.push(path);
                }
            }
            None => {}
        }
    }
    proven
}

const KIND: &str = "event.kind";

/// What stands among the paths where events are of this kind alone: no path, and like none.
fn of_kind(kind: EventKind) -> String {
    format!("{KIND} == '{}'", kind.as_str())
}

/// That one kind alone comes this far, if it is so.
fn only_kind(comes: impl Fn(Value) -> bool) -> Option<String> {
    let mut coming = EventKind::ALL
        .into_iter()
        .filter(|kind| comes(Value::from(kind.as_str())));
    let only = coming.next()?;
    coming.next().is_none().then(|| of_kind(only))
}

/// The one kind of which events are here, if conditions leave no other.
pub fn kind_proven(proven: &[String]) -> Option<EventKind> {
    let is_said = |kind: &EventKind| proven.contains(&of_kind(*kind));
    EventKind::ALL.into_iter().find(is_said)
}

/// `x`, or `x | default(constant)`.
pub(super) fn fallback(expression: &ast::Expr<'_>) -> Option<(String, Option<Value>)> {
    if let Some(chain) = chain(expression) {
        return Some((chain.path(), None));
    }
    let ast::Expr::Filter(filter) = expression else {
        return None;
    };
    let path = chain(filter.expr.as_ref()?)?.path();
    match filter.args.as_slice() {
        _ if !is_default(filter.name) => None,
        [] => Some((path, Some(Value::from("")))),
        [ast::CallArg::Pos(value)] => Some((path, Some(value.as_const()?))),
        _ => None,
    }
}

/// The two sides of a single comparison.
pub(super) fn comparison<'e, 'a>(
    expression: &'e ast::Expr<'a>,
) -> Option<(&'e ast::Expr<'a>, ast::CompareOpKind, &'e ast::Expr<'a>)> {
    use ast::{BinOpKind, CompareOpKind};
    match expression {
        ast::Expr::BinOp(binary) => {
            let operator = match binary.op {
                BinOpKind::Eq => CompareOpKind::Eq,
                BinOpKind::Ne => CompareOpKind::Ne,
                BinOpKind::Lt => CompareOpKind::Lt,
                BinOpKind::Lte => CompareOpKind::Lte,
                BinOpKind::Gt => CompareOpKind::Gt,
                BinOpKind::Gte => CompareOpKind::Gte,
                BinOpKind::In => CompareOpKind::In,
                _ => return None,
            };
            Some((&binary.left, operator, &binary.right))
        }
        ast::Expr::Compare(compare) => match compare.ops.as_slice() {
            [step] => Some((&compare.expr, step.op, &step.expr)),
            _ => None,
        },
        _ => None,
    }
}

fn compare(left: &Value, operator: ast::CompareOpKind, right: &Value) -> Option<bool> {
    use ast::CompareOpKind;
    let ordered = |order: Order| order.holds(left, right);
    let contains = || Some(right.try_iter().ok()?.any(|item| item == *left));
    match operator {
        CompareOpKind::Eq => Some(left == right),
        CompareOpKind::Ne => Some(left != right),
        CompareOpKind::Lt => ordered(Order::Less),
        CompareOpKind::Lte => ordered(Order::AtMost),
        CompareOpKind::Gt => ordered(Order::More),
        CompareOpKind::Gte => ordered(Order::AtLeast),
        CompareOpKind::In => contains(),
        CompareOpKind::NotIn => contains().map(|found| !found),
    }
}

pub(super) fn is_default(filter: &str) -> bool {
    matches!(filter, "default" | "d")
}

fn both(one: &Proven, other: Proven) -> Proven {
    one.iter().cloned().chain(other).collect()
}

/// What stands deeper is there only if what it stands in is.
pub fn is_proven(path: &str, proven: &[String]) -> bool {
    proven.iter().any(|there| {
        there
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
