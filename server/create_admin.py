"""`attendance-hub create-admin`: the first administrator of an empty database, and one more where all are locked out.

Who may read the hub's environment and key file may do this: it is the operator's way in, audited as such. No secret is
taken from the command line, where every user of the machine could read it.
"""

from __future__ import annotations

import asyncio
import getpass
import io
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec
import segno

from protocol.accounts import AccountCreate, AccountScope
from protocol.errors import Invalid
from protocol.values import MAX_PASSWORD_CHARACTERS, Role, Username
from server.errors import Refused
from server.rules.permissions import EVERYTHING
from server.secrets.local import open_key_file, utc_now
from server.services.account_admin import AccountAdmin
from server.services.acts import OPERATOR, Actor, Acts
from server.services.hashing import SlowHashes
from server.services.passwords import Passwords
from server.services.second_factor import SecondFactor, spelled
from server.settings import Settings, read_settings
from storage.postgres import Database
from storage.repositories import accounts

MIGRATOR_DSN: Final = "ATTENDANCE_MIGRATOR_DSN"
_DEFAULT_USERNAME: Final = "admin"
_CODES: Final = 5
"""Tries at the first code, before nothing is created."""


class NotCreated(Exception):
    """No administrator was made; the text says why in a sentence."""


@dataclass(frozen=True, slots=True)
class CreateAdminOptions:
    """How it was called. `password_stdin`: the password is standard input's first line."""

    username: str | None
    password_stdin: bool
    as_json: bool

    @property
    def asks(self) -> bool:
        """Whether a person sits there, who can be asked and shown a QR code."""
        return not (self.as_json or self.password_stdin) and sys.stdin.isatty() and sys.stdout.isatty()


class _Wanted(NamedTuple):
    username: str
    password: str | None
    totp_secret: bytes
    totp_step: int | None


class _Created(NamedTuple):
    account_id: UUID
    password: str | None
    totp_uri: str


class _Parts(NamedTuple):
    database: Database
    passwords: Passwords
    second_factor: SecondFactor
    admin: AccountAdmin


def create_admin(options: CreateAdminOptions, environment: Mapping[str, str] = os.environ) -> None:
    """Make an administrator who sees everything, and tell their secrets once, on standard output.

    Raises:
        NotCreated, SettingsError, SecretsUnavailable, StorageError: nothing was created.
    """
    settings = _settings(environment)
    try:
        username = _username(options)
        asyncio.run(_check(settings, username))
        wanted = _ask(settings, options, username)
        created = asyncio.run(_create(settings, wanted))
    except (KeyboardInterrupt, EOFError):
        raise NotCreated("given up; nobody was created") from None
    except asyncpg.UndefinedTableError:
        raise NotCreated("the database isn't prepared: run `attendance-hub migrate` first") from None
    except Invalid as fault:
        raise NotCreated(str(fault)) from None
    except Refused as refused:
        raise NotCreated(refused.reason) from None
    _tell(options, wanted, created)


def _settings(environment: Mapping[str, str]) -> Settings:
    """The hub's own, where Redis isn't needed, and the migrator's database serves as well as the hub's."""
    overrides = {"redis_url": "redis://unused"}
    migrator = environment.get(MIGRATOR_DSN)
    if migrator and not ({"ATTENDANCE_POSTGRES_DSN", "ATTENDANCE_POSTGRES_DSN_FILE"} & environment.keys()):
        overrides["postgres_dsn"] = migrator
    return read_settings(environment, **overrides)


def _username(options: CreateAdminOptions) -> str:
    username = options.username
    if username is None and options.asks:
        username = input(f"Username [{_DEFAULT_USERNAME}]: ").strip()
    try:
        return msgspec.convert(username or _DEFAULT_USERNAME, Username)
    except msgspec.ValidationError:
        raise NotCreated("a username has 1 to 100 characters, none of them a space") from None


def _ask(settings: Settings, options: CreateAdminOptions, username: str) -> _Wanted:
    with _hashes(settings) as hashes:
        passwords = Passwords.from_settings(hashes, settings)
        password: str | None = None
        if options.password_stdin:
            # Longer than any that is taken, so that a cut one isn't taken for whole.
            password = sys.stdin.readline(MAX_PASSWORD_CHARACTERS + 2).rstrip("\r\n")
        elif options.asks:
            password = _asked_password(passwords, username)
    second_factor = _second_factor(settings)
    secret = second_factor.new()
    step = _confirmed_step(second_factor, username, secret) if options.asks else None
    return _Wanted(username, password, secret, step)


def _asked_password(passwords: Passwords, username: str) -> str | None:
    while password := getpass.getpass("Password (empty: one is made): "):
        problem = passwords.problem_of(password, username=username)
        if problem is not None:
            _say(f"It {problem}.")
        elif getpass.getpass("The same again: ") == password:
            return password
        else:
            _say("They differ.")
    return None


def _confirmed_step(second_factor: SecondFactor, username: str, secret: bytes) -> int:
    """Show the second factor and wait for its first code: an account that nobody can enter helps nobody."""
    uri = second_factor.uri(username, secret)
    _say("", "Scan this with an authenticator, or type its secret there. It is shown this once.", "", _qr_code(uri))
    _say(f"  {spelled(secret)}", f"  {uri}", "")
    for _ in range(_CODES):
        step = second_factor.step_of(secret, input("The code that it shows now: "))
        if step is not None:
            return step
        _say("That is not the code of this moment.")
    raise NotCreated("no right code came; nobody was created")


def _qr_code(text: str) -> str:
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue().rstrip("\n")


async def _check(settings: Settings, username: str) -> None:
    """Before anybody is asked for anything: the database is there, and the name is free."""
    async with _parts(settings) as parts, parts.database.connection() as connection:
        if await accounts.find_account(connection, username) is not None:
            raise NotCreated(f"there is an account {username!r} already")


async def _create(settings: Settings, wanted: _Wanted) -> _Created:
    command = AccountCreate(
        id=1,
        request_key=uuid4(),
        username=wanted.username,
        role=Role.ADMIN.value,
        scope=AccountScope(),
        password=wanted.password,
    )
    async with _parts(settings) as parts:
        reply = await parts.admin.create(
            Actor(name=OPERATOR, scope=EVERYTHING),
            command,
            totp_secret=wanted.totp_secret,
            totp_step=wanted.totp_step,
        )
        return _Created(reply.account_id, reply.password, parts.second_factor.uri(wanted.username, wanted.totp_secret))


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[_Parts]:
    secrets = open_key_file(settings.key_file)
    second_factor = _second_factor(settings)
    database = await Database.connect(settings.postgres_dsn, min_size=1, max_size=1)
    try:
        with _hashes(settings) as hashes:
            passwords = Passwords.from_settings(hashes, settings)
            yield _Parts(
                database, passwords, second_factor, AccountAdmin(Acts(database, secrets), passwords, second_factor)
            )
    finally:
        await database.close()


def _hashes(settings: Settings) -> closing[SlowHashes]:
    return closing(SlowHashes.from_settings(settings))


def _second_factor(settings: Settings) -> SecondFactor:
    return SecondFactor.from_settings(open_key_file(settings.key_file), utc_now, settings)


def _tell(options: CreateAdminOptions, wanted: _Wanted, created: _Created) -> None:
    if options.as_json:
        said = {
            "account_id": created.account_id,
            "username": wanted.username,
            "password": created.password,
            "totp_secret": spelled(wanted.totp_secret),
            "totp_uri": created.totp_uri,
        }
        _say(msgspec.json.encode(said).decode())
        return
    _say(f"Administrator {wanted.username!r} was created.")
    if created.password is not None:
        _say(f"  password     {created.password}")
    if wanted.totp_step is None:
        _say(f"  TOTP secret  {spelled(wanted.totp_secret)}", f"  TOTP URI     {created.totp_uri}")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
