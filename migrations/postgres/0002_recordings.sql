-- One row per recording, from acceptance to tombstone.
CREATE TABLE recordings (
    id               UUID        NOT NULL PRIMARY KEY,
    controller_id    UUID        NOT NULL REFERENCES controllers (id),
    class            TEXT        NOT NULL CHECK (class IN ('support', 'customer')),
    state            TEXT        NOT NULL CHECK (state IN ('stored', 'erasing', 'audio_erased', 'tombstone', 'lost')),
    source           TEXT        NOT NULL,
    policy           TEXT        NOT NULL,
    -- What is known of the call: all of it is gone in a tombstone.
    direction        TEXT        CHECK (direction IN ('inbound', 'outbound', 'internal')),
    started_at       TIMESTAMPTZ,
    ended_at         TIMESTAMPTZ,
    duration_ms      BIGINT,
    size_bytes       BIGINT,
    codec            TEXT,
    sample_rate      INTEGER,
    channels         INTEGER,
    unplayable       TEXT,
    agent            TEXT,
    queue            TEXT,
    line             TEXT,
    withheld         BOOLEAN     NOT NULL,
    numbers          BYTEA,
    caller_blind     BYTEA,
    callee_blind     BYTEA,
    -- What makes an upload the same as an earlier one.
    call_key         BYTEA,
    content_key      BYTEA,
    digest           BYTEA,
    -- Its life.
    received_at      TIMESTAMPTZ NOT NULL,
    due_at           TIMESTAMPTZ NOT NULL,
    metadata_due_at  TIMESTAMPTZ NOT NULL,
    held             BOOLEAN     NOT NULL,
    restricted       BOOLEAN     NOT NULL,
    objected         BOOLEAN     NOT NULL,
    cause            TEXT        CHECK (cause IN ('term', 'policy_shortened', 'request', 'objection', 'consent_withdrawn', 'end_of_service', 'pci', 'lost')),
    case_id          TEXT,
    -- Its key.
    wrap             BYTEA,
    key_day          INTEGER     NOT NULL,
    key_generation   INTEGER     NOT NULL,
    salt             BYTEA       NOT NULL,
    commitment       BYTEA       NOT NULL,
    -- Its erasing: who works on it since when, and how that goes.
    claims           INTEGER     NOT NULL DEFAULT 0,
    claimed_at       TIMESTAMPTZ,
    attempts         INTEGER     NOT NULL DEFAULT 0,
    error_code       TEXT,
    key_destroyed_at TIMESTAMPTZ,
    erased_at        TIMESTAMPTZ,
    look_again_at    TIMESTAMPTZ,
    CHECK (cause IS NULL OR cause = 'term' OR case_id IS NOT NULL),
    CHECK (state NOT IN ('erasing', 'audio_erased', 'tombstone') OR cause IS NOT NULL),
    CHECK (state NOT IN ('audio_erased', 'tombstone') OR (wrap IS NULL AND key_destroyed_at IS NOT NULL AND erased_at IS NOT NULL)),
    CHECK ((state = 'erasing') = (claimed_at IS NOT NULL))
);

-- What is due, longest first. Every part of the condition stands literally in the query.
CREATE INDEX recordings_due ON recordings (due_at)
    WHERE state = 'stored' AND NOT held AND NOT restricted;
CREATE INDEX recordings_suspended ON recordings (key_day)
    WHERE state = 'stored' AND (held OR restricted);
CREATE INDEX recordings_erasing ON recordings (claimed_at) WHERE state = 'erasing';
CREATE INDEX recordings_look_again ON recordings (look_again_at) WHERE look_again_at IS NOT NULL;
CREATE INDEX recordings_metadata_due ON recordings (metadata_due_at) WHERE state = 'audio_erased';
CREATE INDEX recordings_erased ON recordings (erased_at) WHERE erased_at IS NOT NULL;
CREATE INDEX recordings_oldest ON recordings (class, ended_at) WHERE state = 'stored';

-- Lists, newest first.
CREATE INDEX recordings_list ON recordings (controller_id, started_at DESC, id DESC)
    WHERE started_at IS NOT NULL;
CREATE INDEX recordings_agent ON recordings (controller_id, agent, started_at DESC, id DESC)
    WHERE agent IS NOT NULL;
CREATE INDEX recordings_caller ON recordings (controller_id, caller_blind, started_at DESC, id DESC)
    WHERE caller_blind IS NOT NULL;
CREATE INDEX recordings_callee ON recordings (controller_id, callee_blind, started_at DESC, id DESC)
    WHERE callee_blind IS NOT NULL;
CREATE INDEX recordings_tombstones ON recordings (controller_id, erased_at DESC, id DESC)
    WHERE state = 'tombstone';

-- The same call with the same sound is stored once. An erased one has no content any more, and
-- NULL equals nothing, so it is found here and hinders nobody.
CREATE UNIQUE INDEX recordings_same_call ON recordings (controller_id, call_key, content_key)
    WHERE call_key IS NOT NULL;

-- What is made from a recording, sealed; it cannot outlive it.
CREATE TABLE derived (
    recording_id UUID  NOT NULL REFERENCES recordings (id),
    kind         TEXT  NOT NULL,
    sealed       BYTEA NOT NULL,
    PRIMARY KEY (recording_id, kind)
);
