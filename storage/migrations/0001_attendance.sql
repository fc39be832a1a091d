-- What the system keeps: who and where, what terminals signed, what follows from it, and who may touch which part.
-- Objects belong to attendance_owner; a hub is attendance_hub and gets what is granted here, nothing else.

-- Who and where ------------------------------------------------------------------------------------------------------

CREATE TABLE sites (
    site_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    name      text NOT NULL UNIQUE,
    time_zone text NOT NULL
);

CREATE TABLE departments (
    department_id uuid PRIMARY KEY DEFAULT uuidv7(),
    site_id       uuid NOT NULL REFERENCES sites,
    name          text NOT NULL,
    UNIQUE (site_id, name)
);

CREATE TABLE employees (
    employee_id     uuid PRIMARY KEY DEFAULT uuidv7(),
    employee_number text NOT NULL UNIQUE,
    display_name    text NOT NULL,
    site_id         uuid NOT NULL REFERENCES sites,
    department_id   uuid NOT NULL REFERENCES departments,
    hired_at        timestamptz NOT NULL DEFAULT now(),
    deactivated_at  timestamptz
);
CREATE INDEX employees_by_site ON employees (site_id);

-- A badge is known by its keyed hash only. A card may pass from hand to hand: who held it is asked as of a moment.
CREATE TABLE badges (
    badge_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    badge_hash  bytea NOT NULL CHECK (length(badge_hash) = 32),
    employee_id uuid NOT NULL REFERENCES employees,
    assigned_at timestamptz NOT NULL DEFAULT now(),
    valid_until timestamptz,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX badges_one_holder ON badges (badge_hash) WHERE revoked_at IS NULL;
CREATE INDEX badges_by_hash ON badges (badge_hash, assigned_at);
CREATE INDEX badges_by_employee ON badges (employee_id);

-- argon2id over a keyed hash: without the key file six digits can't be tried.
CREATE TABLE employee_pins (
    employee_id uuid PRIMARY KEY REFERENCES employees,
    pin_hash    text NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT now()
);

-- Each attempt is counted before it is judged, once a punch. Refused attempts ('throttled') don't prolong a lock.
CREATE TABLE pin_attempts (
    device_id    uuid NOT NULL,
    log_id       uuid NOT NULL,
    seq          bigint NOT NULL,
    number_hash  bytea NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT now(),
    verdict      text NOT NULL CHECK (verdict IN ('pending', 'right', 'wrong', 'throttled')),
    PRIMARY KEY (device_id, log_id, seq)
);
CREATE INDEX pin_attempts_by_number ON pin_attempts (number_hash, attempted_at);
CREATE INDEX pin_attempts_by_time ON pin_attempts (attempted_at);

-- Terminals ----------------------------------------------------------------------------------------------------------

CREATE TABLE devices (
    device_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    site_id     uuid NOT NULL REFERENCES sites,
    name        text NOT NULL,
    public_key  bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    status      text NOT NULL CHECK (status IN ('pending', 'active', 'revoked')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,  -- from this moment on (a retired device: when it was lost) nothing it signs is recorded
    retired     boolean NOT NULL DEFAULT false,
    welcomed_at timestamptz,  -- first welcome as active: from then on complete_to waits for it
    log_id      uuid,         -- the journal begun last
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
);
CREATE INDEX devices_by_site ON devices (site_id);

-- What a terminal last said of itself; changes every few seconds, so it stands apart from what it is.
CREATE TABLE device_reports (
    device_id        uuid PRIMARY KEY REFERENCES devices,
    heard_at         timestamptz NOT NULL,
    complete_to      timestamptz,
    outbox_depth     bigint,
    oldest_unsent_at timestamptz,
    version          text
);

-- The hub's time at one moment of a boot's clock, so that any hub can date that boot's punches.
CREATE TABLE device_boots (
    device_id    uuid NOT NULL REFERENCES devices,
    boot_id      uuid NOT NULL,
    hub_time     timestamptz NOT NULL,
    monotonic_ms bigint NOT NULL,
    PRIMARY KEY (device_id, boot_id)
);

-- The signed record --------------------------------------------------------------------------------------------------

-- Head of a journal. Uniqueness of (device, log, seq) can't live on a table partitioned by time: it lives here and in receipts.
CREATE TABLE device_journals (
    device_id   uuid NOT NULL REFERENCES devices,
    log_id      uuid NOT NULL,
    last_seq    bigint NOT NULL,
    last_digest bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, log_id)
);

CREATE TABLE receipts (
    device_id   uuid NOT NULL,
    log_id      uuid NOT NULL,
    seq         bigint NOT NULL,
    digest      bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, log_id, seq)
);

CREATE TABLE punches (
    recorded_at timestamptz NOT NULL,
    device_id   uuid NOT NULL,
    log_id      uuid NOT NULL,
    seq         bigint NOT NULL,
    punch_id    uuid NOT NULL,
    site_id     uuid NOT NULL,
    employee_id uuid,
    outcome     text NOT NULL CHECK (outcome IN ('recorded', 'held', 'refused')),
    reason      text,
    kind        text CHECK (kind IN ('in', 'out', 'break_start', 'break_end')),
    occurred_at timestamptz,
    captured    text NOT NULL CHECK (captured IN ('online', 'offline')),
    same_as     uuid,
    counted     boolean NOT NULL,  -- recorded and not debounced: what states and hours are derived from
    happened_at timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(occurred_at, recorded_at)) STORED,
    signed_text text NOT NULL,     -- byte for byte what the device signed
    signature   bytea NOT NULL,
    PRIMARY KEY (recorded_at, device_id, log_id, seq),
    CHECK (counted = (outcome = 'recorded' AND reason IS DISTINCT FROM 'debounced')),
    CHECK (outcome <> 'recorded' OR (employee_id IS NOT NULL AND kind IS NOT NULL AND occurred_at IS NOT NULL))
) PARTITION BY RANGE (recorded_at);
CREATE INDEX punches_of_person ON punches (employee_id, occurred_at) WHERE counted;
CREATE INDEX punches_of_site ON punches (site_id, happened_at, punch_id);

-- Credentials that could not be opened or judged yet, still sealed; everything else is deleted once opened.
CREATE TABLE sealed_credentials (
    device_id      uuid NOT NULL,
    log_id         uuid NOT NULL,
    seq            bigint NOT NULL,
    sealing_key_id text NOT NULL,
    sealed         bytea NOT NULL,
    PRIMARY KEY (device_id, log_id, seq)
);

-- An unknown badge, encrypted, for the minutes in which an administrator may assign it.
CREATE TABLE unknown_badges (
    device_id  uuid NOT NULL REFERENCES devices,
    punch_id   uuid NOT NULL,
    encrypted  bytea NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, punch_id)
);
CREATE INDEX unknown_badges_by_expiry ON unknown_badges (expires_at);

CREATE TABLE audit (
    audit_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text NOT NULL,
    action     text NOT NULL,
    subject    text,
    request_id text,
    details    jsonb NOT NULL DEFAULT '{}'
);

-- Derived state, written in the punch's own transaction ----------------------------------------------------------------

CREATE TABLE presence (
    employee_id uuid PRIMARY KEY REFERENCES employees,
    status      text NOT NULL DEFAULT 'out' CHECK (status IN ('in', 'break', 'out')),
    since       timestamptz,
    at_site_id  uuid REFERENCES sites,
    CHECK ((status = 'out') = (at_site_id IS NULL))
);
CREATE INDEX presence_at_site ON presence (at_site_id) WHERE at_site_id IS NOT NULL;

-- Offsets come from this locked row, never from a sequence: commit order is then offset order, without holes.
CREATE TABLE streams (
    site_id uuid PRIMARY KEY REFERENCES sites,
    head    bigint NOT NULL DEFAULT 0
);

-- One line of one board after one change; `on_board` false takes the person off.
CREATE TABLE stream_changes (
    site_id     uuid NOT NULL REFERENCES streams,
    "offset"    bigint NOT NULL,
    employee_id uuid NOT NULL,
    on_board    boolean NOT NULL,
    status      text NOT NULL,
    since       timestamptz,
    at_site_id  uuid,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (site_id, "offset")
);
CREATE INDEX stream_changes_by_time ON stream_changes (changed_at);

-- Rises with each change of names, places and badges, so that hubs know when to read their directory again.
CREATE TABLE directory_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL DEFAULT 1
);
INSERT INTO directory_version DEFAULT VALUES;

CREATE FUNCTION raise_directory_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE directory_version SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER sites_change AFTER INSERT OR UPDATE OR DELETE ON sites
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
CREATE TRIGGER departments_change AFTER INSERT OR UPDATE OR DELETE ON departments
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
CREATE TRIGGER employees_change AFTER INSERT OR UPDATE OR DELETE ON employees
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
CREATE TRIGGER badges_change AFTER INSERT OR UPDATE OR DELETE ON badges
    FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();

-- Streams count within an epoch, which is bound to this very database: a copy that lives on elsewhere,
-- or a standby that took over, counts in another.
CREATE TABLE stream_epochs (
    epoch             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    system_identifier bigint NOT NULL,
    timeline          bigint NOT NULL,
    begun_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION current_epoch() RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
    here   record;
    newest stream_epochs;
BEGIN
    SELECT s.system_identifier, c.timeline_id INTO here FROM pg_control_system() s, pg_control_checkpoint() c;
    SELECT * INTO newest FROM stream_epochs ORDER BY begun_at DESC LIMIT 1;
    IF newest.system_identifier = here.system_identifier AND newest.timeline = here.timeline_id THEN
        RETURN newest.epoch;
    END IF;
    LOCK TABLE stream_epochs IN EXCLUSIVE MODE;  -- two hubs at once mint one epoch
    SELECT * INTO newest FROM stream_epochs ORDER BY begun_at DESC LIMIT 1;
    IF newest.system_identifier IS DISTINCT FROM here.system_identifier OR newest.timeline <> here.timeline_id THEN
        INSERT INTO stream_epochs (system_identifier, timeline) VALUES (here.system_identifier, here.timeline_id)
        RETURNING * INTO newest;
    END IF;
    RETURN newest.epoch;
END $$;

-- Append-only, by privilege (the grants below) and by trigger (whoever asks, replication roles included) -----------------

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON punches FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON punches FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON receipts FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON receipts FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
ALTER TABLE punches ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE punches ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE receipts ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE receipts ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE audit ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE audit ENABLE ALWAYS TRIGGER no_truncate;

-- Months ahead get their partition before they begin; what would fall between goes to the default one.
CREATE TABLE punches_default PARTITION OF punches DEFAULT;
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON punches_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
ALTER TABLE punches_default ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE punches_default ENABLE ALWAYS TRIGGER append_only;

CREATE FUNCTION ensure_punch_partitions(months_ahead int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
    month date := date_trunc('month', now() AT TIME ZONE 'UTC');
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_punch_partitions'));
    FOR i IN 0..months_ahead LOOP
        name := 'punches_' || to_char(month, 'YYYY_MM');
        IF to_regclass('public.' || name) IS NULL
           AND NOT EXISTS (SELECT FROM punches_default
                           WHERE recorded_at >= month::timestamp AT TIME ZONE 'UTC'
                             AND recorded_at < (month + interval '1 month') AT TIME ZONE 'UTC') THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.punches FOR VALUES FROM (%L) TO (%L)', name,
                           month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON public.%I '
                           'FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewriting()', name);
            EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER no_truncate', name);
            EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER append_only', name);
        END IF;
        month := month + interval '1 month';
    END LOOP;
END $$;
SELECT ensure_punch_partitions(3);

-- What a hub may do ------------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION ensure_punch_partitions(int), current_epoch(), raise_directory_version(), refuse_rewriting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_punch_partitions(int), current_epoch() TO attendance_hub;
GRANT USAGE ON SCHEMA public TO attendance_hub;
GRANT SELECT ON sites, departments, employees, badges, employee_pins, devices, directory_version TO attendance_hub;
GRANT UPDATE (welcomed_at, log_id) ON devices TO attendance_hub;
GRANT SELECT, INSERT, UPDATE ON device_reports, device_boots, device_journals TO attendance_hub;
GRANT SELECT, INSERT ON punches, receipts, audit TO attendance_hub;
GRANT SELECT, INSERT, UPDATE, DELETE ON pin_attempts TO attendance_hub;
GRANT SELECT, INSERT, DELETE ON sealed_credentials, unknown_badges, stream_changes TO attendance_hub;
GRANT SELECT, INSERT, UPDATE ON presence TO attendance_hub;
GRANT SELECT, UPDATE ON streams TO attendance_hub;
