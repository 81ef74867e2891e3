//! What `test` prints: one line per example, what differs below it, and what nothing covers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use serde_json::{Value, json};

use super::{Outcome, Results, Tried};
use crate::diagnostic::render;
use crate::examples::{Difference, in_toml};

const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();

pub(super) fn print(results: &Results, json: bool) -> anyhow::Result<()> {
    let text = if json {
        format!("{:#}\n", to_json(results))
    } else {
        human(results).context("the report cannot be put together")?
    };
    print!("{text}");
    Ok(())
}

fn human(results: &Results) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for tried in &results.tried {
        example(&mut text, tried, results)?;
    }
    if !results.findings.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &render::render(&results.findings);
    }
    if !results.uncovered.is_empty() {
        writeln!(text, "\n{NOTE}Rows that no example covers{NOTE:#}")?;
        for uncovered in &results.uncovered {
            let path = results.dir.join(format!("{}.toml", uncovered.mapping));
            let row = &uncovered.row;
            writeln!(text, "  {}:{}: {row}", path.display(), row.line)?;
        }
    }
    summary(&mut text, results)?;
    Ok(text)
}

fn example(text: &mut String, tried: &Tried, results: &Results) -> std::fmt::Result {
    let name = tried.found.full_name();
    match &tried.outcome {
        Outcome::Holds => writeln!(text, "{GOOD}✓{GOOD:#} {name}"),
        Outcome::Differs(differences) => {
            writeln!(text, "{BAD}✗ {name}{BAD:#}")?;
            compared(text, differences, ("expected", "actual"))?;
            spoke(text, tried, results)
        }
        Outcome::Open => {
            writeln!(
                text,
                "{BAD}? {name}{BAD:#}: no expectation yet; now it becomes"
            )?;
            writeln!(text, "    {}", in_short(tried))?;
            spoke(text, tried, results)
        }
        Outcome::Blessed {
            text: written,
            differed,
        } => {
            writeln!(
                text,
                "{NOTE}+ {name}{NOTE:#}: wrote {}",
                tried.found.expectation.display()
            )?;
            compared(text, differed, ("before", "now"))?;
            if differed.is_empty() {
                for line in written.lines() {
                    writeln!(text, "{}", format!("    {line}").trim_end())?;
                }
            }
            Ok(())
        }
    }
}

fn in_short(tried: &Tried) -> String {
    let actual = &tried.actual;
    match (&actual.leadping, &actual.why) {
        (Some(members), _) => {
            format!(
                "{} {}",
                actual.verdict,
                in_toml(&Value::Object(members.clone()))
            )
        }
        (None, Some(why)) => format!("{}: {why}", actual.verdict),
        (None, None) => actual.verdict.to_owned(),
    }
}

/// Key by key, the two values below each other, so that long texts can be compared.
fn compared(
    text: &mut String,
    differences: &[Difference],
    (before, after): (&str, &str),
) -> std::fmt::Result {
    let key = |difference: &Difference| {
        let key = &difference.key;
        key.strip_prefix("leadping.").unwrap_or(key).to_owned()
    };
    let width = differences
        .iter()
        .map(|one| key(one).len())
        .max()
        .unwrap_or(0);
    let word_width = before.len().max(after.len());
    for difference in differences {
        let value =
            |value: &Option<Value>| value.as_ref().map_or(String::from("(nothing)"), in_toml);
        let shown = [
            (BAD, key(difference), before, value(&difference.expected)),
            (GOOD, String::new(), after, value(&difference.actual)),
        ];
        for (style, key, word, value) in shown {
            writeln!(
                text,
                "    {key:<width$}  {DIM}{word:<word_width$}{DIM:#}  {style}{value}{style:#}"
            )?;
        }
    }
    Ok(())
}

/// Which row it was: mostly the place to look at.
fn spoke(text: &mut String, tried: &Tried, results: &Results) -> std::fmt::Result {
    let path = results.dir.join(format!("{}.toml", tried.table.name));
    match &tried.actual.row {
        Some(row) => {
            writeln!(
                text,
                "    {DIM}decided by {}:{} {row}{DIM:#}",
                path.display(),
                row.line
            )
        }
        None => writeln!(text, "    {DIM}no row of {} spoke{DIM:#}", path.display()),
    }
}

/// How many examples went which way.
struct Count {
    hold: usize,
    differ: usize,
    open: usize,
    blessed: usize,
    /// Files of examples that cannot be read.
    faulty: usize,
}

fn count(results: &Results) -> Count {
    let of = |wanted: fn(&Outcome) -> bool| {
        let outcomes = results.tried.iter().map(|tried| &tried.outcome);
        outcomes.filter(|outcome| wanted(outcome)).count()
    };
    let examples = results.dir.join(super::find::FOLDER);
    let files = results.findings.iter().map(|finding| &finding.file.path);
    let faulty: BTreeSet<&PathBuf> = files.filter(|path| path.starts_with(&examples)).collect();
    Count {
        hold: of(|outcome| matches!(outcome, Outcome::Holds)),
        differ: of(|outcome| matches!(outcome, Outcome::Differs(_))),
        open: of(|outcome| matches!(outcome, Outcome::Open)),
        blessed: of(|outcome| matches!(outcome, Outcome::Blessed { .. })),
        faulty: faulty.len(),
    }
}

fn summary(text: &mut String, results: &Results) -> std::fmt::Result {
    let count = count(results);
    if results.tried.is_empty() {
        if results.findings.is_empty() {
            let folder = results.dir.join(super::find::FOLDER);
            writeln!(text, "no examples in {}", folder.display())?;
        }
        return Ok(());
    }
    let hold = if count.hold == 1 { "holds" } else { "hold" };
    let mut parts = vec![format!("{} {hold}", count.hold)];
    for (number, word) in [
        (
            count.differ,
            if count.differ == 1 {
                "differs"
            } else {
                "differ"
            },
        ),
        (count.open, "without expectation"),
        (count.blessed, "written, to be reviewed"),
        (count.faulty, "not run, because of the faults above"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    let rows = match results.uncovered.len() {
        0 => String::new(),
        1 => String::from("; 1 row without example"),
        number => format!("; {number} rows without example"),
    };
    let total = match results.tried.len() {
        1 => String::from("1 example"),
        number => format!("{number} examples"),
    };
    writeln!(text, "\n{total}: {}{rows}", parts.join(", "))?;
    if count.differ + count.open > 0 {
        writeln!(
            text,
            "If it is meant so: `leadping-bridge test --bless` writes what is decided now."
        )?;
    }
    Ok(())
}

fn to_json(results: &Results) -> Value {
    let examples: Vec<Value> = results.tried.iter().map(example_to_json).collect();
    let uncovered: Vec<Value> = results
        .uncovered
        .iter()
        .map(|uncovered| {
            let path = results.dir.join(format!("{}.toml", uncovered.mapping));
            json!({
                "mapping": uncovered.mapping,
                "file": path.display().to_string(),
                "line": uncovered.row.line,
                "number": uncovered.row.number,
                "name": uncovered.row.name,
            })
        })
        .collect();
    let count = count(results);
    json!({
        "examples": examples,
        "uncovered": uncovered,
        "findings": render::to_json(&results.findings),
        "summary": {
            "hold": count.hold,
            "differ": count.differ,
            "open": count.open,
            "blessed": count.blessed,
            "uncovered": results.uncovered.len(),
        },
    })
}

fn example_to_json(tried: &Tried) -> Value {
    let nothing = Vec::new();
    let (result, differences) = match &tried.outcome {
        Outcome::Holds => ("holds", &nothing),
        Outcome::Differs(differences) => ("differs", differences),
        Outcome::Open => ("open", &nothing),
        Outcome::Blessed { differed, .. } => ("blessed", differed),
    };
    let actual = &tried.actual;
    json!({
        "mapping": tried.found.mapping,
        "name": tried.found.name,
        "payload": tried.found.payload.display().to_string(),
        "expectation": tried.found.expectation.display().to_string(),
        "result": result,
        "differences": differences,
        "actual": {
            "verdict": actual.verdict,
            "row": actual.row,
            "why": actual.why,
            "leadping": actual.leadping,
            "written_back": actual.written_back,
        },
    })
}
