//! Reads an expression or a template before it may run: unknown names, and everything that the
//! sandbox could not bound, are faults at their exact place.
//!
//! Looks at syntax only. `expression` compiles what passes; `reader` turns faults into findings.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{ast, parse, parse_expr};

use crate::diagnostic::did_you_mean;
use crate::map::context::{KNOWN, NUMBERS, OPEN, PATH};
use crate::map::sandbox::{FILTERS, FUNCTIONS, TESTS};

/// The longest template or condition.
const MAX_SOURCE_BYTES: usize = 4096;
/// The most places where text is put together in one template.
const MAX_JOINTS: usize = 64;

/// What is wrong, and where in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub range: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

/// A source that may be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The source with every path into an open object written as one look-up.
    pub source: String,
    /// The paths that it names, such as `call.summary`.
    pub variables: BTreeSet<String>,
    pub uses_body: bool,
    /// A template that is one `{{ … }}` and nothing else; `source` then is the expression.
    pub single: bool,
}

/// Inspects a condition.
pub fn inspect_expression(source: &str) -> Result<Inspected, Vec<Fault>> {
    check_length(source)?;
    let expression = parse_expr(source).map_err(|error| vec![fault_of(&error, source)])?;
    let mut walk = Walk::new(source);
    walk.expression(&expression);
    walk.finish(source, true)
}

/// Inspects a value that holds `{{ … }}` or `{% … %}`.
pub fn inspect_template(source: &str) -> Result<Inspected, Vec<Fault>> {
    check_length(source)?;
    let template = parse(source, "", minijinja::syntax::SyntaxConfig::default())
        .map_err(|error| vec![fault_of(&error, source)])?;
    let ast::Stmt::Template(template) = &template else {
        return Err(vec![Fault::new(0..source.len(), "not a template")]);
    };
    if let ([ast::Stmt::EmitExpr(_)], Some((offset, inner))) =
        (template.children.as_slice(), single(source))
    {
        return inspect_expression(inner).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| fault.moved(offset))
                .collect()
        });
    }
    let mut walk = Walk::new(source);
    walk.statements(&template.children);
    walk.finish(source, false)
}

/// The expression inside `{{ … }}`, and where it starts.
fn single(source: &str) -> Option<(usize, &str)> {
    let start = source.find("{{")? + 2;
    let end = source.rfind("}}")?;
    let mut inner = source.get(start..end)?;
    let mut offset = start;
    if inner.starts_with(['-', '+']) {
        inner = &inner[1..];
        offset += 1;
    }
    Some((offset, inner.strip_suffix(['-', '+']).unwrap_or(inner)))
}

fn check_length(source: &str) -> Result<(), Vec<Fault>> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("longer than {MAX_SOURCE_BYTES} bytes");
        return Err(vec![Fault::new(0..source.len(), message)]);
    }
    Ok(())
}

/// The engine's own syntax error; it speaks of the source, which is no secret.
pub fn fault_of(error: &minijinja::Error, source: &str) -> Fault {
    let range = error.range().unwrap_or(0..source.len());
    let detail = error.detail().unwrap_or("not an expression");
    Fault::new(range, format!("does not compile: {detail}"))
}

impl Fault {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    fn moved(mut self, by: usize) -> Self {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

struct Walk<'a> {
    source: &'a str,
    faults: Vec<Fault>,
    variables: BTreeSet<String>,
    /// Places to be written differently, in order.
    edits: Vec<(Range<usize>, String)>,
    /// Names that loops bind.
    scope: Vec<&'a str>,
    joints: usize,
}

/// A variable followed by members that are written out.
struct Chain<'e, 'a> {
    root: &'e ast::Spanned<ast::Var<'a>>,
    parts: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            faults: Vec::new(),
            variables: BTreeSet::new(),
            edits: Vec::new(),
            scope: Vec::new(),
            joints: 0,
        }
    }

    fn finish(mut self, source: &str, single: bool) -> Result<Inspected, Vec<Fault>> {
        if self.joints > MAX_JOINTS {
            let message = format!("puts text together in more than {MAX_JOINTS} places");
            self.fault(0..source.len(), message, None);
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let mut rewritten = source.to_owned();
        self.edits.sort_by_key(|(range, _)| range.start);
        for (range, text) in self.edits.into_iter().rev() {
            rewritten.replace_range(range, &text);
        }
        Ok(Inspected {
            source: rewritten,
            uses_body: self
                .variables
                .iter()
                .any(|path| path == "body" || path.starts_with("body.")),
            variables: self.variables,
            single,
        })
    }

    fn fault(&mut self, range: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.faults.push(Fault::new(range, message).hint(hint));
    }

    fn statements(&mut self, statements: &[ast::Stmt<'a>]) {
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
        if self.joints > joints {
            self.fault(
                range_of(&each.iter),
                "a loop runs over what is there, not over what it puts together",
                None,
            );
        }
        let outside = self.scope.len();
        self.scope.push("loop");
        match &each.target {
            ast::Expr::Var(name) => self.scope.push(name.id),
            ast::Expr::Tuple(names) => self.bind(&names.items),
            ast::Expr::List(names) => self.bind(&names.items),
            _ => {}
        }
        if let Some(filter) = &each.filter_expr {
            self.expression(filter);
        }
        self.statements(&each.body);
        self.scope.truncate(outside);
        self.statements(&each.else_body);
    }

    fn bind(&mut self, names: &[ast::Expr<'a>]) {
        for name in names {
            if let ast::Expr::Var(name) = name {
                self.scope.push(name.id);
            }
        }
    }

    fn expression(&mut self, expression: &ast::Expr<'a>) {
        if let Some(chain) = chain(expression) {
            return self.chain(&chain, expression);
        }
        match expression {
            ast::Expr::Var(_) | ast::Expr::Const(_) => {}
            ast::Expr::Slice(slice) => {
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
        match binary.op {
            ast::BinOpKind::Mul if !(is_number(&binary.left) && is_number(&binary.right)) => {
                self.fault(
                    span(binary.span()),
                    "`*` multiplies numbers only",
                    Some("say that it is one: `x | float` or `x | int`".to_owned()),
                );
            }
            ast::BinOpKind::Add | ast::BinOpKind::Concat => self.joints += 1,
            _ => {}
        }
        self.expression(&binary.left);
        self.expression(&binary.right);
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'a>>) {
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
        if let Some(expression) = &filter.expr {
            self.expression(expression);
        }
        self.arguments(&filter.args);
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'a>>) {
        match &call.expr {
            ast::Expr::Var(function) => {
                self.known(function.id, FUNCTIONS, "function", span(function.span()));
            }
            other => {
                let hint = "use a filter: `x | upper`";
                self.fault(
                    range_of(other),
                    "values have no methods",
                    Some(hint.to_owned()),
                );
            }
        }
        self.arguments(&call.args);
    }

    fn known(&mut self, name: &str, known: &[&str], what: &str, range: Range<usize>) {
        if !known.contains(&name) {
            let hint = did_you_mean(name, known.iter().copied());
            self.fault(
                range,
                format!("unknown {what} `{name}`"),
                Some(hint.map_or_else(
                    || format!("there are: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                )),
            );
        }
    }

    fn chain(&mut self, chain: &Chain<'_, 'a>, expression: &ast::Expr<'a>) {
        let root = chain.root.id;
        if self.scope.contains(&root) {
            return;
        }
        let start = span(chain.root.span()).start;
        let range = start..range_of(expression).end;
        if OPEN.contains(&root) {
            if chain.parts.len() > 1 && !chain.parts.iter().any(|part| part.contains(PATH)) {
                self.edits.push((range, one_look_up(root, &chain.parts)));
            }
        } else if let Some((_, members)) = KNOWN.iter().find(|(known, _)| *known == root) {
            if let Some(member) = chain.parts.first()
                && !members.contains(&member.as_str())
            {
                let hint = did_you_mean(member, members.iter().copied()).map_or_else(
                    || format!("`{root}` has: {}", members.join(", ")),
                    |near| format!("did you mean `{root}.{near}`?"),
                );
                self.fault(range, format!("`{root}` has no `{member}`"), Some(hint));
            }
        } else {
            let roots = || {
                KNOWN
                    .iter()
                    .map(|(known, _)| *known)
                    .chain(OPEN.iter().copied())
            };
            let hint = did_you_mean(root, roots()).map_or_else(
                || format!("there are: {}", roots().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.fault(range, format!("unknown variable `{root}`"), Some(hint));
        }
        let mut path = root.to_owned();
        for part in &chain.parts {
            path.push('.');
            path.push_str(part);
        }
        self.variables.insert(path);
    }
}

/// `body.a.b` as one look-up of a path.
fn one_look_up(root: &str, parts: &[String]) -> String {
    let mut key = String::new();
    for part in parts {
        key.push(PATH);
        key.push_str(part);
    }
    let quoted = serde_json::Value::String(key);
    format!("{root}[{quoted}]")
}

/// The chain that an expression is, if it is nothing else.
fn chain<'e, 'a>(expression: &'e ast::Expr<'a>) -> Option<Chain<'e, 'a>> {
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
fn is_number(expression: &ast::Expr<'_>) -> bool {
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
        _ => chain(expression).is_some_and(|chain| {
            let path = format!("{}.{}", chain.root.id, chain.parts.join("."));
            NUMBERS.contains(&path.as_str())
        }),
    }
}

fn span(span: minijinja::machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

fn range_of(expression: &ast::Expr<'_>) -> Range<usize> {
    span(expression.span())
}
