-- The list of a day.
CREATE INDEX consultations_by_schedule ON consultations (scheduled_at);
CREATE INDEX consultations_by_creation ON consultations (created_at);

-- How people found the call: one each, the newest.
CREATE TABLE feedback (
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    identity        TEXT   NOT NULL,
    role            TEXT   NOT NULL,
    stars           BIGINT NOT NULL,
    -- as JSON
    reasons         TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    PRIMARY KEY (consultation_id, identity)
);
