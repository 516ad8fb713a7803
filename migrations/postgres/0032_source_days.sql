-- What came from each source on each day: counts, and when it last did.
CREATE TABLE source_days (
    source       TEXT        NOT NULL,
    day          INTEGER     NOT NULL,
    received     BIGINT      NOT NULL,
    refused      BIGINT      NOT NULL,
    received_at  TIMESTAMPTZ,
    refused_at   TIMESTAMPTZ,
    refused_code TEXT,
    PRIMARY KEY (source, day)
);
