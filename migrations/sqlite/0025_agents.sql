-- Who takes calls under which name, and whether calls of others exist for them.
ALTER TABLE tokens ADD COLUMN agent TEXT;
ALTER TABLE tokens ADD COLUMN own_calls_only INTEGER NOT NULL DEFAULT 0;

-- Whether trainers are shown a recording. What was there before the sample is.
ALTER TABLE recordings ADD COLUMN sampled INTEGER NOT NULL DEFAULT 1;
-- Whether it has notes or tags.
ALTER TABLE recordings ADD COLUMN annotated INTEGER NOT NULL DEFAULT 0;

CREATE INDEX recordings_annotated ON recordings (controller_id, started_at DESC, id DESC)
    WHERE annotated;

-- How often somebody heard far more than the others, for the figures.
CREATE INDEX ledger_entries_outliers ON ledger_entries (controller_id, at)
    WHERE event = 'access.outlier';
