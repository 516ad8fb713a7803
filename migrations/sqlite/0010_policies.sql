-- How long each customer keeps its recordings: every version there was, is, or is waiting.
CREATE TABLE policies (
    controller_id       BLOB    NOT NULL REFERENCES controllers (id),
    version             INTEGER NOT NULL CHECK (version > 0),
    state               TEXT    NOT NULL CHECK (state IN ('scheduled', 'applying', 'applied', 'cancelled')),
    -- Who made it: the customer, the provider, or the provider on an authority's order.
    origin              TEXT    NOT NULL CHECK (origin IN ('customer', 'provider', 'authority')),
    replaces            INTEGER,
    default_term        TEXT    NOT NULL,
    apply_to_existing   INTEGER NOT NULL CHECK (apply_to_existing IN (0, 1)),
    shortens            INTEGER NOT NULL CHECK (shortens IN (0, 1)),
    made_by             BLOB,
    made_at             INTEGER NOT NULL,
    effective_at        INTEGER NOT NULL,
    cancelled_by        BLOB,
    cancelled_at        INTEGER,
    -- Free text stays here; the ledger has a commitment to it under this salt.
    reason              TEXT,
    authority_reference TEXT,
    salt                BLOB    NOT NULL,
    -- What the preview said, as JSON, and how many early erasures somebody agreed to with it.
    preview             TEXT,
    confirmed           INTEGER NOT NULL DEFAULT 0,
    erased              INTEGER NOT NULL DEFAULT 0,
    braked_count        INTEGER,
    -- How far applying it to what is there has come, and who works on it since when.
    total               INTEGER NOT NULL DEFAULT 0,
    done                INTEGER NOT NULL DEFAULT 0,
    touched             INTEGER NOT NULL DEFAULT 0,
    after_ended_at      INTEGER,
    after_id            BLOB,
    claims              INTEGER NOT NULL DEFAULT 0,
    claimed_at          INTEGER,
    applied_at          INTEGER,
    PRIMARY KEY (controller_id, version)
) STRICT;

CREATE INDEX policies_open ON policies (state, effective_at) WHERE state IN ('scheduled', 'applying');
CREATE INDEX policies_braked ON policies (controller_id, version) WHERE braked_count IS NOT NULL;
-- One change at a time waits.
CREATE UNIQUE INDEX policies_one_scheduled ON policies (controller_id) WHERE state = 'scheduled';

CREATE TABLE policy_rules (
    controller_id BLOB    NOT NULL,
    version       INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    scope         TEXT    NOT NULL,
    term          TEXT    NOT NULL,
    PRIMARY KEY (controller_id, version, position),
    UNIQUE (controller_id, version, scope),
    FOREIGN KEY (controller_id, version) REFERENCES policies (controller_id, version)
) STRICT;

-- The lines that the provider says a customer has, so that a rule can name one before its first call.
CREATE TABLE customer_lines (
    controller_id BLOB NOT NULL REFERENCES controllers (id),
    line          TEXT NOT NULL,
    PRIMARY KEY (controller_id, line)
) STRICT;

-- The terms that were chosen before there were versions.
INSERT INTO policies (controller_id, version, state, origin, default_term, apply_to_existing,
    shortens, made_at, effective_at, salt, applied_at)
SELECT id, policy_version, 'applied', 'provider', term, 0, 0, created_at, created_at,
    randomblob(32), created_at
FROM customers WHERE term IS NOT NULL AND policy_version > 0;
