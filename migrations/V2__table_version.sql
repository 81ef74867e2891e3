-- Which sets of mapping tables were in force, one row each time the set changed. `tables`: JSON,
-- mapping name → hash of its text.
CREATE TABLE table_version (
    version   INTEGER PRIMARY KEY,
    hash      TEXT    NOT NULL,
    tables    TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL,
    loaded_by TEXT    NOT NULL CHECK (loaded_by IN ('start', 'file', 'signal', 'api'))
) STRICT;

-- Each text once, however many versions it was part of.
CREATE TABLE table_text (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How many kept events name a table in their decision, kept in the transactions that decide and
-- forget: what they name is never removed.
CREATE TABLE table_use (
    hash      TEXT PRIMARY KEY,
    decisions INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO table_use (hash, decisions)
    SELECT json_extract(decision, '$.table'), count(*) FROM event
    WHERE json_extract(decision, '$.table') IS NOT NULL GROUP BY 1;

-- What an interrupted run left undecided: nearly always nothing.
CREATE INDEX event_received ON event (sequence) WHERE state = 'received';
-- The last place ever given, where retention has removed it.
INSERT INTO fact (name, value)
    SELECT 'last_place', value FROM fact WHERE name = 'decided_through';
DELETE FROM fact WHERE name = 'decided_through';
