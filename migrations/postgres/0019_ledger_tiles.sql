-- The hashes over the entries, in tiles of 256, the last one of each level as far as it is. All of it can be
-- made again from the entries.
CREATE TABLE ledger_tiles (
    log_id UUID    NOT NULL,
    level  INTEGER NOT NULL,
    n      BIGINT  NOT NULL,
    hashes BYTEA   NOT NULL,
    PRIMARY KEY (log_id, level, n)
);

-- How far the tiles of each log are, the checkpoint and what it covers, and which node works on it until when.
CREATE TABLE ledger_projections (
    log_id        UUID   NOT NULL PRIMARY KEY,
    size          BIGINT NOT NULL DEFAULT 0,
    signed        BIGINT NOT NULL DEFAULT 0,
    note          TEXT,
    signed_at     TIMESTAMPTZ,
    claimed_by    UUID,
    claimed_until TIMESTAMPTZ
);

-- How witnesses stand: what each cosigned last and since when it does not answer.
CREATE TABLE ledger_witnesses (
    name          TEXT   NOT NULL PRIMARY KEY,
    size          BIGINT NOT NULL DEFAULT 0,
    cosigned_at   TIMESTAMPTZ,
    failing_since TIMESTAMPTZ
);
