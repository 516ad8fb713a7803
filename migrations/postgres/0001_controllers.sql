-- Who is responsible for recordings: the provider itself and each of its customers.
CREATE TABLE controllers (
    id   UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('provider', 'customer'))
);

CREATE UNIQUE INDEX controllers_one_provider ON controllers (kind) WHERE kind = 'provider';

CREATE TABLE customers (
    id             UUID        NOT NULL PRIMARY KEY REFERENCES controllers (id),
    reference      TEXT        COLLATE "C" NOT NULL UNIQUE,
    name           TEXT        NOT NULL,
    agreement      TEXT,
    recording      BOOLEAN     NOT NULL,
    status         TEXT        NOT NULL CHECK (status IN ('active', 'leaving', 'ended')),
    term           TEXT,
    policy_version INTEGER     NOT NULL,
    floor          TEXT,
    ceiling        TEXT        NOT NULL,
    legal_basis    TEXT,
    created_at     TIMESTAMPTZ NOT NULL
);
