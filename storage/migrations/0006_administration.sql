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

-- By keyed hash of what was typed (a username, an address); a right password begins nothing anew.
CREATE TABLE login_attempts (
    key_hash     bytea NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX login_attempts_by_key ON login_attempts (key_hash, attempted_at);
CREATE INDEX login_attempts_by_time ON login_attempts (attempted_at);

CREATE TABLE pairing_attempts (
    key_hash     bytea NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX pairing_attempts_by_key ON pairing_attempts (key_hash, attempted_at);
CREATE INDEX pairing_attempts_by_time ON pairing_attempts (attempted_at);

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
GRANT UPDATE (employee_number, display_name, site_id, department_id, hired_at, deactivated_at) ON employees TO attendance_hub;
GRANT UPDATE (valid_until, revoked_at, revoked_reason) ON badges TO attendance_hub;
GRANT INSERT, UPDATE ON employee_pins TO attendance_hub;
GRANT INSERT ON streams TO attendance_hub;
GRANT UPDATE (site_id, name, public_key, status, revoked_at, retired, confirmed_at, forked_at) ON devices TO attendance_hub;
GRANT SELECT, INSERT ON device_former_keys TO attendance_hub;
GRANT SELECT, INSERT ON device_invitations TO attendance_hub;
GRANT UPDATE (used_at, device_id) ON device_invitations TO attendance_hub;
GRANT UPDATE (role, password_hash, password_set_at, site_ids, department_ids, employee_id, totp_secret, totp_pending,
              disabled_at) ON accounts TO attendance_hub;
GRANT SELECT, INSERT, DELETE ON login_attempts, pairing_attempts TO attendance_hub;
