//! Where a piece of a quoted text stands in the file, escapes or not.

use std::ops::Range;

/// A text value and its place in the file.
#[derive(Debug, Clone)]
pub struct TextPlace {
    span: Range<usize>,
    /// For every byte of the text, and its end, where in the file it stands; `None` where that
    /// cannot be told.
    offsets: Option<Offsets>,
}

#[derive(Debug, Clone)]
enum Offsets {
    /// The text stands there as it is.
    From(usize),
    Each(Vec<usize>),
}

impl TextPlace {
    /// `span`: the value in the file, quotes included.
    pub fn of(file: &str, span: &Range<usize>, text: &str) -> Self {
        let quoted = &file[span.clone()];
        let offsets = match quoted.find(text) {
            Some(at) => Some(Offsets::From(span.start + at)),
            None => escaped(quoted, text).map(|offsets| {
                Offsets::Each(offsets.into_iter().map(|at| span.start + at).collect())
            }),
        };
        Self {
            span: span.clone(),
            offsets,
        }
    }

    /// A range of the text, in the file; all of the value where that cannot be told.
    pub fn at(&self, range: &Range<usize>) -> Range<usize> {
        match &self.offsets {
            Some(Offsets::From(start)) => start + range.start..start + range.end,
            Some(Offsets::Each(offsets)) => {
                match (offsets.get(range.start), offsets.get(range.end)) {
                    (Some(start), Some(end)) => *start..*end,
                    _ => self.span.clone(),
                }
            }
            None => self.span.clone(),
        }
    }

    pub fn whole(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// Where each byte of a one-line text in double quotes stands, if it reads as `text`.
fn escaped(quoted: &str, text: &str) -> Option<Vec<usize>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.starts_with('"') {
        return None;
    }
    let mut offsets = Vec::with_capacity(text.len() + 1);
    let mut wanted = text.chars();
    let mut raw = inner.char_indices();
    while let Some((at, character)) = raw.next() {
        if character == '\\' {
            let digits = match raw.next()?.1 {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            for _ in 0..digits {
                raw.next()?;
            }
        }
        let read = wanted.next()?;
        offsets.extend(std::iter::repeat_n(at + 1, read.len_utf8()));
    }
    offsets.push(inner.len() + 1);
    wanted.next().is_none().then_some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_behind_escapes_too() {
        #[track_caller]
        fn check(quoted: &str, text: &str, piece: &str, expected: &str) {
            let file = format!("when = {quoted}");
            let place = TextPlace::of(&file, &(7..file.len()), text);
            let start = text.find(piece).unwrap();
            let found = place.at(&(start..start + piece.len()));
            assert_eq!(&file[found], expected, "{quoted}");
        }
        check("'a == b'", "a == b", "b", "b");
        check("\"body[\\\"x\\\"] == b\"", "body[\"x\"] == b", "b", "b");
        check(
            r#""\u00e9\\ == \"b\"""#,
            "é\\ == \"b\"",
            "\"b\"",
            r#"\"b\""#,
        );
        check(r#""\x41\t == b""#, "A\t == b", "A", r"\x41");
        check(
            "\"\"\"\n a\\\n  b\"\"\"",
            " ab",
            "b",
            "\"\"\"\n a\\\n  b\"\"\"",
        );
    }
}
