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

/// Whether an expression can only ever be a number.
pub fn is_number(expression: &ast::Expr<'_>) -> bool {
    match expression {
        ast::Expr::Const(constant) => constant.value.is_number(),
        ast::Expr::UnaryOp(unary) => is_number(&unary.expr),
        ast::Expr::BinOp(binary) => match binary.op {
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => is_number(&binary.left) && is_number(&binary.right),
            _ => false,
        },
        ast::Expr::IfExpr(choice) => {
            is_number(&choice.true_expr) && choice.false_expr.as_ref().is_some_and(is_number)
        }
        ast::Expr::Filter(filter) => match filter.name {
            "abs" | "count" | "float" | "int" | "length" | "round" => true,
            "default" | "d" => {
                filter.expr.as_ref().is_some_and(is_number)
                    && matches!(filter.args.as_slice(), [ast::CallArg::Pos(other)] if is_number(other))
            }
            _ => false,
        },
        _ => chain(expression).is_some_and(|chain| NUMBERS.contains(&chain.path().as_str())),
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
