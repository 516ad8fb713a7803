-- Certificates that were issued: the same facts about the same thing are the same certificate.
CREATE TABLE certificates (
    controller_id UUID   NOT NULL,
    subject       TEXT   NOT NULL,
    facts         BYTEA  NOT NULL,
    seq           BIGINT NOT NULL,
    sha256        BYTEA  NOT NULL,
    body          TEXT   NOT NULL,
    note          TEXT   NOT NULL,
    PRIMARY KEY (controller_id, subject, facts)
);

-- What was erased, the last first.
CREATE INDEX recordings_population ON recordings (controller_id, erased_at DESC, id DESC)
    WHERE erased_at IS NOT NULL;
