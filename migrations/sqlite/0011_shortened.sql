-- A recording whose term was shortened: by which version of its customer's policy, and when it would
-- have been due without. An erasure by that version is not one by term.
ALTER TABLE recordings ADD COLUMN shortened_by INTEGER;
ALTER TABLE recordings ADD COLUMN term_due_at INTEGER;

-- All that a change of policy needs to know of a customer's recordings, in the order they are
-- changed in. Wide on purpose: a preview reads nothing else.
CREATE INDEX recordings_policy ON recordings (controller_id, ended_at, id, due_at, size_bytes, state,
    held, restricted, direction, line, agent, queue, class)
    WHERE class = 'customer' AND ended_at IS NOT NULL;
