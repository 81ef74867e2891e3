//! Erasing one lead with everything that it left: found on a reading connection, removed in short
//! transactions. Whatever is due or parked goes with it; while a call of it is under way nothing
//! does, because its answer would have nowhere to be written.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::super::rows::{parse_uuid, parse_word};
use super::super::{EraseStep, Erased, LeadQuery, Mention, Person, PersonRows, StoreError};
use super::SqliteStore;
use super::decide::select_events;
use super::list::hash_condition;
use super::writer::Scope;
use crate::delivery::DeliveryState;
use crate::event::{Event, EventId, Sequence};
use crate::lead::{LEADPING, LeadKey, LeadState, SystemId};

/// Rows removed in one transaction.
const STEP: usize = 128;
/// Bodies searched in one read.
const PAGE: i64 = 2000;
/// Ids of one lead; more than any campaign gives it.
const MOST_IDS: usize = 256;

impl SqliteStore {
    /// Everything that is known to be the same lead as this id.
    pub async fn person(&self, query: LeadQuery) -> Result<Person, StoreError> {
        self.read(move |connection| person(connection, &query))
            .await
    }

    pub async fn rows_of(&self, person: Person) -> Result<PersonRows, StoreError> {
        self.read(move |connection| {
            let events = events_of(connection, &person)?;
            let mut deliveries = deliveries_of(connection, &person)?;
            for event in &events {
                let of_event = "SELECT delivery FROM delivery WHERE event = ?1";
                deliveries.extend(numbers(connection, of_event, [event])?);
            }
            deliveries.sort_unstable();
            deliveries.dedup();
            Ok(PersonRows { events, deliveries })
        })
        .await
    }

    /// Recorded events, by their places.
    pub async fn events_at(&self, places: Vec<i64>) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            let mut events = Vec::with_capacity(places.len());
            for place in places {
                events.extend(select_events(connection, "e.sequence = ?1", [place])?);
            }
            Ok(events)
        })
        .await
    }

    /// Removes some of these rows.
    pub async fn erase_some(&self, rows: &mut PersonRows) -> Result<EraseStep, StoreError> {
        let deliveries = rows.deliveries.len().saturating_sub(STEP);
        let some = PersonRows {
            deliveries: rows.deliveries.split_off(deliveries),
            // Deliveries first: an event is never gone before them.
            events: match deliveries {
                0 => rows
                    .events
                    .split_off(rows.events.len().saturating_sub(STEP)),
                _ => Vec::new(),
            },
        };
        self.write(move |scope| scope.erase_rows(&some)).await
    }

    /// Removes what ties the ids together.
    pub async fn erase_lead(&self, person: Person) -> Result<EraseStep, StoreError> {
        self.write(move |scope| scope.erase_lead(&person)).await
    }

    /// Rejected requests whose kept bytes hold one of these.
    pub async fn erase_rejects(&self, needles: Vec<String>) -> Result<usize, StoreError> {
        if needles.is_empty() {
            return Ok(0);
        }
        self.write(move |scope| {
            let statement = format!(
                "DELETE FROM reject WHERE {}",
                holds("body", needles.len(), 0)
            );
            Ok(scope
                .connection
                .prepare(&statement)?
                .execute(params_from_iter(needles.iter().map(String::as_bytes)))?)
        })
        .await
    }

    /// One page of the recorded bodies that hold one of these, and how far it went; `None`: to the
    /// end.
    pub async fn mentions(
        &self,
        needles: Vec<String>,
        after: Sequence,
    ) -> Result<(Vec<Mention>, Option<Sequence>), StoreError> {
        self.read(move |connection| mentions(connection, &needles, after.0))
            .await
    }
}

fn numbers(
    connection: &Connection,
    statement: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<i64>, StoreError> {
    Ok(connection
        .prepare(statement)?
        .query_map(parameters, |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

fn person(connection: &Connection, query: &LeadQuery) -> Result<Person, StoreError> {
    let systems = query.sources.iter().map(String::as_str);
    let mut person = Person {
        leads: Vec::new(),
        ids: systems
            .chain([LEADPING])
            .map(|system| SystemId::new(system, &query.id))
            .collect(),
    };
    let mut looked_up = 0;
    // Each id may belong to a lead that knows more of them.
    while looked_up < person.ids.len().min(MOST_IDS) {
        let id = person.ids[looked_up].clone();
        looked_up += 1;
        let lead: Option<i64> = connection
            .prepare_cached("SELECT lead FROM link WHERE system = ?1 AND id = ?2")?
            .query_row((&id.system, &id.id), |row| row.get(0))
            .optional()?;
        let Some(lead) = lead
            .map(LeadKey)
            .filter(|lead| !person.leads.contains(lead))
        else {
            continue;
        };
        person.leads.push(lead);
        let state: Option<String> = connection
            .prepare_cached("SELECT state FROM lead WHERE lead = ?1")?
            .query_row([lead.0], |row| row.get(0))
            .optional()?;
        let mut ids = match state {
            Some(state) => serde_json::from_str::<LeadState>(&state)?.ids,
            None => Vec::new(),
        };
        // Ids that moved away from the lead's own list still point at it.
        let linked = connection
            .prepare("SELECT system, id FROM link WHERE lead = ?1")?
            .query_map([lead.0], |row| {
                Ok(SystemId::new(
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        ids.extend(linked);
        for id in ids {
            if !person.ids.contains(&id) {
                person.ids.push(id);
            }
        }
    }
    Ok(person)
}

/// By the ids that their senders gave.
fn events_of(connection: &Connection, person: &Person) -> Result<Vec<i64>, StoreError> {
    let mut events = Vec::new();
    for id in &person.ids {
        let mut parameters = vec![id.system.clone().into(), id.id.clone().into()];
        let of_lead = hash_condition(std::slice::from_ref(id), &mut parameters);
        // Hashes may be equal by chance: the row decides.
        events.extend(numbers(
            connection,
            &format!(
                "SELECT e.sequence FROM event e WHERE {of_lead}
                 AND (e.source_lead_id IS NULL OR (e.source = ?1 AND e.source_lead_id = ?2))"
            ),
            rusqlite::params_from_iter(parameters),
        )?);
    }
    let leads = person.leads.iter().map(|lead| lead.0);
    for lead in leads {
        // What two leads had before they turned out to be one.
        events.extend(numbers(
            connection,
            "SELECT DISTINCT d.event FROM delivery d JOIN event e ON e.sequence = d.event
             WHERE d.lead = ?1",
            [lead],
        )?);
    }
    events.sort_unstable();
    events.dedup();
    Ok(events)
}

/// By the lead, and by the address it has at a target: the whole table is read once.
fn deliveries_of(connection: &Connection, person: &Person) -> Result<Vec<i64>, StoreError> {
    let mut parameters: Vec<SqlValue> = Vec::new();
    let mut conditions = Vec::new();
    for lead in &person.leads {
        parameters.push(lead.0.into());
        conditions.push(format!("lead = ?{}", parameters.len()));
    }
    for id in &person.ids {
        parameters.push(id.id.clone().into());
        let place = parameters.len();
        parameters.push(format!("/{}", id.id).into());
        let suffix = parameters.len();
        conditions.push(format!(
            "lead_id = ?{place} OR substr(lead_id, -length(?{suffix})) = ?{suffix}"
        ));
    }
    if conditions.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT delivery FROM delivery WHERE {}",
        conditions.join(" OR ")
    );
    numbers(connection, &statement, params_from_iter(parameters))
}

/// One of the needles, which are the parameters after the first `before`.
fn holds(column: &str, needles: usize, before: usize) -> String {
    let one = |place| format!("instr({column}, ?{}) > 0", place + before + 1);
    (0..needles).map(one).collect::<Vec<_>>().join(" OR ")
}

fn mentions(
    connection: &Connection,
    needles: &[String],
    after: i64,
) -> Result<(Vec<Mention>, Option<Sequence>), StoreError> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(sequence) FROM (SELECT sequence FROM event_body WHERE sequence > ?1
                                        ORDER BY sequence LIMIT ?2)",
        )?
        .query_row((after, PAGE), |row| row.get(0))?;
    let Some(last) = last.filter(|_| !needles.is_empty()) else {
        return Ok((Vec::new(), None));
    };
    let mut parameters: Vec<SqlValue> = vec![after.into(), last.into()];
    let bytes = needles.iter().map(|needle| needle.as_bytes().to_vec());
    parameters.extend(bytes.map(SqlValue::Blob));
    let mut statement = connection.prepare(&format!(
        "SELECT e.sequence, e.id, e.lead_hash IS NOT NULL, b.body FROM event_body b
         JOIN event e ON e.sequence = b.sequence
         WHERE b.sequence > ?1 AND b.sequence <= ?2 AND ({})",
        holds("b.body", needles.len(), 2)
    ))?;
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(3)?.as_blob().unwrap_or_default();
        let is_in = |needle: &String| {
            let needle = needle.as_bytes();
            body.windows(needle.len()).any(|window| window == needle)
        };
        let places = needles.iter().enumerate();
        found.push(Mention {
            event: row.get(0)?,
            id: EventId(parse_uuid(row.get_ref(1)?.as_blob().unwrap_or_default())?),
            has_lead: row.get(2)?,
            needles: places
                .filter(|(_, needle)| is_in(needle))
                .map(|(place, _)| place)
                .collect(),
        });
    }
    Ok((found, Some(Sequence(last))))
}

impl Scope {
    fn erase_rows(&mut self, rows: &PersonRows) -> Result<EraseStep, StoreError> {
        let is_busy = |statement: &str, row: i64| -> Result<bool, StoreError> {
            let mut statement = self.connection.prepare_cached(statement)?;
            Ok(statement.query_row([row], |row| row.get(0))?)
        };
        for row in &rows.deliveries {
            let in_flight = "SELECT EXISTS (SELECT 1 FROM delivery WHERE delivery = ?1 AND state = 'in_flight')";
            if is_busy(in_flight, *row)? {
                return Ok(EraseStep::Busy);
            }
        }
        for event in &rows.events {
            let unready = "SELECT EXISTS (SELECT 1 FROM event WHERE sequence = ?1 AND state = 'received')
                           OR EXISTS (SELECT 1 FROM delivery WHERE event = ?1 AND state = 'in_flight')";
            if is_busy(unready, *event)? {
                return Ok(EraseStep::Busy);
            }
        }
        let mut erased = Erased::default();
        for row in &rows.deliveries {
            self.erase_deliveries("delivery = ?1", *row, &mut erased)?;
        }
        for event in &rows.events {
            // One that was decided again meanwhile may have made more.
            self.erase_deliveries("event = ?1", *event, &mut erased)?;
            self.erase_event(*event, &mut erased)?;
        }
        if erased.events > 0 {
            let last_place = self.next_sequence - 1;
            self.set_fact("last_place", &last_place.to_string())?;
        }
        Ok(EraseStep::Erased(erased))
    }

    fn erase_deliveries(
        &mut self,
        condition: &str,
        row: i64,
        erased: &mut Erased,
    ) -> Result<(), StoreError> {
        erased.attempts += self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM attempt WHERE delivery IN (SELECT delivery FROM delivery WHERE {condition})"
            ))?
            .execute([row])?;
        let gone = self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM delivery WHERE {condition} RETURNING target, state, lead"
            ))?
            .query_map([row], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        erased.deliveries += gone.len();
        for (target, state, lead) in gone {
            let state = parse_word(&state, DeliveryState::parse, "a delivery state")?;
            self.count(&target, state, -1);
            // What is left of the lead until the next step goes on in its order.
            self.promote(lead, &target)?;
        }
        Ok(())
    }

    fn erase_event(&mut self, event: i64, erased: &mut Erased) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM event_dedupe WHERE sequence = ?1
               AND hash = (SELECT dedupe_hash FROM event WHERE sequence = ?1)",
            "DELETE FROM event_lead WHERE sequence = ?1
               AND hash = (SELECT lead_hash FROM event WHERE sequence = ?1)",
        ] {
            self.connection
                .prepare_cached(statement)?
                .execute([event])?;
        }
        self.forget_keys_of(event);
        if self.remove_event_row(event)? > 0 {
            erased.events += 1;
        }
        Ok(())
    }

    fn erase_lead(&mut self, person: &Person) -> Result<EraseStep, StoreError> {
        let mut erased = Erased::default();
        for lead in &person.leads {
            let has_more = "SELECT EXISTS (SELECT 1 FROM delivery WHERE lead = ?1)";
            let mut statement = self.connection.prepare_cached(has_more)?;
            if statement.query_row([lead.0], |row| row.get::<_, bool>(0))? {
                return Ok(EraseStep::Busy);
            }
        }
        for lead in &person.leads {
            let run = |statement: &str| -> Result<usize, StoreError> {
                Ok(self.connection.prepare(statement)?.execute([lead.0])?)
            };
            erased.links += run("DELETE FROM link WHERE lead = ?1")?;
            run("DELETE FROM lead WHERE lead = ?1")?;
        }
        self.known.forget_all();
        Ok(EraseStep::Erased(erased))
    }
}
