-- The timeline that counts is the one being written now. The control file names that of the last checkpoint, and
-- after a promotion the next one may take minutes: until then a standby that took over would go on counting in the
-- epoch of the server that it replaces. An epoch is found by what it is bound to, whatever clocks said when it began.
CREATE OR REPLACE FUNCTION current_epoch() RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
    here_system   bigint;
    here_timeline bigint;
    found         uuid;
BEGIN
    IF pg_is_in_recovery() THEN  -- a standby counts as the server that it follows, whose rows it has
        RETURN (SELECT epoch FROM stream_epochs ORDER BY begun_at DESC LIMIT 1);
    END IF;
    SELECT system_identifier INTO here_system FROM pg_control_system();
    -- A WAL file's name begins with its timeline: eight hexadecimal digits.
    here_timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint;
    SELECT epoch INTO found FROM stream_epochs
    WHERE system_identifier = here_system AND timeline = here_timeline ORDER BY begun_at DESC LIMIT 1;
    IF found IS NULL THEN
        LOCK TABLE stream_epochs IN EXCLUSIVE MODE;  -- two hubs at once mint one epoch
        SELECT epoch INTO found FROM stream_epochs
        WHERE system_identifier = here_system AND timeline = here_timeline ORDER BY begun_at DESC LIMIT 1;
    END IF;
    IF found IS NULL THEN
        INSERT INTO stream_epochs (system_identifier, timeline) VALUES (here_system, here_timeline)
        RETURNING epoch INTO found;
    END IF;
    RETURN found;
END $$;
