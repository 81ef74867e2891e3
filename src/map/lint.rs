//! Reads an expression or a template before it may run: unknown names, and everything that the
//! sandbox could not bound, are faults at their exact place.
//!
//! Looks at syntax only. `expression` compiles what passes; `reader` turns faults into findings.

mod syntax;
mod walk;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{ast, parse, parse_expr};

use crate::map::context::Roots;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The source with every path into an open object written as one look-up.
    pub source: String,
    /// The paths that it names, such as `call.summary`.
    pub variables: BTreeSet<String>,
    pub roots: Roots,
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
