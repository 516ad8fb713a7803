-- Who may call. Only the hash of a token is kept.
CREATE TABLE tokens (
    id            UUID        NOT NULL PRIMARY KEY,
    hash          BYTEA       NOT NULL UNIQUE,
    name          TEXT        NOT NULL,
    roles         TEXT        NOT NULL,
    controller_id UUID        NOT NULL REFERENCES controllers (id),
    class         TEXT        CHECK (class IN ('support', 'customer')),
    customer_id   UUID        REFERENCES controllers (id),
    source        TEXT,
    lines         TEXT,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ,
    revoked_at    TIMESTAMPTZ
);

-- Short-lived leave to play one recording, for a player that cannot send a token.
CREATE TABLE tickets (
    hash         BYTEA       NOT NULL PRIMARY KEY,
    recording_id UUID        NOT NULL REFERENCES recordings (id),
    principal_id UUID        NOT NULL,
    purpose      TEXT        NOT NULL,
    case_id      TEXT,
    expires_at   TIMESTAMPTZ NOT NULL
);

CREATE INDEX tickets_expiry ON tickets (expires_at);
