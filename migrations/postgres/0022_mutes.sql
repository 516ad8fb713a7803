-- Parts of a recording that nobody hears but for evidence and disclosure. They go with its audio.
CREATE TABLE mutes (
    recording_id UUID        NOT NULL REFERENCES recordings (id),
    id           UUID        NOT NULL,
    from_ms      BIGINT      NOT NULL CHECK (from_ms >= 0),
    to_ms        BIGINT      NOT NULL,
    reason       TEXT        NOT NULL CHECK (reason IN ('card_data', 'bystander')),
    marked_by    UUID,
    marked_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (recording_id, id),
    CHECK (from_ms < to_ms)
);

-- How many there are, and how often that changed: who reads the row need not look for them.
ALTER TABLE recordings ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN mutes_version INTEGER NOT NULL DEFAULT 0;
