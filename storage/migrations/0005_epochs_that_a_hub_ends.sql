-- A database that is put back to an earlier state on its own timeline (its files, its machine's snapshot) can't know of it:
-- offsets that were given once are given again, for other changes. A hub that saw the later state ends the epoch.
CREATE FUNCTION end_epoch(ended uuid) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF pg_is_in_recovery() THEN  -- a standby may be behind the server that it follows
        RETURN current_epoch();
    END IF;
    LOCK TABLE stream_epochs IN EXCLUSIVE MODE;  -- two hubs at once end it once
    IF current_epoch() = ended THEN
        INSERT INTO stream_epochs (system_identifier, timeline, begun_at)
        SELECT system_identifier, timeline,  -- later than every other, whatever the clock says
               greatest(clock_timestamp(), (SELECT max(begun_at) FROM stream_epochs) + interval '1 microsecond')
        FROM stream_epochs WHERE epoch = ended;
    END IF;
    RETURN current_epoch();
END $$;
REVOKE ALL ON FUNCTION end_epoch(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_epoch(uuid) TO attendance_hub;
