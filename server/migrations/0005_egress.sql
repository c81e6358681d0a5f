-- The egress that makes a file, by LiveKit's id: empty until that is known, and absent where a recorder of ours does. Such a
-- file has its key in the bucket as its name from the beginning.
ALTER TABLE recording_parts ADD COLUMN egress_id TEXT;
CREATE INDEX recording_parts_by_egress ON recording_parts (egress_id);
