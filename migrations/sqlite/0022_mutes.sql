-- Parts of a recording that nobody hears but for evidence and disclosure. They go with its audio.
CREATE TABLE mutes (
    recording_id BLOB    NOT NULL REFERENCES recordings (id),
    id           BLOB    NOT NULL,
    from_ms      INTEGER NOT NULL CHECK (from_ms >= 0),
    to_ms        INTEGER NOT NULL,
    reason       TEXT    NOT NULL CHECK (reason IN ('card_data', 'bystander')),
    marked_by    BLOB,
    marked_at    INTEGER NOT NULL,
    PRIMARY KEY (recording_id, id),
    CHECK (from_ms < to_ms)
) STRICT;

-- How many there are, and how often that changed: who reads the row need not look for them.
ALTER TABLE recordings ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN mutes_version INTEGER NOT NULL DEFAULT 0;
