//! Reads an expression or a template before it may run: unknown names, and everything that the
//! sandbox could not bound, are faults at their exact place.
//!
//! Looks at syntax only. `expression` compiles what passes; `reader` turns faults into findings.

mod asked;
mod claims;
mod foreign;
mod leaves;
mod logic;
mod needs;
mod outline;
mod stray;
mod syntax;
mod walk;
mod write;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::{ast, parse, parse_expr};

use crate::map::context::Roots;
pub use asked::Asked;
pub use claims::{Claim, Relation};
pub use logic::{Atom, Fact, Logic, Subject};
use needs::Needs;
pub use needs::{Need, Proven, is_proven, kind_proven};
pub use outline::{Outline, Part};
pub use stray::Stray;
use walk::Walk;

/// The longest template or condition.
const MAX_SOURCE_BYTES: usize = 4096;

/// What is wrong, and where in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub range: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

/// A source that may be compiled.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The source as it is compiled: within bounds.
    pub source: String,
    /// The paths that it names, such as `call.summary`.
    pub variables: BTreeSet<String>,
    pub roots: Roots,
    /// A template that is one `{{ … }}` and nothing else; `source` then is the expression.
    pub single: bool,
    /// What must be there for it to be evaluated.
    pub needs: Vec<Need>,
    /// Written-out values that it may come to as a whole, each with its place.
    pub leaves: Vec<(Value, Range<usize>)>,
    /// What it may come to where text stands around.
    pub outlines: Vec<Outline>,
    /// What a template asks on its way.
    pub asked: Vec<Asked>,
}

/// What a condition says, for those who know what can be.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    pub claims: Vec<Claim>,
    /// What is surely there where it holds.
    pub proven: Proven,
    /// The one member that it consists of, which then should be true or false.
    pub alone: Option<String>,
    pub logic: Logic,
    /// Values where a question should stand.
    pub strays: Vec<Stray>,
}

/// Inspects a condition.
pub fn inspect_condition(source: &str) -> Result<Inspected, Vec<Fault>> {
    if source.contains("{{") {
        let inner = source.trim().strip_prefix("{{");
        let inner = inner.and_then(|inner| inner.strip_suffix("}}"));
        let hint = match inner.filter(|inner| !inner.contains("}}")) {
            Some(inner) => format!("write `{}`", inner.trim()),
            None => String::from("take `{{` and `}}` out"),
        };
        let fault = Fault::new(0..source.len(), "a condition stands without braces");
        return Err(vec![fault.hint(Some(hint))]);
    }
    inspect_expression(source)
}

/// Inspects what stands between braces, or is a condition.
fn inspect_expression(source: &str) -> Result<Inspected, Vec<Fault>> {
    check_length(source)?;
    let expression = parse_expr(source)
        .map_err(|error| unreadable(&error, source, std::slice::from_ref(&(0..source.len()))))?;
    let mut walk = Walk::new(source);
    walk.expression(&expression);
    let mut inspected = walk.finish(source, || write::expression(&expression))?;
    inspected.single = true;
    inspected.needs = Needs::of_expression(&expression);
    inspected.leaves = leaves::of_expression(&expression);
    inspected.outlines = outline::of_expression(&expression);
    Ok(inspected)
}

/// What a condition that passed [`inspect_expression`] says.
pub fn meaning_of(source: &str) -> Meaning {
    let Ok(expression) = parse_expr(source) else {
        return Meaning::default();
    };
    let mut claims = Vec::new();
    claims::claims(&expression, true, &mut claims);
    Meaning {
        claims,
        proven: needs::proven_by(&expression, true),
        alone: needs::fallback(&expression).map(|(path, _)| path),
        logic: logic::of(&expression),
        strays: stray::strays(&expression, source),
    }
}

/// Inspects a value that holds `{{ … }}` or `{% … %}`.
pub fn inspect_template(source: &str) -> Result<Inspected, Vec<Fault>> {
    check_length(source)?;
    let template = parse(source, "", minijinja::syntax::SyntaxConfig::default())
        .map_err(|error| unreadable(&error, source, &code_of(source)))?;
    let ast::Stmt::Template(template) = &template else {
        return Err(vec![Fault::new(0..source.len(), "not a template")]);
    };
    if let ([ast::Stmt::EmitExpr(_)], Some((offset, inner))) =
        (template.children.as_slice(), single(source))
    {
        let mut inspected = inspect_expression(inner).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| fault.moved(offset))
                .collect::<Vec<_>>()
        })?;
        for need in &mut inspected.needs {
            need.range = moved(&need.range, offset);
        }
        for (_, range) in &mut inspected.leaves {
            *range = moved(range, offset);
        }
        for outline in &mut inspected.outlines {
            outline.range = moved(&outline.range, offset);
        }
        inspected.asked = asked::in_template(&template.children, source);
        return Ok(inspected);
    }
    let mut walk = Walk::new(source);
    walk.statements(&template.children);
    let mut inspected = walk.finish(source, || write::template(&template.children))?;
    inspected.needs = Needs::of_template(&template.children);
    inspected.leaves = leaves::of_template(&template.children);
    inspected.outlines = outline::of_template(&template.children);
    inspected.asked = asked::in_template(&template.children, source);
    Ok(inspected)
}

fn moved(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
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

/// What does not compile: by what was probably meant, or else in the engine's words.
fn unreadable(error: &minijinja::Error, source: &str, code: &[Range<usize>]) -> Vec<Fault> {
    for range in code {
        let inner = source[range.clone()].trim();
        let is_statement = source[..range.start].ends_with("{%");
        if inner.is_empty() {
            return vec![Fault::new(range.clone(), "is empty")];
        }
        if inner.starts_with("if ") && !is_statement {
            let fault = Fault::new(range.clone(), "does not compile: `if` comes second");
            let hint = "write `{{ a if condition else b }}`, or `{% if condition %}a{% endif %}`";
            return vec![fault.hint(Some(hint.to_owned()))];
        }
    }
    if let Some(open) = unclosed(source, code) {
        return vec![open];
    }
    let foreign = foreign::faults(source, code);
    if foreign.is_empty() {
        vec![fault_of(error, source)]
    } else {
        foreign
    }
}

/// A brace or a quote that nothing closes.
fn unclosed(source: &str, code: &[Range<usize>]) -> Option<Fault> {
    for (opening, closing) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
        let Some(at) = source.rfind(opening) else {
            continue;
        };
        let is_code = code.contains(&(0..source.len()));
        if !is_code && !source[at..].contains(closing) {
            let fault = Fault::new(
                at..at + 2,
                format!("does not compile: `{opening}` is not closed"),
            );
            return Some(fault.hint(Some(format!("it ends with `{closing}`"))));
        }
    }
    code.iter().find_map(|range| {
        let at = range.start + foreign::open_quote(&source[range.clone()])?;
        let fault = Fault::new(
            at..range.end,
            "does not compile: the text in quotes does not end",
        );
        Some(fault.hint(Some("close it with the same quote".to_owned())))
    })
}

/// Where a template holds expressions, braces excluded.
fn code_of(source: &str) -> Vec<Range<usize>> {
    let mut code = Vec::new();
    let mut at = 0;
    while let Some(start) = source[at..]
        .find("{{")
        .into_iter()
        .chain(source[at..].find("{%"))
        .min()
    {
        let start = at + start + 2;
        let closing = if source[..start].ends_with("{%") {
            "%}"
        } else {
            "}}"
        };
        let Some(length) = source[start..].find(closing) else {
            break;
        };
        code.push(start..start + length);
        at = start + length + 2;
    }
    code
}

/// What stands too deep once it is written as it is compiled.
pub fn uncompilable(error: &minijinja::Error, source: &str) -> Fault {
    let detail = error.detail().unwrap_or("not an expression");
    Fault::new(0..source.len(), format!("does not compile: {detail}"))
}

/// The engine's own syntax error; it speaks of the source, which is no secret.
fn fault_of(error: &minijinja::Error, source: &str) -> Fault {
    let range = error.range().unwrap_or(0..source.len());
    let detail = error.detail().unwrap_or("not an expression");
    let hint = match source.get(range.clone()) {
        Some(",") => Some("a list stands in brackets: `x in [1, 2]`"),
        _ => foreign::advice(detail),
    };
    let hint = hint.map(str::to_owned);
    Fault::new(range, format!("does not compile: {detail}")).hint(hint)
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
        self.range = moved(&self.range, by);
        self
    }
}
