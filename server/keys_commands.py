"""`attendance-hub secrets`: what keys there are, and new ones in their place. No key is ever shown."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from protocol.values import format_time
from server.secrets.keyring import LOGINS, UNCHANGING, Rotation
from server.secrets.local import open_key_file, utc_now
from server.secrets.provider import KeyInfo, KeyKind, SecretsProvider
from server.services.logins import LoginNotChanged, drop_old_redis_passwords, new_postgres_login, new_redis_password
from server.settings import read_settings, text_of
from server.telemetry.logging import configure_logging
from server.vault_commands import add_init

ROTATABLE: Final = sorted(set(KeyKind) - UNCHANGING - LOGINS)
ROTATOR_DSN: Final = "ATTENDANCE_ROTATOR_DSN"
"""PostgreSQL as a role that may change the hubs' roles; a hub never has it."""


class KeysRefused(Exception):
    """The keys can't be changed like that; the text says why."""


def add_keys_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `secrets` and what it has to `attendance-hub`'s commands."""
    keys = commands.add_parser(
        "secrets", help="the hub's keys", description="The hub's keys, as ATTENDANCE_… says where they are."
    ).add_subparsers(dest="keys_command", required=True)
    add_init(keys)
    status = keys.add_parser("status", help="which keys there are, and until when they serve")
    status.set_defaults(run=_status)
    rotate = keys.add_parser(
        "rotate",
        help="make new keys",
        description="Make new keys. Every hub knows a new key before it is used (ATTENDANCE_KEY_LEAD_SECONDS), and the "
        "old one serves through its overlap: nobody is logged out. After a new key-encryption key (data) hubs put what "
        "is under the old one under the new one. postgres is the hubs' login, of two roles in turn, changed by "
        f"{ROTATOR_DSN} (or what {ROTATOR_DSN}_FILE holds). redis is their password there: `settle` drops the old one.",
    )
    rotate.add_argument(
        "kind", nargs="+", choices=[*ROTATABLE, *sorted(LOGINS), "all"], help="what for (all: all but the two logins)"
    )
    rotate.add_argument(
        "--emergency",
        action="store_true",
        help="a key is known to others: the new one is used at once, and old access tokens and metrics tokens are "
        "refused at once. Seals and PINs by old keys are good until their overlap ends.",
    )
    rotate.set_defaults(run=_rotate)
    settle = keys.add_parser(
        "settle",
        help="drop passwords whose overlap is over",
        description="Drop passwords at Redis whose overlap is over, an hour or so after a rotation. PostgreSQL refuses "
        "the old one by itself.",
    )
    settle.set_defaults(run=_settle)


def _keys() -> SecretsProvider:
    settings = read_settings(os.environ)
    configure_logging("warning")
    if not settings.key_file.exists():
        raise KeysRefused(f"there is no key file {settings.key_file} yet: a hub makes it at its first start")
    return open_key_file(settings.key_file, rotation=Rotation.from_settings(settings))


def _status(_: argparse.Namespace) -> None:
    now = utc_now()
    rows = [("KIND", "KEY", "MADE", "")]
    for kind, versions in _keys().versions().items():
        rows += [(str(kind), one.id, _time(one.made_at), _standing(one, versions, now)) for one in versions]
    _table(rows)


def _rotate(arguments: argparse.Namespace) -> None:
    keys = _keys()
    kinds = ROTATABLE if "all" in arguments.kind else [KeyKind(kind) for kind in arguments.kind]
    rows = [("KIND", "NEW KEY", "USED FROM")]
    for kind in kinds:
        try:
            made = asyncio.run(_made(keys, kind, emergency=arguments.emergency))
        except LoginNotChanged as fault:
            raise KeysRefused(str(fault)) from None
        rows.append((str(kind), made.id, _time(made.active_at)))
    _table(rows)


async def _made(keys: SecretsProvider, kind: KeyKind, *, emergency: bool) -> KeyInfo:
    settings = read_settings(os.environ)
    match kind:
        case KeyKind.POSTGRES:
            if not (dsn := text_of(ROTATOR_DSN)):
                raise KeysRefused(f"{ROTATOR_DSN} is missing (PostgreSQL as a role that may change the hubs' roles)")
            return await new_postgres_login(keys, settings, dsn, utc_now(), emergency=emergency)
        case KeyKind.REDIS:
            return await new_redis_password(keys, settings, utc_now(), emergency=emergency)
        case _:
            return await keys.rotate(kind, emergency=emergency)


def _settle(_: argparse.Namespace) -> None:
    keys = _keys()
    try:
        asyncio.run(drop_old_redis_passwords(keys, read_settings(os.environ), utc_now()))
    except LoginNotChanged as fault:
        raise KeysRefused(str(fault)) from None


def _standing(key: KeyInfo, versions: Sequence[KeyInfo], now: datetime) -> str:
    used = next((one for one in versions if one.active_at <= now), versions[-1])
    if key == used:
        return "in use"
    if key.active_at > now:
        return f"used from {_time(key.active_at)}"
    if key.ends_at is None:
        return "serves until nothing needs it"
    return f"serves until {_time(key.ends_at)}" if key.ends_at >= now else "over"


def _time(moment: datetime) -> str:
    return format_time(moment)[:19].replace("T", " ") + " UTC"


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
