"""Makes the database `attendance` and its roles on a PostgreSQL of one's own, as its superuser."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

DATABASE: Final = "attendance"
_ROLES_SQL: Final = Path(__file__).with_name("bootstrap.sql")
_SCRAM_ITERATIONS: Final = 4096  # PostgreSQL's own default (scram_iterations)


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """The passwords of the three roles that log in."""

    migrator: str = field(repr=False)
    hub_a: str = field(repr=False)
    reader: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DatabaseDsns:
    """One connection URI for each role that logs in; they hold passwords, so never print them."""

    migrator: str = field(repr=False)
    hub_a: str = field(repr=False)
    reader: str = field(repr=False)


async def bootstrap(superuser_dsn: str, passwords: RolePasswords) -> DatabaseDsns:
    """Create what is missing of the database and its roles, set their passwords, and say how to log in.

    Idempotent. A password never travels: PostgreSQL is sent its SCRAM verifier alone, on a session whose
    statements aren't logged, so neither the server's log nor a process list can hold one.

    Raises:
        asyncpg.PostgresError: the DSN's role is no superuser.
        OSError: nobody listens there.
    """
    await _create_database(superuser_dsn)
    connection = await connect_unlogged(_with(superuser_dsn, database=DATABASE))
    try:
        async with connection.transaction():
            await connection.execute(_ROLES_SQL.read_text(encoding="utf-8"))
            for role, password in (
                ("attendance_migrator", passwords.migrator),
                ("attendance_hub_a", passwords.hub_a),
                ("attendance_reader", passwords.reader),
            ):
                statement = await connection.fetchval(
                    "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, scram_verifier(password)
                )
                await connection.execute(statement)
    finally:
        await connection.close()
    return DatabaseDsns(
        migrator=_with(superuser_dsn, user="attendance_migrator", password=passwords.migrator, database=DATABASE),
        hub_a=_with(superuser_dsn, user="attendance_hub_a", password=passwords.hub_a, database=DATABASE),
        reader=_with(superuser_dsn, user="attendance_reader", password=passwords.reader, database=DATABASE),
    )


def scram_verifier(password: str) -> str:
    """PostgreSQL's stored form of an ASCII password: `SCRAM-SHA-256$i:salt$StoredKey:ServerKey` (RFC 5803, 7677).

    Raises:
        ValueError: it isn't ASCII, and would need SASLprep.
    """
    if not password.isascii():
        raise ValueError("a role's password must be ASCII")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded_salt, encoded_stored, encoded_server = (
        base64.b64encode(value).decode() for value in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded_salt}${encoded_stored}:{encoded_server}"


async def _create_database(superuser_dsn: str) -> None:
    connection = await connect_unlogged(superuser_dsn)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    except asyncpg.DuplicateDatabaseError:
        pass  # another bootstrap was quicker
    finally:
        await connection.close()


async def connect_unlogged(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A session whose statements PostgreSQL doesn't log, whatever it is set to."""
    return await asyncpg.connect(
        dsn,
        timeout=10,
        server_settings={
            "log_statement": "none",
            "log_min_error_statement": "panic",
            "log_min_duration_statement": "-1",
        },
    )


def _with(dsn: str, *, user: str | None = None, password: str | None = None, database: str) -> str:
    parts = urlsplit(dsn)
    netloc = parts.netloc
    if user is not None:
        netloc = f"{quote(user)}:{quote(password or '', safe='')}@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))
