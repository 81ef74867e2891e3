//! What commands print: the print macros of this room, in the place of the standard ones.
//!
//! Output that nobody reads any more (`… | head`, `… | true`) is no fault: what is left of it is
//! not written, the work goes on, and the exit code tells how that went. The standard macros would
//! panic. Colours are for a terminal only. Names, ids and reasons come from tables and senders: what
//! could turn a line around, hide a part of it or move the cursor is shown as an escape of JSON.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::map::offer::is_invisible;

/// Standard output has no reader any more.
static GONE: AtomicBool = AtomicBool::new(false);
/// Something could not be written for another reason, such as a full disk.
static LOST: AtomicBool = AtomicBool::new(false);

/// On standard output.
pub fn out(text: Arguments<'_>) {
    write_out(&visible(&text.to_string()));
}

/// Data for another program, byte for byte; on a terminal as all else.
pub fn data(text: &str) {
    match std::io::stdout().is_terminal() {
        true => write_out(&visible(text)),
        false => write_out(text),
    }
}

fn write_out(text: &str) {
    match anstream::stdout().write_all(text.as_bytes()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Err(_) => LOST.store(true, Ordering::Relaxed),
    }
}

/// On standard error.
pub fn err(text: Arguments<'_>) {
    // Without a reader the exit code still tells.
    let _ = anstream::stderr().write_all(visible(&text.to_string()).as_bytes());
}

/// The text with every control character as an escape, but for line ends, tabs and our own styles.
fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |character: char| match character {
        '\n' | '\t' => true,
        // Letters of tags, which nobody sees.
        '\u{e0000}'..='\u{e007f}' => false,
        _ => !character.is_control() && !is_invisible(character),
    };
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = style(rest).unwrap_or(character.len_utf8());
        let (piece, after) = rest.split_at(length);
        rest = after;
        if is_plain(character) || length > character.len_utf8() {
            shown.push_str(piece);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{unit:04X}");
        }
    }
    Cow::Owned(shown)
}

/// How long the style is that a text begins with: weight, underline, colour, and what `progress`
/// clears its line with. None of them hides anything.
fn style(text: &str) -> Option<usize> {
    const CLEAR: &str = "\r\x1b[2K";
    if text.starts_with(CLEAR) {
        return Some(CLEAR.len());
    }
    let inner = text.strip_prefix("\x1b[")?;
    let (number, _) = inner.split_once('m')?;
    let is_ours = matches!(
        number.parse::<u8>().ok()?,
        0 | 1 | 2 | 4 | 22 | 24 | 30..=37 | 39 | 90..=97
    );
    is_ours.then_some("\x1b[".len() + number.len() + 1)
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

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn nothing_invisible_reaches_a_terminal() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(visible(text), expected, "{text:?}");
        }
        check("Überfällig 😀\tx\n", "Überfällig 😀\tx\n");
        check("safe\u{202e}kcatta", "safe\\u202Ekcatta");
        check("a\u{200b}b\u{85}c\u{7f}", "a\\u200Bb\\u0085c\\u007F");
        check("a\rb\x07", "a\\u000Db\\u0007");
        check("\x1b[1m\x1b[31merror\x1b[0m", "\x1b[1m\x1b[31merror\x1b[0m");
        check("\r\x1b[2K12 of 40", "\r\x1b[2K12 of 40");
        // Hidden text, a moved cursor, a window's title.
        check("\x1b[8mx", "\\u001B[8mx");
        check("\x1b[2Jx", "\\u001B[2Jx");
        check("\x1b]0;title\x07", "\\u001B]0;title\\u0007");
        check("\x1b", "\\u001B");
        check("\u{e0041}", "\\uDB40\\uDC41");
    }
}
