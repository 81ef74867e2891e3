//! JSON Schemas of the files that people edit, for their editors. Pure: made of the very lists
//! that the checks use.
//!
//! Draft 7, which the TOML language servers understand. A schema says less than `check`: it knows
//! words and types, not what an expression means or what two keys mean together.

mod config;
mod mapping;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use config::config;
pub use mapping::mapping;

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// An object with these members and no other.
fn closed(properties: serde_json::Map<String, Value>, required: &[&str]) -> Value {
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}
