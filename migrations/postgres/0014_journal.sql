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
    day        INTEGER     NOT NULL,
    generation INTEGER     NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ready_at   TIMESTAMPTZ,
    dropped_at TIMESTAMPTZ,
    PRIMARY KEY (day, generation)
);

CREATE INDEX renewals_open ON renewals (day) WHERE dropped_at IS NULL;

CREATE FUNCTION refuse_renewed_wrap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM renewals
               WHERE day = NEW.key_day AND generation > NEW.key_generation) THEN
        RAISE EXCEPTION 'the key of this day was renewed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER recordings_insert_renewed_wrap BEFORE INSERT ON recordings
FOR EACH ROW WHEN (NEW.wrap IS NOT NULL) EXECUTE FUNCTION refuse_renewed_wrap();

CREATE TRIGGER recordings_update_renewed_wrap BEFORE UPDATE OF wrap ON recordings
FOR EACH ROW WHEN (NEW.wrap IS NOT NULL AND NEW.wrap IS DISTINCT FROM OLD.wrap)
EXECUTE FUNCTION refuse_renewed_wrap();

CREATE FUNCTION refuse_renewed_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM renewals
               WHERE day = CASE NEW.class WHEN 'customer' THEN NEW.key_day
                           ELSE FLOOR(EXTRACT(EPOCH FROM NEW.metadata_due_at) / 86400)::INTEGER END
                   AND int4send(generation) > substring(NEW.numbers FROM 1 FOR 4)) THEN
        RAISE EXCEPTION 'the key of this day was renewed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER recordings_insert_renewed_numbers BEFORE INSERT ON recordings
FOR EACH ROW WHEN (NEW.numbers IS NOT NULL) EXECUTE FUNCTION refuse_renewed_numbers();

CREATE TRIGGER recordings_update_renewed_numbers BEFORE UPDATE OF numbers ON recordings
FOR EACH ROW WHEN (NEW.numbers IS NOT NULL AND NEW.numbers IS DISTINCT FROM OLD.numbers)
EXECUTE FUNCTION refuse_renewed_numbers();

-- The newest entry of the journal about each recording, while an index is being restored.
CREATE TABLE replayed (
    recording_id UUID   NOT NULL PRIMARY KEY,
    seq          BIGINT NOT NULL,
    entry        BYTEA  NOT NULL
);
