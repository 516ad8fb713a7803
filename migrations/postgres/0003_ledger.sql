-- What happened, one gapless sequence per controller. Nothing is ever changed or taken out.
CREATE TABLE ledgers (
    controller_id UUID   NOT NULL PRIMARY KEY REFERENCES controllers (id),
    size          BIGINT NOT NULL
);

CREATE TABLE ledger_entries (
    controller_id UUID        NOT NULL REFERENCES ledgers (controller_id),
    seq           BIGINT      NOT NULL CHECK (seq >= 0),
    at            TIMESTAMPTZ NOT NULL,
    event         TEXT        NOT NULL,
    recording_id  UUID,
    body          TEXT        NOT NULL,
    PRIMARY KEY (controller_id, seq)
);

CREATE INDEX ledger_entries_recording ON ledger_entries (recording_id)
    WHERE recording_id IS NOT NULL;

CREATE FUNCTION ledger_is_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END
$$;

CREATE TRIGGER ledger_entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE TRIGGER ledgers_no_delete BEFORE DELETE OR TRUNCATE ON ledgers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
