-- An amend is a delivery that names the set whose entry it amends; `entry` is that set's row.
-- `gone`: the target's history lacks the entry that this set made. `echoed_by`: the event that was
-- the echo of this write; a write has one echo.
ALTER TABLE delivery ADD COLUMN entry INTEGER;
ALTER TABLE delivery ADD COLUMN source TEXT;
ALTER TABLE delivery ADD COLUMN gone INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1));
ALTER TABLE delivery ADD COLUMN echoed_by INTEGER;
CREATE INDEX delivery_by_entry ON delivery (entry, delivery) WHERE entry IS NOT NULL;
UPDATE delivery SET source = (SELECT source FROM event WHERE sequence = delivery.event);
