-- Where events go out to, and how far each endpoint has come in the ledger of its controller.
CREATE TABLE webhooks (
    id            UUID        NOT NULL PRIMARY KEY,
    controller_id UUID        NOT NULL REFERENCES controllers (id),
    url           TEXT        NOT NULL,
    events        TEXT        NOT NULL,
    -- Sealed under the tenant key: it dies with it.
    secret        BYTEA       NOT NULL,
    next_seq      BIGINT      NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL
);

CREATE INDEX webhooks_controller ON webhooks (controller_id);

-- What was not acknowledged yet. What was is gone.
CREATE TABLE deliveries (
    id            UUID        NOT NULL PRIMARY KEY,
    webhook_id    UUID        NOT NULL REFERENCES webhooks (id),
    seq           BIGINT      NOT NULL,
    event         TEXT        NOT NULL,
    body          TEXT        NOT NULL,
    since         TIMESTAMPTZ NOT NULL,
    attempts      INTEGER     NOT NULL DEFAULT 0,
    next_at       TIMESTAMPTZ NOT NULL,
    dead_at       TIMESTAMPTZ,
    error_code    TEXT,
    UNIQUE (webhook_id, seq)
);

CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (webhook_id, seq) WHERE dead_at IS NOT NULL;
