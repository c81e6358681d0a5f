-- What keeps a recording from being stored; what else was wrong with it stays in `problem`.
ALTER TABLE recordings ADD COLUMN storage_problem TEXT;
UPDATE recordings SET storage_problem = problem, problem = NULL WHERE problem IN
    ('storage-full', 'file-unreadable', 'storage-unreachable', 'checksum-differs', 'not-encrypted');
