-- People who sign in, and their sessions. A session is a family of refresh tokens of which the newest alone is good.

CREATE TABLE accounts (
    account_id     uuid PRIMARY KEY DEFAULT uuidv7(),
    username       text NOT NULL CHECK (username <> '' AND username = btrim(username)),
    role           text NOT NULL CHECK (role IN ('employee', 'supervisor', 'admin', 'inspector')),
    password_hash  text NOT NULL,          -- argon2id
    site_ids       uuid[],                 -- null: all
    department_ids uuid[],                 -- null: all
    employee_id    uuid REFERENCES employees,
    totp_secret    bytea,                  -- encrypted with the hub's keys; null: no second factor
    totp_last_step bigint,                 -- the latest code that was used: none is good twice
    created_at     timestamptz NOT NULL DEFAULT now(),
    disabled_at    timestamptz,
    CHECK (role <> 'employee' OR employee_id IS NOT NULL)
);
CREATE UNIQUE INDEX accounts_by_username ON accounts (lower(username));
CREATE INDEX accounts_by_employee ON accounts (employee_id) WHERE employee_id IS NOT NULL;

-- No token is kept: one is (family, generation) and a keyed checksum, made anew whenever it is needed.
CREATE TABLE refresh_families (
    family_id  uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    generation bigint NOT NULL DEFAULT 1,
    rotated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text CHECK (end_reason IN ('signed_out', 'reused', 'revoked')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX refresh_families_by_account ON refresh_families (account_id);
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

GRANT SELECT ON accounts TO attendance_hub;
GRANT UPDATE (totp_last_step) ON accounts TO attendance_hub;
GRANT SELECT, INSERT, DELETE ON refresh_families TO attendance_hub;
GRANT UPDATE (generation, rotated_at, ended_at, end_reason) ON refresh_families TO attendance_hub;
