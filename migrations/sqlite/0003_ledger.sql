-- What happened, one gapless sequence per controller. Nothing is ever changed or taken out.
CREATE TABLE ledgers (
    controller_id BLOB    NOT NULL PRIMARY KEY REFERENCES controllers (id),
    size          INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger_entries (
    controller_id BLOB    NOT NULL REFERENCES ledgers (controller_id),
    seq           INTEGER NOT NULL CHECK (seq >= 0),
    at            INTEGER NOT NULL,
    event         TEXT    NOT NULL,
    recording_id  BLOB,
    body          TEXT    NOT NULL,
    PRIMARY KEY (controller_id, seq)
) STRICT;

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
