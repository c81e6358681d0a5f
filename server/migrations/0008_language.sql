-- The language of what a consultation's recording shows: es or en. Until now it was Spanish.
ALTER TABLE consultations ADD COLUMN language TEXT NOT NULL DEFAULT 'es';
