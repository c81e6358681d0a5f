-- A keyed hash of the audit log's head. Empty in a database from before this migration: the server then checks the log and seals it.
ALTER TABLE audit_head ADD COLUMN seal TEXT NOT NULL DEFAULT '';

-- One row that `/health` writes to find out whether the database can be written.
CREATE TABLE health (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    checked_at BIGINT NOT NULL,
    filler     TEXT   NOT NULL
);
