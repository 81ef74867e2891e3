//! The table: every figure, beside what the bridge promises of it and what it aims at.

use std::fmt::Display;

/// A promise about a figure.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtLeast { must: f64, aim: f64 },
    AtMost { must: f64, aim: f64 },
}

struct Line {
    name: String,
    figure: String,
    bound: String,
    aim: String,
    verdict: &'static str,
}

#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
    /// Things that must never happen, whatever the machine.
    faults: Vec<String>,
}

impl Report {
    /// A figure without a promise.
    pub fn show(&mut self, name: impl Into<String>, figure: impl Display) {
        self.push(Line {
            name: name.into(),
            figure: figure.to_string(),
            bound: String::new(),
            aim: String::new(),
            verdict: "",
        });
    }

    /// A figure and whether it keeps its promise.
    pub fn judge(&mut self, name: impl Into<String>, (value, unit): (f64, &str), bound: Bound) {
        let (sign, must, aim, kept, reached) = match bound {
            Bound::AtLeast { must, aim } => ("≥", must, aim, value >= must, value >= aim),
            Bound::AtMost { must, aim } => ("≤", must, aim, value <= must, value <= aim),
        };
        self.push(Line {
            name: name.into(),
            figure: format!("{value:.2} {unit}").trim_end().to_owned(),
            bound: format!("{sign} {must}"),
            aim: if aim == must {
                String::new()
            } else {
                format!("{sign} {aim}")
            },
            verdict: match (kept, reached) {
                (_, true) => "ok",
                (true, false) => "ok, aim missed",
                (false, false) => "MISSED",
            },
        });
    }

    /// Something that speed does not excuse.
    pub fn fault(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("  FAULT: {what}");
        self.faults.push(what);
    }

    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    fn push(&mut self, line: Line) {
        println!("  {:<52} {:<28} {}", line.name, line.figure, line.verdict);
        self.lines.push(line);
    }

    pub fn print(&self) {
        let width = |cell: fn(&Line) -> &str, title: &str| {
            let widest = self.lines.iter().map(|line| cell(line).chars().count());
            widest.chain([title.chars().count()]).max().unwrap_or(0)
        };
        let name = width(|line| &line.name, "name");
        let figure = width(|line| &line.figure, "figure");
        let bound = width(|line| &line.bound, "bound");
        let aim = width(|line| &line.aim, "aim");
        let print = |cells: [&str; 5]| {
            let [a, b, c, d, e] = cells;
            println!("{a:<name$}  {b:<figure$}  {c:<bound$}  {d:<aim$}  {e}");
        };
        println!();
        print(["name", "figure", "bound", "aim", ""]);
        for line in &self.lines {
            print([
                &line.name,
                &line.figure,
                &line.bound,
                &line.aim,
                line.verdict,
            ]);
        }
        for fault in &self.faults {
            println!("FAULT: {fault}");
        }
    }
}
