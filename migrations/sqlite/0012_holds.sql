-- What keeps recordings past their term, and the second person that some changes need.
-- What a filter looks for is kept as keyed hashes: without the keyring it tells of nobody.
CREATE TABLE holds (
    id            BLOB    NOT NULL PRIMARY KEY,
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    kind          TEXT    NOT NULL CHECK (kind IN ('authority_order', 'legal_claim', 'customer')),
    case_id       TEXT    NOT NULL,
    placed_by     BLOB    NOT NULL,
    placed_at     INTEGER NOT NULL,
    review_on     INTEGER NOT NULL,
    filtered      INTEGER NOT NULL CHECK (filtered IN (0, 1)),
    number_blind  BLOB,
    agent_blind   BLOB,
    queue_blind   BLOB,
    line_blind    BLOB,
    direction     TEXT    CHECK (direction IN ('inbound', 'outbound', 'internal')),
    begun_from    INTEGER,
    begun_to      INTEGER,
    released_at   INTEGER,
    released_by   BLOB,
    CHECK ((released_at IS NULL) = (released_by IS NULL))
) STRICT;

CREATE INDEX holds_list ON holds (controller_id, placed_at DESC, id DESC);
CREATE INDEX holds_catching ON holds (controller_id) WHERE filtered AND released_at IS NULL;
CREATE INDEX holds_review ON holds (review_on) WHERE released_at IS NULL;

CREATE TABLE hold_recordings (
    recording_id BLOB NOT NULL REFERENCES recordings (id),
    hold_id      BLOB NOT NULL REFERENCES holds (id),
    PRIMARY KEY (recording_id, hold_id)
) STRICT;

CREATE INDEX hold_recordings_hold ON hold_recordings (hold_id);

-- A change that one person asked for and another has to agree to.
CREATE TABLE approvals (
    id            BLOB    NOT NULL PRIMARY KEY,
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    kind          TEXT    NOT NULL,
    subject_id    BLOB    NOT NULL,
    detail        INTEGER,
    asked_by      BLOB    NOT NULL,
    asked_at      INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    decided_by    BLOB,
    decided_at    INTEGER,
    decision      TEXT    CHECK (decision IN ('approved', 'refused', 'expired')),
    CHECK ((decided_at IS NULL) = (decision IS NULL))
) STRICT;

CREATE UNIQUE INDEX approvals_one_open ON approvals (kind, subject_id) WHERE decided_at IS NULL;
CREATE INDEX approvals_list ON approvals (controller_id, asked_at DESC, id DESC)
    WHERE decided_at IS NULL;
