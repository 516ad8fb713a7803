-- Certificates that were issued: the same facts about the same thing are the same certificate.
CREATE TABLE certificates (
    controller_id BLOB    NOT NULL,
    subject       TEXT    NOT NULL,
    facts         BLOB    NOT NULL,
    seq           INTEGER NOT NULL,
    sha256        BLOB    NOT NULL,
    body          TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    PRIMARY KEY (controller_id, subject, facts)
) STRICT;

-- What was erased, the last first.
CREATE INDEX recordings_population ON recordings (controller_id, erased_at DESC, id DESC)
    WHERE erased_at IS NOT NULL;
