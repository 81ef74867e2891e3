-- What people changed through the admin API: who, what, when, and what came of it. Written before
-- the change is made; without an outcome the process ended before it was known.
CREATE TABLE audit (
    audit   INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    about   TEXT,
    outcome TEXT
) STRICT;
