-- What is known of a person beyond their number and their place: encrypted with a data key of their own, which is wrapped
-- by the hubs' key-encryption key. Without this row nobody reads it, here or in the audit.
CREATE TABLE personal_data (
    employee_id     uuid PRIMARY KEY REFERENCES employees,
    wrapped_key     bytea NOT NULL,
    sealed          bytea NOT NULL,
    changed_version bigint NOT NULL DEFAULT 0
);
CREATE INDEX personal_data_by_change ON personal_data (changed_version);

-- Another key around the same data is no change that hubs read again.
CREATE TRIGGER personal_data_version BEFORE INSERT OR UPDATE OF sealed ON personal_data
    FOR EACH ROW EXECUTE FUNCTION note_directory_version();
CREATE TRIGGER personal_data_change BEFORE INSERT OR DELETE OR UPDATE OF sealed ON personal_data
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();

-- A name in the clear is an older hub's: the next one that starts encrypts it and clears the column.
ALTER TABLE employees ALTER COLUMN display_name DROP NOT NULL;
CREATE INDEX employees_in_the_clear ON employees (employee_id) WHERE display_name IS NOT NULL;

-- Whose personal data is gone for good. Their punches, journals and hours stay.
ALTER TABLE employees ADD COLUMN erased_at timestamptz;

-- One admin asks for it, another does it.
CREATE TABLE erasure_requests (
    employee_id  uuid PRIMARY KEY REFERENCES employees,
    account_id   uuid NOT NULL REFERENCES accounts,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON personal_data TO attendance_hub;
GRANT UPDATE (erased_at) ON employees TO attendance_hub;
GRANT SELECT, INSERT, DELETE ON erasure_requests TO attendance_hub;
