//! `docs/tables.md` as a test reads it: its blocks, its tables, and what shown output stands for.

use crate::shipped_place::without_line_number;

const PAGE: &str = include_str!("../../../docs/tables.md");

#[derive(Debug)]
pub struct Block {
    pub line: usize,
    pub language: String,
    pub directive: Option<(String, String)>,
    pub text: String,
}

pub fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut above) = (false, "");
    for (number, line) in PAGE.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                blocks.push(Block {
                    line: number + 1,
                    language: language.to_owned(),
                    directive: directive(above),
                    text: String::new(),
                });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text += line;
                block.text.push('\n');
            }
            (None, false) => {}
        }
        above = line;
    }
    assert!(!open, "a block is not closed");
    blocks
}

/// `<!-- name: value -->` as name and value.
fn directive(line: &str) -> Option<(String, String)> {
    let inner = line.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    let (name, value) = inner.split_once(": ").unwrap_or((inner, ""));
    Some((name.to_owned(), value.to_owned()))
}

/// The rows of the page's Markdown table under this heading, cell by cell.
pub fn markdown_table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).expect(heading);
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().replace('`', "")).collect()
        })
        .collect()
}

/// Line by line; `…` stands for anything in a line, a line of it alone for any lines.
pub fn matches(shown: &str, printed: &str) -> bool {
    fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
        match (shown, printed) {
            (["…", rest @ ..], _) => {
                (0..=printed.len()).any(|at| lines_match(rest, &printed[at..]))
            }
            ([first, rest @ ..], [line, others @ ..]) => {
                line_matches(first, line) && lines_match(rest, others)
            }
            (shown, printed) => shown.is_empty() && printed.is_empty(),
        }
    }
    fn line_matches(shown: &str, line: &str) -> bool {
        let Some((before, behind)) = shown.split_once('…') else {
            return shown.trim_end() == line.trim_end();
        };
        line.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(behind, &rest[at..]))
        })
    }
    // The lines of the shipped tables move with every comment; what is said about them does not.
    let comparable = |text: &str| -> Vec<String> {
        let lines = text.lines().map(without_line_number);
        lines
            .map(|line| match line.split_once(" | ") {
                Some((number, code)) if number.parse::<u32>().is_ok() => format!("… | {code}"),
                _ => line,
            })
            .collect()
    };
    let (shown, printed) = (comparable(shown), comparable(printed));
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
    lines_match(&shown, &printed)
}

#[test]
fn the_pattern_of_shown_output_can_fail() {
    for (shown, printed, expected) in [
        ("a\nb", "a\nb", true),
        ("a\nb", "a\nc", false),
        ("a", "a\nb", false),
        ("a…c", "abbc", true),
        ("a…c", "abbd", false),
        ("…\nc", "a\nb\nc", true),
        ("…\nc", "a\nb", false),
        ("", "x", false),
    ] {
        assert_eq!(matches(shown, printed), expected, "{shown:?} {printed:?}");
    }
}
