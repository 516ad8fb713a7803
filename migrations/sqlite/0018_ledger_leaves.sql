-- The bytes that are hashed are the bytes that are stored: an entry is its whole leaf. The logs are no longer
-- tied to a row in controllers: the log over all logs has none, and a restored index may lack one.
DROP TRIGGER ledger_entries_no_update;
DROP TRIGGER ledger_entries_no_delete;
DROP TRIGGER ledgers_no_delete;
DROP INDEX ledger_entries_recording;
ALTER TABLE ledger_entries RENAME TO former_entries;
ALTER TABLE ledgers RENAME TO former_ledgers;

CREATE TABLE ledgers (
    controller_id BLOB    NOT NULL PRIMARY KEY,
    size          INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger_entries (
    controller_id BLOB    NOT NULL REFERENCES ledgers (controller_id),
    seq           INTEGER NOT NULL CHECK (seq >= 0),
    at            INTEGER NOT NULL,
    event         TEXT    NOT NULL,
    recording_id  BLOB,
    leaf          TEXT    NOT NULL CHECK (LENGTH(leaf) <= 4096),
    PRIMARY KEY (controller_id, seq)
) STRICT;

INSERT INTO ledgers (controller_id, size) SELECT controller_id, size FROM former_ledgers;

INSERT INTO ledger_entries (controller_id, seq, at, event, recording_id, leaf)
SELECT controller_id, seq, at, event, recording_id, json_patch(
    json_object(
        'v', 1, 'at', strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000000, 'unixepoch'), 'ev', event,
        'rec', CASE WHEN recording_id IS NULL THEN NULL ELSE
            lower(substr(hex(recording_id), 1, 8) || '-' || substr(hex(recording_id), 9, 4) || '-' ||
            substr(hex(recording_id), 13, 4) || '-' || substr(hex(recording_id), 17, 4) || '-' ||
            substr(hex(recording_id), 21, 12)) END),
    body)
FROM former_entries;

DROP TABLE former_entries;
DROP TABLE former_ledgers;

CREATE INDEX ledger_entries_recording ON ledger_entries (recording_id)
    WHERE recording_id IS NOT NULL;

CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledgers_no_delete BEFORE DELETE ON ledgers
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
