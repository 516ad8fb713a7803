-- When the object of a recording was last read and opened as a whole, and who is doing that now.
ALTER TABLE recordings ADD COLUMN scrubbed_at TIMESTAMPTZ;
ALTER TABLE recordings ADD COLUMN scrub_claimed_at TIMESTAMPTZ;

CREATE INDEX recordings_scrub ON recordings (COALESCE(scrubbed_at, received_at))
    WHERE state = 'stored';
