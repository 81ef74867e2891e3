-- Times are milliseconds since 1970, UTC. Ids are UUID v7, 16 bytes. Lists of words are written
-- with OR: a longer IN builds a table of its own at every insert and update.

-- One verified webhook. Its body stands apart: this row changes, the body never does.
CREATE TABLE event (
    sequence        INTEGER PRIMARY KEY,
    id              BLOB    NOT NULL UNIQUE,
    source          TEXT    NOT NULL,
    forced_kind     TEXT    CHECK (forced_kind IN ('lead', 'call')),
    source_lead_id  TEXT,
    lead_hash       INTEGER,
    dedupe_hash     INTEGER NOT NULL,
    dedupe_key      BLOB    NOT NULL,
    received_at     INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state = 'received' OR state = 'decided' OR state = 'settled' OR state = 'parked' OR state = 'discarded'),
    cause           TEXT,
    decision        TEXT,
    duplicates      INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'parked') = (cause IS NOT NULL))
) STRICT;
-- What waits for a link, by its lead.
CREATE INDEX event_parked_lead ON event (lead_hash) WHERE state = 'parked';
CREATE INDEX event_parked ON event (cause, sequence) WHERE state = 'parked';

-- Which events have a duplicate key, or a source's lead, of this hash: merged from the event rows
-- in order of hash, up to the fact `indexed_through`. Random keys written one by one would each
-- cost a page of the log.
CREATE TABLE event_dedupe (
    hash     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (hash, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE event_lead (
    hash     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (hash, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_body (
    sequence INTEGER PRIMARY KEY,
    body     BLOB NOT NULL
) STRICT;

-- How far the decider has come, and other single facts.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A lead across all systems: what later decisions see of its past, as JSON.
CREATE TABLE lead (
    lead  INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;

-- Which lead an id of one system means.
CREATE TABLE link (
    system  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    lead    INTEGER NOT NULL,
    pearl_id TEXT,
    PRIMARY KEY (system, id)
) STRICT, WITHOUT ROWID;

-- One call that must be made to one target. `head`: no earlier open delivery of its lead and
-- target; only heads are taken, so one lead has one call in flight.
CREATE TABLE delivery (
    delivery         INTEGER PRIMARY KEY,
    id               BLOB    NOT NULL UNIQUE,
    event            INTEGER NOT NULL,
    lead             INTEGER NOT NULL,
    target           TEXT    NOT NULL,
    lead_id          TEXT    NOT NULL,
    members          TEXT    NOT NULL,
    call             TEXT,
    timestamp        INTEGER NOT NULL,
    received_at      INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state = 'due' OR state = 'in_flight' OR state = 'delivered' OR state = 'parked' OR state = 'superseded' OR state = 'discarded' OR state = 'withheld'),
    head             INTEGER NOT NULL CHECK (head IN (0, 1)),
    due_at           INTEGER NOT NULL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    token            INTEGER,
    leased_at        INTEGER,
    fate_unknown     INTEGER NOT NULL DEFAULT 0 CHECK (fate_unknown IN (0, 1)),
    held_status      INTEGER,
    patience_since   INTEGER,
    patience_lost_ms INTEGER,
    cause            TEXT,
    entry_id         TEXT,
    settled_at       INTEGER,
    CHECK ((state = 'parked') = (cause IS NOT NULL)),
    CHECK ((state = 'in_flight') = (token IS NOT NULL)),
    CHECK (held_status IS NULL OR state = 'due')
) STRICT;
CREATE INDEX delivery_by_lead ON delivery (lead, target, delivery);
CREATE INDEX delivery_head ON delivery (lead, target) WHERE head = 1;
CREATE INDEX delivery_by_event ON delivery (event);
CREATE INDEX delivery_takeable ON delivery (target, due_at, delivery) WHERE state = 'due' AND head = 1 AND held_status IS NULL;
CREATE INDEX delivery_due ON delivery (target, delivery) WHERE state = 'due';
CREATE INDEX delivery_waiting ON delivery (lead, target, delivery) WHERE state = 'due' AND head = 0;
CREATE INDEX delivery_held ON delivery (target, delivery) WHERE held_status IS NOT NULL;
CREATE INDEX delivery_in_flight ON delivery (target, leased_at) WHERE state = 'in_flight';
CREATE INDEX delivery_parked ON delivery (cause, delivery) WHERE state = 'parked';

-- One try; never updated.
CREATE TABLE attempt (
    attempt     INTEGER PRIMARY KEY,
    delivery    INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    call        TEXT    NOT NULL,
    request     TEXT    NOT NULL,
    http_status INTEGER,
    result      TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX attempt_by_delivery ON attempt (delivery);

-- A target's pause, breaker and gate, as JSON: they survive a restart.
CREATE TABLE target (
    name   TEXT PRIMARY KEY,
    health TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How many deliveries stand where, kept in the transactions that move them.
CREATE TABLE tally (
    target TEXT NOT NULL,
    state  TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (target, state)
) STRICT, WITHOUT ROWID;

-- Verified requests that were no JSON object we accept: the newest few, for diagnosis.
CREATE TABLE reject (
    reject      INTEGER PRIMARY KEY,
    source      TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    size_bytes  INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    body        BLOB    NOT NULL
) STRICT;
