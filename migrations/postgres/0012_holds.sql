-- What keeps recordings past their term, and the second person that some changes need.
-- What a filter looks for is kept as keyed hashes: without the keyring it tells of nobody.
CREATE TABLE holds (
    id            UUID        NOT NULL PRIMARY KEY,
    controller_id UUID        NOT NULL REFERENCES controllers (id),
    kind          TEXT        NOT NULL CHECK (kind IN ('authority_order', 'legal_claim', 'customer')),
    case_id       TEXT        NOT NULL,
    placed_by     UUID        NOT NULL,
    placed_at     TIMESTAMPTZ NOT NULL,
    review_on     INTEGER     NOT NULL,
    filtered      BOOLEAN     NOT NULL,
    number_blind  BYTEA,
    agent_blind   BYTEA,
    queue_blind   BYTEA,
    line_blind    BYTEA,
    direction     TEXT        CHECK (direction IN ('inbound', 'outbound', 'internal')),
    begun_from    TIMESTAMPTZ,
    begun_to      TIMESTAMPTZ,
    released_at   TIMESTAMPTZ,
    released_by   UUID,
    CHECK ((released_at IS NULL) = (released_by IS NULL))
);

CREATE INDEX holds_list ON holds (controller_id, placed_at DESC, id DESC);
CREATE INDEX holds_catching ON holds (controller_id) WHERE filtered AND released_at IS NULL;
CREATE INDEX holds_review ON holds (review_on) WHERE released_at IS NULL;

CREATE TABLE hold_recordings (
    recording_id UUID NOT NULL REFERENCES recordings (id),
    hold_id      UUID NOT NULL REFERENCES holds (id),
    PRIMARY KEY (recording_id, hold_id)
);

CREATE INDEX hold_recordings_hold ON hold_recordings (hold_id);

-- A change that one person asked for and another has to agree to.
CREATE TABLE approvals (
    id            UUID        NOT NULL PRIMARY KEY,
    controller_id UUID        NOT NULL REFERENCES controllers (id),
    kind          TEXT        NOT NULL,
    subject_id    UUID        NOT NULL,
    detail        BIGINT,
    asked_by      UUID        NOT NULL,
    asked_at      TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    decided_by    UUID,
    decided_at    TIMESTAMPTZ,
    decision      TEXT        CHECK (decision IN ('approved', 'refused', 'expired')),
    CHECK ((decided_at IS NULL) = (decision IS NULL))
);

CREATE UNIQUE INDEX approvals_one_open ON approvals (kind, subject_id) WHERE decided_at IS NULL;
CREATE INDEX approvals_list ON approvals (controller_id, asked_at DESC, id DESC)
    WHERE decided_at IS NULL;
