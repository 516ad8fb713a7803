-- The bytes that are hashed are the bytes that are stored: an entry is its whole leaf. The logs are no longer
-- tied to a row in controllers: the log over all logs has none, and a restored index may lack one.
ALTER TABLE ledgers DROP CONSTRAINT ledgers_controller_id_fkey;
DROP TRIGGER ledger_entries_no_change ON ledger_entries;

ALTER TABLE ledger_entries ADD COLUMN leaf TEXT;

UPDATE ledger_entries SET leaf = (jsonb_strip_nulls(jsonb_build_object(
    'v', 1, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'ev', event, 'rec', recording_id
) || body::JSONB))::TEXT;

ALTER TABLE ledger_entries DROP COLUMN body;
ALTER TABLE ledger_entries ALTER COLUMN leaf SET NOT NULL;
ALTER TABLE ledger_entries ADD CHECK (LENGTH(leaf) <= 4096);

CREATE TRIGGER ledger_entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
