-- The processes that serve: each says every half minute that it is there.
CREATE TABLE nodes (
    id              BLOB    NOT NULL PRIMARY KEY,
    version         TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL,
    -- How far its clock is from that of the database server; none when there is no other clock.
    clock_offset_ms INTEGER,
    erases          INTEGER NOT NULL CHECK (erases IN (0, 1)),
    signs           INTEGER NOT NULL CHECK (signs IN (0, 1))
) STRICT;
