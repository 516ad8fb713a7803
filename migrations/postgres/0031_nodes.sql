-- The processes that serve: each says every half minute that it is there.
CREATE TABLE nodes (
    id              UUID        NOT NULL PRIMARY KEY,
    version         TEXT        NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    seen_at         TIMESTAMPTZ NOT NULL,
    -- How far its clock is from that of the database server; none when there is no other clock.
    clock_offset_ms BIGINT,
    erases          BOOLEAN     NOT NULL,
    signs           BOOLEAN     NOT NULL
);
