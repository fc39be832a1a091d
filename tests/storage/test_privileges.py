"""What a hub's role may do, table by table: a grant that is added or lost must be meant."""

from typing import Final

import asyncpg
import pytest

pytestmark = pytest.mark.integration

HUB_MAY: Final = {
    "accounts": "SELECT INSERT",
    "attempts": "SELECT INSERT DELETE",
    "audit": "SELECT INSERT",
    "badges": "SELECT INSERT",
    "departments": "SELECT INSERT",
    "counted_punches": "SELECT",
    "device_boots": "SELECT INSERT UPDATE",
    "device_former_keys": "SELECT INSERT",
    "device_invitations": "SELECT INSERT",
    "device_journals": "SELECT INSERT UPDATE",
    "device_reports": "SELECT INSERT UPDATE",
    "devices": "SELECT INSERT",
    "directory_version": "SELECT",
    "employee_pins": "SELECT INSERT UPDATE DELETE",
    "employees": "SELECT INSERT",
    "erasure_requests": "SELECT INSERT DELETE",
    "personal_data": "SELECT INSERT UPDATE DELETE",
    "pin_attempts": "SELECT INSERT UPDATE DELETE",
    "presence": "SELECT INSERT UPDATE",
    "punch_resolutions": "SELECT INSERT",
    "punches": "SELECT INSERT",
    "receipts": "SELECT INSERT",
    "refresh_families": "SELECT INSERT DELETE",
    "request_keys": "SELECT INSERT DELETE",
    "schema_migrations": "",
    "sealed_credentials": "SELECT INSERT DELETE",
    "sites": "SELECT INSERT",
    "stream_changes": "SELECT INSERT DELETE",
    "stream_epochs": "",
    "streams": "SELECT INSERT UPDATE",
    "unknown_badges": "SELECT INSERT DELETE",
}
"""On whole tables."""
HUB_MAY_UPDATE_OF: Final = {
    "accounts": "department_ids disabled_at employee_id password_hash password_set_at role site_ids totp_last_step "
    "totp_pending totp_secret",
    "attempts": "counts_until",
    "badges": "revoked_at revoked_reason valid_until",
    "departments": "name",
    "device_invitations": "device_id used_at",
    "devices": "confirmed_at forked_at log_id name public_key retired revoked_at site_id status welcomed_at",
    "employees": "absences deactivated_at department_id display_name employee_number erased_at hired_at site_id",
    "refresh_families": "end_reason ended_at generation rotated_at",
    "request_keys": "answer",
    "sealed_credentials": "waits_since",
    "sites": "name time_zone",
}
HUB_MAY_UPDATE: Final = {(table, column) for table, columns in HUB_MAY_UPDATE_OF.items() for column in columns.split()}
"""Columns of tables that it may not update as a whole."""


async def test_a_hub_has_these_rights_and_no_others(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    rows = await hub.fetch(
        """
        SELECT relname, array_to_string(array(
            SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                                               'TRIGGER', 'MAINTAIN']) AS privilege
            WHERE has_table_privilege(oid, privilege)), ' ') AS rights
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
        """
    )
    assert {row["relname"]: row["rights"] for row in rows} == HUB_MAY
    assert not await hub.fetch(
        """
        SELECT relname FROM pg_class
        WHERE relispartition AND relkind = 'r' AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
        """
    ), "a partition is reached through its table alone"
    columns = await hub.fetch(
        """
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND a.attnum > 0 AND NOT has_table_privilege(c.oid, 'UPDATE')
          AND has_column_privilege(c.oid, a.attnum, 'UPDATE')
        """
    )
    assert {(row["relname"], row["attname"]) for row in columns} == HUB_MAY_UPDATE


REFUSED: Final = (
    "SELECT * FROM schema_migrations",
    "SELECT * FROM stream_epochs",
    "UPDATE accounts SET username = 'x'",
    "UPDATE audit SET actor = 'x'",
    "UPDATE badges SET badge_hash = ''",
    "UPDATE devices SET device_id = gen_random_uuid()",
    "UPDATE device_former_keys SET public_key = ''",
    "DELETE FROM accounts",
    "DELETE FROM employees",
    "DELETE FROM devices",
    "DELETE FROM audit",
    "DELETE FROM badges",
    "DELETE FROM presence",
    "DELETE FROM streams",
    "UPDATE directory_version SET version = 1",
    "SELECT raise_directory_version()",
    "SELECT refuse_rewriting()",
    "CREATE TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "ALTER TABLE punches DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON audit",
    "DROP TABLE punches_default",
    "ALTER TABLE punches DETACH PARTITION punches_default",
    "SET ROLE attendance_owner",
    "SET ROLE attendance_migrator",
    "SET session_replication_role = replica",
    "COPY audit TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
)


async def test_what_a_hub_is_refused(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    passed = []
    for statement in REFUSED:
        try:
            await hub.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        passed.append(statement)
    assert not passed
