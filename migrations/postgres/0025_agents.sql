-- Who takes calls under which name, and whether calls of others exist for them.
ALTER TABLE tokens ADD COLUMN agent TEXT;
ALTER TABLE tokens ADD COLUMN own_calls_only BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether trainers are shown a recording. What was there before the sample is.
ALTER TABLE recordings ADD COLUMN sampled BOOLEAN NOT NULL DEFAULT TRUE;
-- Whether it has notes or tags.
ALTER TABLE recordings ADD COLUMN annotated BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX recordings_annotated ON recordings (controller_id, started_at DESC, id DESC)
    WHERE annotated;

-- How often somebody heard far more than the others, for the figures.
CREATE INDEX ledger_entries_outliers ON ledger_entries (controller_id, at)
    WHERE event = 'access.outlier';
