-- Where events go out to, and how far each endpoint has come in the ledger of its controller.
CREATE TABLE webhooks (
    id            BLOB    NOT NULL PRIMARY KEY,
    controller_id BLOB    NOT NULL REFERENCES controllers (id),
    url           TEXT    NOT NULL,
    events        TEXT    NOT NULL,
    -- Sealed under the tenant key: it dies with it.
    secret        BLOB    NOT NULL,
    next_seq      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX webhooks_controller ON webhooks (controller_id);

-- What was not acknowledged yet. What was is gone.
CREATE TABLE deliveries (
    id            BLOB    NOT NULL PRIMARY KEY,
    webhook_id    BLOB    NOT NULL REFERENCES webhooks (id),
    seq           INTEGER NOT NULL,
    event         TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    since         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER NOT NULL,
    dead_at       INTEGER,
    error_code    TEXT,
    UNIQUE (webhook_id, seq)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (webhook_id, seq) WHERE dead_at IS NOT NULL;
