//! Whether any event can answer the questions of conditions, alone or together.
//!
//! A question about a member is tried on the values that could make a difference: those that the
//! vendor can send, those that the condition names, and their neighbours. What nobody can tell
//! counts as possible, so that nothing sound is called impossible. Pure.

use minijinja::Value;

use crate::config::SourceKind;
use crate::event::{EventKind, Status};
use crate::map::lint::{Atom, Fact, Logic, Subject};
use crate::map::reader::Sources;
use crate::map::row::Row;
use crate::systems;
use crate::systems::leadping::vocabulary::CATEGORIES;

/// The most ways to make a condition true that are looked at.
const MAX_WAYS: usize = 256;

/// What events come to a place in a table.
#[derive(Debug, Clone)]
pub struct World<'w> {
    pub kind: SourceKind,
    pub statuses: Option<Vec<Status>>,
    pub on: Option<EventKind>,
    pub sources: Option<&'w Sources>,
}

impl<'w> World<'w> {
    pub fn of_row(kind: SourceKind, row: &Row, sources: Option<&'w Sources>) -> Self {
        Self {
            kind,
            statuses: row.statuses.clone(),
            on: row.on,
            sources,
        }
    }

    /// Whether some event makes it true.
    pub fn allows(&self, logic: &Logic) -> bool {
        match ways(logic) {
            Some(ways) => ways.iter().any(|way| self.allows_all(way)),
            None => true,
        }
    }

    fn allows_all(&self, way: &[&Atom]) -> bool {
        let mut paths: Vec<&str> = way
            .iter()
            .filter_map(|atom| atom.fact.subject().map(|(path, _)| path))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().all(|path| {
            let facts: Vec<&Fact> = way
                .iter()
                .map(|atom| &atom.fact)
                .filter(|fact| fact.subject().is_some_and(|(of, _)| of == path))
                .collect();
            self.allows_facts(path, &facts)
        })
    }

    /// All questions are about one path.
    fn allows_facts(&self, path: &str, facts: &[&Fact]) -> bool {
        let range = self.values_of(path);
        let missing =
            range.presence != Presence::Always && facts.iter().all(|fact| answer(fact, None));
        missing || (range.presence != Presence::Never && range.holds_one(facts))
    }

    /// What a member can be.
    fn values_of(&self, path: &str) -> Values {
        let text = |words: &[&str]| words.iter().map(|word| Value::from(*word)).collect();
        let is_call = path.starts_with("call.");
        let without_calls = match self.kind {
            SourceKind::Capillary | SourceKind::Leadping => true,
            SourceKind::Nlpearl => self.on == Some(EventKind::Lead),
            SourceKind::Generic => false,
        };
        let without_reasons = self.kind == SourceKind::Nlpearl
            && matches!(
                path,
                "event.sub_status" | "event.reason_id" | "event.occurred_at"
            );
        if (is_call && without_calls) || without_reasons {
            return Values::new(Presence::Never);
        }
        match path {
            "lead.calls" => Values::whole(Presence::Always, 0.0, f64::INFINITY),
            "call.duration" if self.kind == SourceKind::Nlpearl => Values {
                low: 0.0,
                are_numbers: true,
                ..Values::new(Presence::Maybe)
            },
            "call.sentiment" if self.kind == SourceKind::Nlpearl => {
                Values::whole(Presence::Maybe, 1.0, 5.0)
            }
            "call.transferred" => {
                Values::among(Presence::Maybe, vec![Value::from(true), Value::from(false)])
            }
            "event.kind" => Values::among(Presence::Always, text(&self.kinds())),
            "event.source" => match self.sources {
                Some(sources) => Values::among(Presence::Always, values(&sources.own)),
                None => Values::new(Presence::Always),
            },
            "previous.source" => match self.sources {
                Some(sources) => Values::among(Presence::Maybe, values(&sources.all)),
                None => Values::new(Presence::Maybe),
            },
            "previous.category" => Values::among(Presence::Maybe, text(CATEGORIES)),
            "event.status" => match &self.statuses {
                Some(statuses) => {
                    let statuses = statuses.iter().map(|status| match status {
                        Status::Number(number) => Value::from(*number),
                        Status::Name(name) => Value::from(name.as_str()),
                    });
                    Values::among(Presence::Always, statuses.collect())
                }
                None => Values::new(Presence::Maybe),
            },
            _ => Values::new(Presence::Maybe),
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        let sent = match &self.statuses {
            Some(statuses) if !statuses.is_empty() => EventKind::ALL
                .into_iter()
                .filter(|event| {
                    statuses
                        .iter()
                        .any(|status| systems::kinds_of(self.kind, status).contains(event))
                })
                .collect(),
            _ => systems::kinds_sent(self.kind).to_vec(),
        };
        sent.into_iter()
            .filter(|kind| self.on.is_none_or(|on| on == *kind))
            .map(EventKind::as_str)
            .collect()
    }
}

fn values(names: &[String]) -> Vec<Value> {
    names
        .iter()
        .map(|name| Value::from(name.as_str()))
        .collect()
}

/// What a row asks of the events of its status and kind.
pub fn guard_of(row: &Row) -> Logic {
    let among = |path: &str, values: Vec<Value>| {
        Logic::Asks(Atom {
            fact: Fact::Among {
                subject: Subject {
                    path: path.to_owned(),
                    // An event without it just does not match.
                    fallback: Some(Value::from(())),
                },
                values,
                truth: true,
            },
            range: 0..0,
        })
    };
    let mut parts = Vec::new();
    if !row.sub_statuses.is_empty() {
        parts.push(among("event.sub_status", values(&row.sub_statuses)));
    }
    if !row.reason_ids.is_empty() {
        let ids = row.reason_ids.iter().map(|id| Value::from(*id)).collect();
        parts.push(among("event.reason_id", ids));
    }
    parts.extend(
        row.when
            .as_ref()
            .map(|when| when.condition.meaning.logic.clone()),
    );
    Logic::All(parts)
}

/// Every set of questions that together make it true; `None`: too many.
fn ways(logic: &Logic) -> Option<Vec<Vec<&Atom>>> {
    match logic {
        Logic::Known(true) => Some(vec![Vec::new()]),
        Logic::Known(false) => Some(Vec::new()),
        Logic::Asks(atom) => Some(vec![vec![atom]]),
        Logic::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(ways(part)?);
                if all.len() > MAX_WAYS {
                    return None;
                }
            }
            Some(all)
        }
        Logic::All(parts) => {
            let mut all: Vec<Vec<&Atom>> = vec![Vec::new()];
            for part in parts {
                let part = ways(part)?;
                if all.len() * part.len() > MAX_WAYS {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|way| part.iter().map(|more| [way.as_slice(), more].concat()))
                    .collect();
            }
            Some(all)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    Maybe,
    Never,
}

/// What a member is, where it is there.
#[derive(Debug)]
struct Values {
    presence: Presence,
    /// All of them, where they can be counted.
    among: Option<Vec<Value>>,
    low: f64,
    high: f64,
    are_numbers: bool,
    are_whole: bool,
}

impl Values {
    fn new(presence: Presence) -> Self {
        Self {
            presence,
            among: None,
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
            are_numbers: false,
            are_whole: false,
        }
    }

    fn among(presence: Presence, values: Vec<Value>) -> Self {
        Self {
            among: Some(values),
            ..Self::new(presence)
        }
    }

    fn whole(presence: Presence, low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            are_numbers: true,
            are_whole: true,
            ..Self::new(presence)
        }
    }

    /// Whether one value answers all questions.
    fn holds_one(&self, facts: &[&Fact]) -> bool {
        let fits = |value: &Value| facts.iter().all(|fact| answer(fact, Some(value)));
        if let Some(values) = &self.among {
            return values.iter().any(fits);
        }
        let named = facts.iter().find_map(|fact| match fact {
            Fact::Among {
                values,
                truth: true,
                ..
            } => Some(values),
            _ => None,
        });
        if let Some(values) = named {
            return values.iter().filter(|value| self.has(value)).any(fits);
        }
        let mut ordered = facts.iter().filter_map(|fact| match fact {
            Fact::Ordered { constant, .. } => Some(constant),
            _ => None,
        });
        let is_ordered = ordered.clone().next().is_some();
        if !is_ordered || !ordered.all(Value::is_number) {
            // Whatever is not named is possible, and so is every text in between.
            return true;
        }
        // What must not be counts too: the number beside it may be the only one that is left.
        let numbers = facts.iter().flat_map(|fact| numbers_of(fact)).collect();
        self.neighbours(numbers).iter().any(|number| {
            let value = Value::from(*number);
            self.has(&value) && fits(&value)
        })
    }

    /// Numbers on, beside and between those that are named.
    fn neighbours(&self, mut numbers: Vec<f64>) -> Vec<f64> {
        numbers.extend(
            [self.low, self.high]
                .into_iter()
                .filter(|end| end.is_finite()),
        );
        numbers.sort_by(f64::total_cmp);
        let mut all = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            all.extend([
                *number,
                number - 1.0,
                number + 1.0,
                number.floor(),
                number.ceil(),
                number + 2.0,
            ]);
            if let Some(next) = numbers.get(index + 1) {
                all.push((number + next) / 2.0);
            }
        }
        all
    }

    fn has(&self, value: &Value) -> bool {
        match f64::try_from(value.clone()) {
            Ok(number) if value.is_number() => {
                number >= self.low
                    && number <= self.high
                    && (!self.are_whole || number.fract() == 0.0)
            }
            _ => !self.are_numbers,
        }
    }
}

/// The numbers that make a difference to a question.
fn numbers_of(fact: &Fact) -> Vec<f64> {
    let number = |value: &Value| {
        let number = value.is_number().then(|| f64::try_from(value.clone()));
        number.and_then(Result::ok)
    };
    match fact {
        Fact::Ordered { constant, .. } => number(constant).into_iter().collect(),
        Fact::Among { values, .. } => values.iter().filter_map(number).collect(),
        // 0 alone counts as false.
        Fact::Holds { .. } => vec![0.0],
        Fact::Defined { .. } | Fact::Open => Vec::new(),
    }
}

/// Whether a value, or its absence, makes a question true.
fn answer(fact: &Fact, value: Option<&Value>) -> bool {
    let fallback = fact.subject().and_then(|(_, fallback)| fallback);
    match fact {
        Fact::Open => true,
        Fact::Defined { truth, .. } => value.is_some() == *truth,
        // What is missing and has no default fails: neither true nor false.
        Fact::Among { values, truth, .. } => value
            .or(fallback)
            .is_some_and(|value| values.contains(value) == *truth),
        Fact::Ordered {
            operator, constant, ..
        } => value
            .or(fallback)
            .is_some_and(|value| operator.holds(value, constant) == Some(true)),
        Fact::Holds { truth, .. } => value
            .or(fallback)
            .is_some_and(|value| value.is_true() == *truth),
    }
}
