//! The comparison for a person: the answer first, then what makes it up, within 80 columns.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::Report;
use crate::config::TargetMode;
use crate::lead::LEADPING;
use crate::plan::{CallCost, Comparison, Counts, Example, LeadEnd, Line, LineKind, Terminal};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();

/// Lines of a list that is as long as the traffic is varied.
const MOST_LINES: usize = 12;
/// The first column of lists of numbers: 80 less the indent and three numbers.
const LABEL: usize = 46;

pub(super) fn print(report: &Report) {
    print!("{}", text(report));
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    summary(&mut out, report);
    let comparison = &report.comparison;
    if comparison.events > 0 {
        rows(&mut out, comparison);
        lead_ends(&mut out, &comparison.lead_ends);
        terminal(&mut out, &comparison.terminal);
        counts(&mut out, "Newly parked", &comparison.parked.newly);
        counts(&mut out, "Newly released", &comparison.parked.released);
        let otherwise = &comparison.parked.otherwise;
        counts(&mut out, "Parked for another cause", otherwise);
        calls(&mut out, &comparison.calls);
        examples(&mut out, report);
    }
    out
}

// Writing to a string cannot fail: every result of `write!` below is dropped.

fn chapter(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{TITLE}{title}{TITLE:#}");
}

fn summary(out: &mut String, report: &Report) {
    let comparison = &report.comparison;
    if comparison.events == 0 {
        let _ = writeln!(
            out,
            "no event was recorded in that time: nothing to compare"
        );
        return;
    }
    let (style, answer) = if comparison.differs {
        (BAD, "differs")
    } else {
        (GOOD, "nothing differs")
    };
    let _ = writeln!(
        out,
        "{style}{answer}{style:#}: {} of {} events, {} of {} leads in the end",
        grouped(comparison.events_differ),
        grouped(comparison.events),
        grouped(comparison.leads_differ),
        grouped(i64::try_from(comparison.leads).unwrap_or(i64::MAX)),
    );
    for (word, tables) in [
        ("current", &report.tables.current),
        ("candidate", &report.tables.candidate),
    ] {
        let dir = tables.dir.display();
        let _ = writeln!(out, "  {DIM}{word:<10}{DIM:#} {} {dir}", tables.hash);
    }
    if let (Some(from), Some(to)) = (comparison.received_from, comparison.received_to) {
        let _ = writeln!(out, "  {DIM}{:<10}{DIM:#} {from:.0} to {to:.0}", "received");
    }
    if report.begins_midway {
        let _ = writeln!(
            out,
            "  {DIM}Older events are not looked at: leads begin with an empty memory here.{DIM:#}"
        );
    }
}

fn rows(out: &mut String, comparison: &Comparison) {
    let changed = |line: &&Line| line.differ > 0 || line.events.current != line.events.candidate;
    let lines: Vec<&Line> = comparison.rows.iter().filter(changed).collect();
    if lines.is_empty() {
        return;
    }
    chapter(out, "Events by row");
    let mut mapping = "";
    for line in lines {
        if line.mapping != mapping {
            mapping = &line.mapping;
            let _ = writeln!(
                out,
                "  {DIM}{:<LABEL$} {:>10} {:>10} {:>9}{DIM:#}",
                shortened(&format!("{mapping}.toml"), LABEL),
                "before",
                "after",
                "differ"
            );
        }
        let _ = writeln!(
            out,
            "  {} {:>10} {:>10} {:>9}",
            padded(&labelled(line), LABEL),
            side(line.row.current.is_some(), line, line.events.current),
            side(line.row.candidate.is_some(), line, line.events.candidate),
            grouped(line.differ)
        );
    }
}

fn labelled(line: &Line) -> String {
    match (&line.row.current, &line.row.candidate) {
        _ if line.kind != LineKind::Row => line.label.clone(),
        (None, _) => format!("{} (new)", shortened(&line.label, LABEL - 6)),
        (_, None) => format!("{} (gone)", shortened(&line.label, LABEL - 7)),
        _ => line.label.clone(),
    }
}

/// `-` on the side that has no such row.
fn side(is_there: bool, line: &Line, events: i64) -> String {
    if is_there || line.kind != LineKind::Row {
        grouped(events)
    } else {
        String::from("-")
    }
}

fn counts(out: &mut String, title: &str, counts: &Counts) {
    let mut most: Vec<(String, i64)> = counts
        .0
        .iter()
        .map(|(key, count)| (key.clone(), *count))
        .collect();
    most.sort_by_key(|(_, count)| -count);
    list(out, title, &most);
}

fn lead_ends(out: &mut String, ends: &[LeadEnd]) {
    let line = |end: &LeadEnd| {
        let at = match end.at.as_str() {
            LEADPING => String::new(),
            at => format!("{at}: "),
        };
        (format!("{at}{} → {}", end.before, end.after), end.leads)
    };
    let lines: Vec<(String, i64)> = ends.iter().map(line).collect();
    list(out, "Leads that end differently", &lines);
}

/// Categories of which anything differs.
fn terminal(out: &mut String, terminal: &[Terminal]) {
    let differs = |one: &&Terminal| {
        one.entered.current != one.entered.candidate
            || one.left.current != one.left.candidate
            || one.newly + one.no_longer > 0
    };
    let differing: Vec<&Terminal> = terminal.iter().filter(differs).collect();
    if differing.is_empty() {
        return;
    }
    chapter(out, "Terminal categories");
    for one in differing {
        let _ = writeln!(
            out,
            "  {DIM}{:<LABEL$} {:>10} {:>10}{DIM:#}",
            shortened(&one.category, LABEL),
            "before",
            "after"
        );
        for (label, sides) in [
            ("events that make a lead enter it", one.entered),
            ("events that make a lead leave it", one.left),
            ("leads that end in it", one.leads),
        ] {
            let _ = writeln!(
                out,
                "  {label:<LABEL$} {:>10} {:>10}",
                grouped(sides.current),
                grouped(sides.candidate)
            );
        }
        let (newly, no_longer) = (grouped(one.newly), grouped(one.no_longer));
        let _ = writeln!(
            out,
            "  leads that newly end in it: {newly}; that no longer do: {no_longer}"
        );
    }
}

/// The first lines of a list, and how much more there is.
fn list(out: &mut String, title: &str, most: &[(String, i64)]) {
    if most.is_empty() {
        return;
    }
    chapter(out, title);
    for (key, count) in most.iter().take(MOST_LINES) {
        let _ = writeln!(out, "  {:>9}  {}", grouped(*count), shortened(key, 66));
    }
    let rest = most.iter().skip(MOST_LINES);
    let (kinds, sum) = rest.fold((0, 0), |(kinds, sum), (_, count)| (kinds + 1, sum + count));
    if kinds > 0 {
        let _ = writeln!(
            out,
            "  {DIM}{:>9}  in {kinds} more (--json shows all){DIM:#}",
            grouped(sum)
        );
    }
}

fn calls(out: &mut String, costs: &[CallCost]) {
    chapter(out, "Calls, and how long they take at the target's rate");
    for cost in costs {
        let _ = writeln!(
            out,
            "  {DIM}{:<22} {:>12} {:>12} {:>12}{DIM:#}",
            shortened(&cost.target, 22),
            "before",
            "after",
            "difference"
        );
        let difference = match cost.difference {
            more @ 1.. => format!("+{}", grouped(more)),
            other => grouped(other),
        };
        let _ = writeln!(
            out,
            "  {:<22} {:>12} {:>12} {difference:>12}",
            "calls",
            grouped(cost.calls.current),
            grouped(cost.calls.candidate)
        );
        let _ = writeln!(
            out,
            "  {:<22} {:>12} {:>12} {:>12}",
            "time",
            lasting(cost.seconds.current),
            lasting(cost.seconds.candidate),
            match cost.difference_seconds {
                more @ 1.. => format!("+{}", lasting(more.unsigned_abs())),
                less @ ..0 => format!("-{}", lasting(less.unsigned_abs())),
                0 => lasting(0),
            }
        );
        if cost.mode == TargetMode::Shadow {
            let _ = writeln!(
                out,
                "  {DIM}in shadow mode: they are recorded, not sent{DIM:#}"
            );
        }
    }
}

fn examples(out: &mut String, report: &Report) {
    let examples = &report.comparison.examples;
    if examples.is_empty() {
        return;
    }
    chapter(out, "Examples");
    for (example, look) in examples.iter().zip(&report.look_closer) {
        let Example {
            event,
            source,
            lead,
            before,
            after,
            ..
        } = example;
        let lead = lead.as_deref().unwrap_or("no lead");
        let _ = writeln!(
            out,
            "  {event}  {}",
            shortened(&format!("{source} {lead}"), 40)
        );
        let _ = writeln!(out, "    {DIM}before{DIM:#}  {}", shortened(before, 68));
        let _ = writeln!(out, "    {DIM}after{DIM:#}   {}", shortened(after, 68));
        // In two lines that a shell takes as one.
        let command = look
            .explain
            .replace(" --event", " \\\n              --event");
        let _ = writeln!(out, "    {DIM}look{DIM:#}    {command}");
    }
}

/// `12,345`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `2 h 5 min`: the two largest units that are not zero.
fn lasting(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        if rest >= size {
            parts.push(format!("{} {name}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        return String::from("0 s");
    }
    parts.join(" ")
}

/// At most so many characters, in one line.
fn shortened(text: &str, most: usize) -> String {
    let text: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn padded(text: &str, width: usize) -> String {
    format!("{:<width$}", shortened(text, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        #[track_caller]
        fn check(number: i64, expected: &str, seconds: u64, time: &str) {
            assert_eq!(grouped(number), expected);
            assert_eq!(lasting(seconds), time);
        }
        check(0, "0", 0, "0 s");
        check(999, "999", 59, "59 s");
        check(-1000, "-1,000", 3600, "1 h");
        check(1_234_567, "1,234,567", 3725, "1 h 2 min");
        check(10, "10", 90_061, "1 d 1 h");
    }

    #[test]
    fn long_and_hostile_labels_stay_in_their_column() {
        assert_eq!(shortened("a\n\x1b[31mb", 20), "a  [31mb");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(padded("ab", 4), "ab  ");
    }
}
