//! What comes before what: numbers among numbers, texts among texts. The engine would put all texts
//! after all numbers, so that `'' > 18` were true; here it is a fault that names both.

use minijinja::machinery::ast::BinOpKind;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use super::cost::{charge, native, weight};

/// How a fault of order is told from all others: no value stands in it, only kinds.
pub const COMPARES: &str = "compares ";

/// The filter for several comparisons in a row, `1 < x < 5`.
pub const IN_ROW: &str = "__row";

/// The filter that an operator of order is written as.
pub fn order_filter(operator: BinOpKind) -> Option<&'static str> {
    Some(match operator {
        BinOpKind::Lt => "__lt",
        BinOpKind::Lte => "__le",
        BinOpKind::Gt => "__gt",
        BinOpKind::Gte => "__ge",
        _ => return None,
    })
}

/// A name of the tests, and of the filters behind `__`.
const COMPARISONS: &[(&str, Holds)] = &[
    ("lt", |left, right| left < right),
    ("le", |left, right| left <= right),
    ("gt", |left, right| left > right),
    ("ge", |left, right| left >= right),
];

type Holds = fn(&Value, &Value) -> bool;

pub fn add(environment: &mut Environment<'static>) {
    for (name, holds) in COMPARISONS {
        let compare = |left: &Value, right: &Value| compare(left, right, *holds);
        environment.add_test(*name, compare);
        environment.add_filter(native(name), compare);
    }
    environment.add_filter(IN_ROW, in_row);
}

fn compare(left: &Value, right: &Value, holds: Holds) -> Result<bool, Error> {
    check(left, right)?;
    charge(weight(left))?;
    Ok(holds(left, right))
}

/// `arguments`: sign and value, again and again.
fn in_row(state: &mut State, first: &Value, arguments: Rest<Value>) -> Result<bool, Error> {
    let mut left = first;
    for step in arguments.chunks_exact(2) {
        let (sign, right) = (step[0].as_str().unwrap_or_default(), &step[1]);
        let of = |name: &str| COMPARISONS.iter().find(|(known, _)| *known == name);
        let ordered = |name| match of(name) {
            Some((_, holds)) => compare(left, right, *holds),
            None => Err(Error::from(ErrorKind::UnknownTest)),
        };
        let holds = match sign {
            "<" => ordered("lt")?,
            "<=" => ordered("le")?,
            ">" => ordered("gt")?,
            ">=" => ordered("ge")?,
            sign => {
                present(left)?;
                present(right)?;
                let test = if sign.ends_with("in") { "in" } else { "eq" };
                let arguments = [left.clone(), right.clone()];
                state.perform_test(test, &arguments)? == matches!(sign, "==" | "in")
            }
        };
        if !holds {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

/// Whether one can come before the other.
fn check(left: &Value, right: &Value) -> Result<(), Error> {
    let kinds = (kind(present(left)?), kind(present(right)?));
    if kinds.0 == kinds.1 {
        return Ok(());
    }
    let detail = format!("{COMPARES}{} with {}", kinds.0, kinds.1);
    Err(Error::new(ErrorKind::InvalidOperation, detail))
}

/// Whether `sort`, `min` or `max` can put the items of a list in order.
pub fn check_items(list: &Value, arguments: &[Value]) -> Result<(), Error> {
    // With `attribute` it is not the items that are compared.
    let is_list = matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable);
    if !is_list || !arguments.is_empty() {
        return Ok(());
    }
    let mut items = list.try_iter()?;
    let Some(first) = items.next() else {
        return Ok(());
    };
    items.try_for_each(|item| check(&first, &item))
}

pub fn present(value: &Value) -> Result<&Value, Error> {
    if value.is_undefined() {
        Err(Error::from(ErrorKind::UndefinedError))
    } else {
        Ok(value)
    }
}

/// What people call it.
pub fn kind(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "a missing value",
        ValueKind::None => "null",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "something else",
    }
}

/// Whether two written-out values have an order.
pub fn are_comparable(left: &Value, right: &Value) -> bool {
    kind(left) == kind(right)
}
