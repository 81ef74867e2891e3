//! The walk over the syntax tree: collects faults and the names used.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast;

use super::syntax::{Chain, Scope, chain, is_number, range_of, span};
use super::{Fault, Inspected, foreign};
use crate::diagnostic::did_you_mean;
use crate::map::context::{KNOWN, OPEN, Roots};
use crate::map::sandbox::{FILTERS, FUNCTIONS, TESTS};

/// The most places where text is put together in one template.
const MAX_JOINTS: usize = 64;
/// The most filters, tests and pieces (`x[1:]`) in one template.
const MAX_FILTERS: usize = 32;

/// One pass over a source.
pub(super) struct Walk<'a> {
    source: &'a str,
    faults: Vec<Fault>,
    variables: BTreeSet<String>,
    scope: Scope<'a>,
    joints: usize,
    filters: usize,
    /// A statement was refused: what it would have bound is not known.
    refused: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            faults: Vec::new(),
            variables: BTreeSet::new(),
            scope: Scope::default(),
            joints: 0,
            filters: 0,
            refused: false,
        }
    }

    /// `written`: the source as it is compiled.
    pub(super) fn finish(
        mut self,
        source: &str,
        written: impl FnOnce() -> String,
    ) -> Result<Inspected, Vec<Fault>> {
        if self.joints > MAX_JOINTS {
            let message = format!("puts text together in more than {MAX_JOINTS} places");
            self.fault(0..source.len(), message, None);
        }
        if self.filters > MAX_FILTERS {
            let message = format!("uses more than {MAX_FILTERS} filters, tests and pieces");
            self.fault(0..source.len(), message, None);
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        Ok(Inspected {
            source: written(),
            roots: Roots::of(&self.variables),
            variables: self.variables,
            single: false,
            needs: Vec::new(),
            leaves: Vec::new(),
            outlines: Vec::new(),
            asked: Vec::new(),
        })
    }

    fn fault(&mut self, range: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.faults.push(Fault::new(range, message).hint(hint));
    }

    pub(super) fn statements(&mut self, statements: &[ast::Stmt<'a>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &ast::Stmt<'a>) {
        match statement {
            ast::Stmt::EmitRaw(_) => {}
            ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            ast::Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            ast::Stmt::ForLoop(each) if !each.recursive => self.each(each),
            _ => {
                self.refused = true;
                let hint = "write it as an expression; only `{% if %}` and `{% for %}` are known";
                self.fault(
                    0..self.source.len(),
                    "a statement that tables do not have",
                    Some(hint.to_owned()),
                );
            }
        }
    }

    fn each(&mut self, each: &ast::ForLoop<'a>) {
        // Text put together here could be put together again inside, doubling at every level.
        let joints = self.joints;
        self.expression(&each.iter);
        if self.joints > joints || puts_together(&each.iter) {
            self.fault(
                range_of(&each.iter),
                "a loop runs over what is there, not over what it puts together",
                None,
            );
        }
        let outside = self.scope.len();
        self.scope.enter(each);
        if let Some(filter) = &each.filter_expr {
            self.expression(filter);
        }
        self.statements(&each.body);
        self.scope.truncate(outside);
        self.statements(&each.else_body);
    }

    pub(super) fn expression(&mut self, expression: &ast::Expr<'a>) {
        if let Some(chain) = chain(expression) {
            return self.chain(&chain, expression);
        }
        match expression {
            ast::Expr::Var(_) | ast::Expr::Const(_) => {}
            ast::Expr::Slice(slice) => {
                self.filters += 1;
                self.expression(&slice.expr);
                for part in [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                {
                    self.expression(part);
                }
            }
            ast::Expr::UnaryOp(unary) => self.expression(&unary.expr),
            ast::Expr::BinOp(binary) => self.binary(binary),
            ast::Expr::Compare(compare) => {
                if let [step] = compare.ops.as_slice()
                    && matches!(step.op, ast::CompareOpKind::Eq | ast::CompareOpKind::Ne)
                {
                    self.compared(&compare.expr, &step.expr);
                }
                self.expression(&compare.expr);
                for step in &compare.ops {
                    self.expression(&step.expr);
                }
            }
            ast::Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                if let Some(otherwise) = &choice.false_expr {
                    self.expression(otherwise);
                }
            }
            ast::Expr::Filter(filter) => self.filter(filter),
            ast::Expr::Test(test) => {
                self.filters += 1;
                self.known(test.name, TESTS, "test", span(test.span()));
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            ast::Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            ast::Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => self.expressions(&list.items),
            ast::Expr::Tuple(tuple) => self.expressions(&tuple.items),
            ast::Expr::Map(map) => {
                self.expressions(&map.keys);
                self.expressions(&map.values);
            }
        }
    }

    fn expressions(&mut self, expressions: &[ast::Expr<'a>]) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'a>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(expression)
                | ast::CallArg::Kwarg(_, expression)
                | ast::CallArg::PosSplat(expression)
                | ast::CallArg::KwargSplat(expression) => self.expression(expression),
            }
        }
    }

    fn binary(&mut self, binary: &ast::Spanned<ast::BinOp<'a>>) {
        let are_numbers =
            is_number(&binary.left, &self.scope) && is_number(&binary.right, &self.scope);
        match binary.op {
            ast::BinOpKind::Mul if !are_numbers => {
                self.fault(
                    span(binary.span()),
                    "`*` multiplies numbers only",
                    Some("say that it is one: `x | float` or `x | int`".to_owned()),
                );
            }
            // A sum of numbers puts no text together.
            ast::BinOpKind::Add if are_numbers => {}
            ast::BinOpKind::Add | ast::BinOpKind::Concat => self.joints += 1,
            ast::BinOpKind::Eq | ast::BinOpKind::Ne => {
                self.compared(&binary.left, &binary.right);
            }
            _ => {}
        }
        self.expression(&binary.left);
        self.expression(&binary.right);
    }

    /// What never is equal: a member and nothing, or an object as a whole.
    fn compared(&mut self, left: &ast::Expr<'a>, right: &ast::Expr<'a>) {
        for (one, other) in [(left, right), (right, left)] {
            let Some(chain) = chain(one).filter(|chain| !self.scope.binds(chain.root.id)) else {
                continue;
            };
            let path = chain.path();
            if other.as_const().is_some_and(|value| value.is_none()) {
                let hint = format!("write `{path} is undefined` or `{path} is defined`");
                self.fault(
                    range_of(other),
                    "nothing is equal to `none`: null counts as missing",
                    Some(hint),
                );
            }
            if chain.parts.is_empty() && KNOWN.iter().any(|(known, _)| *known == path) {
                self.fault(
                    range_of(one),
                    format!("`{path}` is an object, and equal to nothing"),
                    Some(format!("a text stands in quotes: '{path}'")),
                );
            }
        }
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'a>>) {
        self.filters += 1;
        self.known(filter.name, FILTERS, "filter", span(filter.span()));
        let by_name = filter
            .args
            .iter()
            .any(|argument| !matches!(argument, ast::CallArg::Kwarg(..)));
        if filter.name == "map" && by_name {
            self.fault(
                span(filter.span()),
                "`map` takes `attribute = \"…\"` only",
                None,
            );
        }
        self.named_test(filter);
        if let Some(expression) = &filter.expr {
            self.expression(expression);
        }
        self.arguments(&filter.args);
    }

    /// `select('eq', 5)`: the test is named by a text, which the engine looks up when it is run.
    fn named_test(&mut self, filter: &ast::Spanned<ast::Filter<'a>>) {
        let place = match filter.name {
            "select" | "reject" => 0,
            "selectattr" | "rejectattr" => 1,
            _ => return,
        };
        if let Some(ast::CallArg::Pos(test)) = filter.args.get(place)
            && let Some(name) = test.as_const()
            && let Some(name) = name.as_str()
        {
            self.known(name, TESTS, "test", range_of(test));
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'a>>) {
        match &call.expr {
            ast::Expr::Var(function) => {
                self.known(function.id, FUNCTIONS, "function", span(function.span()));
            }
            other => {
                let hint = match other {
                    ast::Expr::GetAttr(method) => foreign::method_meant(method.name),
                    _ => None,
                };
                let hint = hint.unwrap_or_else(|| "use a filter: `x | upper`".to_owned());
                self.fault(range_of(other), "values have no methods", Some(hint));
            }
        }
        self.arguments(&call.args);
    }

    fn known(&mut self, name: &str, known: &[&'static str], what: &str, range: Range<usize>) {
        if !known.contains(&name) {
            let near = foreign::name_meant(name, known);
            let near = near.or_else(|| did_you_mean(name, known.iter().copied()));
            let hint = match (near, foreign::without_it(name)) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Some(hint)) => hint.to_owned(),
                (None, None) => format!("there are: {}", known.join(", ")),
            };
            self.fault(range, format!("unknown {what} `{name}`"), Some(hint));
        }
    }

    fn chain(&mut self, chain: &Chain<'_, 'a>, expression: &ast::Expr<'a>) {
        let root = chain.root.id;
        let range = range_of(expression);
        if self.scope.binds(root) {
            if let Some(member) = self.scope.lacks(chain) {
                let members = Scope::LOOP.join(", ");
                let hint = did_you_mean(member, Scope::LOOP.iter().copied()).map_or_else(
                    || format!("`loop` has: {members}"),
                    |near| format!("did you mean `loop.{near}`?"),
                );
                self.fault(range, format!("`loop` has no `{member}`"), Some(hint));
            }
            return;
        }
        if OPEN.contains(&root) {
            // Its members are the sender's.
        } else if let Some((_, members)) = KNOWN.iter().find(|(known, _)| *known == root) {
            self.member(chain, members, range);
        } else if !self.refused {
            self.unknown(root, range);
        }
        self.variables.insert(chain.path());
    }

    /// A member of an object whose members are fixed, none of which has members of its own.
    fn member(&mut self, chain: &Chain<'_, 'a>, members: &[&str], range: Range<usize>) {
        let root = chain.root.id;
        let Some(member) = chain.parts.first() else {
            return;
        };
        if !members.contains(&member.as_str()) {
            let hint = did_you_mean(member, members.iter().copied()).map_or_else(
                || format!("`{root}` has: {}", members.join(", ")),
                |near| format!("did you mean `{root}.{near}`?"),
            );
            self.fault(range, format!("`{root}` has no `{member}`"), Some(hint));
        } else if let Some(inner) = chain.parts.get(1) {
            let is_place = inner.parse::<usize>().is_ok();
            let hint = is_place.then(|| format!("a piece of a text: `{root}.{member}[:1]`"));
            let message = format!("`{root}.{member}` has no `{inner}`: it is a single value");
            self.fault(range, message, hint);
        }
    }

    fn unknown(&mut self, name: &str, range: Range<usize>) {
        let roots = || {
            KNOWN
                .iter()
                .map(|(known, _)| *known)
                .chain(OPEN.iter().copied())
        };
        let hint = foreign::value_meant(name)
            .or_else(|| did_you_mean(name, roots()).map(|near| format!("did you mean `{near}`?")))
            .unwrap_or_else(|| {
                let roots: Vec<&str> = roots().collect();
                format!(
                    "a text stands in quotes: '{name}'; variables are: {}",
                    roots.join(", ")
                )
            });
        self.fault(range, format!("unknown variable `{name}`"), Some(hint));
    }
}

/// A list written out with variables in it: each could be a payload, at every turn of an inner loop.
fn puts_together(list: &ast::Expr<'_>) -> bool {
    match list {
        ast::Expr::List(_) | ast::Expr::Tuple(_) | ast::Expr::Map(_) => list.as_const().is_none(),
        ast::Expr::Filter(filter) => filter.expr.as_ref().is_some_and(puts_together),
        _ => false,
    }
}
