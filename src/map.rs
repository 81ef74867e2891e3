//! Mapping: facts + a table → what the row wants, or `unmapped`. Pure.
//!
//! Loading: `load` reads the files (the only IO here), `reader` and `members` check them, `lint`
//! checks what stands in quotes, `presence` and `conditions` what it can mean in its row, `trial`
//! what comes of it, `coverage` looks at the rows together (`possible` says which events there can
//! be), `credentials` for what must not stand here at all.
//! Deciding: `table::evaluate` finds the first row that matches, `row` says what it wants,
//! `expression` fills in templates within the `sandbox` and its `budget`, from the `context` of the
//! event. For a status that no row takes, `offer` writes one.
//! `decide` takes the result.

mod budget;
mod burden;
mod conditions;
mod context;
mod coverage;
mod credentials;
mod expression;
mod fit;
mod lint;
mod load;
mod members;
pub mod offer;
mod place;
mod possible;
mod presence;
mod reader;
mod row;
mod sandbox;
mod table;
mod trial;
mod twins;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use context::MapInput;
pub use load::{load_dir, load_dir_of};
pub use reader::{ROW_KEYS, TABLE_KEYS};
pub use reader::{Reader, Value as TomlValue, with_syntax_errors};
pub use row::{MemberValue, Mismatch, Row, RowResult};
pub use table::{Considered, Table, TableHash, Tables, evaluate, evaluate_noting, parse_table};

/// Which row of a mapping spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowRef {
    /// From 1, in the order of the file.
    pub number: u32,
    pub name: Option<String>,
    /// Line of the `[[row]]` in the file, from 1.
    pub line: u32,
}

/// `row 3 (third voicemail)`.
impl std::fmt::Display for RowRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}", self.number)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// What a row wants at one target: that API's own members, templates filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub target: String,
    /// Of LeadPing's record of the lead: the one member `lead`, which holds what to change.
    pub members: Map<String, Value>,
    /// A lead that is not at a write-back target parks the event.
    pub required: bool,
    /// The row forces one; else the entry that it is detail of decides.
    pub write: Option<Write>,
    /// Only a source that stands at or before this one may leave it.
    pub is_final: bool,
}

/// What a row may force its call to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A new entry, which becomes the current one.
    Set,
    /// More detail for an entry that is there.
    Amend,
}

/// What a table says about one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapped {
    Wishes {
        row: RowRef,
        wishes: Vec<Wish>,
    },
    Ignored {
        row: RowRef,
        why: String,
    },
    Parked {
        row: RowRef,
        why: String,
    },
    /// No row matched.
    Unmapped,
    /// A template or condition could not be evaluated.
    Invalid {
        row: RowRef,
        why: String,
    },
}

#[cfg(test)]
mod tests;
