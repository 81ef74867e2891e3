//! Links as lines of CSV, both ways. Pure but for reading the file.
//!
//! A field in quotes may hold separators, doubled quotes and line breaks. A quote that nobody
//! closes spoils its own line only.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use crate::admin::{LinkView, SameAs};

pub const HEADER: &str = "source,source_lead_id,lead_id,same_as,pearl_id";

/// The longest line, and record, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Lines that one record may span.
const MAX_SPAN: usize = 64;

/// A link as a line, without the line's end.
pub fn line_of(link: &LinkView) -> String {
    let same_as = link
        .same_as
        .as_ref()
        .map(|id| format!("{}:{}", id.source, id.source_lead_id));
    let fields = [
        Some(link.source.as_str()),
        Some(link.source_lead_id.as_str()),
        link.lead_id.as_deref(),
        same_as.as_deref(),
        link.pearl_id.as_deref(),
    ];
    fields
        .map(|field| quoted(field.unwrap_or_default()))
        .join(",")
}

fn quoted(field: &str) -> String {
    let is_plain = !field.contains(['"', ',', ';', '\t', '\n', '\r']) && field.trim() == field;
    match is_plain {
        true => field.to_owned(),
        false => format!("\"{}\"", field.replace('"', "\"\"")),
    }
}

/// What a line says, or why it cannot be read. Reasons never show what stands in the line.
pub type Line = Result<LinkView, String>;

/// Where each column stands, as the first line names them.
#[derive(Debug)]
pub struct Columns {
    separator: char,
    names: Vec<Column>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Source,
    SourceLeadId,
    LeadId,
    SameAs,
    PearlId,
}

const COLUMNS: [(&str, Column); 5] = [
    ("source", Column::Source),
    ("source_lead_id", Column::SourceLeadId),
    ("lead_id", Column::LeadId),
    ("same_as", Column::SameAs),
    ("pearl_id", Column::PearlId),
];

impl Columns {
    pub fn read(line: &str) -> Result<Self, String> {
        let separator = [',', ';', '\t']
            .into_iter()
            .find(|separator| line.contains(*separator))
            .unwrap_or(',');
        let fields = fields(line, separator)?;
        let mut names = Vec::new();
        for field in fields {
            let name = field.trim().to_ascii_lowercase();
            let Some((_, column)) = COLUMNS.iter().find(|(known, _)| *known == name) else {
                let known = COLUMNS.map(|(name, _)| name).join(", ");
                return Err(format!(
                    "the first line names the columns, and one of them is not known; there are: {known}"
                ));
            };
            if names.contains(column) {
                return Err(format!("the column {name} is there twice"));
            }
            names.push(*column);
        }
        let has = |column| names.contains(&column);
        if !has(Column::Source) || !has(Column::SourceLeadId) {
            return Err("the columns source and source_lead_id are needed".to_owned());
        }
        if !has(Column::LeadId) && !has(Column::SameAs) {
            return Err("the column lead_id, or same_as, is needed".to_owned());
        }
        Ok(Self { separator, names })
    }

    /// The link of one line.
    pub fn link(&self, line: &str) -> Line {
        let fields = fields(line, self.separator)?;
        if fields.len() != self.names.len() {
            return Err(format!(
                "it has {} fields, and the first line {}",
                fields.len(),
                self.names.len()
            ));
        }
        let of = |wanted: Column| {
            let place = self.names.iter().position(|column| *column == wanted)?;
            let field = fields[place].trim();
            (!field.is_empty()).then(|| field.to_owned())
        };
        let same_as = match of(Column::SameAs) {
            None => None,
            Some(text) => {
                let (source, id) = text.split_once(':').ok_or("same_as is not source:id")?;
                Some(SameAs {
                    source: source.to_owned(),
                    source_lead_id: id.to_owned(),
                })
            }
        };
        Ok(LinkView {
            source: of(Column::Source).ok_or("source is empty")?,
            source_lead_id: of(Column::SourceLeadId).ok_or("source_lead_id is empty")?,
            lead_id: of(Column::LeadId),
            same_as,
            pearl_id: of(Column::PearlId),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Open,
    /// Text stands behind a closing quote.
    Behind,
}

impl From<Broken> for String {
    fn from(broken: Broken) -> Self {
        Self::from(match broken {
            Broken::Open => "a quote is not closed",
            Broken::Behind => "text stands behind a closing quote",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Bare,
    Quoted,
    /// Behind the closing quote.
    Closed,
}

/// The fields of a record.
fn fields(record: &str, separator: char) -> Result<Vec<String>, Broken> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut place = Place::Bare;
    let mut characters = record.chars().peekable();
    while let Some(character) = characters.next() {
        match (place, character) {
            (Place::Quoted, '"') if characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            (Place::Quoted, '"') => place = Place::Closed,
            (Place::Bare | Place::Closed, _) if character == separator => {
                fields.push(std::mem::take(&mut field));
                place = Place::Bare;
            }
            (Place::Closed, _) if character.is_whitespace() => {}
            (Place::Closed, _) => return Err(Broken::Behind),
            // Inside a bare field it is a character like any other.
            (Place::Bare, '"') if field.trim().is_empty() => {
                field.clear();
                place = Place::Quoted;
            }
            _ => field.push(character),
        }
    }
    if place == Place::Quoted {
        return Err(Broken::Open);
    }
    fields.push(field);
    Ok(fields)
}

/// Records with the number of the line each begins in; blank lines are none.
pub struct Records<R> {
    input: R,
    /// Lines that were read ahead of a quote that nobody closed.
    ahead: VecDeque<RawLine>,
    line: u64,
    separator: char,
    /// Fields of a record; not known before the first line.
    width: usize,
}

type RawLine = Result<String, &'static str>;

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            ahead: VecDeque::new(),
            line: 0,
            separator: ',',
            width: 0,
        }
    }

    /// From the first line on, which tells them.
    pub fn follow(&mut self, columns: &Columns) {
        self.separator = columns.separator;
        self.width = columns.names.len();
    }

    /// The next record, or why that line cannot be read; an error is the file's.
    pub fn next_record(&mut self) -> std::io::Result<Option<(u64, RawLine)>> {
        loop {
            let Some(line) = self.next_line()? else {
                return Ok(None);
            };
            self.line += 1;
            let number = self.line;
            match line {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Ok(Some((number, Ok(self.joined(text)?)))),
                Err(why) => return Ok(Some((number, Err(why)))),
            }
        }
    }

    /// The line with those that its open quote goes on in; itself alone if that makes no record:
    /// then the quote is a fault of this line, and the others are what they are.
    fn joined(&mut self, first: String) -> std::io::Result<String> {
        if fields(&first, self.separator) != Err(Broken::Open) {
            return Ok(first);
        }
        let mut record = first.clone();
        let mut taken = Vec::new();
        while taken.len() + 1 < MAX_SPAN && record.len() < MAX_BYTES {
            let Some(line) = self.next_line()? else { break };
            let text = line.clone().ok();
            taken.push(line);
            let Some(text) = text else { break };
            record.push('\n');
            record.push_str(&text);
            match fields(&record, self.separator) {
                Err(Broken::Open) => {}
                Ok(fields) if fields.len() == self.width => {
                    self.line += taken.len() as u64;
                    return Ok(record);
                }
                _ => break,
            }
        }
        for line in taken.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Ok(first)
    }

    fn next_line(&mut self) -> std::io::Result<Option<RawLine>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let most = MAX_BYTES as u64 + 2;
        self.input
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !bytes.ends_with(b"\n") && bytes.len() as u64 == most {
            self.skip_line()?;
            return Ok(Some(Err("it is longer than 64 KiB")));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return Ok(Some(Err("it is not UTF-8"))),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Ok(Some(Ok(text.trim_start_matches('\u{feff}').to_owned())))
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let (used, is_end) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.input.consume(used);
            if is_end {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
