-- What the Flow page counts, so that it never scans events. A key is a source's status and what
-- became of it; a repeated webhook; or a delivery to a target within so many milliseconds
-- (`detail`). Keys are few: past a limit their words become `other`. AUTOINCREMENT: an event names
-- its key, which must never mean something else.
CREATE TABLE flow_key (
    key    INTEGER PRIMARY KEY AUTOINCREMENT,
    what   TEXT NOT NULL CHECK (what = 'event' OR what = 'duplicate' OR what = 'delivered'),
    name   TEXT NOT NULL,
    detail TEXT NOT NULL,
    became TEXT NOT NULL,
    UNIQUE (what, name, detail, became)
) STRICT;

-- How often, by the start of the time it is counted in: minutes while they are new, then tens of
-- minutes, hours, days (the facts `flow_tens`, `flow_hours`, `flow_days` say up to where). An event
-- is counted when it was received, as what it is now.
CREATE TABLE flow (
    at    INTEGER NOT NULL,
    key   INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (at, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE event ADD COLUMN flow_key INTEGER;
