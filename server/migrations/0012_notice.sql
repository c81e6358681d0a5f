-- The desk's word to the waiting patient.
ALTER TABLE consultations ADD COLUMN notice TEXT;
