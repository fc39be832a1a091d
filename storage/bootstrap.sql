-- The roles of the database `attendance` and what PUBLIC loses. Run as a superuser, connected to that database,
-- as often as you like. Passwords are set apart from this file (bootstrap.py, or the compose file's init script),
-- and objects with their grants belong to the migrations.
--
--   attendance_owner     owns every object; nobody logs in as it
--   attendance_migrator  logs in to migrate, and acts as attendance_owner from its first statement on
--   attendance_hub       holds a hub's grants; nobody logs in as it
--   attendance_hub_a     a hub's login (a second one beside it lets passwords rotate in turn)
--   attendance_reader    reads every table and writes none

SET client_min_messages = warning;

DO $$
DECLARE
    wanted record;
BEGIN
    -- Two bootstraps at once would both find a role missing.
    PERFORM pg_advisory_xact_lock(hashtext('attendance bootstrap'));
    FOR wanted IN
        SELECT *
        FROM (VALUES
            ('attendance_owner', false),
            ('attendance_migrator', true),
            ('attendance_hub', false),
            ('attendance_hub_a', true),
            ('attendance_reader', true)
        ) AS roles (name, logs_in)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT %s',
            wanted.name, CASE WHEN wanted.logs_in THEN 'LOGIN' ELSE 'NOLOGIN' END
        );
    END LOOP;
END
$$;

GRANT attendance_owner TO attendance_migrator WITH INHERIT TRUE, SET TRUE;
-- Whatever a migration makes is owned by attendance_owner, also when it forgets to say so.
ALTER ROLE attendance_migrator IN DATABASE attendance SET role = 'attendance_owner';
GRANT attendance_hub TO attendance_hub_a WITH INHERIT TRUE, SET FALSE;
GRANT pg_read_all_data TO attendance_reader WITH INHERIT TRUE, SET FALSE;
ALTER ROLE attendance_reader SET default_transaction_read_only = on;

ALTER DATABASE attendance OWNER TO attendance_owner;
REVOKE ALL ON DATABASE attendance FROM PUBLIC; -- CONNECT and TEMPORARY
GRANT CONNECT ON DATABASE attendance TO attendance_migrator, attendance_hub, attendance_reader;

ALTER SCHEMA public OWNER TO attendance_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO attendance_hub, attendance_reader;
-- PostgreSQL lets PUBLIC execute each new function unless told otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE attendance_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
