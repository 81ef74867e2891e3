//! Events for people, newest first: by an index where one knows what is asked for, else by a walk
//! back from the cursor that looks at so many events and says where it stopped.

use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;

use super::super::{EventPage, EventsFound, StoreError};
use super::SqliteStore;
use super::list::{MAX_PAGE, event_rows, lead_condition};
use super::timeline::tries;
use crate::event::{EventState, Sequence};

/// Places that one page looks at where no index knows.
pub(super) const WALK: i64 = 20_000;

/// An event that is decided has a delivery that is not final.
const WITH_OPEN_DELIVERY: &str = "e.sequence IN
   (SELECT event FROM delivery INDEXED BY delivery_due WHERE state = 'due' UNION ALL
    SELECT event FROM delivery INDEXED BY delivery_in_flight WHERE state = 'in_flight' UNION ALL
    SELECT event FROM delivery INDEXED BY delivery_parked WHERE state = 'parked')";

impl SqliteStore {
    pub async fn events(&self, page: EventPage) -> Result<EventsFound, StoreError> {
        self.read(move |connection| {
            let reading = connection.unchecked_transaction()?;
            let mut found = find(&reading, &page)?;
            if page.id.is_some() {
                let deliveries = found.rows.iter_mut().flat_map(|row| &mut row.deliveries);
                for delivery in deliveries {
                    delivery.tries = tries(&reading, delivery.id)?;
                }
            }
            reading.finish()?;
            Ok(found)
        })
        .await
    }
}

fn find(connection: &Connection, page: &EventPage) -> Result<EventsFound, StoreError> {
    let filter = Filter::of(connection, page)?;
    let limit = page.limit.clamp(1, MAX_PAGE);
    let is_named = page.id.is_some() || page.lead.is_some() || page.cause.is_some();
    let from = match page.state {
        _ if is_named => "event e",
        Some(EventState::Received) => "event e INDEXED BY event_received",
        Some(EventState::Parked) => "event e INDEXED BY event_parked_place",
        Some(EventState::Discarded) => "event e INDEXED BY event_discarded",
        Some(EventState::Decided) => return filter.walk_or_open(connection, limit),
        Some(EventState::Settled) => return filter.walk(connection, limit),
        None if page.source.is_some() => return filter.walk(connection, limit),
        None => "event e",
    };
    filter.page(connection, from, limit)
}

/// What is asked for, as SQL about `event e`; the first parameter is the cursor.
#[derive(Clone)]
struct Filter {
    before: i64,
    conditions: Vec<String>,
    parameters: Vec<SqlValue>,
}

impl Filter {
    fn of(connection: &Connection, page: &EventPage) -> Result<Self, StoreError> {
        let before = page.before.map_or(i64::MAX, |before| before.0);
        let mut filter = Self {
            before,
            conditions: vec![String::from("e.sequence < ?1")],
            parameters: vec![before.into()],
        };
        if let Some(source) = &page.source {
            filter.add("e.source = ", source.clone());
        }
        if let Some(state) = page.state {
            // A word of ours, not a parameter: else no partial index could be used.
            filter
                .conditions
                .push(format!("e.state = '{}'", state.as_str()));
        }
        if let Some(id) = &page.id {
            filter.add("e.id = ", id.0.as_bytes().to_vec());
        }
        if let Some(cause) = &page.cause {
            filter.parameters.push(cause.as_str().to_owned().into());
            let place = filter.parameters.len();
            filter.conditions.push(format!(
                "e.sequence IN
                  (SELECT sequence FROM event WHERE state = 'parked' AND cause = ?{place} UNION ALL
                   SELECT event FROM delivery WHERE state = 'parked' AND cause = ?{place})"
            ));
        }
        if let Some(lead) = &page.lead {
            let condition = lead_condition(connection, lead, &mut filter.parameters)?;
            filter.conditions.push(condition);
        }
        Ok(filter)
    }

    fn add(&mut self, condition: &str, value: impl Into<SqlValue>) {
        self.parameters.push(value.into());
        let place = self.parameters.len();
        self.conditions.push(format!("{condition}?{place}"));
    }

    /// All there is of it, a page at a time.
    fn page(
        self,
        connection: &Connection,
        from: &str,
        limit: u32,
    ) -> Result<EventsFound, StoreError> {
        let condition = self.conditions.join(" AND ");
        let rows = event_rows(connection, (from, &condition), self.parameters, limit)?;
        let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| is_full).map(|row| row.sequence);
        Ok(EventsFound { rows, next })
    }

    /// Only so far back: what lies behind is another page's.
    fn walk(mut self, connection: &Connection, limit: u32) -> Result<EventsFound, StoreError> {
        let newest_before = |place: i64| -> Result<Option<i64>, StoreError> {
            Ok(connection
                .prepare_cached("SELECT max(sequence) FROM event WHERE sequence < ?1")?
                .query_row([place], |row| row.get(0))?)
        };
        let newest = newest_before(self.before)?.unwrap_or(0);
        let floor = newest.saturating_sub(WALK);
        self.add("e.sequence > ", floor);
        let mut found = self.page(connection, "event e", limit)?;
        if found.next.is_none() {
            // Places that retention left empty are passed over.
            let behind = newest_before(floor.saturating_add(1))?;
            found.next = behind.map(|place| Sequence(place + 1));
        }
        Ok(found)
    }

    /// Where much is open, the newest are near; where little is, the open deliveries tell.
    fn walk_or_open(
        mut self,
        connection: &Connection,
        limit: u32,
    ) -> Result<EventsFound, StoreError> {
        let found = self.clone().walk(connection, limit)?;
        let is_full = found.rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        if is_full || found.next.is_none() {
            return Ok(found);
        }
        self.conditions.push(WITH_OPEN_DELIVERY.to_owned());
        self.page(connection, "event e", limit)
    }
}
