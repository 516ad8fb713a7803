-- People who sign in. A name is free again once its account has ended; what is left of the row then
-- says whom a pseudonym in the ledger means.
CREATE TABLE accounts (
    id                 BLOB    NOT NULL PRIMARY KEY,
    -- Who it is: the same for every account and token that are known to be one person's.
    person_id          BLOB    NOT NULL,
    name               TEXT    NOT NULL,
    -- The name as it counts at the sign-in; none for who signs in elsewhere.
    name_key           TEXT    UNIQUE,
    issuer             TEXT,
    subject            TEXT,
    roles              TEXT    NOT NULL,
    controller_id      BLOB    NOT NULL REFERENCES controllers (id),
    lines              TEXT,
    agent              TEXT,
    own_calls_only     INTEGER NOT NULL CHECK (own_calls_only IN (0, 1)),
    password_hash      TEXT,
    change_password    INTEGER NOT NULL CHECK (change_password IN (0, 1)),
    -- Sealed under the tenant key: it dies with it.
    second_factor      BLOB,
    second_factor_on   INTEGER NOT NULL CHECK (second_factor_on IN (0, 1)),
    -- The step of the last code that was used: none counts twice.
    second_factor_step INTEGER NOT NULL,
    proposed_roles     TEXT,
    proposed_by        BLOB,
    proposed_at        INTEGER,
    created_at         INTEGER NOT NULL,
    disabled_at        INTEGER,
    ended_at           INTEGER,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    CHECK ((proposed_roles IS NULL) = (proposed_by IS NULL)),
    CHECK ((proposed_roles IS NULL) = (proposed_at IS NULL))
) STRICT;

CREATE INDEX accounts_controller ON accounts (controller_id, created_at, id);
CREATE INDEX accounts_list ON accounts (created_at, id);

-- Who is signed in. Only the hash of the cookie is kept.
CREATE TABLE sessions (
    hash          BLOB    NOT NULL PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    account_id    BLOB    NOT NULL REFERENCES accounts (id),
    second_factor INTEGER NOT NULL CHECK (second_factor IN (0, 1)),
    created_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_idle ON sessions (seen_at);

-- Attempts to sign in that failed, by a keyed hash of the name or of the address.
CREATE TABLE sign_in_failures (
    key          BLOB    NOT NULL PRIMARY KEY,
    failures     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    locked_until INTEGER
) STRICT;

CREATE INDEX sign_in_failures_age ON sign_in_failures (last_at);
