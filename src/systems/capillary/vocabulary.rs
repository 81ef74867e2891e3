//! Capillary's lead statuses: upper-case names, understood in any letter case.

pub const STATUSES: &[&str] = &["OPEN", "WON", "LOST", "ON_HOLD", "DELETED"];

/// The vendor's spelling of a status.
pub fn canonical(name: &str) -> Option<&'static str> {
    STATUSES
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(name))
}
