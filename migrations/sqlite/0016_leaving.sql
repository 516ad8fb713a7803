-- Customers that leave: since when, until when they can fetch what is theirs, and how it ended.
CREATE TABLE departures (
    customer_id    BLOB    NOT NULL PRIMARY KEY REFERENCES customers (id),
    case_id        TEXT    NOT NULL,
    return_window  TEXT    NOT NULL,
    noticed_at     INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL,
    -- What there was to return when notice was given.
    recordings     INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    -- The customer has everything: erasing need not wait for the end of the window.
    confirmation   TEXT,
    confirmed_at   INTEGER,
    erasing_since  INTEGER,
    ended_at       INTEGER,
    epoch          INTEGER,
    CHECK ((confirmation IS NULL) = (confirmed_at IS NULL)),
    CHECK (ended_at IS NULL OR (erasing_since IS NOT NULL AND epoch IS NOT NULL))
) STRICT;

-- What a customer downloads: a fixed list of recordings, and where each of them is in the archive.
CREATE TABLE exports (
    id            BLOB    NOT NULL PRIMARY KEY,
    customer_id   BLOB    NOT NULL REFERENCES customers (id),
    principal_id  BLOB    NOT NULL,
    case_id       TEXT    NOT NULL,
    made_at       INTEGER NOT NULL,
    ready_at      INTEGER,
    broken_at     INTEGER,
    items         INTEGER NOT NULL DEFAULT 0,
    contained     INTEGER NOT NULL DEFAULT 0,
    csv_len       INTEGER NOT NULL DEFAULT 0,
    csv_crc       INTEGER NOT NULL DEFAULT 0,
    json_len      INTEGER NOT NULL DEFAULT 0,
    json_crc      INTEGER NOT NULL DEFAULT 0,
    audio_len     INTEGER NOT NULL DEFAULT 0,
    directory_len INTEGER NOT NULL DEFAULT 0,
    sent          INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX exports_customer ON exports (customer_id, made_at);

CREATE TABLE export_items (
    export_id    BLOB    NOT NULL REFERENCES exports (id),
    ordinal      INTEGER NOT NULL,
    recording_id BLOB    NOT NULL,
    -- Why its audio is not contained, if it is not.
    reason       TEXT,
    extension    TEXT    NOT NULL DEFAULT '',
    size         INTEGER NOT NULL DEFAULT 0,
    csv_at       INTEGER NOT NULL DEFAULT 0,
    csv_len      INTEGER NOT NULL DEFAULT 0,
    json_at      INTEGER NOT NULL DEFAULT 0,
    json_len     INTEGER NOT NULL DEFAULT 0,
    audio_at     INTEGER NOT NULL DEFAULT 0,
    directory_at INTEGER NOT NULL DEFAULT 0,
    -- Of what the lists say of it: tells whether that changed since.
    text_crc     INTEGER NOT NULL DEFAULT 0,
    -- Of the audio, once it was read to its end.
    crc          INTEGER,
    told         INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    PRIMARY KEY (export_id, ordinal)
) STRICT;
