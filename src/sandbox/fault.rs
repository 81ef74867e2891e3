//! Faults on request: what goes wrong, for which calls, how often.
//!
//! Rules wait in one queue; the first that fits a call is used. `exchange` carries the fault out.

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::System;
use super::answer::Answer;

/// The longest delay that the control interface accepts.
const MAX_DELAY_MS: u64 = 600_000;

/// What kind of call a request is, whatever the system calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Appends an entry to the lead's history and makes it the current one.
    Set,
    /// Edits one entry.
    Amend,
    /// Removes one entry.
    Remove,
    /// Updates the lead record.
    Update,
    Read,
    /// Asks for a token.
    Token,
    Health,
    /// No such path or method.
    Unknown,
}

impl Operation {
    pub(super) fn is_write(self) -> bool {
        match self {
            Self::Set | Self::Amend | Self::Remove | Self::Update => true,
            Self::Read | Self::Token | Self::Health | Self::Unknown => false,
        }
    }
}

/// Which calls a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultScope {
    Set,
    Amend,
    Update,
    Read,
    Token,
    /// Every call but the health check.
    Any,
}

impl FaultScope {
    fn covers(self, operation: Operation) -> bool {
        match self {
            Self::Set => operation == Operation::Set,
            Self::Amend => operation == Operation::Amend,
            Self::Update => operation == Operation::Update,
            Self::Read => operation == Operation::Read,
            Self::Token => operation == Operation::Token,
            Self::Any => !matches!(operation, Operation::Health | Operation::Unknown),
        }
    }
}

/// An answer that is given instead of the true one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultAnswer {
    pub status: u16,
    /// Sent as it stands: seconds or an HTTP date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// A string is sent as plain text, anything else as JSON; problem details if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl FaultAnswer {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Answered so, not applied.
    Answer(FaultAnswer),
    /// Applied, then answered so.
    AnswerAfterApply(FaultAnswer),
    /// The connection closes, nothing is applied.
    DropBefore,
    /// Applied, then the connection closes without an answer.
    DropAfterApply,
    /// Waits, then applies and answers as usual; applies even if the caller has gone by then.
    DelayMs(u64),
    /// Applied, then an answer that breaks off in the middle.
    TruncateAfterApply,
    /// Applied, then silence until the caller gives up.
    HangAfterApply,
}

impl Fault {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::AnswerAfterApply(_) => "answer_after_apply",
            Self::DropBefore => "drop_before",
            Self::DropAfterApply => "drop_after_apply",
            Self::DelayMs(_) => "delay_ms",
            Self::TruncateAfterApply => "truncate_after_apply",
            Self::HangAfterApply => "hang_after_apply",
        }
    }
}

/// A fault with its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    pub on: FaultScope,
    /// Only at this system; at every one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Only for this lead.
    #[serde(default)]
    pub lead: Option<String>,
    /// How many calls; `None`: every call until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
    pub fault: Fault,
}

impl FaultRule {
    /// For every call of that scope until the faults are cleared.
    pub fn always(on: FaultScope, fault: Fault) -> Self {
        Self {
            on,
            system: None,
            lead: None,
            times: None,
            fault,
        }
    }

    pub fn once(on: FaultScope, fault: Fault) -> Self {
        Self::always(on, fault).times(1)
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub fn at(mut self, system: System) -> Self {
        self.system = Some(system);
        self
    }

    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = Some(lead.into());
        self
    }

    /// Can it be carried out? The error says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.times == Some(0) {
            return Err("`times` must be at least 1, or null for always".to_owned());
        }
        match &self.fault {
            Fault::Answer(answer) | Fault::AnswerAfterApply(answer) => {
                if !(200..=599).contains(&answer.status) {
                    return Err("`status` must be from 200 to 599".to_owned());
                }
                match answer.retry_after.as_deref().map(HeaderValue::from_str) {
                    Some(Err(_)) => Err("`retry_after` cannot stand in a header".to_owned()),
                    _ => Ok(()),
                }
            }
            Fault::DelayMs(delay) if *delay > MAX_DELAY_MS => {
                Err(format!("`delay_ms` must be at most {MAX_DELAY_MS}"))
            }
            _ => Ok(()),
        }
    }
}

/// The rules that are still to be used, oldest first.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(Vec<FaultRule>);

impl FaultQueue {
    pub fn add(&mut self, rule: FaultRule) {
        self.0.push(rule);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn rules(&self) -> &[FaultRule] {
        &self.0
    }

    /// The fault for this call, if one is due; it counts as used.
    pub fn take(
        &mut self,
        system: System,
        operation: Operation,
        lead: Option<&str>,
    ) -> Option<Fault> {
        let index = self.0.iter().position(|rule| {
            rule.on.covers(operation)
                && rule.system.is_none_or(|wanted| wanted == system)
                && rule.times != Some(0)
                && (rule.lead.is_none() || rule.lead.as_deref() == lead)
        })?;
        let rule = &mut self.0[index];
        rule.times = rule.times.map(|times| times - 1);
        if rule.times == Some(0) {
            return Some(self.0.remove(index).fault);
        }
        Some(rule.fault.clone())
    }
}

/// The answer that a fault asks for.
pub(super) fn requested_answer(wanted: &FaultAnswer, system: System, path: &str) -> Answer {
    let Ok(status) = StatusCode::from_u16(wanted.status) else {
        return cannot_send("status", path);
    };
    let answer = match &wanted.body {
        Some(Value::String(text)) => Answer::of(
            status,
            HeaderValue::from_static("text/plain; charset=utf-8"),
            text.clone(),
        ),
        Some(body) => Answer::json(status, body),
        None if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED => {
            Answer::empty(status)
        }
        None if status == StatusCode::TOO_MANY_REQUESTS => system.rate_limited(path),
        None => system.requested(status, path),
    };
    match wanted.retry_after.as_deref().map(HeaderValue::from_str) {
        None => answer,
        Some(Ok(value)) => answer.header(RETRY_AFTER, value),
        Some(Err(_)) => cannot_send("Retry-After", path),
    }
}

fn cannot_send(what: &str, path: &str) -> Answer {
    Answer::problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        &format!("The fault asks for a {what} that cannot be sent."),
        path,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_that_fits_is_used_up_and_then_the_next() {
        let mut queue = FaultQueue::default();
        queue.add(FaultRule::once(FaultScope::Read, Fault::DropBefore));
        queue.add(FaultRule::once(FaultScope::Set, Fault::DropAfterApply).lead("b"));
        queue.add(FaultRule::always(FaultScope::Set, Fault::HangAfterApply).times(2));
        queue.add(FaultRule::always(FaultScope::Any, Fault::DelayMs(1)));
        let set =
            |queue: &mut FaultQueue, lead| queue.take(System::Leadping, Operation::Set, Some(lead));
        assert_eq!(set(&mut queue, "a"), Some(Fault::HangAfterApply));
        assert_eq!(set(&mut queue, "b"), Some(Fault::DropAfterApply));
        assert_eq!(set(&mut queue, "b"), Some(Fault::HangAfterApply));
        assert_eq!(set(&mut queue, "b"), Some(Fault::DelayMs(1)));
        let other =
            |queue: &mut FaultQueue, operation| queue.take(System::Leadping, operation, None);
        assert_eq!(other(&mut queue, Operation::Read), Some(Fault::DropBefore));
        assert_eq!(other(&mut queue, Operation::Amend), Some(Fault::DelayMs(1)));
        assert_eq!(other(&mut queue, Operation::Health), None);
        queue.clear();
        assert_eq!(set(&mut queue, "a"), None);
    }

    #[test]
    fn a_rule_of_one_system_spares_the_others() {
        let mut queue = FaultQueue::default();
        let rule = FaultRule::once(FaultScope::Any, Fault::DropBefore);
        queue.add(rule.at(System::Capillary));
        let read = |queue: &mut FaultQueue, system| queue.take(system, Operation::Read, None);
        assert_eq!(read(&mut queue, System::Leadping), None);
        assert_eq!(read(&mut queue, System::Nlpearl), None);
        let token = queue.take(System::Capillary, Operation::Token, None);
        assert_eq!(token, Some(Fault::DropBefore));
    }

    #[track_caller]
    fn check(rule: Value, expected: Result<(), &str>) {
        let parsed = serde_json::from_value::<FaultRule>(rule)
            .map_err(|error| error.to_string())
            .and_then(|rule| rule.check());
        match expected {
            Ok(()) => assert_eq!(parsed, Ok(())),
            Err(part) => assert!(
                parsed.as_ref().is_err_and(|error| error.contains(part)),
                "{parsed:?}"
            ),
        }
    }

    #[test]
    fn a_rule_is_read_from_json_and_checked() {
        let busy = json!({"answer": {"status": 503, "retry_after": "2"}});
        check(
            json!({"on": "set", "lead": "x", "times": 3, "fault": busy}),
            Ok(()),
        );
        check(
            json!({"on": "any", "times": null, "fault": "drop_before"}),
            Ok(()),
        );
        check(json!({"on": "read", "fault": {"delay_ms": 20}}), Ok(()));
        check(
            json!({"on": "token", "system": "capillary", "fault": "drop_before"}),
            Ok(()),
        );
        check(
            json!({"on": "any", "system": "crm", "fault": "drop_before"}),
            Err("unknown variant"),
        );
        check(
            json!({"on": "write", "fault": "drop_before"}),
            Err("unknown variant"),
        );
        check(
            json!({"on": "set", "fault": "explode"}),
            Err("unknown variant"),
        );
        check(
            json!({"on": "set", "why": 1, "fault": "drop_before"}),
            Err("unknown field"),
        );
        check(
            json!({"on": "set", "times": 0, "fault": "drop_before"}),
            Err("`times`"),
        );
        check(
            json!({"on": "set", "fault": {"answer": {"status": 101}}}),
            Err("`status`"),
        );
        check(
            json!({"on": "set", "fault": {"answer": {"status": 429, "retry_after": "2\r\n"}}}),
            Err("`retry_after`"),
        );
        check(
            json!({"on": "set", "fault": {"delay_ms": 9_000_000}}),
            Err("`delay_ms`"),
        );
    }
}
