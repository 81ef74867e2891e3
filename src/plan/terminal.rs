//! Terminal categories entered and left: what is hardest to take back, so it is told apart.

use serde::Serialize;

use super::Sides;
use super::tally::Count;
use crate::decision::Decision;

/// One of the configuration's terminal categories, on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Terminal {
    pub category: String,
    /// Events that made a lead enter it.
    pub entered: Sides<i64>,
    /// Events that made a lead leave it.
    pub left: Sides<i64>,
    /// Leads that end in it.
    pub leads: Sides<i64>,
    /// Of those, leads that only the candidates end there.
    pub newly: i64,
    /// Leads that only the tables in force end there.
    pub no_longer: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Terminals(Vec<Terminal>);

impl Terminals {
    pub(super) fn of(categories: &[String]) -> Self {
        let new = |category: &String| Terminal {
            category: category.clone(),
            ..Terminal::default()
        };
        Self(categories.iter().map(new).collect())
    }

    pub(super) fn count(&mut self, decisions: &Sides<&Decision>, count: Count) {
        for terminal in &mut self.0 {
            let (entered, left) = (&mut terminal.entered, &mut terminal.left);
            for (decision, entered, left) in [
                (decisions.current, &mut entered.current, &mut left.current),
                (
                    decisions.candidate,
                    &mut entered.candidate,
                    &mut left.candidate,
                ),
            ] {
                match steps(decision, &terminal.category) {
                    (false, true) => *entered += count.weight(),
                    (true, false) => *left += count.weight(),
                    _ => {}
                }
            }
        }
    }

    /// With the leads that end there, by their categories on both sides.
    pub(super) fn with_ends<'e>(
        &self,
        ends: impl Iterator<Item = Sides<Option<&'e str>>>,
    ) -> Vec<Terminal> {
        let mut all = self.0.clone();
        for end in ends {
            for terminal in &mut all {
                let is_there = |end: Option<&str>| end == Some(&terminal.category);
                let (before, after) = (is_there(end.current), is_there(end.candidate));
                terminal.leads.current += i64::from(before);
                terminal.leads.candidate += i64::from(after);
                terminal.newly += i64::from(after && !before);
                terminal.no_longer += i64::from(before && !after);
            }
        }
        all
    }
}

/// Whether the lead was there before the event, and is there after it.
fn steps(decision: &Decision, category: &str) -> (bool, bool) {
    let Some(after) = decision
        .applied
        .as_ref()
        .and_then(|change| change.previous.as_ref())
    else {
        return (false, false);
    };
    let before = decision.record.previous.as_ref();
    let was = before.and_then(|before| before.category.as_deref()) == Some(category);
    (was, after.category.as_deref() == Some(category))
}
