//! How much of the payload the expressions of one event may look at: steps are counted by the
//! engine, but one step may sort or compare a list of any length. Pure; the count is the thread's,
//! because the engine's filters and comparisons take no argument of ours.

use std::cell::Cell;

/// Items of lists and objects, and pieces of text, for all conditions and templates of an event.
const MOST_WORK: u64 = 500_000;
/// Bytes of text that cost as much as one item.
const PIECE: usize = 16;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Begins the work of an event.
pub fn refill() {
    LEFT.set(MOST_WORK);
}

/// Counts what is about to be done; false: there is nothing left.
pub fn charge(work: u64) -> bool {
    let left = LEFT.get().saturating_sub(work);
    LEFT.set(left);
    left > 0
}

/// What it costs to go through a text.
pub fn of_text(text: &str) -> u64 {
    1 + (text.len() / PIECE) as u64
}

pub fn left() -> u64 {
    LEFT.get()
}

/// Whether what came out is worth nothing, because not everything was looked at.
pub fn is_spent() -> bool {
    LEFT.get() == 0
}
