-- The same text runs on SQLite and on PostgreSQL. Moments are milliseconds since 1970, UTC; flags are 0 or 1.

CREATE TABLE consultations (
    id               TEXT   NOT NULL PRIMARY KEY,
    patient_id       TEXT   NOT NULL,
    doctor_id        TEXT   NOT NULL,
    -- created, waiting, live, ended or cancelled
    state            TEXT   NOT NULL,
    -- why it ended
    cause            TEXT,
    waiting_room     BIGINT NOT NULL,
    -- when the doctor let the patient in
    admitted_at      BIGINT,
    -- the end-to-end key, sealed with the server's master key
    e2ee_key         TEXT,
    scheduled_at     BIGINT,
    duration_minutes BIGINT,
    -- the SFU's id of the room that is open now
    room_sid         TEXT,
    created_at       BIGINT NOT NULL,
    waiting_at       BIGINT,
    live_at          BIGINT,
    ended_at         BIGINT,
    CHECK (patient_id <> doctor_id)
);
CREATE INDEX consultations_by_state ON consultations (state);

-- Each time somebody was in a room.
CREATE TABLE stays (
    participant_sid TEXT   NOT NULL PRIMARY KEY,
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    room_sid        TEXT   NOT NULL,
    identity        TEXT   NOT NULL,
    joined_at       BIGINT NOT NULL,
    left_at         BIGINT
);
CREATE INDEX stays_by_consultation ON stays (consultation_id);

-- People whom the doctor removed: none of their tokens lets them in until the doctor admits them again.
CREATE TABLE removals (
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    identity        TEXT   NOT NULL,
    removed_at      BIGINT NOT NULL,
    PRIMARY KEY (consultation_id, identity)
);

-- Secrets that let somebody in. Only their hashes are kept.
CREATE TABLE join_codes (
    hash            TEXT   NOT NULL PRIMARY KEY,
    -- link or kiosk
    kind            TEXT   NOT NULL,
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    role            TEXT   NOT NULL,
    valid_from      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    created_at      BIGINT NOT NULL
);
CREATE INDEX join_codes_by_consultation ON join_codes (consultation_id);

CREATE TABLE api_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    -- integrator, desk, kiosk or read
    scope      TEXT   NOT NULL,
    hash       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- Append-only; each hash covers its own entry and the hash before it.
CREATE TABLE audit (
    seq             BIGINT NOT NULL PRIMARY KEY,
    at              BIGINT NOT NULL,
    actor           TEXT   NOT NULL,
    action          TEXT   NOT NULL,
    consultation_id TEXT,
    subject         TEXT,
    origin          TEXT,
    outcome         TEXT   NOT NULL,
    hash            TEXT   NOT NULL
);

-- The end of the chain. Its one row is also the lock under which entries are appended.
CREATE TABLE audit_head (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT   NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

-- What clients measured.
CREATE TABLE quality_samples (
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    identity        TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    round_trip_ms   DOUBLE PRECISION,
    jitter_ms       DOUBLE PRECISION,
    loss_percent    DOUBLE PRECISION,
    bitrate_kbps    DOUBLE PRECISION,
    fps             DOUBLE PRECISION,
    width           BIGINT,
    height          BIGINT,
    -- the tracks one by one, as JSON
    tracks          TEXT   NOT NULL
);
CREATE INDEX quality_samples_by_consultation ON quality_samples (consultation_id, at);

-- LiveKit's events that were taken in already.
CREATE TABLE sfu_events (
    id          TEXT   NOT NULL PRIMARY KEY,
    received_at BIGINT NOT NULL
);

-- Events for the integrator that wait for delivery.
CREATE TABLE outbox (
    id           TEXT   NOT NULL PRIMARY KEY,
    body         TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX outbox_by_next ON outbox (next_at);
