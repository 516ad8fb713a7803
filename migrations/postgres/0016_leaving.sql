-- Customers that leave: since when, until when they can fetch what is theirs, and how it ended.
CREATE TABLE departures (
    customer_id    UUID        NOT NULL PRIMARY KEY REFERENCES customers (id),
    case_id        TEXT        NOT NULL,
    return_window  TEXT        NOT NULL,
    noticed_at     TIMESTAMPTZ NOT NULL,
    window_ends_at TIMESTAMPTZ NOT NULL,
    -- What there was to return when notice was given.
    recordings     BIGINT      NOT NULL,
    bytes          BIGINT      NOT NULL,
    -- The customer has everything: erasing need not wait for the end of the window.
    confirmation   TEXT,
    confirmed_at   TIMESTAMPTZ,
    erasing_since  TIMESTAMPTZ,
    ended_at       TIMESTAMPTZ,
    epoch          BIGINT,
    CHECK ((confirmation IS NULL) = (confirmed_at IS NULL)),
    CHECK (ended_at IS NULL OR (erasing_since IS NOT NULL AND epoch IS NOT NULL))
);

-- What a customer downloads: a fixed list of recordings, and where each of them is in the archive.
CREATE TABLE exports (
    id            UUID        NOT NULL PRIMARY KEY,
    customer_id   UUID        NOT NULL REFERENCES customers (id),
    principal_id  UUID        NOT NULL,
    case_id       TEXT        NOT NULL,
    made_at       TIMESTAMPTZ NOT NULL,
    ready_at      TIMESTAMPTZ,
    broken_at     TIMESTAMPTZ,
    items         BIGINT      NOT NULL DEFAULT 0,
    contained     BIGINT      NOT NULL DEFAULT 0,
    csv_len       BIGINT      NOT NULL DEFAULT 0,
    csv_crc       BIGINT      NOT NULL DEFAULT 0,
    json_len      BIGINT      NOT NULL DEFAULT 0,
    json_crc      BIGINT      NOT NULL DEFAULT 0,
    audio_len     BIGINT      NOT NULL DEFAULT 0,
    directory_len BIGINT      NOT NULL DEFAULT 0,
    sent          BIGINT      NOT NULL DEFAULT 0
);

CREATE INDEX exports_customer ON exports (customer_id, made_at);

CREATE TABLE export_items (
    export_id    UUID    NOT NULL REFERENCES exports (id),
    ordinal      BIGINT  NOT NULL,
    recording_id UUID    NOT NULL,
    -- Why its audio is not contained, if it is not.
    reason       TEXT,
    extension    TEXT    NOT NULL DEFAULT '',
    size         BIGINT  NOT NULL DEFAULT 0,
    csv_at       BIGINT  NOT NULL DEFAULT 0,
    csv_len      BIGINT  NOT NULL DEFAULT 0,
    json_at      BIGINT  NOT NULL DEFAULT 0,
    json_len     BIGINT  NOT NULL DEFAULT 0,
    audio_at     BIGINT  NOT NULL DEFAULT 0,
    directory_at BIGINT  NOT NULL DEFAULT 0,
    -- Of what the lists say of it: tells whether that changed since.
    text_crc     BIGINT  NOT NULL DEFAULT 0,
    -- Of the audio, once it was read to its end.
    crc          BIGINT,
    told         BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (export_id, ordinal)
);
