//! Questions about single pieces of syntax: paths, numbers, places.

use std::ops::Range;

use minijinja::machinery::ast;

use crate::map::context::{NUMBERS, PATH};

/// A variable followed by members that are written out.
pub struct Chain<'e, 'a> {
    pub root: &'e ast::Spanned<ast::Var<'a>>,
    pub parts: Vec<String>,
}

impl Chain<'_, '_> {
    /// Such as `call.summary`.
    pub fn path(&self) -> String {
        let mut path = self.root.id.to_owned();
        for part in &self.parts {
            path.push('.');
            path.push_str(part);
        }
        path
    }
}

/// `body.a.b` as one look-up of a path.
pub fn one_look_up(root: &str, parts: &[String]) -> String {
    let mut key = String::new();
    for part in parts {
        key.push(PATH);
        key.push_str(part);
    }
    let quoted = serde_json::Value::String(key);
    format!("{root}[{quoted}]")
}

/// The chain that an expression is, if it is nothing else.
pub fn chain<'e, 'a>(expression: &'e ast::Expr<'a>) -> Option<Chain<'e, 'a>> {
    match expression {
        ast::Expr::Var(root) => Some(Chain {
            root,
            parts: Vec::new(),
        }),
        ast::Expr::GetAttr(attribute) => {
            let mut chain = chain(&attribute.expr)?;
            chain.parts.push(attribute.name.to_owned());
            Some(chain)
        }
        ast::Expr::GetItem(item) => {
            let ast::Expr::Const(subscript) = &item.subscript_expr else {
                return None;
            };
            let part = match subscript.value.as_str() {
                Some(text) => text.to_owned(),
                None => usize::try_from(subscript.value.as_i64()?).ok()?.to_string(),
            };
            let mut chain = chain(&item.expr)?;
            chain.parts.push(part);
            Some(chain)
        }
        _ => None,
    }
}

/// The names that loops bind around a piece of a template.
#[derive(Default)]
pub struct Scope<'a> {
    /// Each with whether it can only be a number.
    names: Vec<(&'a str, bool)>,
}

impl<'a> Scope<'a> {
    /// What a loop says of itself; all but the first two are numbers.
    pub const LOOP: &'static [&'static str] = &[
        "first",
        "last",
        "index",
        "index0",
        "revindex",
        "revindex0",
        "length",
        "depth",
        "depth0",
    ];

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn truncate(&mut self, length: usize) {
        self.names.truncate(length);
    }

    pub fn binds(&self, name: &str) -> bool {
        self.names.iter().any(|(bound, _)| *bound == name)
    }

    /// The member that a loop is asked for and does not have.
    pub fn lacks<'c>(&self, chain: &'c Chain<'_, '_>) -> Option<&'c str> {
        let member = chain.parts.first()?.as_str();
        (chain.root.id == "loop" && !Self::LOOP.contains(&member)).then_some(member)
    }

    /// The names that are there inside a loop.
    pub fn enter(&mut self, each: &ast::ForLoop<'a>) {
        let are_numbers = gives_numbers(&each.iter, self);
        self.names.push(("loop", false));
        self.bind(&each.target, are_numbers);
    }

    fn bind(&mut self, target: &ast::Expr<'a>, is_number: bool) {
        match target {
            ast::Expr::Var(name) => self.names.push((name.id, is_number)),
            ast::Expr::Tuple(names) => names.items.iter().for_each(|name| self.bind(name, false)),
            ast::Expr::List(names) => names.items.iter().for_each(|name| self.bind(name, false)),
            _ => {}
        }
    }

    /// Whether a chain is known to be a number; the innermost name counts.
    fn is_number(&self, chain: &Chain<'_, '_>) -> bool {
        let root = chain.root.id;
        match self.names.iter().rfind(|(bound, _)| *bound == root) {
            Some(_) if root == "loop" => match chain.parts.as_slice() {
                [member] => Self::LOOP[2..].contains(&member.as_str()),
                _ => false,
            },
            Some((_, is_number)) => *is_number && chain.parts.is_empty(),
            None => NUMBERS.contains(&chain.path().as_str()),
        }
    }
}

/// Whether a loop over it runs over numbers only.
fn gives_numbers(list: &ast::Expr<'_>, scope: &Scope<'_>) -> bool {
    match list {
        ast::Expr::Call(call) => matches!(&call.expr, ast::Expr::Var(name) if name.id == "range"),
        ast::Expr::List(list) => list.items.iter().all(|item| is_number(item, scope)),
        ast::Expr::Tuple(tuple) => tuple.items.iter().all(|item| is_number(item, scope)),
        ast::Expr::Filter(filter) => {
            matches!(filter.name, "list" | "reverse" | "sort" | "unique")
                && filter
                    .expr
                    .as_ref()
                    .is_some_and(|inner| gives_numbers(inner, scope))
        }
        _ => false,
    }
}

/// Whether an expression can only ever be a number.
pub fn is_number(expression: &ast::Expr<'_>, scope: &Scope<'_>) -> bool {
    match expression {
        ast::Expr::Const(constant) => constant.value.is_number(),
        ast::Expr::UnaryOp(unary) => {
            matches!(unary.op, ast::UnaryOpKind::Neg) && is_number(&unary.expr, scope)
        }
        ast::Expr::BinOp(binary) => match binary.op {
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => {
                is_number(&binary.left, scope) && is_number(&binary.right, scope)
            }
            _ => false,
        },
        ast::Expr::IfExpr(choice) => {
            is_number(&choice.true_expr, scope)
                && choice
                    .false_expr
                    .as_ref()
                    .is_some_and(|otherwise| is_number(otherwise, scope))
        }
        ast::Expr::Filter(filter) => match filter.name {
            "abs" | "count" | "float" | "int" | "length" | "round" | "sum" => true,
            "first" | "last" | "max" | "min" => filter
                .expr
                .as_ref()
                .is_some_and(|list| gives_numbers(list, scope)),
            "default" | "d" => {
                filter
                    .expr
                    .as_ref()
                    .is_some_and(|inner| is_number(inner, scope))
                    && matches!(filter.args.as_slice(), [ast::CallArg::Pos(other)] if is_number(other, scope))
            }
            _ => false,
        },
        _ => chain(expression).is_some_and(|chain| scope.is_number(&chain)),
    }
}

pub fn span(span: minijinja::machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// From the first word of an expression to its last; the engine's own spans of chains start late.
pub fn range_of(expression: &ast::Expr<'_>) -> Range<usize> {
    let inner = match expression {
        ast::Expr::GetAttr(attribute) => Some(&attribute.expr),
        ast::Expr::GetItem(item) => Some(&item.expr),
        ast::Expr::Slice(slice) => Some(&slice.expr),
        ast::Expr::Call(call) => Some(&call.expr),
        ast::Expr::Test(test) => Some(&test.expr),
        ast::Expr::Filter(filter) => filter.expr.as_ref(),
        _ => None,
    };
    let own = span(expression.span());
    match inner {
        Some(inner) => range_of(inner).start..own.end,
        None => own,
    }
}
