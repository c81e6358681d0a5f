-- Whether an integrator vouches that the patient has consented to recordings.
ALTER TABLE consultations ADD COLUMN recording_consent BIGINT NOT NULL DEFAULT 0;

-- What people answered when they were asked whether they may be recorded: the newest; the audit log has all.
CREATE TABLE consents (
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    identity        TEXT   NOT NULL,
    -- accepted or refused
    answer          TEXT   NOT NULL,
    text_version    BIGINT NOT NULL,
    language        TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    PRIMARY KEY (consultation_id, identity)
);

CREATE TABLE recordings (
    id              TEXT   NOT NULL PRIMARY KEY,
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    state           TEXT   NOT NULL,
    -- what is wrong, if anything
    problem         TEXT,
    -- the server whose recorder it is
    owner           TEXT   NOT NULL,
    requested_at    BIGINT NOT NULL,
    started_at      BIGINT,
    stopped_at      BIGINT,
    -- when it came to its last state
    ended_at        BIGINT
);
CREATE INDEX recordings_by_consultation ON recordings (consultation_id);
CREATE INDEX recordings_by_owner ON recordings (owner, state);
-- One at a time.
CREATE UNIQUE INDEX recordings_active ON recordings (consultation_id)
    WHERE state IN ('asking', 'starting', 'recording', 'paused', 'stopping');

-- The files of a recording.
CREATE TABLE recording_parts (
    recording_id TEXT   NOT NULL REFERENCES recordings (id),
    number       BIGINT NOT NULL,
    -- writing, finished or stored
    state        TEXT   NOT NULL,
    -- the process that writes it
    pid          BIGINT,
    started_at   BIGINT,
    -- where it lies on its server until it is stored
    file         TEXT,
    seconds      DOUBLE PRECISION NOT NULL DEFAULT 0,
    bytes        BIGINT NOT NULL DEFAULT 0,
    sha256       TEXT,
    -- where it is kept
    location     TEXT,
    -- as the storage confirmed it
    encryption   TEXT,
    -- an upload that has begun: its id, and what the storage has of it, as JSON
    upload       TEXT,
    PRIMARY KEY (recording_id, number)
);
