-- The hashes over the entries, in tiles of 256, the last one of each level as far as it is. All of it can be
-- made again from the entries.
CREATE TABLE ledger_tiles (
    log_id BLOB    NOT NULL,
    level  INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    PRIMARY KEY (log_id, level, n)
) STRICT;

-- How far the tiles of each log are, the checkpoint and what it covers, and which node works on it until when.
CREATE TABLE ledger_projections (
    log_id        BLOB    NOT NULL PRIMARY KEY,
    size          INTEGER NOT NULL DEFAULT 0,
    signed        INTEGER NOT NULL DEFAULT 0,
    note          TEXT,
    signed_at     INTEGER,
    claimed_by    BLOB,
    claimed_until INTEGER
) STRICT;

-- How witnesses stand: what each cosigned last and since when it does not answer.
CREATE TABLE ledger_witnesses (
    name          TEXT    NOT NULL PRIMARY KEY,
    size          INTEGER NOT NULL DEFAULT 0,
    cosigned_at   INTEGER,
    failing_since INTEGER
) STRICT;
