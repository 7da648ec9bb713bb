-- The agreed word under a key of its own, which goes with her file. Telephone numbers stand sealed with
-- the card, and nowhere else; phones are found by the keyed hash of theirs, persons by that of a name.

ALTER TABLE beneficiary ADD COLUMN word_key bytea;
ALTER TABLE device ADD COLUMN number_digest bytea;
ALTER TABLE device ADD CONSTRAINT device_number_is_sealed CHECK (number IS NULL) NOT VALID;
CREATE INDEX device_number ON device (number_digest) WHERE number_digest IS NOT NULL;
ALTER TABLE person_file ADD COLUMN name_digest bytea;
CREATE INDEX person_file_name ON person_file (name_digest) WHERE name_digest IS NOT NULL;
GRANT UPDATE (word_key) ON beneficiary TO tgd_redactor;
GRANT UPDATE (number_digest) ON device TO tgd_redactor;
