-- What trainers write about recordings. The text is sealed under the recording's own key: it dies
-- with it, in every copy of the index.
CREATE TABLE notes (
    id           BLOB        NOT NULL PRIMARY KEY,
    recording_id BLOB        NOT NULL REFERENCES recordings (id),
    author       BLOB        NOT NULL,
    at_ms        INTEGER      NOT NULL,
    to_ms        INTEGER,
    sealed       BLOB       NOT NULL,
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER
) STRICT;

CREATE INDEX notes_recording ON notes (recording_id, at_ms, id);

-- What a tag is found by, a keyed hash of it. The tags themselves are sealed in `derived`.
CREATE TABLE recording_tags (
    recording_id BLOB  NOT NULL REFERENCES recordings (id),
    blind        BLOB NOT NULL,
    PRIMARY KEY (recording_id, blind)
) STRICT;

CREATE INDEX recording_tags_blind ON recording_tags (blind, recording_id);

-- Sets of references to recordings. A set keeps no recording; an item goes with its recording.
CREATE TABLE training_sets (
    id            BLOB        NOT NULL PRIMARY KEY,
    controller_id BLOB        NOT NULL REFERENCES controllers (id),
    owner         BLOB        NOT NULL,
    name          TEXT        NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX training_sets_list ON training_sets (controller_id, created_at, id);

CREATE TABLE training_set_shares (
    set_id       BLOB NOT NULL REFERENCES training_sets (id),
    principal_id BLOB NOT NULL,
    PRIMARY KEY (set_id, principal_id)
) STRICT;

CREATE TABLE training_set_items (
    id           BLOB    NOT NULL PRIMARY KEY,
    set_id       BLOB    NOT NULL REFERENCES training_sets (id),
    recording_id BLOB    NOT NULL REFERENCES recordings (id),
    place        INTEGER  NOT NULL,
    from_ms      INTEGER,
    to_ms        INTEGER
) STRICT;

CREATE INDEX training_set_items_list ON training_set_items (set_id, place, id);
CREATE INDEX training_set_items_recording ON training_set_items (recording_id);
