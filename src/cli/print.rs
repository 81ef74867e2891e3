//! What commands print: the print macros of this room, in the place of the standard ones.
//!
//! Output that nobody reads any more (`… | head`, `… | true`) is no fault: what is left of it is
//! not written, the work goes on, and the exit code tells how that went. The standard macros would
//! panic. Colours are for a terminal only.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Standard output has no reader any more.
static GONE: AtomicBool = AtomicBool::new(false);
/// Something could not be written for another reason, such as a full disk.
static LOST: AtomicBool = AtomicBool::new(false);

/// On standard output.
pub fn out(text: Arguments<'_>) {
    match anstream::stdout().write_fmt(text) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Err(_) => LOST.store(true, Ordering::Relaxed),
    }
}

/// On standard error.
pub fn err(text: Arguments<'_>) {
    // Without a reader the exit code still tells.
    let _ = anstream::stderr().write_fmt(text);
}

/// Whether more output is worth its work.
pub fn has_reader() -> bool {
    !GONE.load(Ordering::Relaxed)
}

/// Whether output is missing that somebody reads.
pub fn is_incomplete() -> bool {
    LOST.load(Ordering::Relaxed)
}

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::out(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::cli::print::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::print::out(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::cli::print::err(format_args!($($text)*)) };
}

macro_rules! eprintln {
    () => { $crate::cli::print::err(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::print::err(format_args!("{}\n", format_args!($($text)*))) };
}
