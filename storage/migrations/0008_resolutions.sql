-- What was held for want of keys is judged when they are back. The punch stands as it was answered; what it came to
-- stands beside it.

-- When a punch was recorded whose seal waits for keys alone. Null: it is kept for a person to decide.
ALTER TABLE sealed_credentials ADD COLUMN waits_since timestamptz;
CREATE INDEX sealed_credentials_that_wait ON sealed_credentials (waits_since, device_id, log_id, seq)
    WHERE waits_since IS NOT NULL;

CREATE TABLE punch_resolutions (
    device_id   uuid NOT NULL,
    log_id      uuid NOT NULL,
    seq         bigint NOT NULL,
    recorded_at timestamptz NOT NULL,  -- the punch's own
    punch_id    uuid NOT NULL,
    site_id     uuid NOT NULL,
    employee_id uuid,
    outcome     text NOT NULL CHECK (outcome IN ('recorded', 'held', 'refused')),
    reason      text,
    kind        text CHECK (kind IN ('in', 'out', 'break_start', 'break_end')),
    occurred_at timestamptz,
    same_as     uuid,
    counted     boolean NOT NULL,
    happened_at timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(occurred_at, recorded_at)) STORED,
    resolved_at timestamptz NOT NULL,
    resolved_by text NOT NULL,         -- `hub`, or whoever decided
    PRIMARY KEY (device_id, log_id, seq),
    CHECK (counted = (outcome = 'recorded' AND reason IS DISTINCT FROM 'debounced')),
    CHECK (outcome <> 'recorded' OR (employee_id IS NOT NULL AND kind IS NOT NULL AND occurred_at IS NOT NULL))
);
CREATE INDEX punch_resolutions_of_person ON punch_resolutions (employee_id, occurred_at) WHERE counted;
CREATE INDEX punch_resolutions_of_site ON punch_resolutions (site_id, happened_at, punch_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON punch_resolutions
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON punch_resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
ALTER TABLE punch_resolutions ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE punch_resolutions ENABLE ALWAYS TRIGGER no_truncate;

-- Everything that states and hours are derived from. `recorded_at` is when it came to count.
CREATE VIEW counted_punches WITH (security_invoker = true) AS
SELECT device_id, log_id, seq, punch_id, site_id, employee_id, kind, occurred_at, happened_at, recorded_at
FROM punches WHERE counted
UNION ALL
SELECT device_id, log_id, seq, punch_id, site_id, employee_id, kind, occurred_at, happened_at, resolved_at
FROM punch_resolutions WHERE counted;

GRANT SELECT, INSERT ON punch_resolutions TO attendance_hub;
GRANT SELECT ON counted_punches TO attendance_hub;
GRANT UPDATE (waits_since) ON sealed_credentials TO attendance_hub;
