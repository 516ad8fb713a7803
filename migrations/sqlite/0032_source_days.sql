-- What came from each source on each day: counts, and when it last did.
CREATE TABLE source_days (
    source       TEXT    NOT NULL,
    day          INTEGER NOT NULL,
    received     INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    received_at  INTEGER,
    refused_at   INTEGER,
    refused_code TEXT,
    PRIMARY KEY (source, day)
) STRICT;
