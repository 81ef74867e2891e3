//! `links import`: the lines of a CSV file, taught batch by batch.
//!
//! Every line ends in a word (new, known, moved, faulty), and every faulty one is told with its
//! number and why, never with what stands in it. Importing the same file again is harmless.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use reqwest::Method;
use serde::Serialize;

use super::csv::{Columns, Records};
use crate::admin::{LinkView, LinksBody, LinksSet, MAX_LINKS};
use crate::cli::Exit;
use crate::cli::admin_api::{AdminApi, Unanswered};
use crate::cli::input::unreadable;

const WRONG_USAGE: u8 = 2;
const HINT: &str = "name the CSV file, or `-` for standard input";
/// Lines between two words of progress where nobody looks at a terminal.
const PROGRESS_LINES: u64 = 10_000;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The CSV file; `-` reads standard input
    file: PathBuf,
    /// Print what became of the lines as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Tally {
    lines: u64,
    new: u64,
    known: u64,
    moved: u64,
    faulty: u64,
    /// Parked events that went on because of a link.
    decided: usize,
    /// The line from which on nothing was taught.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_before_line: Option<u64>,
    faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct Fault {
    line: u64,
    why: String,
}

pub async fn run(api: &AdminApi, args: ImportArgs) -> anyhow::Result<ExitCode> {
    let input: Box<dyn BufRead> = match args.file.as_os_str() == "-" {
        true => Box::new(BufReader::new(std::io::stdin())),
        false => match File::open(&args.file) {
            Ok(file) => Box::new(BufReader::new(file)),
            Err(error) => return Err(unreadable(&args.file, &error, HINT)),
        },
    };
    let mut records = Records::new(input);
    let first = records.next_record();
    let columns = match first.map_err(|error| unreadable(&args.file, &error, HINT))? {
        Some((_, Ok(line))) => Columns::read(&line),
        Some((_, Err(why))) => Err(why.to_owned()),
        None => Err("the file is empty".to_owned()),
    };
    let columns = match columns {
        Ok(columns) => columns,
        Err(why) => {
            eprintln!("{}:1: {why}", args.file.display());
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    records.follow(&columns);
    let mut import = Import::new(args.file.display().to_string());
    let stopped = import.carry(api, records, &columns).await?;
    import.progress.end();
    import.tell_faults(args.json);
    let tally = &import.tally;
    if args.json {
        println!("{}", serde_json::to_string(tally)?);
    } else {
        tell(tally);
    }
    Ok(match stopped {
        Some(Unanswered(exit)) => exit.into(),
        None if tally.faulty > 0 => Exit::Unmet.into(),
        None => ExitCode::SUCCESS,
    })
}

fn tell(tally: &Tally) {
    println!(
        "{} lines: {} new, {} known, {} moved, {} faulty; decided again: {}",
        tally.lines, tally.new, tally.known, tally.moved, tally.faulty, tally.decided
    );
    if let Some(line) = tally.stopped_before_line {
        println!(
            "stopped: nothing was taught from line {line} on; import the file again, what is known changes nothing"
        );
    }
}

struct Import {
    file: String,
    batch: Vec<(u64, LinkView)>,
    /// Of the batch that is being collected, to be told in the order of lines.
    faults: Vec<Fault>,
    tally: Tally,
    seen: Seen,
    progress: Progress,
}

impl Import {
    fn new(file: String) -> Self {
        Self {
            file,
            batch: Vec::new(),
            faults: Vec::new(),
            tally: Tally::default(),
            seen: Seen::default(),
            progress: Progress::new(),
        }
    }

    /// Every line to its end; or why the bridge could not be asked any more.
    async fn carry(
        &mut self,
        api: &AdminApi,
        mut records: Records<impl BufRead>,
        columns: &Columns,
    ) -> anyhow::Result<Option<Unanswered>> {
        while let Some((line, record)) = records.next_record()? {
            self.tally.lines += 1;
            let link = record
                .map_err(str::to_owned)
                .and_then(|record| columns.link(&record))
                .and_then(|link| self.seen.check(line, link));
            match link {
                Ok(link) => self.batch.push((line, link)),
                Err(why) => self.fault(line, why),
            }
            if self.batch.len() == MAX_LINKS
                && let Some(unanswered) = self.teach(api).await?
            {
                return Ok(Some(unanswered));
            }
        }
        self.teach(api).await
    }

    fn fault(&mut self, line: u64, why: String) {
        self.tally.faulty += 1;
        self.faults.push(Fault { line, why });
    }

    async fn teach(&mut self, api: &AdminApi) -> anyhow::Result<Option<Unanswered>> {
        let (lines, links): (Vec<u64>, Vec<LinkView>) = self.batch.drain(..).unzip();
        if !links.is_empty() {
            let body = LinksBody { links };
            let set: LinksSet = match api.send(Method::POST, "links", &body).await? {
                Ok(set) => set,
                Err(unanswered) => {
                    self.tally.stopped_before_line = lines.first().copied();
                    return Ok(Some(unanswered));
                }
            };
            anyhow::ensure!(
                set.results.len() == lines.len(),
                "the bridge answered for {} of {} links",
                set.results.len(),
                lines.len()
            );
            for (line, result) in lines.into_iter().zip(set.results) {
                self.tally.decided += result.decided;
                match result.result.as_str() {
                    "new" => self.tally.new += 1,
                    "known" => self.tally.known += 1,
                    "moved" => self.tally.moved += 1,
                    _ => self.fault(line, result.why.unwrap_or(result.result)),
                }
            }
        }
        self.faults.sort_by_key(|fault| fault.line);
        self.tally.faults.append(&mut self.faults);
        self.progress.show(self.tally.lines);
        Ok(None)
    }

    /// All of them, on stderr; in JSON they are part of the answer.
    fn tell_faults(&mut self, is_json: bool) {
        self.faults.sort_by_key(|fault| fault.line);
        self.tally.faults.append(&mut self.faults);
        if is_json {
            return;
        }
        for fault in self.tally.faults.drain(..) {
            eprintln!("{}:{}: {}", self.file, fault.line, fault.why);
        }
    }
}

/// What earlier lines said of an id: two lines that contradict each other would each undo the
/// other's link.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    /// Hash of the id → its line, and the hash of its LeadPing id.
    ids: HashMap<u64, (u64, u64)>,
}

impl Seen {
    fn check(&mut self, line: u64, link: LinkView) -> Result<LinkView, String> {
        let Some(lead_id) = &link.lead_id else {
            return Ok(link);
        };
        let id = self.hasher.hash_one((&link.source, &link.source_lead_id));
        let lead = self.hasher.hash_one(lead_id);
        match self.ids.get(&id) {
            Some((earlier, other)) if *other != lead => Err(format!(
                "line {earlier} names another lead_id for the same id"
            )),
            Some(_) => Ok(link),
            None => {
                self.ids.insert(id, (line, lead));
                Ok(link)
            }
        }
    }
}

/// How far it is, on stderr: one line that changes on a terminal, a line now and then elsewhere.
struct Progress {
    is_terminal: bool,
    shown_at: Instant,
    shown: u64,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            shown_at: Instant::now(),
            shown: 0,
        }
    }

    fn show(&mut self, lines: u64) {
        if self.is_terminal && self.shown_at.elapsed() >= PROGRESS_EVERY {
            self.shown_at = Instant::now();
            eprint!("\r{lines} lines");
            // It is only for looking at.
            let _ = std::io::stderr().flush();
            self.shown = lines;
        } else if !self.is_terminal && lines - self.shown >= PROGRESS_LINES {
            eprintln!("{lines} lines");
            self.shown = lines;
        }
    }

    /// Leaves the terminal's line free.
    fn end(&self) {
        if self.is_terminal && self.shown > 0 {
            eprint!("\r{:30}\r", "");
        }
    }
}
