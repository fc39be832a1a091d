"""New logins for hubs at PostgreSQL and Redis: made good there first, then told to hubs; the old ones end."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg
from redis.exceptions import RedisError

from server.secrets.keyring import Rotation
from server.secrets.provider import KeyInfo, KeyKind, Login, SecretsProvider
from server.settings import Settings
from storage.logins import can_log_in, hand_over, other_role, set_redis_passwords, with_login

_PASSWORD_BYTES: Final = 32


class LoginNotChanged(Exception):
    """The server refused, or isn't there; the text says so without a password. Nobody's login has changed."""


async def new_postgres_login(
    keys: SecretsProvider, settings: Settings, dsn: str, now: datetime, *, emergency: bool = False
) -> KeyInfo:
    """The other role, with a new password: in use after the lead, the one before refused after the overlap.

    `dsn` is of a role that may change hubs' roles. Raises LoginNotChanged, SecretsUnavailable.
    """
    rotation = Rotation.from_settings(settings)
    of_settings = urlsplit(settings.postgres_dsn)
    known = keys.login(KeyKind.POSTGRES)
    before = known.user if known is not None else unquote(of_settings.username or "")
    login = Login(other_role(before), random.token_urlsafe(_PASSWORD_BYTES))
    # In an emergency hubs have the lead alone to come by the new one.
    until = now + rotation.lead + (timedelta() if emergency else rotation.turns[KeyKind.POSTGRES].overlap)
    try:
        await hand_over(dsn, role=login.user, password=login.password, before=before, until=until)
        if not await can_log_in(settings.postgres_dsn, login.user, login.password):
            raise LoginNotChanged("PostgreSQL took the new password and refuses it: hubs keep the old one")
    except (asyncpg.PostgresError, OSError, TimeoutError) as fault:
        raise LoginNotChanged(f"PostgreSQL didn't change the login ({type(fault).__name__})") from None
    return await keys.rotate(KeyKind.POSTGRES, emergency=emergency, login=login)


async def new_redis_password(
    keys: SecretsProvider, settings: Settings, now: datetime, *, emergency: bool = False
) -> KeyInfo:
    """One more password for the hubs' user there, in use after the lead. Raises LoginNotChanged, SecretsUnavailable."""
    login = Login(_redis_user(settings), random.token_urlsafe(_PASSWORD_BYTES))
    await _set_passwords(settings, [login, *_serving(keys, settings, now)], by=_redis_login(keys, settings))
    return await keys.rotate(KeyKind.REDIS, emergency=emergency, login=login)


async def drop_old_redis_passwords(keys: SecretsProvider, settings: Settings, now: datetime) -> None:
    """Those whose overlap is over are refused from now on. Raises LoginNotChanged."""
    await _set_passwords(settings, _serving(keys, settings, now), by=_redis_login(keys, settings))


def _redis_user(settings: Settings) -> str:
    return unquote(urlsplit(settings.redis_url).username or "") or "default"


def _redis_login(keys: SecretsProvider, settings: Settings) -> Login:
    of_settings = Login(_redis_user(settings), unquote(urlsplit(settings.redis_url).password or ""))
    return keys.login(KeyKind.REDIS) or of_settings


def _serving(keys: SecretsProvider, settings: Settings, now: datetime) -> list[Login]:
    """Logins that are good. That of the URL is until the first of ours was in use for an overlap."""
    ours = list(keys.logins(KeyKind.REDIS))
    versions = keys.versions()[KeyKind.REDIS]
    first = min((version.active_at for version in versions), default=now)
    if len(ours) < 2 and now <= first + Rotation.from_settings(settings).turns[KeyKind.REDIS].overlap:
        ours.append(Login(_redis_user(settings), unquote(urlsplit(settings.redis_url).password or "")))
    return ours


async def _set_passwords(settings: Settings, logins: Sequence[Login], *, by: Login) -> None:
    url = with_login(settings.redis_url, by.user, by.password)
    try:
        await set_redis_passwords(url, by.user, [login.password for login in logins])
    except (RedisError, OSError, TimeoutError) as fault:
        raise LoginNotChanged(f"Redis didn't change the login ({type(fault).__name__})") from None
