-- Events that are few among many, newest first, for people: what is parked, and what a person gave
-- up. Written when one is parked or discarded, and at no other time.
CREATE INDEX event_parked_place ON event (sequence) WHERE state = 'parked';
CREATE INDEX event_discarded ON event (sequence) WHERE state = 'discarded';

-- How often each row of a table in force spoke, by mapping; of the table with this hash. `hits`: JSON.
-- Written down now and then: a crash loses what came since.
CREATE TABLE row_hits (
    mapping TEXT PRIMARY KEY,
    hash    TEXT NOT NULL,
    hits    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
