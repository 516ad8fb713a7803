-- Who may call. Only the hash of a token is kept.
CREATE TABLE tokens (
    id            BLOB    NOT NULL PRIMARY KEY,
    hash          BLOB    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    roles         TEXT    NOT NULL,
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    class         TEXT    CHECK (class IN ('support', 'customer')),
    customer_id   BLOB    REFERENCES controllers (id),
    source        TEXT,
    lines         TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    revoked_at    INTEGER
) STRICT;

-- Short-lived leave to play one recording, for a player that cannot send a token.
CREATE TABLE tickets (
    hash         BLOB    NOT NULL PRIMARY KEY,
    recording_id BLOB    NOT NULL REFERENCES recordings (id),
    principal_id BLOB    NOT NULL,
    purpose      TEXT    NOT NULL,
    case_id      TEXT,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX tickets_expiry ON tickets (expires_at);
