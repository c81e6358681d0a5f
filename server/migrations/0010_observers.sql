-- Who listens to a consultation beside its two people. `label` is how the others see them.
CREATE TABLE observers (
    consultation_id TEXT    NOT NULL REFERENCES consultations (id),
    user_id         TEXT    NOT NULL,
    label           TEXT,
    publishes       INTEGER NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL,
    PRIMARY KEY (consultation_id, user_id)
);
-- Whose an observer's code is; the others' follows from the role.
ALTER TABLE join_codes ADD COLUMN user_id TEXT;
