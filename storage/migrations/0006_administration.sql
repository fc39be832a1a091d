-- What administrators do: who asked for it, who may ask how often, and what a hub may now write because of it.

-- The same request_key again gives the same answer. Written in the transaction of the act itself; `answer` holds no secret.
CREATE TABLE request_keys (
    account_id  uuid NOT NULL REFERENCES accounts,
    request_key uuid NOT NULL,
    digest      bytea NOT NULL CHECK (length(digest) = 32),  -- keyed: what was asked, PINs and passwords included
    answer      bytea,                                       -- the reply's JSON, shown-once secrets left out
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, request_key)
);
CREATE INDEX request_keys_by_time ON request_keys (asked_at);

-- Who (`actor`: account:<id>, device:<id> or operator), what, on whom (`subject`), before and after without secrets.
ALTER TABLE audit ADD COLUMN address text;   -- where it came from
ALTER TABLE audit ADD COLUMN employee_id uuid;  -- whom it is about, where it is about a person
ALTER TABLE audit ADD COLUMN before jsonb;
ALTER TABLE audit ADD COLUMN after jsonb;
CREATE INDEX audit_by_time ON audit (at, audit_id);
CREATE INDEX audit_by_actor ON audit (actor, at);
CREATE INDEX audit_by_employee ON audit (employee_id, at) WHERE employee_id IS NOT NULL;

-- People and their cards -------------------------------------------------------------------------------------------------

ALTER TABLE badges ADD COLUMN revoked_reason text CHECK (revoked_reason IN ('lost', 'returned', 'reassigned'));
CREATE INDEX badges_that_expire ON badges (valid_until) WHERE revoked_at IS NULL AND valid_until IS NOT NULL;

-- Hubs read of the directory what changed since the version that they have. The version is raised before rows change, and
-- its one row is locked until the commit: versions are given in the order in which hubs can see them.
ALTER TABLE employees ADD COLUMN changed_version bigint NOT NULL DEFAULT 0;
ALTER TABLE badges ADD COLUMN changed_version bigint NOT NULL DEFAULT 0;
CREATE INDEX employees_by_change ON employees (changed_version);
CREATE INDEX badges_by_change ON badges (changed_version);

CREATE FUNCTION note_directory_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    SELECT version INTO NEW.changed_version FROM directory_version;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION note_directory_version() FROM PUBLIC;
CREATE TRIGGER employees_version BEFORE INSERT OR UPDATE ON employees
    FOR EACH ROW EXECUTE FUNCTION note_directory_version();
CREATE TRIGGER badges_version BEFORE INSERT OR UPDATE ON badges
    FOR EACH ROW EXECUTE FUNCTION note_directory_version();
DROP TRIGGER employees_change ON employees;
CREATE TRIGGER employees_change BEFORE INSERT OR UPDATE OR DELETE ON employees
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
DROP TRIGGER badges_change ON badges;
CREATE TRIGGER badges_change BEFORE INSERT OR UPDATE OR DELETE ON badges
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();

-- Of a person who came back: when they were gone. What they punched before, during and after is judged by that.
ALTER TABLE employees ADD COLUMN absences tstzmultirange NOT NULL DEFAULT '{}';

-- Boards that show one department alone must learn who left it.
ALTER TABLE stream_changes ADD COLUMN left_department_id uuid;

-- Terminals --------------------------------------------------------------------------------------------------------------

ALTER TABLE devices ADD COLUMN confirmed_at timestamptz;
ALTER TABLE devices ADD COLUMN forked_at timestamptz;  -- its journal was last seen forked: perhaps a copy of it is at work
ALTER TABLE device_reports ADD COLUMN clock_offset_ms bigint;  -- the terminal's wall clock less the hub's, at its last time.sync

-- Keys that a terminal had before its present one: what they signed by then is still good.
CREATE TABLE device_former_keys (
    device_id  uuid NOT NULL REFERENCES devices,
    public_key bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (device_id, public_key)
);

-- A pairing code is known by its keyed hash only. It serves once, for one site, until it expires.
CREATE TABLE device_invitations (
    invitation_id uuid PRIMARY KEY DEFAULT uuidv7(),
    code_hash     bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    site_id       uuid NOT NULL REFERENCES sites,
    name          text NOT NULL,
    invited_by    uuid NOT NULL REFERENCES accounts,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    device_id     uuid REFERENCES devices,
    CHECK ((used_at IS NULL) = (device_id IS NULL))
);
CREATE INDEX device_invitations_by_expiry ON device_invitations (expires_at);

-- Accounts and their sessions ----------------------------------------------------------------------------------------------

ALTER TABLE accounts ADD COLUMN totp_pending bytea;  -- encrypted: a new second factor that waits for its first code
ALTER TABLE accounts ADD COLUMN password_set_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE refresh_families ADD COLUMN address text;  -- where the session began
ALTER TABLE refresh_families ADD COLUMN client text;   -- and with what, as it called itself

-- Attempts: counted before they are judged ----------------------------------------------------------------------------------

-- At a login or a pairing code, by keyed hash of what it is counted under (a username as typed, an address): until
-- `counts_until` it is one of those. A right password makes that sooner; it begins nothing anew.
CREATE TABLE attempts (
    attempt_id   uuid NOT NULL,
    key_hash     bytea NOT NULL CHECK (length(key_hash) = 32),
    attempted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counts_until timestamptz NOT NULL,
    PRIMARY KEY (attempt_id, key_hash)
);
CREATE INDEX attempts_by_key ON attempts (key_hash, counts_until);
CREATE INDEX attempts_by_end ON attempts (counts_until);

-- Besides by number as typed, PIN attempts count by the terminal and the site that they come from.
ALTER TABLE pin_attempts ADD COLUMN site_id uuid;
CREATE INDEX pin_attempts_by_device ON pin_attempts (device_id, attempted_at);
CREATE INDEX pin_attempts_by_site ON pin_attempts (site_id, attempted_at) WHERE site_id IS NOT NULL;

-- What a hub may do beyond what it could -------------------------------------------------------------------------------------

GRANT SELECT, INSERT, DELETE ON request_keys TO attendance_hub;
GRANT UPDATE (answer) ON request_keys TO attendance_hub;
GRANT INSERT ON sites, departments, employees, badges, devices, accounts TO attendance_hub;
GRANT UPDATE (name, time_zone) ON sites TO attendance_hub;
GRANT UPDATE (name) ON departments TO attendance_hub;
GRANT UPDATE (employee_number, display_name, site_id, department_id, hired_at, deactivated_at, absences) ON employees
TO attendance_hub;
GRANT UPDATE (valid_until, revoked_at, revoked_reason) ON badges TO attendance_hub;
GRANT INSERT, UPDATE, DELETE ON employee_pins TO attendance_hub;
GRANT INSERT ON streams TO attendance_hub;
GRANT UPDATE (site_id, name, public_key, status, revoked_at, retired, confirmed_at, forked_at) ON devices TO attendance_hub;
GRANT SELECT, INSERT ON device_former_keys TO attendance_hub;
GRANT SELECT, INSERT ON device_invitations TO attendance_hub;
GRANT UPDATE (used_at, device_id) ON device_invitations TO attendance_hub;
GRANT UPDATE (role, password_hash, password_set_at, site_ids, department_ids, employee_id, totp_secret, totp_pending,
              disabled_at) ON accounts TO attendance_hub;
GRANT SELECT, INSERT, DELETE ON attempts TO attendance_hub;
GRANT UPDATE (counts_until) ON attempts TO attendance_hub;
