//! Writes an expression down as it is compiled: every path into an open object as one look-up, and
//! each operator that costs by the size of what it works on, or would put text and numbers in one
//! order, with a filter that answers for it. What people write has no such filter: `walk` refuses
//! their names. Ordinary comparisons stay as they are, and cost nothing more.

use minijinja::machinery::ast;
use serde_json::Value as Json;

use super::syntax::{Scope, chain, is_number, one_look_up};
use crate::map::context::{OPEN, PATH};
use crate::map::sandbox::{IN_ROW, WEIGH, order_filter};

/// How tightly an expression holds together, loosest first: what stands inside a tighter one needs
/// parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Choice,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Concat,
    Product,
    Power,
    Filter,
    Negative,
    Piece,
}

pub(super) fn expression(expression: &ast::Expr<'_>) -> String {
    let mut writer = Writer::default();
    writer.expression(expression, Hold::Choice);
    writer.text
}

pub(super) fn template(statements: &[ast::Stmt<'_>]) -> String {
    let mut writer = Writer::default();
    writer.statements(statements);
    writer.text
}

#[derive(Default)]
struct Writer<'a> {
    text: String,
    scope: Scope<'a>,
}

impl<'a> Writer<'a> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn put_quoted(&mut self, text: &str) {
        let quoted = Json::from(text).to_string();
        self.put(&quoted);
    }

    fn statements(&mut self, statements: &[ast::Stmt<'a>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    /// `walk` lets no other through.
    fn statement(&mut self, statement: &ast::Stmt<'a>) {
        match statement {
            // As it is, it could be read as code, or lose its last line break once more.
            ast::Stmt::EmitRaw(raw) if raw.raw.contains('{') || raw.raw.ends_with(['\n', '\r']) => {
                self.put("{{ ");
                self.put_quoted(raw.raw);
                self.put(" }}");
            }
            ast::Stmt::EmitRaw(raw) => self.put(raw.raw),
            ast::Stmt::EmitExpr(emit) => {
                self.put("{{ ");
                self.expression(&emit.expr, Hold::Choice);
                self.put(" }}");
            }
            ast::Stmt::IfCond(choice) => {
                self.put("{% if ");
                self.expression(&choice.expr, Hold::Choice);
                self.put(" %}");
                self.statements(&choice.true_body);
                self.otherwise(&choice.false_body);
                self.put("{% endif %}");
            }
            ast::Stmt::ForLoop(each) => self.each(each),
            _ => {}
        }
    }

    fn otherwise(&mut self, body: &[ast::Stmt<'a>]) {
        if !body.is_empty() {
            self.put("{% else %}");
            self.statements(body);
        }
    }

    fn each(&mut self, each: &ast::ForLoop<'a>) {
        self.put("{% for ");
        self.target(&each.target);
        self.put(" in ");
        self.expression(&each.iter, Hold::Or);
        let outside = self.scope.len();
        self.scope.enter(each);
        if let Some(filter) = &each.filter_expr {
            self.put(" if ");
            self.expression(filter, Hold::Or);
        }
        self.put(" %}");
        self.statements(&each.body);
        self.scope.truncate(outside);
        self.otherwise(&each.else_body);
        self.put("{% endfor %}");
    }

    fn target(&mut self, target: &ast::Expr<'a>) {
        let names = match target {
            ast::Expr::Tuple(names) => &names.items,
            ast::Expr::List(names) => &names.items,
            other => return self.expression(other, Hold::Piece),
        };
        for name in names {
            match name {
                ast::Expr::Tuple(_) | ast::Expr::List(_) => {
                    self.put("(");
                    self.target(name);
                    self.put(")");
                }
                other => self.expression(other, Hold::Piece),
            }
            // The last one too: one name and a comma is a list of one.
            self.put(", ");
        }
    }

    /// `least`: what holds less tightly gets parentheses.
    fn expression(&mut self, expression: &ast::Expr<'a>, least: Hold) {
        let is_loose = self.hold(expression) < least;
        if is_loose {
            self.put("(");
        }
        self.bare(expression);
        if is_loose {
            self.put(")");
        }
    }

    fn hold(&self, expression: &ast::Expr<'a>) -> Hold {
        match expression {
            ast::Expr::IfExpr(_) => Hold::Choice,
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => Hold::Not,
                ast::UnaryOpKind::Neg => Hold::Negative,
            },
            ast::Expr::BinOp(binary) => match binary.op {
                ast::BinOpKind::ScOr => Hold::Or,
                ast::BinOpKind::ScAnd => Hold::And,
                operator if order_filter(operator).is_some() && !self.are_numbers(binary) => {
                    Hold::Filter
                }
                ast::BinOpKind::Add | ast::BinOpKind::Sub => Hold::Sum,
                ast::BinOpKind::Concat => Hold::Concat,
                ast::BinOpKind::Mul
                | ast::BinOpKind::Div
                | ast::BinOpKind::FloorDiv
                | ast::BinOpKind::Rem => Hold::Product,
                ast::BinOpKind::Pow => Hold::Power,
                _ => Hold::Comparison,
            },
            ast::Expr::Compare(_) | ast::Expr::Filter(_) | ast::Expr::Test(_) => Hold::Filter,
            _ => Hold::Piece,
        }
    }

    fn are_numbers(&self, binary: &ast::BinOp<'a>) -> bool {
        is_number(&binary.left, &self.scope) && is_number(&binary.right, &self.scope)
    }

    fn bare(&mut self, expression: &ast::Expr<'a>) {
        if let Some(chain) = chain(expression) {
            let is_open = OPEN.contains(&chain.root.id) && !self.scope.binds(chain.root.id);
            if is_open
                && chain.parts.len() > 1
                && !chain.parts.iter().any(|part| part.contains(PATH))
            {
                let look_up = one_look_up(chain.root.id, &chain.parts);
                return self.put(&look_up);
            }
        }
        match expression {
            ast::Expr::Var(name) => self.put(name.id),
            ast::Expr::Const(constant) => self.constant(&constant.value),
            ast::Expr::Slice(slice) => self.slice(slice),
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => {
                    self.put("not ");
                    self.expression(&unary.expr, Hold::Not);
                }
                ast::UnaryOpKind::Neg => {
                    self.put("-");
                    self.expression(&unary.expr, Hold::Negative);
                }
            },
            ast::Expr::BinOp(binary) => self.binary(binary),
            ast::Expr::Compare(compare) => self.in_a_row(compare),
            ast::Expr::IfExpr(choice) => self.choice(choice),
            ast::Expr::Filter(filter) => {
                if let Some(inner) = &filter.expr {
                    self.expression(inner, Hold::Filter);
                }
                self.put("|");
                self.put(filter.name);
                self.arguments(&filter.args);
            }
            ast::Expr::Test(test) => {
                self.expression(&test.expr, Hold::Filter);
                self.put(" is ");
                self.put(test.name);
                self.arguments(&test.args);
            }
            ast::Expr::GetAttr(attribute) => {
                self.expression(&attribute.expr, Hold::Piece);
                self.put(".");
                self.put(attribute.name);
            }
            ast::Expr::GetItem(item) => {
                self.expression(&item.expr, Hold::Piece);
                self.put("[");
                self.expression(&item.subscript_expr, Hold::Choice);
                self.put("]");
            }
            ast::Expr::Call(call) => {
                self.expression(&call.expr, Hold::Piece);
                self.arguments(&call.args);
            }
            ast::Expr::List(list) => self.items(("[", "]"), &list.items),
            ast::Expr::Tuple(tuple) => self.items(("(", ")"), &tuple.items),
            ast::Expr::Map(map) => self.map(map),
        }
    }

    fn choice(&mut self, choice: &ast::IfExpr<'a>) {
        self.expression(&choice.true_expr, Hold::Or);
        self.put(" if ");
        self.expression(&choice.test_expr, Hold::Or);
        if let Some(otherwise) = &choice.false_expr {
            self.put(" else ");
            self.expression(otherwise, Hold::Choice);
        }
    }

    fn map(&mut self, map: &ast::Map<'a>) {
        self.put("{");
        for (key, value) in map.keys.iter().zip(&map.values) {
            self.expression(key, Hold::Choice);
            self.put(": ");
            self.expression(value, Hold::Choice);
            self.put(", ");
        }
        self.put("}");
    }

    fn constant(&mut self, value: &minijinja::Value) {
        match value.as_str() {
            Some(text) => self.put_quoted(text),
            None if value.is_none() => self.put("none"),
            // As JSON, a number keeps its fraction.
            None => match serde_json::to_string(value) {
                Ok(text) if text != "null" => self.put(&text),
                _ => self.put(&value.to_string()),
            },
        }
    }

    fn items(&mut self, (opening, closing): (&str, &str), items: &[ast::Expr<'a>]) {
        self.put(opening);
        for item in items {
            self.expression(item, Hold::Choice);
            self.put(", ");
        }
        self.put(closing);
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'a>]) {
        self.put("(");
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            match argument {
                ast::CallArg::Pos(value) => self.expression(value, Hold::Choice),
                ast::CallArg::Kwarg(name, value) => {
                    self.put(name);
                    self.put("=");
                    self.expression(value, Hold::Choice);
                }
                ast::CallArg::PosSplat(value) => {
                    self.put("*");
                    self.expression(value, Hold::Choice);
                }
                ast::CallArg::KwargSplat(value) => {
                    self.put("**");
                    self.expression(value, Hold::Choice);
                }
            }
        }
        self.put(")");
    }

    fn slice(&mut self, slice: &ast::Slice<'a>) {
        self.put("(");
        self.weighed(&slice.expr, Hold::Filter);
        self.put(")[");
        for (index, part) in [&slice.start, &slice.stop, &slice.step]
            .into_iter()
            .enumerate()
        {
            if index > 0 {
                self.put(":");
            }
            if let Some(part) = part {
                self.expression(part, Hold::Choice);
            }
        }
        self.put("]");
    }

    fn binary(&mut self, binary: &ast::BinOp<'a>) {
        use ast::BinOpKind;
        let (left, right) = (&binary.left, &binary.right);
        let are_numbers = self.are_numbers(binary);
        if let Some(filter) = order_filter(binary.op).filter(|_| !are_numbers) {
            self.expression(left, Hold::Filter);
            self.put("|");
            self.put(filter);
            self.put("(");
            self.expression(right, Hold::Choice);
            return self.put(")");
        }
        let (sign, least, after) = match binary.op {
            BinOpKind::ScOr => (" or ", Hold::Or, Hold::And),
            BinOpKind::ScAnd => (" and ", Hold::And, Hold::Not),
            BinOpKind::Eq => (" == ", Hold::Sum, Hold::Sum),
            BinOpKind::Ne => (" != ", Hold::Sum, Hold::Sum),
            BinOpKind::Lt => (" < ", Hold::Sum, Hold::Sum),
            BinOpKind::Lte => (" <= ", Hold::Sum, Hold::Sum),
            BinOpKind::Gt => (" > ", Hold::Sum, Hold::Sum),
            BinOpKind::Gte => (" >= ", Hold::Sum, Hold::Sum),
            BinOpKind::In => (" in ", Hold::Sum, Hold::Sum),
            BinOpKind::Add => (" + ", Hold::Sum, Hold::Concat),
            BinOpKind::Sub => (" - ", Hold::Sum, Hold::Concat),
            BinOpKind::Concat => (" ~ ", Hold::Concat, Hold::Product),
            BinOpKind::Mul => (" * ", Hold::Product, Hold::Power),
            BinOpKind::Div => (" / ", Hold::Product, Hold::Power),
            BinOpKind::FloorDiv => (" // ", Hold::Product, Hold::Power),
            BinOpKind::Rem => (" % ", Hold::Product, Hold::Power),
            BinOpKind::Pow => (" ** ", Hold::Filter, Hold::Filter),
        };
        let costs_by_size = match binary.op {
            BinOpKind::Add | BinOpKind::Concat => !are_numbers,
            // What is written out is short, and so is what can be equal to it.
            BinOpKind::Eq | BinOpKind::Ne => {
                !are_numbers && left.as_const().is_none() && right.as_const().is_none()
            }
            BinOpKind::In => right.as_const().is_none(),
            _ => false,
        };
        if costs_by_size {
            self.weighed(left, least);
            self.put(sign);
            self.weighed(right, after);
        } else {
            self.expression(left, least);
            self.put(sign);
            self.expression(right, after);
        }
    }

    /// With the filter that pays for its size, where that can be large.
    fn weighed(&mut self, expression: &ast::Expr<'a>, least: Hold) {
        if expression.as_const().is_some() || is_number(expression, &self.scope) {
            return self.expression(expression, least);
        }
        self.expression(expression, Hold::Filter);
        self.put("|");
        self.put(WEIGH);
    }

    /// `1 < x < 5`: one filter, so that no part is evaluated twice.
    fn in_a_row(&mut self, compare: &ast::Compare<'a>) {
        self.expression(&compare.expr, Hold::Filter);
        self.put("|");
        self.put(IN_ROW);
        self.put("(");
        for step in &compare.ops {
            let sign = match step.op {
                ast::CompareOpKind::Eq => "==",
                ast::CompareOpKind::Ne => "!=",
                ast::CompareOpKind::Lt => "<",
                ast::CompareOpKind::Lte => "<=",
                ast::CompareOpKind::Gt => ">",
                ast::CompareOpKind::Gte => ">=",
                ast::CompareOpKind::In => "in",
                ast::CompareOpKind::NotIn => "not in",
            };
            self.put_quoted(sign);
            self.put(", ");
            self.expression(&step.expr, Hold::Choice);
            self.put(", ");
        }
        self.put(")");
    }
}

#[cfg(test)]
mod tests;
