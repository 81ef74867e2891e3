//! Conditions that are the same for every event of their row: always true, never true, or of the
//! wrong type. Knows what each member can be; what a condition says comes from `lint`, whether an
//! event can make it true from `possible`.

mod statuses;

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::config::SourceKind;
use crate::diagnostic::did_you_mean;
use crate::event::Status;
use crate::map::context::NUMBERS;
use crate::map::lint::{Atom, Claim, Logic, Relation, Stray};
use crate::map::place::TextPlace;
use crate::map::possible::World;
use crate::map::reader::{Reader, Sources};
use crate::map::row::{Row, RowResult, When};
use crate::systems;
use crate::systems::leadping::vocabulary::CATEGORIES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MemberKind {
    Text,
    Number,
    Truth,
}

impl MemberKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Truth => "true or false",
        }
    }

    fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::String => Some(Self::Text),
            ValueKind::Number => Some(Self::Number),
            ValueKind::Bool => Some(Self::Truth),
            _ => None,
        }
    }
}

/// What a member is whenever it is there; `None` where the sender decides.
fn kind_of(kind: SourceKind, path: &str) -> Option<MemberKind> {
    match path {
        "event.status" if kind == SourceKind::Nlpearl => Some(MemberKind::Number),
        "call.transferred" => Some(MemberKind::Truth),
        path if NUMBERS.contains(&path) => Some(MemberKind::Number),
        path => {
            let (root, member) = path.split_once('.')?;
            let is_ours = matches!(root, "event" | "lead" | "call" | "previous");
            (is_ours && !member.contains('.')).then_some(MemberKind::Text)
        }
    }
}

/// Findings about the condition of one sound row, and about what its templates ask.
pub fn check(reader: &mut Reader<'_>, kind: SourceKind, row: &Row) {
    check_templates(reader, kind, row);
    let Some(when) = &row.when else {
        return;
    };
    if check_strays(
        reader,
        ("when", &when.place),
        &when.condition.meaning.strays,
    ) {
        return;
    }
    match when.condition.constant() {
        Some(Ok(true)) => {
            reader
                .warning(when.place.whole(), "`when` is always true")
                .hint = Some("leave it out".to_owned());
        }
        Some(Ok(false)) => {
            let message = "row can never match: `when` is always false";
            reader.warning(when.place.whole(), message).hint =
                Some("to switch a row off, put `#` before its lines".to_owned());
        }
        Some(Err(why)) => {
            reader.error(when.place.whole(), format!("`when` {why}"));
        }
        None => {}
    }
    let before = reader.findings.len();
    let alone = when.condition.meaning.alone.as_deref();
    if let Some((path, found)) = alone.and_then(|path| Some((path, kind_of(kind, path)?)))
        && found != MemberKind::Truth
    {
        let message = format!("`when` is {}, not true or false", found.as_str());
        reader.error(when.place.whole(), message).hint = Some(format!("compare it: `{path} == …`"));
    }
    for claim in &when.condition.meaning.claims {
        check_claim(reader, (kind, row), ("when", &when.place), claim);
    }
    // What is wrong with one comparison explains what follows from it.
    if reader.findings.len() == before && !when.condition.is_constant() {
        check_logic(reader, (kind, row, when));
    }
}

/// Values where a question should stand; whether there are any: what follows from them is not told.
fn check_strays(
    reader: &mut Reader<'_>,
    (key, place): (&str, &TextPlace),
    strays: &[Stray],
) -> bool {
    for stray in strays {
        let span = place.at(&stray.range);
        let said = reader.file.text.get(span.clone()).unwrap_or_default();
        let message = format!("`{key}`: `{said}` alone asks nothing: it is a value, no condition");
        let hint = match &stray.meant {
            Some(meant) => format!("write `{meant}`"),
            None => String::from("say what is compared with it, or take it out"),
        };
        if reader.is_news(&span, &message) {
            reader.error(span, message).hint = Some(hint);
        }
    }
    !strays.is_empty()
}

/// A comparison inside a template that no event makes true, or that cannot be made.
fn check_templates(reader: &mut Reader<'_>, kind: SourceKind, row: &Row) {
    let RowResult::Targets(tables) = &row.result else {
        return;
    };
    let world = World::of_row(kind, row, reader.sources);
    for member in tables.iter().flat_map(|table| &table.members) {
        for (_, template, place) in member.value.typed_templates(member.member_type) {
            for asked in &template.asked {
                if check_strays(reader, (member.name, place), &asked.strays) {
                    continue;
                }
                let before = reader.findings.len();
                for claim in &asked.claims {
                    check_claim(reader, (kind, row), (member.name, place), claim);
                }
                if reader.findings.len() > before {
                    continue;
                }
                for atom in asked.logic.atoms() {
                    let span = place.at(&atom.range);
                    let said = reader.file.text.get(span.clone()).unwrap_or_default();
                    let message = format!("`{}`: `{said}` is never true here", member.name);
                    if !world.allows(&Logic::Asks(atom.clone())) && reader.is_news(&span, &message)
                    {
                        reader.warning(span, message);
                    }
                }
            }
        }
    }
}

/// Questions that no event, or every event, answers with yes: alone, or one beside the other.
fn check_logic(reader: &mut Reader<'_>, (kind, row, when): (SourceKind, &Row, &When)) {
    let logic = &when.condition.meaning.logic;
    let world = World::of_row(kind, row, reader.sources);
    let said = |atom: &Atom| when.text.get(atom.range.clone()).unwrap_or_default();
    let is_dead = |atom: &&&Atom| !world.allows(&Logic::Asks((**atom).clone()));
    let atoms = logic.atoms();
    if !world.allows(logic) {
        let conflict = || {
            let pairs = atoms.iter().enumerate().flat_map(|(index, left)| {
                atoms[index + 1..].iter().map(move |right| (*left, *right))
            });
            pairs.into_iter().find(|(left, right)| {
                let both = [*left, *right].map(|atom| Logic::Asks(atom.clone()));
                left.fact.subject().map(|subject| subject.0)
                    == right.fact.subject().map(|subject| subject.0)
                    && !world.allows(&Logic::All(both.to_vec()))
            })
        };
        let (span, why) = if let Some(atom) = atoms.iter().find(is_dead) {
            let why = format!("`{}` is never true here", said(atom));
            (when.place.at(&atom.range), why)
        } else if let Some((left, right)) = conflict() {
            let why = format!("`{}` and `{}` exclude each other", said(left), said(right));
            (when.place.at(&right.range), why)
        } else {
            (when.place.whole(), "`when` is always false".to_owned())
        };
        let message = format!("row can never match: {why}");
        reader.warning(span, message).hint =
            Some("to switch a row off, put `#` before its lines".to_owned());
    } else if !world.allows(&logic.negated()) {
        reader
            .warning(when.place.whole(), "`when` is always true")
            .hint = Some("leave it out".to_owned());
    } else {
        for atom in atoms.iter().filter(is_dead) {
            let message = format!("`when`: `{}` is never true here", said(atom));
            reader.warning(when.place.at(&atom.range), message);
        }
    }
}

fn check_claim(
    reader: &mut Reader<'_>,
    (kind, row): (SourceKind, &Row),
    (key, place): (&str, &TextPlace),
    claim: &Claim,
) {
    let mut impossible = 0;
    for (constant, range) in &claim.constants {
        let span = place.at(range);
        if claim.relation == Relation::Ordered {
            if let Some((problem, hint)) = has_no_order((kind, row), claim, constant) {
                impossible += 1;
                let message = format!("`{key}`: {problem}, so they cannot be compared");
                if reader.is_news(&span, &message) {
                    reader.error(span, message).hint = hint;
                }
            }
            continue;
        }
        if claim.fallback.as_ref() == Some(constant) {
            continue;
        }
        let doubt = match claim.path.as_str() {
            "event.status" if systems::has_vocabulary(kind) => {
                statuses::doubt((kind, row), claim, constant)
            }
            _ => cannot_be((kind, reader.sources), claim, constant),
        };
        let Some(Doubt {
            problem,
            hint,
            is_sure,
        }) = doubt
        else {
            continue;
        };
        impossible += 1;
        let consequence = match claim.relation {
            _ if !is_sure => "",
            Relation::Differs => ", so this is always true",
            Relation::Equals if claim.is_required && claim.constants.len() == 1 => {
                ", so the row can never match"
            }
            _ => ", so this is never true",
        };
        let message = format!("`{key}`: {problem}{consequence}");
        if reader.is_news(&span, &message) {
            reader.warning(span, message).hint = hint;
        }
    }
    if impossible > 0 || claim.relation != Relation::Equals || !claim.is_required {
        return;
    }
    if let Some(why) = contradiction(kind, row, claim) {
        reader.warning(
            place.at(&claim.range),
            format!("row can never match: {why}"),
        );
    }
}

/// Why one cannot come before the other, and what to write instead.
fn has_no_order(
    (kind, row): (SourceKind, &Row),
    claim: &Claim,
    constant: &Value,
) -> Option<(String, Option<String>)> {
    let path = claim.path.as_str();
    if path == "event.status" && systems::has_vocabulary(kind) {
        let doubt = statuses::doubt((kind, row), claim, constant)?;
        return doubt.is_sure.then_some((doubt.problem, doubt.hint));
    }
    let wanted = MemberKind::of(constant)?;
    if let Some(member) = kind_of(kind, path)
        && member != wanted
    {
        let problem = format!("`{path}` is {}, not {}", member.as_str(), wanted.as_str());
        return Some((problem, in_the_other_type(member, constant)));
    }
    let fallback = claim.fallback.as_ref()?;
    let found = MemberKind::of(fallback)?;
    if found == wanted {
        return None;
    }
    let problem = format!(
        "where `{path}` is missing it is {}, not {}",
        found.as_str(),
        wanted.as_str()
    );
    let hint = match wanted {
        MemberKind::Number => Some(format!("write `{path} | default(0)`")),
        MemberKind::Text => Some(format!("write `{path} | default('')`")),
        MemberKind::Truth => None,
    };
    Some((problem, hint))
}

/// Why a member is not this value, and what was probably meant.
struct Doubt {
    problem: String,
    hint: Option<String>,
    /// It never is; else it only looks like a slip.
    is_sure: bool,
}

impl Doubt {
    fn sure(problem: String, hint: Option<String>) -> Self {
        Self {
            problem,
            hint,
            is_sure: true,
        }
    }
}

/// Why a member is never this value.
fn cannot_be(
    (kind, sources): (SourceKind, Option<&Sources>),
    claim: &Claim,
    constant: &Value,
) -> Option<Doubt> {
    let path = claim.path.as_str();
    let member = kind_of(kind, path)?;
    let found = MemberKind::of(constant)?;
    if member != found {
        // A default of that type makes them comparable.
        if claim.fallback.as_ref().and_then(MemberKind::of) == Some(found) {
            return None;
        }
        let problem = format!("`{path}` is {}, not {}", member.as_str(), found.as_str());
        return Some(Doubt::sure(problem, in_the_other_type(member, constant)));
    }
    let word = constant.as_str();
    let words: Vec<&str> = match (path, kind) {
        ("event.source", _) => names(&sources?.own),
        ("previous.source", _) => names(&sources?.all),
        ("event.kind", _) => {
            let kinds = systems::kinds_sent(kind).iter();
            kinds.map(|kind| kind.as_str()).collect()
        }
        ("previous.category", _) => CATEGORIES.to_vec(),
        _ => return None,
    };
    let word = word?;
    if words.contains(&word) {
        return None;
    }
    let near = did_you_mean(word, words.iter().copied());
    let hint = near.map_or_else(
        || format!("there are: {}", words.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Some(Doubt::sure(
        format!("`{path}` is never `{word}`"),
        Some(hint),
    ))
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The same value, written as the member's type.
fn in_the_other_type(member: MemberKind, constant: &Value) -> Option<String> {
    match (member, constant.as_str()) {
        (MemberKind::Number, Some(text)) => text
            .parse::<f64>()
            .ok()
            .map(|_| format!("write {text}, without quotes")),
        (MemberKind::Text, None) => Some(format!("write '{constant}', in quotes")),
        (MemberKind::Truth, Some(text @ ("true" | "false"))) => {
            Some(format!("write {text}, without quotes"))
        }
        _ => None,
    }
}

/// Why none of the row's events is what its condition wants.
fn contradiction(kind: SourceKind, row: &Row, claim: &Claim) -> Option<String> {
    let constants = || claim.constants.iter().map(|(constant, _)| constant);
    match claim.path.as_str() {
        "event.status" => {
            let statuses = row.statuses.as_ref()?;
            let is_among = constants().any(|constant| {
                let wanted = match constant.as_str() {
                    Some(text) => Some(Status::Name(text.to_owned())),
                    None => constant.as_i64().map(Status::Number),
                };
                wanted.is_none_or(|wanted| statuses.contains(&wanted))
            });
            let labels: Vec<String> = statuses
                .iter()
                .map(|status| systems::status_label(kind, status))
                .collect();
            (!is_among).then(|| format!("`status` of the row is {}", labels.join(", ")))
        }
        "event.kind" => {
            let on = row.on?;
            let is_among = constants().any(|constant| constant.as_str() == Some(on.as_str()));
            (!is_among).then(|| format!("the row is narrowed with `on = \"{}\"`", on.as_str()))
        }
        _ => None,
    }
}
