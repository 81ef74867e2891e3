//! JSON pointers in the configuration: one, or a list of which the first that leads to something
//! counts.

use super::Section;
use crate::config::faults::Fault;
use crate::config::raw::{Node, Value};
use crate::config::vocabulary::Form;

const SHAPE: &str = "a JSON pointer, such as \"/lead/id\"";

impl Section<'_> {
    /// One pointer, or a list of them; empty if the key is not there.
    pub fn pointers(&self, key: &'static str) -> Vec<String> {
        let Some(entry) = self.entry(key) else {
            self.note(key, Form::Pointers);
            return Vec::new();
        };
        self.note(key, Form::Pointers);
        let name = self.name_of(key);
        let items: &[Node] = match &entry.node.value {
            Value::String(_) => std::slice::from_ref(&entry.node),
            Value::List(items) if items.is_empty() => {
                self.bad_value(key, "is empty", "name a JSON pointer, or remove the key");
                return Vec::new();
            }
            Value::List(items) => items,
            _ => {
                self.wrong_type(&name, &entry.node, "a JSON pointer or a list of them");
                return Vec::new();
            }
        };
        let mut pointers = Vec::new();
        for item in items {
            let Some(pointer) = self.text_of(&name, item) else {
                continue;
            };
            if let Some(problem) = pointer_fault(pointer) {
                let message = format!("`{name}`: `{pointer}` {problem}");
                self.faults
                    .report(Fault::error(&item.place, message).hint(SHAPE));
            }
            pointers.push(pointer.to_owned());
        }
        pointers
    }
}

/// Why this is no JSON pointer to a member.
pub(in crate::config) fn pointer_fault(pointer: &str) -> Option<&'static str> {
    if !pointer.starts_with('/') {
        return Some("must begin with `/`");
    }
    let escapes_hold = pointer
        .split('~')
        .skip(1)
        .all(|after| after.starts_with(['0', '1']));
    (!escapes_hold).then_some("has a `~` that is not `~0` or `~1`")
}
