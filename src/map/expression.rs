//! Templates and conditions: compiled once, evaluated per event, typed on the way out.
//!
//! What goes wrong at run time is told by kind and by the names of missing variables, never by
//! value: payloads do not belong in reasons and logs.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;
use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Value};
use serde_json::Value as Json;

use crate::map::budget;
use crate::map::context::{Context, Roots};
use crate::map::lint::{self, Asked, Fault, Inspected, Meaning, Need, Outline};
use crate::map::sandbox::{
    COMPARES, ENVIRONMENT, Limited, MAX_FILTER_BYTES, MAX_OUTPUT_BYTES, MAX_RANGE, TOO_LARGE,
    TOO_MUCH, text_of,
};
use crate::systems::members::MemberType;
use crate::systems::nlpearl::vocabulary;
use crate::systems::nlpearl::zones::WINDOWS_ZONES;

/// A compiled expression with the names that it uses.
#[derive(Debug)]
struct Expression {
    compiled: minijinja::Expression<'static, 'static>,
    roots: Roots,
}

/// A condition (`when`).
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
    variables: BTreeSet<String>,
    /// What must be there for it to be evaluated.
    pub needs: Vec<Need>,
    pub meaning: Meaning,
}

impl Condition {
    pub fn compile(source: &str) -> Result<Self, Vec<Fault>> {
        let inspected = lint::inspect_condition(source)?;
        Ok(Self {
            expression: compile(&inspected, source)?,
            variables: inspected.variables,
            needs: inspected.needs,
            meaning: lint::meaning_of(source),
        })
    }

    /// What it always is, if it looks at nothing.
    pub fn constant(&self) -> Option<Result<bool, String>> {
        if !self.variables.is_empty() {
            return None;
        }
        budget::refill();
        let result = self.expression.compiled.eval(());
        Some(match result {
            Ok(value) if value.kind() == ValueKind::Bool => Ok(value.is_true()),
            Ok(value) => Err(format!("is {}, not true or false", kind_name(value.kind()))),
            Err(error) => Err(in_full(&error)),
        })
    }

    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    pub fn is_constant(&self) -> bool {
        self.variables.is_empty()
    }

    /// What it comes to, whatever that is.
    pub fn attempt(&self, context: &Context<'_>) -> Result<Value, minijinja::Error> {
        self.expression.evaluate(context)
    }

    /// Whether it holds; an error is the reason why nobody can tell.
    pub fn holds(&self, context: &Context<'_>) -> Result<bool, String> {
        let result = self
            .expression
            .evaluate(context)
            .map_err(|error| explain(&error, &self.variables, context))?;
        match result.kind() {
            ValueKind::Bool => Ok(result.is_true()),
            ValueKind::Undefined => Err(explain_kind(
                ErrorKind::UndefinedError,
                &self.variables,
                context,
            )),
            other => Err(format!("is {}, not true or false", kind_name(other))),
        }
    }
}

/// A member's value with `{{ … }}` in it.
#[derive(Debug)]
pub struct Template {
    form: Form,
    variables: BTreeSet<String>,
    /// What must be there for it to be evaluated.
    pub needs: Vec<Need>,
    /// Written-out values that it may come to as a whole, each with its place.
    pub leaves: Vec<(Value, Range<usize>)>,
    /// What it may come to where text stands around.
    pub outlines: Vec<Outline>,
    /// What it asks on its way.
    pub asked: Vec<Asked>,
}

#[derive(Debug)]
enum Form {
    /// One single `{{ … }}`: keeps its type.
    Typed(Expression),
    /// Anything else: text. The environment holds this one template, under [`NAME`].
    Text {
        environment: Box<Environment<'static>>,
        roots: Roots,
    },
}

const NAME: &str = "value";

impl Template {
    /// Whether a value of a table is to be read as a template.
    pub fn is_one(text: &str) -> bool {
        ["{{", "{%", "{#"]
            .iter()
            .any(|opening| text.contains(opening))
    }

    pub fn compile(source: &str) -> Result<Self, Vec<Fault>> {
        let inspected = lint::inspect_template(source)?;
        let form = if inspected.single {
            Form::Typed(compile(&inspected, source)?)
        } else {
            let mut environment = ENVIRONMENT.clone();
            environment
                .add_template_owned(NAME, inspected.source)
                .map_err(|error| vec![lint::uncompilable(&error, source)])?;
            Form::Text {
                environment: Box::new(environment),
                roots: inspected.roots,
            }
        };
        Ok(Self {
            form,
            variables: inspected.variables,
            needs: inspected.needs,
            leaves: inspected.leaves,
            outlines: inspected.outlines,
            asked: inspected.asked,
        })
    }

    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// What it comes to where it looks at nothing; `Ok(None)` is nothing.
    pub fn constant(&self, member: MemberType) -> Option<Result<Option<Json>, String>> {
        if !self.variables.is_empty() {
            return None;
        }
        budget::refill();
        let value = match &self.form {
            Form::Typed(expression) => expression.compiled.eval(()),
            Form::Text { environment, .. } => render(environment, ().into()).map(Value::from),
        };
        Some(match value {
            Ok(value) => typed(&value, member),
            Err(error) => Err(in_full(&error)),
        })
    }

    /// What it comes to, whatever that is.
    pub fn attempt(&self, context: &Context<'_>) -> Result<Value, minijinja::Error> {
        match &self.form {
            Form::Typed(expression) => expression.evaluate(context),
            Form::Text { environment, roots } => {
                let text = render(environment, context.root(*roots));
                within_budget(text.map(Value::from))
            }
        }
    }

    /// The member's value; `None` leaves the member out.
    pub fn evaluate(
        &self,
        member: MemberType,
        context: &Context<'_>,
    ) -> Result<Option<Json>, String> {
        let value = match &self.form {
            Form::Typed(expression) => {
                let value = expression
                    .evaluate(context)
                    .map_err(|error| explain(&error, &self.variables, context))?;
                present(&value).map_err(|error| explain(&error, &self.variables, context))?;
                value
            }
            Form::Text { environment, roots } => {
                let text = render(environment, context.root(*roots));
                within_budget(text.map(Value::from))
                    .map_err(|error| explain(&error, &self.variables, context))?
            }
        };
        typed(&value, member)
    }
}

impl Expression {
    fn evaluate(&self, context: &Context<'_>) -> Result<Value, minijinja::Error> {
        let value = self.compiled.eval(context.root(self.roots));
        within_budget(value)
    }
}

/// Whether a result is there: an `if` without `else` gives nothing on purpose, and anything else
/// that is undefined is missing.
pub fn present(value: &Value) -> Result<(), minijinja::Error> {
    if !value.is_undefined() {
        return Ok(());
    }
    let mut state = ENVIRONMENT.empty_state();
    state.format(value.clone()).map(|_| ())
}

/// Whatever came of it: not everything was looked at.
fn within_budget(result: Result<Value, minijinja::Error>) -> Result<Value, minijinja::Error> {
    if budget::is_spent() {
        return Err(minijinja::Error::new(ErrorKind::OutOfFuel, TOO_MUCH));
    }
    result
}

fn compile(inspected: &Inspected, source: &str) -> Result<Expression, Vec<Fault>> {
    ENVIRONMENT
        .compile_expression_owned(inspected.source.clone())
        .map(|compiled| Expression {
            compiled,
            roots: inspected.roots,
        })
        .map_err(|error| vec![lint::uncompilable(&error, source)])
}

fn render(environment: &Environment<'static>, root: Value) -> Result<String, minijinja::Error> {
    let mut limited = Limited::new(MAX_OUTPUT_BYTES);
    environment
        .get_template(NAME)?
        .render_captured_to(root, &mut limited)?;
    limited
        .into_text()
        .map_err(|_| minijinja::Error::from(ErrorKind::BadEscape))
}

/// A result as the member's type wants it.
pub fn typed(value: &Value, member: MemberType) -> Result<Option<Json>, String> {
    let text = match value.kind() {
        ValueKind::Undefined | ValueKind::None => return Ok(None),
        ValueKind::Bool if matches!(member, MemberType::Bool | MemberType::Plain) => {
            return Ok(Some(Json::Bool(value.is_true())));
        }
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(|n| !n.is_finite()) => {
            return Err("is no number that can be written".to_owned());
        }
        ValueKind::Number if member == MemberType::Plain => {
            return match serde_json::to_value(value) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err("is no number that can be written".to_owned()),
            };
        }
        ValueKind::String | ValueKind::Bool | ValueKind::Number => text_of(value),
        other => return Err(format!("is {}, not {}", kind_name(other), wanted(member))),
    };
    // Blanks alone say nothing either.
    if text.trim().is_empty() {
        return Ok(None);
    }
    if text.len() > MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    convert(&text, member).map(Some)
}

/// Text as the member's type wants it; the same for results and for literals in a table.
pub fn convert(text: &str, member: MemberType) -> Result<Json, String> {
    let converted = match member {
        MemberType::Text => Some(Json::from(text)),
        MemberType::Bool => text.parse::<bool>().ok().map(Json::Bool),
        MemberType::Instant => text
            .trim()
            .parse::<Timestamp>()
            .ok()
            .map(|instant| Json::from(instant.to_string())),
        MemberType::Enum(words) => words
            .iter()
            .find(|word| **word == text)
            .map(|word| Json::from(*word)),
        MemberType::Whole => text.trim().parse::<i64>().ok().map(Json::from),
        MemberType::WritableStatus => return writable_status(text),
        MemberType::WindowsZone => WINDOWS_ZONES
            .iter()
            .find(|zone| **zone == text)
            .map(|zone| Json::from(*zone)),
        MemberType::Plain => Some(Json::from(text)),
        MemberType::Texts | MemberType::Values | MemberType::Keys(_) => None,
    };
    converted.ok_or_else(|| format!("is not {}", wanted(member)))
}

/// The number of a status that NLPearl lets one write.
fn writable_status(text: &str) -> Result<Json, String> {
    let known = vocabulary::number_in(text).and_then(vocabulary::by_number);
    match known {
        Some(status) if status.writable => Ok(Json::from(status.number)),
        Some(status) => Err(format!(
            "is {} {}, which NLPearl does not let one write",
            status.number, status.name
        )),
        None => Err(format!("is not {}", wanted(MemberType::WritableStatus))),
    }
}

/// "an RFC 3339 date-time", for people.
pub fn wanted(member: MemberType) -> String {
    match member {
        MemberType::Text => "text".to_owned(),
        MemberType::Bool => "true or false".to_owned(),
        MemberType::Instant => "an RFC 3339 date-time".to_owned(),
        MemberType::Enum(words) => format!("one of {}", words.join(", ")),
        MemberType::Whole => "a whole number".to_owned(),
        MemberType::WritableStatus => format!("one of {}", vocabulary::writable_statuses()),
        MemberType::WindowsZone => "the Windows name of a time zone".to_owned(),
        MemberType::Plain => "text, a number, or true or false".to_owned(),
        MemberType::Texts => "a list of texts".to_owned(),
        MemberType::Values | MemberType::Keys(_) => "a table of plain values".to_owned(),
    }
}

fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined => "missing",
        ValueKind::None => "null",
        ValueKind::Bool => "a bool",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "something else",
    }
}

/// Why an evaluation failed, with the engine's words: only where no payload was looked at.
pub fn in_full(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (_, Some(detail)) if is_ours(detail) => detail.to_owned(),
        (ErrorKind::OutOfFuel, _) => TOO_MANY_STEPS.to_owned(),
        (ErrorKind::WriteFailure, _) => too_long(),
        (_, Some(TOO_LARGE)) => too_large(),
        (_, Some(detail)) => format!("cannot be evaluated: {detail}"),
        (kind, None) => format!("cannot be evaluated: {kind}"),
    }
}

const TOO_MANY_STEPS: &str = "takes too many steps";

/// Texts of the sandbox, in which no value stands.
fn is_ours(detail: &str) -> bool {
    detail == TOO_MUCH || detail.starts_with(COMPARES)
}

fn too_long() -> String {
    format!("is longer than {MAX_OUTPUT_BYTES} bytes")
}

fn too_large() -> String {
    format!("{TOO_LARGE}: range() counts to {MAX_RANGE}, a filter makes {MAX_FILTER_BYTES} bytes")
}

fn explain(
    error: &minijinja::Error,
    variables: &BTreeSet<String>,
    context: &Context<'_>,
) -> String {
    match error.detail() {
        Some(TOO_LARGE) => too_large(),
        Some(detail) if is_ours(detail) => detail.to_owned(),
        _ => explain_kind(error.kind(), variables, context),
    }
}

/// Why an evaluation failed, without a value in it.
fn explain_kind(kind: ErrorKind, variables: &BTreeSet<String>, context: &Context<'_>) -> String {
    match kind {
        ErrorKind::OutOfFuel => TOO_MANY_STEPS.to_owned(),
        ErrorKind::WriteFailure => too_long(),
        kind => {
            let missing: Vec<String> = variables
                .iter()
                .filter(|path| context.lacks(path))
                .map(|path| format!("`{path}`"))
                .collect();
            if missing.is_empty() {
                format!("cannot be evaluated: {kind}")
            } else {
                format!(
                    "cannot be evaluated: {kind}; missing: {}",
                    missing.join(", ")
                )
            }
        }
    }
}
