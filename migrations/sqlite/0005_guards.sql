-- What keeps a wrong clock or a wrong policy from erasing much at once. One row each.
CREATE TABLE clock_guard (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last_seen_at  INTEGER,
    paused_reason TEXT,
    paused_since  INTEGER,
    CHECK ((paused_reason IS NULL) = (paused_since IS NULL))
) STRICT;

INSERT INTO clock_guard (id) VALUES (1);

CREATE TABLE brake (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    pending_reason  TEXT,
    pending_count   INTEGER,
    pending_allowed INTEGER,
    pending_since   INTEGER,
    confirmed_until INTEGER
) STRICT;

INSERT INTO brake (id) VALUES (1);

-- Small things worth remembering, such as when keys were last forgotten.
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
