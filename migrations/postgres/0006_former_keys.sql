-- A recording whose key moved to an earlier day: until when an older backup of the index could still open it.
ALTER TABLE recordings ADD COLUMN former_key_day INTEGER;
ALTER TABLE recordings ADD COLUMN former_key_generation INTEGER;
