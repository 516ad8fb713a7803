-- What trainers write about recordings. The text is sealed under the recording's own key: it dies
-- with it, in every copy of the index.
CREATE TABLE notes (
    id           UUID        NOT NULL PRIMARY KEY,
    recording_id UUID        NOT NULL REFERENCES recordings (id),
    author       UUID        NOT NULL,
    at_ms        BIGINT      NOT NULL,
    to_ms        BIGINT,
    sealed       BYTEA       NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    changed_at   TIMESTAMPTZ
);

CREATE INDEX notes_recording ON notes (recording_id, at_ms, id);

-- What a tag is found by, a keyed hash of it. The tags themselves are sealed in `derived`.
CREATE TABLE recording_tags (
    recording_id UUID  NOT NULL REFERENCES recordings (id),
    blind        BYTEA NOT NULL,
    PRIMARY KEY (recording_id, blind)
);

CREATE INDEX recording_tags_blind ON recording_tags (blind, recording_id);

-- Sets of references to recordings. A set keeps no recording; an item goes with its recording.
CREATE TABLE training_sets (
    id            UUID        NOT NULL PRIMARY KEY,
    controller_id UUID        NOT NULL REFERENCES controllers (id),
    owner         UUID        NOT NULL,
    name          TEXT        NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL
);

CREATE INDEX training_sets_list ON training_sets (controller_id, created_at, id);

CREATE TABLE training_set_shares (
    set_id       UUID NOT NULL REFERENCES training_sets (id),
    principal_id UUID NOT NULL,
    PRIMARY KEY (set_id, principal_id)
);

CREATE TABLE training_set_items (
    id           UUID    NOT NULL PRIMARY KEY,
    set_id       UUID    NOT NULL REFERENCES training_sets (id),
    recording_id UUID    NOT NULL REFERENCES recordings (id),
    place        BIGINT  NOT NULL,
    from_ms      BIGINT,
    to_ms        BIGINT
);

CREATE INDEX training_set_items_list ON training_set_items (set_id, place, id);
CREATE INDEX training_set_items_recording ON training_set_items (recording_id);
