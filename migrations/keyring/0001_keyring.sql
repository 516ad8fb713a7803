-- The keyring, one row per epoch: usually one, two while a forgetting is under way. This database
-- is replicated and never archived.
CREATE TABLE keyring (
    epoch  BIGINT NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    sealed BYTEA  NOT NULL,
    root   BYTEA  NOT NULL
);

-- ANALYZE copies values into pg_statistic, where they would outlive their row.
ALTER TABLE keyring ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE keyring ALTER COLUMN root SET STATISTICS 0;
