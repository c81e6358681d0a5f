-- The generation that a token of somebody must have to let them in; no row means 0. A removal raises it, and so do renewed and
-- revoked links: tokens of an older generation are dead, also after the person is admitted again.
CREATE TABLE generations (
    consultation_id TEXT   NOT NULL REFERENCES consultations (id),
    identity        TEXT   NOT NULL,
    generation      BIGINT NOT NULL,
    PRIMARY KEY (consultation_id, identity)
);
-- The generation of each stay: its token's, or the one that renewed links moved it on to.
ALTER TABLE stays ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
-- The number of the end-to-end key: each key that replaces another has the next one.
ALTER TABLE consultations ADD COLUMN e2ee_key_index BIGINT NOT NULL DEFAULT 0;
