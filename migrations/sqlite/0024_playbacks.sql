-- Listenings. One that goes on has no end; when it ends, its entry goes into the ledger. Ended ones
-- stay for some days, to count who heard how much.
CREATE TABLE playbacks (
    id            BLOB        NOT NULL PRIMARY KEY,
    controller_id BLOB        NOT NULL REFERENCES controllers (id),
    recording_id  BLOB        NOT NULL REFERENCES recordings (id),
    principal_id  BLOB        NOT NULL,
    purpose       TEXT        NOT NULL,
    -- Empty without one: a unique index takes no two NULLs for the same.
    case_id       TEXT        NOT NULL,
    started_at    INTEGER NOT NULL,
    -- When something of it was served last, and by which node.
    active_at     INTEGER NOT NULL,
    node          BLOB        NOT NULL,
    -- A bit for each part of the recording that was served, and how many percent that makes.
    heard         BLOB       NOT NULL,
    coverage      INTEGER     NOT NULL,
    ended_at      INTEGER
) STRICT;

-- One person hears one recording for one purpose in one playback, over however many nodes.
CREATE UNIQUE INDEX playbacks_open ON playbacks (recording_id, principal_id, purpose, case_id)
    WHERE ended_at IS NULL;
CREATE INDEX playbacks_idle ON playbacks (active_at) WHERE ended_at IS NULL;
CREATE INDEX playbacks_person ON playbacks (principal_id, started_at);
CREATE INDEX playbacks_started ON playbacks (controller_id, started_at);

-- What was told a while ago and is not told again yet, by a hash of what it was.
CREATE TABLE tellings (
    hash BLOB       NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;

CREATE INDEX tellings_at ON tellings (at);
