-- Who is responsible for recordings: the provider itself and each of its customers.
-- Times are microseconds since the Unix epoch, identifiers are 16 bytes.
CREATE TABLE controllers (
    id   BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('provider', 'customer'))
) STRICT;

CREATE UNIQUE INDEX controllers_one_provider ON controllers (kind) WHERE kind = 'provider';

CREATE TABLE customers (
    id             BLOB    NOT NULL PRIMARY KEY REFERENCES controllers (id),
    reference      TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    agreement      TEXT,
    recording      INTEGER NOT NULL CHECK (recording IN (0, 1)),
    status         TEXT    NOT NULL CHECK (status IN ('active', 'leaving', 'ended')),
    term           TEXT,
    policy_version INTEGER NOT NULL,
    floor          TEXT,
    ceiling        TEXT    NOT NULL,
    legal_basis    TEXT,
    created_at     INTEGER NOT NULL
) STRICT;
