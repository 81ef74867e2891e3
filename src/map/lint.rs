//! Reads an expression or a template before it may run: unknown names, and everything that the
//! sandbox could not bound, are faults at their exact place.
//!
//! Looks at syntax only. `expression` compiles what passes; `reader` turns faults into findings.

mod claims;
mod needs;
mod syntax;
mod walk;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{ast, parse, parse_expr};

use crate::map::context::Roots;
pub use claims::{Claim, Relation};
use needs::Needs;
pub use needs::{Need, Proven, is_proven};
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
    /// The source with every path into an open object written as one look-up.
    pub source: String,
    /// The paths that it names, such as `call.summary`.
    pub variables: BTreeSet<String>,
    pub roots: Roots,
    /// A template that is one `{{ … }}` and nothing else; `source` then is the expression.
    pub single: bool,
    /// What must be there for it to be evaluated.
    pub needs: Vec<Need>,
}

/// What a condition says, for those who know what can be.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    pub claims: Vec<Claim>,
    /// What is surely there where it holds.
    pub proven: Proven,
    /// The one member that it consists of, which then should be true or false.
    pub alone: Option<String>,
}

/// Inspects a condition.
pub fn inspect_expression(source: &str) -> Result<Inspected, Vec<Fault>> {
    check_length(source)?;
    let expression = parse_expr(source).map_err(|error| vec![fault_of(&error, source)])?;
    let mut walk = Walk::new(source);
    walk.expression(&expression);
    let mut inspected = walk.finish(source, true)?;
    inspected.needs = Needs::of_expression(&expression);
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
    }
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
        let mut inspected = inspect_expression(inner).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| fault.moved(offset))
                .collect::<Vec<_>>()
        })?;
        for need in &mut inspected.needs {
            need.range = moved(&need.range, offset);
        }
        return Ok(inspected);
    }
    let mut walk = Walk::new(source);
    walk.statements(&template.children);
    let mut inspected = walk.finish(source, false)?;
    inspected.needs = Needs::of_template(&template.children);
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
        self.range = moved(&self.range, by);
        self
    }
}
