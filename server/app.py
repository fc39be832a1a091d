"""The composition root: every part of a hub is built here, opened and closed in order, and passed on by hand."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from uuid import uuid4

import structlog
from aiohttp import web

from server import keys
from server.api.doorstep import Doorstep
from server.api.http import MIDDLEWARES, setup_http
from server.commands.registry import Commands
from server.hub.connections import Connections
from server.hub.context import HubContext
from server.hub.outgoing import Flusher
from server.hub.subscriptions import Switchboard
from server.rules.people_csv import Grammar
from server.rules.punches import PunchRules
from server.secrets.keyring import Rotation
from server.secrets.local import open_key_file, utc_now
from server.secrets.provider import KeyKind
from server.services.account_admin import AccountAdmin
from server.services.accounts import Accounts
from server.services.acts import Acts
from server.services.adoption import adopt_people
from server.services.attendance import Attendance
from server.services.badges import Badges
from server.services.bell import Bell
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.erasure import Erasure, replay_erasures
from server.services.fleet import Fleet
from server.services.guards import Guards
from server.services.hashing import SlowHashes
from server.services.ingest import Ingest
from server.services.kiosks import Kiosks
from server.services.login_attempts import LoginAttempts, LoginLimits
from server.services.own_account import OwnAccount
from server.services.pairing import AttemptLimits, Pairing
from server.services.passwords import Passwords
from server.services.people_import import PeopleImport
from server.services.pins import PinCheck
from server.services.places import Places
from server.services.preparation import Preparation
from server.services.rewrapping import Rewrapping
from server.services.roster import Roster
from server.services.roster_acts import RosterActs
from server.services.second_factor import SecondFactor
from server.services.second_look import SecondLook
from server.services.sessions import Sessions
from server.services.terminals import Terminals
from server.services.tokens import AccessTokens
from server.services.unknown_badges import UnknownBadges
from server.services.upkeep import Upkeep
from server.settings import Settings, SettingsError
from server.telemetry.health import OK, Health
from server.telemetry.metrics import Healed, Metrics
from storage.live_channel import LiveChannel
from storage.postgres import Database
from storage.repositories.pins import Limits

DISTRIBUTION = "attendance-system"
_SWITCH_INTERVAL_SECONDS = 0.0005
"""How soon the loop gets the GIL back from a thread that opens seals; Python's own 5 ms would be felt on boards."""

_YOUNG_OBJECTS = 20_000
"""Objects made before the collector looks for cycles: more than a batch of punches holds, so that it isn't traversed
time and again. Python's own 700 spent a twelfth of a loaded hub's time on finding nothing."""
_STOP_SECONDS = 2.0

_log = structlog.get_logger()


@asynccontextmanager
async def running_hub(settings: Settings) -> AsyncIterator[HubContext]:
    """A hub that serves until the context ends; then it drains: readiness first, answers next, connections last.

    Raises StorageError, SecretsUnavailable, and SettingsError where the address can't be had.
    """
    _allow_many_files()
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    gc.set_threshold(_YOUNG_OBJECTS)
    async with AsyncExitStack() as stack:
        context, health = await _build(settings, stack)
        connections = Connections(context)
        context.follow_account = connections.follow_account
        app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.http_body_max_bytes)
        app[keys.SETTINGS] = settings
        app[keys.SECRETS] = context.secrets
        app[keys.ACCOUNTS] = context.accounts
        app[keys.METRICS] = context.metrics
        app[keys.HEALTH] = health
        app[keys.HUB] = context
        app[keys.CONNECTIONS] = connections
        app[keys.DOORSTEP] = Doorstep(header_seconds=settings.http_header_seconds, most=settings.http_connections_max)
        app[keys.COMMANDS] = Commands(connections.by_role)
        setup_http(app, settings)
        runner = web.AppRunner(
            app,
            access_log=None,
            # aiohttp would unpack what comes for whatever route, in the loop: a thousand bytes of work for each sent.
            auto_decompress=False,
            handle_signals=False,
            keepalive_timeout=settings.http_idle_seconds,
            shutdown_timeout=settings.drain_seconds,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        connections.start()
        stack.push_async_callback(connections.stop)
        stack.callback((await _listen(runner, app[keys.DOORSTEP], settings)).close)
        # What was built by now lives as long as the hub: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        stack.callback(gc.unfreeze)
        _log.info("hub is up", hub_id=context.hub_id, host=settings.host, port=settings.port, version=context.version)
        try:
            yield context
        finally:
            context.draining = True
            await context.ingest.drain(settings.drain_seconds)
            await connections.drain(settings.drain_seconds)
            _log.info("hub has drained", hub_id=context.hub_id)
            # What is stopped now may hang on a PostgreSQL that says nothing; there is nothing left to wait for.
            asyncio.get_running_loop().call_later(_STOP_SECONDS, context.database.terminate)


async def _listen(runner: web.AppRunner, doorstep: Doorstep, settings: Settings) -> asyncio.Server:
    """Raises SettingsError where the address can't be had."""

    def line() -> asyncio.Protocol:
        assert runner.server is not None  # noqa: S101 - it was set up
        made = runner.server()
        doorstep.opened(made)
        return made

    try:
        return await asyncio.get_running_loop().create_server(
            line, settings.host, settings.port, backlog=settings.listen_backlog
        )
    except OSError as error:
        raise SettingsError(
            [f"can't listen where ATTENDANCE_HOST and ATTENDANCE_PORT say: {error.strerror or error}"]
        ) from error


def _allow_many_files() -> None:
    """A socket is a file: a process may have as many of them open as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # where there is no bound, some systems want one named
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _build(settings: Settings, stack: AsyncExitStack) -> tuple[HubContext, Health]:
    """Everything behind the routes, started; `stack` stops it in the reverse order."""
    secrets = open_key_file(settings.key_file, rotation=Rotation.from_settings(settings))
    metrics = Metrics(version=version(DISTRIBUTION))
    metrics.secrets_reachable.set_function(lambda: float(secrets.is_reachable))
    database = await Database.connect(
        settings.postgres_dsn,
        min_size=settings.postgres_pool_min_connections,
        max_size=settings.postgres_pool_max_connections,
        acquire_timeout_seconds=settings.acquire_timeout_seconds,
        command_timeout_seconds=settings.statement_timeout_seconds,
        statement_cache_size=settings.statement_cache_size,
        login=partial(secrets.login, KeyKind.POSTGRES),
    )
    stack.push_async_callback(database.close)
    hashes = SlowHashes.from_settings(settings)
    stack.callback(hashes.close)
    directory = Directory(database, secrets)
    boards = Boards(
        database,
        directory,
        metrics,
        resume_limit_changes=settings.resume_limit_changes,
        hole_wait_seconds=settings.hole_wait_ms / 1_000,
        poll_interval_seconds=settings.heads_poll_interval_ms / 1_000,
    )
    terminals = Terminals(
        database,
        utc_now,
        boards.position,
        silent_after_seconds=settings.silent_after_seconds,
        poll_interval_seconds=settings.heads_poll_interval_ms / 1_000,
    )
    switchboard = Switchboard(boards, directory, terminals)
    await replay_erasures(database, secrets)
    await adopt_people(database, secrets)
    boards.on_new_epoch = partial(replay_erasures, database, secrets)
    await boards.start()
    stack.push_async_callback(boards.stop)
    await terminals.start()
    stack.push_async_callback(terminals.stop)
    live_channel = LiveChannel(
        settings.redis_url,
        login=partial(secrets.login, KeyKind.REDIS),
        on_changes=boards.heard,
        on_gap=lambda: boards.look(Healed.RECONNECT),
        on_loss=metrics.bell_lost,
        connect_timeout_seconds=settings.redis_connect_timeout_seconds,
        publish_timeout_seconds=settings.redis_publish_timeout_seconds,
        retry_seconds=settings.redis_retry_ms / 1_000,
        health_check_seconds=settings.redis_probe_seconds,
    )
    await live_channel.start()
    stack.push_async_callback(live_channel.stop)
    bell = Bell(boards, live_channel)
    bell.start()
    stack.push_async_callback(bell.stop)
    rules = _rules(settings)
    preparation = Preparation(secrets, badge_pattern=settings.badge_pattern, number_pattern=settings.number_pattern)
    pins = PinCheck(
        database,
        secrets,
        hashes,
        Limits(
            settings.pin_window_minutes,
            of_number=settings.pin_attempts,
            of_device=settings.pin_attempts_of_device,
            of_site=settings.pin_attempts_of_site,
        ),
    )
    ingest = Ingest(
        Attendance(
            database,
            secrets,
            directory,
            rules,
            unknown_badge_minutes=settings.unknown_badge_minutes,
            fork_quiet_minutes=settings.fork_quiet_minutes,
        ),
        preparation,
        pins,
        metrics,
        bell,
        writers=settings.writers,
        batch_max_punches=settings.batch_max_punches,
        queue_max=settings.ingest_queue_max,
        crypto_threads=settings.crypto_threads,
        overloaded_retry_ms=settings.overloaded_retry_ms,
    )
    ingest.start()
    stack.push_async_callback(ingest.stop)
    second_look = SecondLook(
        database,
        secrets,
        directory=directory,
        rules=rules,
        preparation=preparation,
        pins=pins,
        unknown_badges=UnknownBadges(secrets, timedelta(minutes=settings.unknown_badge_minutes)),
        metrics=metrics,
        bell=bell,
        seconds=settings.second_look_seconds,
        batch_max_punches=settings.second_look_batch_punches,
    )
    second_look.start()
    stack.push_async_callback(second_look.stop)
    upkeep = Upkeep(
        database,
        secrets,
        utc_now,
        pin_window_minutes=settings.pin_window_minutes,
        resume_limit_changes=settings.resume_limit_changes,
        keys_refresh_seconds=settings.keys_refresh_seconds,
        rewrapping=Rewrapping(database, secrets, utc_now, page_rows=settings.rewrap_page_rows),
    )
    upkeep.start()
    stack.push_async_callback(upkeep.stop)
    guards = Guards.at(
        settings.redis_url,
        timeout_seconds=settings.redis_guard_timeout_ms / 1_000,
        login=partial(secrets.login, KeyKind.REDIS),
    )
    stack.push_async_callback(guards.close)
    acts = Acts(database, secrets)
    roster_acts = RosterActs(database, acts, directory, bell)
    login_attempts = LoginAttempts(
        database,
        secrets,
        LoginLimits.from_settings(settings),
        guards.guard("login", window_seconds=settings.login_window_seconds),
    )
    passwords = Passwords.from_settings(hashes, settings)
    second_factor = SecondFactor.from_settings(secrets, utc_now, settings)
    context = HubContext(
        hub_id=uuid4(),
        version=version(DISTRIBUTION),
        started_at=utc_now(),
        clock=utc_now,
        settings=settings,
        database=database,
        live_channel=live_channel,
        secrets=secrets,
        metrics=metrics,
        directory=directory,
        boards=boards,
        terminals=terminals,
        switchboard=switchboard,
        flusher=Flusher(),
        accounts=Accounts(
            database,
            secrets,
            hashes,
            AccessTokens(secrets, issuer=settings.token_issuer),
            metrics,
            second_factor=second_factor,
            attempts=login_attempts,
            clock=utc_now,
            access_token_minutes=settings.access_token_minutes,
            refresh_token_days=settings.refresh_token_days,
            refresh_grace_seconds=settings.refresh_grace_seconds,
        ),
        kiosks=Kiosks(database, secrets, directory),
        ingest=ingest,
        acts=acts,
        pairing=Pairing(
            database,
            secrets,
            acts,
            limits=AttemptLimits(
                of_address=settings.pairing_attempts_of_address,
                in_all=settings.pairing_attempts_in_all,
                window_minutes=settings.pairing_window_minutes,
            ),
            guard=guards.guard("pairing", window_seconds=settings.pairing_window_minutes * 60),
            code_minutes=settings.pairing_code_minutes,
        ),
        roster=Roster(roster_acts, secrets, number_pattern=settings.number_pattern),
        erasure=Erasure(roster_acts, secrets),
        badges=Badges(database, secrets, hashes, roster_acts, badge_pattern=settings.badge_pattern),
        people_import=PeopleImport(
            database,
            secrets,
            roster_acts,
            Grammar(number=settings.number_pattern, badge=settings.badge_pattern),
            max_rows=settings.import_max_rows,
            max_bytes=settings.import_max_bytes,
        ),
        places=Places(roster_acts, on_new_site=boards.look),
        fleet=Fleet(database, acts, clock=utc_now, silent_after_seconds=settings.silent_after_seconds),
        account_admin=AccountAdmin(acts, passwords, second_factor),
        own_account=OwnAccount(database, acts, passwords, second_factor, login_attempts),
        sessions=Sessions(database, acts),
    )

    async def redis_state() -> str:
        return OK if live_channel.listening else "unavailable"

    return context, Health(database, secrets, redis_state, lambda: context.draining)


def _rules(settings: Settings) -> PunchRules:
    return PunchRules(
        debounce=timedelta(seconds=settings.debounce_seconds),
        open_shift_limit=timedelta(minutes=settings.open_shift_limit_minutes),
        future_tolerance=timedelta(seconds=settings.future_tolerance_seconds),
    )
