-- The path of a consultation's media: sfu or p2p. Until now it was the SFU.
ALTER TABLE consultations ADD COLUMN transport TEXT NOT NULL DEFAULT 'sfu';
