-- Whether `timestamp` is the event's own clock, and to which event what was not sent yet gave way.
ALTER TABLE delivery ADD COLUMN has_clock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN gave_way_to INTEGER;
