-- People who sign in. A name is free again once its account has ended; what is left of the row then
-- says whom a pseudonym in the ledger means.
CREATE TABLE accounts (
    id                 UUID        NOT NULL PRIMARY KEY,
    -- Who it is: the same for every account and token that are known to be one person's.
    person_id          UUID        NOT NULL,
    name               TEXT        NOT NULL,
    -- The name as it counts at the sign-in; none for who signs in elsewhere.
    name_key           TEXT        UNIQUE,
    issuer             TEXT,
    subject            TEXT,
    roles              TEXT        NOT NULL,
    controller_id      UUID        NOT NULL REFERENCES controllers (id),
    lines              TEXT,
    agent              TEXT,
    own_calls_only     BOOLEAN     NOT NULL,
    password_hash      TEXT,
    change_password    BOOLEAN     NOT NULL,
    -- Sealed under the tenant key: it dies with it.
    second_factor      BYTEA,
    second_factor_on   BOOLEAN     NOT NULL,
    -- The step of the last code that was used: none counts twice.
    second_factor_step BIGINT      NOT NULL,
    proposed_roles     TEXT,
    proposed_by        UUID,
    proposed_at        TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL,
    disabled_at        TIMESTAMPTZ,
    ended_at           TIMESTAMPTZ,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    CHECK ((proposed_roles IS NULL) = (proposed_by IS NULL)),
    CHECK ((proposed_roles IS NULL) = (proposed_at IS NULL))
);

CREATE INDEX accounts_controller ON accounts (controller_id, created_at, id);
CREATE INDEX accounts_list ON accounts (created_at, id);

-- Who is signed in. Only the hash of the cookie is kept.
CREATE TABLE sessions (
    hash          BYTEA       NOT NULL PRIMARY KEY,
    id            UUID        NOT NULL UNIQUE,
    account_id    UUID        NOT NULL REFERENCES accounts (id),
    second_factor BOOLEAN     NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    seen_at       TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL
);

CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_idle ON sessions (seen_at);

-- Attempts to sign in that failed, by a keyed hash of the name or of the address.
CREATE TABLE sign_in_failures (
    key          BYTEA       NOT NULL PRIMARY KEY,
    failures     INTEGER     NOT NULL,
    last_at      TIMESTAMPTZ NOT NULL,
    locked_until TIMESTAMPTZ
);

CREATE INDEX sign_in_failures_age ON sign_in_failures (last_at);
