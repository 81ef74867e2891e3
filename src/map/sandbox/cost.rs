//! What filters, tests and operators cost: each pays for what it is about to go through, from the
//! one budget of the event, before it begins.

use minijinja::functions::Function;
use minijinja::value::{FunctionArgs, FunctionResult, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};

use super::order;
use crate::map::budget;

/// Says that the budget is spent: a text without any value in it.
pub const TOO_MUCH: &str = "looks at too much of the payload";

/// How the work grows with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Goes through it once.
    Once,
    /// Goes through it only where its length is not known.
    Counted,
    /// Puts it in order: everything is compared several times.
    Sorted,
    /// The same for the first or last in that order.
    Extreme,
    /// Goes through it, and through the arguments at every item.
    EachWithArguments,
    /// Goes through it, and makes a list of its pieces.
    Pieces,
}

/// Adds what pays before it works. `own`, which does the work, is kept under another name.
pub struct Paying<'e>(pub &'e mut Environment<'static>);

impl Paying<'_> {
    pub fn filter<F, Rv, Args>(&mut self, name: &'static str, cost: Cost, own: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        let native = native(name);
        self.0.add_filter(native.clone(), own);
        self.0.add_filter(
            name,
            move |state: &mut State, arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
                let arguments = arguments.into_values();
                pay(cost, &arguments)?;
                let made = state.apply_filter(&native, &arguments)?;
                if cost == Cost::Pieces {
                    charge(made.len().unwrap_or_default() as u64)?;
                }
                Ok(made)
            },
        );
    }

    pub fn test<F, Rv, Args>(&mut self, name: &'static str, own: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        let native = native(name);
        self.0.add_test(native.clone(), own);
        self.0.add_test(
            name,
            move |state: &mut State, arguments: Rest<ValueOrKwargs>| -> Result<bool, Error> {
                let arguments = arguments.into_values();
                for argument in &arguments {
                    charge(weight(argument))?;
                }
                state.perform_test(&native, &arguments)
            },
        );
    }
}

/// The name under which the engine's own is kept; `lint` lets nobody write it.
pub fn native(name: &str) -> String {
    format!("__{name}")
}

/// Lets a value through once its size is paid for.
pub fn weigh(value: &Value) -> Result<Value, Error> {
    charge(weight(value))?;
    Ok(value.clone())
}

fn pay(cost: Cost, arguments: &[Value]) -> Result<(), Error> {
    let Some((subject, others)) = arguments.split_first() else {
        return Ok(());
    };
    if cost == Cost::Counted && subject.as_str().is_none() && subject.len().is_some() {
        return charge(1);
    }
    let own = weight(subject);
    let work = match cost {
        Cost::Once | Cost::Counted | Cost::Pieces => own,
        Cost::Sorted | Cost::Extreme => {
            charge(own)?;
            order::check_items(subject, others)?;
            let rounds = match cost {
                Cost::Sorted => u64::from(own.ilog2()),
                _ => 1,
            };
            own.saturating_mul(rounds)
        }
        Cost::EachWithArguments => {
            let arguments: u64 = others.iter().map(weight).sum();
            let items = subject.len().map_or(own, |length| length as u64);
            own.saturating_add(items.saturating_mul(arguments))
        }
    };
    charge(work)
}

pub fn charge(work: u64) -> Result<(), Error> {
    if budget::charge(work) {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::OutOfFuel, TOO_MUCH))
    }
}

/// What it costs to go through a value, nested ones included; at least 1. Looks no further than
/// there is budget.
pub fn weight(value: &Value) -> u64 {
    fn add(value: &Value, most: u64) -> u64 {
        if let Some(text) = value.as_str() {
            return budget::of_text(text);
        }
        let mut sum: u64 = 1;
        let is_map = value.kind() == ValueKind::Map;
        if is_map || matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            for item in value.try_iter().into_iter().flatten() {
                if is_map && let Ok(member) = value.get_item(&item) {
                    sum += add(&member, most.saturating_sub(sum));
                }
                sum += add(&item, most.saturating_sub(sum));
                if sum > most {
                    break;
                }
            }
        }
        sum
    }
    add(value, budget::left())
}
