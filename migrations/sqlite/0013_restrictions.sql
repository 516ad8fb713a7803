-- Restrictions (GDPR art. 18) and objections (art. 21): who keeps or frees what, why, until when.
CREATE TABLE restrictions (
    id            BLOB    NOT NULL PRIMARY KEY,
    recording_id  BLOB    NOT NULL REFERENCES recordings (id),
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    ground        TEXT    NOT NULL CHECK (ground IN ('accuracy', 'unlawful', 'claim', 'objection_pending')),
    case_id       TEXT    NOT NULL,
    owner         BLOB    NOT NULL,
    set_at        INTEGER NOT NULL,
    review_on     INTEGER NOT NULL,
    lifted_at     INTEGER,
    lifted_by     BLOB,
    outcome       TEXT    CHECK (outcome IN ('granted', 'refused', 'withdrawn', 'erased')),
    informed_on   INTEGER,
    CHECK ((lifted_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS NULL OR outcome <> 'refused' OR informed_on IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX restrictions_open ON restrictions (recording_id, case_id)
    WHERE lifted_at IS NULL;
CREATE INDEX restrictions_review ON restrictions (review_on) WHERE lifted_at IS NULL;

CREATE TABLE objections (
    id            BLOB    NOT NULL PRIMARY KEY,
    recording_id  BLOB    NOT NULL REFERENCES recordings (id),
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    case_id       TEXT    NOT NULL,
    owner         BLOB    NOT NULL,
    made_at       INTEGER NOT NULL,
    decided_at    INTEGER,
    decided_by    BLOB,
    outcome       TEXT    CHECK (outcome IN ('granted', 'refused', 'withdrawn', 'erased')),
    informed_on   INTEGER,
    CHECK ((decided_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS NULL OR outcome <> 'refused' OR informed_on IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX objections_open ON objections (recording_id, case_id)
    WHERE decided_at IS NULL;

-- The strongest ground of the open restrictions. One that only waits for an objection to be decided
-- keeps nothing past its term: going is what was asked for.
ALTER TABLE recordings ADD COLUMN restriction_ground TEXT
    CHECK (restriction_ground IN ('accuracy', 'unlawful', 'claim', 'objection_pending'));

CREATE INDEX recordings_due_restricted ON recordings (due_at)
    WHERE state = 'stored' AND NOT held AND restriction_ground = 'objection_pending';
