//! The store checked: SQLite's own word on the file, then the laws that the code keeps. Read in
//! one transaction, so that it is right beside a running bridge too.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::super::{Fault, StoreError};
use super::migrations;

/// Places told of one law.
const MOST_TOLD: usize = 5;

/// A law: `broken` selects what breaks it, one place in each row.
struct Law {
    key: &'static str,
    what: &'static str,
    broken: &'static str,
    remedy: &'static str,
}

const RECOUNT: &str = "stop the bridge and run `store compact`: it counts anew";
const REPORT: &str =
    "keep a copy of the file (`store backup`) and report it; nothing is lost by going on";
const LOST: &str =
    "rows are missing: restore the last good backup, or report it with a copy of the file";

const LAWS: [Law; 15] = [
    Law {
        key: "tally",
        what: "deliveries are counted wrongly",
        broken: "SELECT target || ' ' || state FROM
                   (SELECT target, state, count AS n FROM tally UNION ALL
                    SELECT target, state, -count(*) FROM delivery GROUP BY target, state)
                 GROUP BY target, state HAVING sum(n) <> 0",
        remedy: RECOUNT,
    },
    Law {
        key: "table_use",
        what: "decisions by a table are counted wrongly",
        broken: "SELECT hash FROM
                   (SELECT hash, decisions AS n FROM table_use UNION ALL
                    SELECT json_extract(decision, '$.table') AS hash, -count(*) FROM event
                    WHERE json_extract(decision, '$.table') IS NOT NULL GROUP BY hash)
                 GROUP BY hash HAVING sum(n) <> 0",
        remedy: RECOUNT,
    },
    Law {
        key: "head",
        what: "a lead with something to send has not exactly one delivery to begin with",
        broken: "SELECT min(id) FROM delivery WHERE state = 'due' OR state = 'in_flight'
                 GROUP BY lead, target HAVING sum(head) <> 1",
        remedy: RECOUNT,
    },
    Law {
        key: "idle_head",
        what: "a delivery that is not to be sent is marked as the next one",
        broken: "SELECT id FROM delivery WHERE head = 1 AND state <> 'due' AND state <> 'in_flight'",
        remedy: RECOUNT,
    },
    Law {
        key: "lease",
        what: "a lease without a delivery in flight, or one in flight without a lease",
        broken: "SELECT id FROM delivery WHERE (state = 'in_flight') <> (token IS NOT NULL)
                 OR (state = 'in_flight' AND leased_at IS NULL)",
        remedy: REPORT,
    },
    Law {
        key: "table_text",
        what: "the table that a decision names is not kept",
        broken: "SELECT DISTINCT json_extract(decision, '$.table') AS hash FROM event
                 WHERE hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM table_text t WHERE t.hash = json_extract(event.decision, '$.table'))",
        remedy: LOST,
    },
    Law {
        key: "open_event",
        what: "an event counts as final with a delivery of it still to be made",
        broken: "SELECT e.id FROM event e WHERE (e.state = 'settled' OR e.state = 'discarded')
                 AND EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.sequence
                             AND (d.state = 'due' OR d.state = 'in_flight' OR d.state = 'parked'))",
        remedy: REPORT,
    },
    Law {
        key: "idle_event",
        what: "an event counts as open with nothing left to be done",
        broken: "SELECT e.id FROM event e WHERE e.state = 'decided'
                 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.sequence
                                 AND (d.state = 'due' OR d.state = 'in_flight' OR d.state = 'parked'))",
        remedy: REPORT,
    },
    Law {
        key: "cause",
        what: "parked without a cause, or a cause without being parked",
        broken: "SELECT id FROM event WHERE (state = 'parked') <> (cause IS NOT NULL) UNION ALL
                 SELECT id FROM delivery WHERE (state = 'parked') <> (cause IS NOT NULL)",
        remedy: REPORT,
    },
    Law {
        key: "settled_at",
        what: "a final delivery does not say when it ended",
        broken: "SELECT id FROM delivery WHERE settled_at IS NULL
                 AND (state = 'delivered' OR state = 'superseded' OR state = 'withheld' OR state = 'discarded')",
        remedy: REPORT,
    },
    Law {
        key: "body",
        what: "an event without its body, or a body without its event",
        broken: "SELECT id FROM event e WHERE NOT EXISTS (SELECT 1 FROM event_body b WHERE b.sequence = e.sequence) UNION ALL
                 SELECT 'body ' || sequence FROM event_body b WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = b.sequence)",
        remedy: LOST,
    },
    Law {
        key: "attempt",
        what: "attempts of a delivery that is not there",
        broken: "SELECT 'attempt ' || attempt FROM attempt a
                 WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.delivery = a.delivery)",
        remedy: LOST,
    },
    Law {
        key: "link",
        what: "a link to a lead that is not there",
        broken: "SELECT system || ' lead ' || lead FROM link k
                 WHERE NOT EXISTS (SELECT 1 FROM lead l WHERE l.lead = k.lead)",
        remedy: LOST,
    },
    Law {
        key: "amended",
        what: "a delivery that amends one that is not there",
        broken: "SELECT id FROM delivery d WHERE entry IS NOT NULL
                 AND (state = 'due' OR state = 'in_flight' OR state = 'parked')
                 AND NOT EXISTS (SELECT 1 FROM delivery s WHERE s.delivery = d.entry)",
        remedy: "discard it (`parked discard --delivery ID`) once it is parked; report it",
    },
    Law {
        key: "json",
        what: "a row that cannot be read",
        broken: "SELECT id FROM event WHERE decision IS NOT NULL AND NOT json_valid(decision) UNION ALL
                 SELECT id FROM delivery WHERE NOT json_valid(members) UNION ALL
                 SELECT 'lead ' || lead FROM lead WHERE NOT json_valid(state)",
        remedy: LOST,
    },
];

/// The law that a file of an older version breaks; the next start mends it.
pub(super) const OLDER: &str = "older_version";

/// How closely SQLite looks at its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Quick,
    /// Every index entry against its row.
    Full,
}

/// Everything that is wrong with the file; reads only.
pub fn check(path: &Path, look: Look) -> Result<Vec<Fault>, StoreError> {
    let connection = open_to_read(path)?;
    let mut faults = check_file(&connection, look)?;
    // In a broken file, laws say nothing.
    if faults.is_empty() {
        connection.execute_batch("BEGIN")?;
        for law in &LAWS {
            faults.extend(check_law(&connection, law));
        }
        let said = sqlite_says(&connection, Look::Quick);
        let rows: Vec<String> = said.into_iter().filter(|said| is_of_a_row(said)).collect();
        if faults.is_empty() && !rows.is_empty() {
            faults.push(Fault {
                law: "constraint",
                what: String::from("rows that the tables forbid"),
                count: i64::try_from(rows.len()).unwrap_or(i64::MAX),
                places: rows.into_iter().take(MOST_TOLD).collect(),
                remedy: REPORT,
            });
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(faults)
}

pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    // Beside a writer reading needs the log's index, which is a file that is written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// What SQLite says of its pages, and whether the file is of a version that this program knows.
pub(super) fn check_file(connection: &Connection, look: Look) -> Result<Vec<Fault>, StoreError> {
    let said: Vec<String> = sqlite_says(connection, look)
        .into_iter()
        .filter(|said| said != "ok" && !is_of_a_row(said))
        .collect();
    if !said.is_empty() {
        return Ok(vec![Fault {
            law: "file",
            what: String::from("the file is damaged"),
            count: i64::try_from(said.len()).unwrap_or(i64::MAX),
            places: said.into_iter().take(MOST_TOLD).collect(),
            remedy: "stop the bridge, keep the file, and restore the last good backup (`store restore`); then look at the disk",
        }]);
    }
    let known = migrations::migrations::runner();
    let known = known
        .get_migrations()
        .iter()
        .map(|it| i64::from(it.version()));
    let known = known.max().unwrap_or(0);
    let version = connection.query_row(
        "SELECT max(version) FROM refinery_schema_history",
        [],
        |row| row.get::<_, Option<i64>>(0),
    );
    let (law, what, remedy) = match version {
        Ok(Some(version)) if version == known => return Ok(Vec::new()),
        Ok(Some(version)) if version < known => (
            OLDER,
            format!("the file is of version {version}, this program's is {known}"),
            "check it with the program that wrote it; a start with this one brings it up to date",
        ),
        Ok(Some(version)) => (
            "version",
            format!("the file is of version {version}, this program knows {known}"),
            "use the newer program that wrote it",
        ),
        _ => (
            "version",
            String::from("the file is no store of leadping-bridge"),
            "name the store's file, or a backup of it",
        ),
    };
    Ok(vec![Fault {
        law,
        what,
        count: 1,
        places: Vec::new(),
        remedy,
    }])
}

fn sqlite_says(connection: &Connection, look: Look) -> Vec<String> {
    let statement = match look {
        Look::Quick => "PRAGMA quick_check(100)",
        Look::Full => "PRAGMA integrity_check(100)",
    };
    connection
        .prepare(statement)
        .and_then(|mut statement| {
            statement
                .query_map([], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()
        })
        .unwrap_or_else(|error| vec![error.to_string()])
}

/// A row that a constraint forbids, in a file whose pages are sound: a law says more about it.
fn is_of_a_row(said: &str) -> bool {
    said.contains("constraint failed")
}

fn check_law(connection: &Connection, law: &Law) -> Option<Fault> {
    match broken(connection, law.broken) {
        Ok((0, _)) => None,
        Ok((count, places)) => Some(Fault {
            law: law.key,
            what: law.what.to_owned(),
            count,
            places,
            remedy: law.remedy,
        }),
        Err(error) => Some(Fault {
            law: law.key,
            what: format!("cannot be checked: {error}"),
            count: 1,
            places: Vec::new(),
            remedy: REPORT,
        }),
    }
}

fn broken(connection: &Connection, select: &str) -> Result<(i64, Vec<String>), StoreError> {
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let (mut count, mut places) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        count += 1;
        if places.len() < MOST_TOLD {
            places.push(place(row.get_ref(0)?));
        }
    }
    Ok((count, places))
}

fn place(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Blob(id) => Uuid::from_slice(id).map_or_else(
            |_| String::from("an id of wrong length"),
            |id| id.to_string(),
        ),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(_) | ValueRef::Null => String::from("-"),
    }
}
