-- Evidence packages: who asked for one of which recording, for whom, and what became of it. The recipient is
-- sealed; the ledger has codes and ids only.
CREATE TABLE evidence_packages (
    id             UUID        NOT NULL PRIMARY KEY,
    controller_id  UUID        NOT NULL REFERENCES controllers (id),
    recording_id   UUID        NOT NULL REFERENCES recordings (id),
    purpose        TEXT        NOT NULL CHECK (purpose IN ('evidence', 'disclosure')),
    case_id        TEXT        NOT NULL,
    recipient      BYTEA       NOT NULL,
    language       TEXT        NOT NULL CHECK (language IN ('nl', 'en')),
    destroy_by     INTEGER     NOT NULL,
    state          TEXT        NOT NULL CHECK (state IN ('asked', 'approved', 'handed_out', 'refused')),
    asked_by       UUID        NOT NULL,
    asked_at       TIMESTAMPTZ NOT NULL,
    approved_by    UUID,
    approved_at    TIMESTAMPTZ,
    handed_out     INTEGER     NOT NULL DEFAULT 0,
    handed_out_at  TIMESTAMPTZ,
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK (state NOT IN ('approved', 'handed_out') OR approved_by IS NOT NULL)
);

CREATE INDEX evidence_packages_list ON evidence_packages (controller_id, asked_at DESC, id DESC);
