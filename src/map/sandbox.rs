//! The sandbox in which templates and conditions run: which filters, tests and functions exist,
//! and how much of anything one evaluation may use.
//!
//! Nothing here reads a file, a clock or the environment. Steps are bounded by fuel, what one step
//! goes through by the event's `budget` (`cost`), every text that a filter makes by
//! [`MAX_FILTER_BYTES`], what comes out by [`MAX_OUTPUT_BYTES`]; what could grow beyond that without
//! a filter (`*` on text, assignments, macros) is refused by `lint`. `order` says what has one.

mod cost;
mod order;

use std::io;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, filters, tests};

pub use cost::TOO_MUCH;
use cost::{Cost, Paying};
use order::present;
pub use order::{COMPARES, IN_ROW, are_comparable, order_filter};

/// Steps of one evaluation.
const FUEL: u64 = 5_000;
const RECURSION: usize = 32;
/// The longest value of one member.
pub const MAX_OUTPUT_BYTES: usize = 8 * 1024;
/// The longest text that a filter may make on the way.
pub const MAX_FILTER_BYTES: usize = 16 * 1024;
/// The longest `range()`.
pub const MAX_RANGE: i64 = 100;
/// How an error of ours is told from all others: a text without any value in it.
pub const TOO_LARGE: &str = "goes beyond a limit";

/// The filter that pays for the size of an operand; see `lint`, which writes it.
pub const WEIGH: &str = "__weigh";

pub const FUNCTIONS: &[&str] = &["range"];

pub const FILTERS: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];

pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// The one environment of all expressions. It holds no template and no variable.
pub static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Debug information would hold values of the payload.
    environment.set_debug(false);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    add_filters(&mut environment);
    add_tests(&mut environment);
    environment.add_function("range", range);
    environment.set_formatter(|output, _state, value| {
        write!(output, "{}", text_of(value)).map_err(Error::from)
    });
    environment
});

fn add_filters(environment: &mut Environment<'static>) {
    // These cost the same whatever they are given.
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("round", filters::round);
    // The others go through it, and pay for that first.
    let mut add = Paying(environment);
    add.filter("capitalize", Cost::Once, filters::capitalize);
    add.filter("count", Cost::Counted, filters::length);
    add.filter("float", Cost::Once, filters::float);
    add.filter("int", Cost::Once, filters::int);
    add.filter("items", Cost::Once, filters::items);
    add.filter("join", Cost::Once, join);
    add.filter("last", Cost::Counted, filters::last);
    add.filter("length", Cost::Counted, filters::length);
    add.filter("lines", Cost::Pieces, filters::lines);
    add.filter("list", Cost::Pieces, filters::list);
    add.filter("lower", Cost::Once, filters::lower);
    add.filter("map", Cost::Once, map);
    add.filter("max", Cost::Extreme, filters::max);
    add.filter("min", Cost::Extreme, filters::min);
    add.filter("reject", Cost::EachWithArguments, filters::reject);
    add.filter("rejectattr", Cost::EachWithArguments, filters::rejectattr);
    add.filter("replace", Cost::Once, replace);
    add.filter("reverse", Cost::Once, reverse);
    add.filter("select", Cost::EachWithArguments, filters::select);
    add.filter("selectattr", Cost::EachWithArguments, filters::selectattr);
    add.filter("sort", Cost::Sorted, filters::sort);
    add.filter("split", Cost::Pieces, filters::split);
    add.filter("string", Cost::Once, filters::string);
    add.filter("sum", Cost::Once, sum);
    add.filter("title", Cost::Once, filters::title);
    add.filter("tojson", Cost::Once, tojson);
    add.filter("trim", Cost::Once, filters::trim);
    add.filter("unique", Cost::Sorted, filters::unique);
    add.filter("upper", Cost::Once, filters::upper);
    environment.add_filter(WEIGH, cost::weigh);
    order::add(environment);
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("even", tests::is_even);
    environment.add_test("false", tests::is_false);
    environment.add_test("float", tests::is_float);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", is_missing);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("string", tests::is_string);
    environment.add_test("true", tests::is_true);
    environment.add_test("undefined", tests::is_undefined);
    // These go through it, and pay for that first.
    let mut add = Paying(environment);
    add.test("endingwith", tests::is_endingwith);
    add.test("eq", tests::is_eq);
    add.test("in", tests::is_in);
    add.test("lower", tests::is_lower);
    add.test("ne", tests::is_ne);
    add.test("startingwith", tests::is_startingwith);
    add.test("upper", tests::is_upper);
}

/// A value as text: `true` as JSON writes it, null as nothing.
pub fn text_of(value: &Value) -> String {
    match value.kind() {
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::None | ValueKind::Undefined => String::new(),
        _ => value.to_string(),
    }
}

/// null counts as missing, so `is none` means either.
fn is_missing(value: Value) -> bool {
    value.is_undefined() || value.is_none()
}

fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, TOO_LARGE)
}

fn range(first: i64, second: Option<i64>) -> Result<Vec<i64>, Error> {
    let (lower, upper) = second.map_or((0, first), |upper| (first, upper));
    if upper.saturating_sub(lower) > MAX_RANGE {
        return Err(too_large());
    }
    Ok((lower..upper).collect())
}

fn replace(value: String, from: &str, to: &str) -> Result<String, Error> {
    let growth = value.matches(from).count().saturating_mul(to.len());
    if value.len().saturating_add(growth) > MAX_FILTER_BYTES {
        return Err(too_large());
    }
    Ok(value.replace(from, to))
}

fn join(value: &Value, joiner: Option<&str>) -> Result<String, Error> {
    let joiner = joiner.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in present(value)?.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(joiner);
        }
        let item = present(&item)?;
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&text_of(item)),
        }
        if joined.len() > MAX_FILTER_BYTES {
            return Err(too_large());
        }
    }
    Ok(joined)
}

/// Of numbers: from a text on, it would put texts together without end.
fn sum(state: &mut State, values: Value, named: Kwargs) -> Result<Value, Error> {
    let start: Option<Value> = named.get("start")?;
    if start.is_some_and(|start| !start.is_number()) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "can only sum numbers",
        ));
    }
    filters::sum(state, values, None, None, named)
}

/// Only `map(attribute = "x")`: a filter by name could not be bounded.
fn map(value: &Value, arguments: Rest<Value>, named: Kwargs) -> Result<Vec<Value>, Error> {
    if !arguments.is_empty() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let attribute: &str = named.get("attribute")?;
    let fallback: Option<Value> = named.get("default")?;
    named.assert_all_used()?;
    present(value)?
        .try_iter()?
        .map(|item| {
            let found = attribute
                .split('.')
                .try_fold(item, |value, part| value.get_attr(part))?;
            Ok(match &fallback {
                Some(fallback) if found.is_undefined() => fallback.clone(),
                _ => found,
            })
        })
        .collect()
}

fn reverse(value: &Value) -> Result<Value, Error> {
    filters::reverse(present(value)?)
}

fn tojson(value: &Value) -> Result<String, Error> {
    let mut limited = Limited::new(MAX_FILTER_BYTES);
    serde_json::to_writer(&mut limited, present(value)?).map_err(|_| too_large())?;
    limited.into_text().map_err(|_| too_large())
}

/// A writer that refuses to grow beyond its limit.
pub struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Limited {
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }

    pub fn into_text(self) -> Result<String, std::string::FromUtf8Error> {
        String::from_utf8(self.bytes)
    }
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod sandbox_tests {
    use super::*;

    fn evaluate(expression: &str) -> Result<Value, ErrorKind> {
        crate::map::budget::refill();
        ENVIRONMENT
            .compile_expression(expression)
            .and_then(|expression| expression.eval(minijinja::context! { list => vec![1, 2] }))
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_lists_name_what_exists() {
        for name in FILTERS {
            assert_ne!(
                evaluate(&format!("list | {name}")),
                Err(ErrorKind::UnknownFilter),
                "{name}"
            );
        }
        for name in TESTS {
            assert_ne!(
                evaluate(&format!("list is {name}")),
                Err(ErrorKind::UnknownTest),
                "{name}"
            );
        }
        assert!(evaluate("range(3)").is_ok());
    }

    #[test]
    fn no_filter_but_default_swallows_a_missing_value() {
        for name in FILTERS {
            let result = evaluate(&format!("missing | {name}"));
            let swallows = matches!(*name, "default" | "d");
            assert_eq!(result.is_ok(), swallows, "{name}: {result:?}");
        }
    }

    #[test]
    fn filters_do_what_they_say_within_their_limits() {
        #[track_caller]
        fn check(expression: &str, expected: Result<&str, ErrorKind>) {
            let found = evaluate(expression).map(|value| text_of(&value));
            assert_eq!(found, expected.map(str::to_owned), "{expression}");
        }
        check("['a', 1] | join(', ')", Ok("a, 1"));
        check("'a-b' | replace('-', '+')", Ok("a+b"));
        check("[{'a': 1}, {'a': 2}] | map(attribute='a') | join", Ok("12"));
        check("{'a': [1]} | tojson", Ok("{\"a\":[1]}"));
        check("[1, 2] | reverse | first", Ok("2"));
        check("missing is none", Ok("true"));
        check("range(2) | join", Ok("01"));
        check("range(1001)", Err(ErrorKind::InvalidOperation));
        check(
            "range(-9223372036854775807, 9223372036854775807)",
            Err(ErrorKind::InvalidOperation),
        );
        let long = format!(
            "'{}' | replace('', '{}')",
            "x".repeat(1000),
            "y".repeat(100)
        );
        check(&long, Err(ErrorKind::InvalidOperation));
        let long = format!("range(1000) | join('{}')", "y".repeat(100));
        check(&long, Err(ErrorKind::InvalidOperation));
        check("[1] | map('upper')", Err(ErrorKind::TooManyArguments));
    }
}
