-- An attempt is one signed text, not one place in a journal: texts that a device signs for the same place, of which
-- all but one never stand in the record, are so many guesses. The same text again is the same guess.

ALTER TABLE pin_attempts ADD COLUMN digest bytea NOT NULL DEFAULT '\x';
ALTER TABLE pin_attempts ALTER COLUMN digest DROP DEFAULT;
ALTER TABLE pin_attempts DROP CONSTRAINT pin_attempts_pkey;
ALTER TABLE pin_attempts ADD PRIMARY KEY (device_id, log_id, seq, digest);
