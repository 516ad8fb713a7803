-- What the wrap journal in the store knows of a recording: 0 nothing yet, 1 its first wrap (and, from
-- before they were written, every later one), 2 that it is gone.
ALTER TABLE recordings ADD COLUMN journaled INTEGER NOT NULL DEFAULT 0;

CREATE INDEX recordings_unjournaled ON recordings (id) WHERE wrap IS NOT NULL AND journaled = 0;
CREATE INDEX recordings_unjournaled_gone ON recordings (id)
    WHERE wrap IS NULL AND journaled <> 2;

-- What is sealed under a day, and what has left it.
CREATE INDEX recordings_sealed ON recordings (key_day, id) WHERE wrap IS NOT NULL;
CREATE INDEX recordings_left ON recordings (key_day)
    WHERE wrap IS NULL AND key_destroyed_at IS NOT NULL;
CREATE INDEX recordings_moved ON recordings (former_key_day) WHERE former_key_day IS NOT NULL;
CREATE INDEX recordings_numbers ON recordings (metadata_due_at)
    WHERE class = 'support' AND numbers IS NOT NULL;

-- A day whose key was made anew: nothing is sealed under an older generation from then on, and once
-- everything that lives has moved (ready) the older ones go with the next forgetting (dropped).
CREATE TABLE renewals (
    day        INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ready_at   INTEGER,
    dropped_at INTEGER,
    PRIMARY KEY (day, generation)
) STRICT;

CREATE INDEX renewals_open ON renewals (day) WHERE dropped_at IS NULL;

CREATE TRIGGER recordings_insert_renewed_wrap BEFORE INSERT ON recordings
WHEN NEW.wrap IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the key of this day was renewed') WHERE EXISTS (
        SELECT 1 FROM renewals WHERE day = NEW.key_day AND generation > NEW.key_generation);
END;

CREATE TRIGGER recordings_update_renewed_wrap BEFORE UPDATE OF wrap ON recordings
WHEN NEW.wrap IS NOT NULL AND NEW.wrap IS NOT OLD.wrap
BEGIN
    SELECT RAISE(ABORT, 'the key of this day was renewed') WHERE EXISTS (
        SELECT 1 FROM renewals WHERE day = NEW.key_day AND generation > NEW.key_generation);
END;

CREATE TRIGGER recordings_insert_renewed_numbers BEFORE INSERT ON recordings
WHEN NEW.numbers IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the key of this day was renewed') WHERE EXISTS (
        SELECT 1 FROM renewals
        WHERE day = CASE NEW.class WHEN 'customer' THEN NEW.key_day
                    ELSE NEW.metadata_due_at / 86400000000 END
            AND unhex(printf('%08x', generation)) > substr(NEW.numbers, 1, 4));
END;

CREATE TRIGGER recordings_update_renewed_numbers BEFORE UPDATE OF numbers ON recordings
WHEN NEW.numbers IS NOT NULL AND NEW.numbers IS NOT OLD.numbers
BEGIN
    SELECT RAISE(ABORT, 'the key of this day was renewed') WHERE EXISTS (
        SELECT 1 FROM renewals
        WHERE day = CASE NEW.class WHEN 'customer' THEN NEW.key_day
                    ELSE NEW.metadata_due_at / 86400000000 END
            AND unhex(printf('%08x', generation)) > substr(NEW.numbers, 1, 4));
END;

-- The newest entry of the journal about each recording, while an index is being restored.
CREATE TABLE replayed (
    recording_id BLOB    NOT NULL PRIMARY KEY,
    seq          INTEGER NOT NULL,
    entry        BLOB    NOT NULL
) STRICT;
