"""Logins that change while everything runs: of hubs at PostgreSQL (two roles in turn), and at Redis (two passwords)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
import redis.asyncio as redis
from redis.credentials import CredentialProvider

from storage.bootstrap import connect_unlogged, scram_verifier

HUB_ROLES: Final = ("attendance_hub_a", "attendance_hub_b")
CurrentLogin = Callable[[], tuple[str, str] | None]
"""User and password now; None: those of the server's own URL."""

_MAKE_ROLE: Final = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT;
    END IF;
END $$;
GRANT attendance_hub TO {role} WITH INHERIT TRUE, SET FALSE;
"""


def other_role(role: str | None) -> str:
    """The hub's role whose turn is next after `role`; after any other name the second, as the first is in use then."""
    return HUB_ROLES[0] if role == HUB_ROLES[1] else HUB_ROLES[1]


async def hand_over(dsn: str, *, role: str, password: str, before: str, until: datetime) -> None:
    """Let `role` log in by a new password, and `before` until a moment: PostgreSQL itself refuses it from then on.

    `dsn` is of a role that may change both (a superuser, or one with CREATEROLE that administers them). What is open
    stays open. Idempotent; the password never travels, nor its verifier into a log.

    Raises:
        asyncpg.PostgresError: the DSN's role may not.
        OSError: nobody listens there.
    """
    if role not in HUB_ROLES:
        raise ValueError("not a hub's role")
    connection = await connect_unlogged(dsn)
    try:
        async with connection.transaction():
            await connection.execute(_MAKE_ROLE.format(role=role))
            for statement, *arguments in (
                (
                    "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L VALID UNTIL ''infinity''', $1::text, $2::text)",
                    role,
                    scram_verifier(password),
                ),
                (
                    "SELECT format('ALTER ROLE %I VALID UNTIL %L', $1::text, ($2::timestamptz)::text)",
                    before,
                    until,
                ),
            ):
                await connection.execute(await connection.fetchval(statement, *arguments))
    finally:
        await connection.close()


async def can_log_in(dsn: str, user: str, password: str) -> bool:
    """Whether a login is good at the server of `dsn`."""
    try:
        connection = await asyncpg.connect(dsn, user=user, password=password, timeout=10)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError):
        return False
    await connection.close()
    return True


async def set_redis_passwords(url: str, user: str, passwords: Sequence[str]) -> None:
    """Let a user sign in by these passwords and no other, from now on; who is signed in stays. Idempotent.

    Redis forgets it at a restart unless it saves its users (`aclfile`). Raises RedisError, OSError, TimeoutError.
    """
    async with redis.from_url(url, socket_timeout=10, socket_connect_timeout=10, retry=None) as client:
        await client.execute_command(  # type: ignore[no-untyped-call] # redis-py's
            "ACL", "SETUSER", user, "resetpass", *(f">{password}" for password in passwords)
        )


class RedisLogin(CredentialProvider):
    """A user and password as they are at each connecting; without any of its own, those of the URL."""

    def __init__(self, url: str, login: CurrentLogin) -> None:
        parts = urlsplit(url)
        self._of_url = (unquote(parts.username or "") or None, unquote(parts.password) if parts.password else None)
        self._login = login

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        user, password = self._login() or self._of_url
        if password is None:
            return ("",)
        return (user, password) if user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def without_login(url: str) -> str:
    """A server's URL less the user and password in it: redis-py takes either those or a provider of credentials."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def with_login(url: str, user: str, password: str) -> str:
    """A server's URL with another user and password in it."""
    parts = urlsplit(url)
    return urlunsplit(
        parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}")
    )
