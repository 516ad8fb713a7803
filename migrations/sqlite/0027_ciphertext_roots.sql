-- The root over the ciphertext of each recording, so that somebody can be shown that it is there. What was
-- accepted before has none.
ALTER TABLE recordings ADD COLUMN ct_root BLOB;

-- Who takes part when somebody asks. Every part of the condition stands literally in the query.
CREATE INDEX recordings_provable ON recordings (controller_id, id)
    WHERE ct_root IS NOT NULL AND content_key IS NOT NULL AND key_destroyed_at IS NULL;
-- Who cannot: nothing new comes to this one.
CREATE INDEX recordings_unprovable ON recordings (controller_id)
    WHERE ct_root IS NULL AND content_key IS NOT NULL AND key_destroyed_at IS NULL;
