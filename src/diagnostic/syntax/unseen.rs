//! Signs that nobody sees, and letters that only look like those of a key: named by their numbers,
//! because to the eye nothing is wrong.

use std::ops::Range;

use super::{Said, outside_quotes};

/// The first of them in a line.
pub(super) fn said(text: &str, line: &Range<usize>) -> Option<Said> {
    let shown = &text[line.clone()];
    let (at, sign) = outside_quotes(shown)
        .find(|(at, sign)| is_unseen(*sign) || is_strange_in_key(shown, *at, *sign))?;
    let span = line.start + at..line.start + at + sign.len_utf8();
    let number = format!("U+{:04X}", u32::from(sign));
    Some(if is_unseen(sign) {
        let hint = match sign.is_whitespace() {
            true => "write a plain blank in its place",
            false => "take it out: it comes along when text is copied from a page",
        };
        Said::new(
            span,
            format!("an invisible character stands here: {number}"),
            hint,
        )
    } else {
        let message = format!("`{sign}` ({number}) is no letter of a key, whatever it looks like");
        Said::new(span, message, "type the key again, with plain letters")
    })
}

fn is_unseen(sign: char) -> bool {
    let is_blank = sign.is_whitespace() && !sign.is_ascii();
    is_blank
        || matches!(
            sign,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// A letter of another alphabet in a word that `=` follows.
fn is_strange_in_key(line: &str, at: usize, sign: char) -> bool {
    let is_of_key = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    !sign.is_ascii()
        && sign.is_alphabetic()
        && line[at..]
            .trim_start_matches(is_of_key)
            .trim_start_matches([' ', '\t'])
            .starts_with('=')
}
