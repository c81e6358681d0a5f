-- Tells the master key that this database was begun with from any other.
CREATE TABLE key_check (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value TEXT   NOT NULL
);

-- Whose rooms must stay closed.
CREATE INDEX consultations_by_end ON consultations (ended_at);

-- Who is in a room now: what the reconciler asks for every few seconds.
CREATE INDEX stays_open ON stays (consultation_id) WHERE left_at IS NULL;
