"""How many logins are judged: counted in PostgreSQL over all hubs, whatever Redis does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from protocol.errors import ErrorCode
from server.errors import Refused
from server.secrets.local import LocalSecrets, open_key_file
from server.services.guards import Guard, Guards
from server.services.login_attempts import LoginAttempts, LoginLimits
from storage.bootstrap import DatabaseDsns
from storage.embedded import EmbeddedValkey
from storage.postgres import Database
from storage.repositories.attempts import forget_attempts

pytestmark = pytest.mark.integration

LIMITS = LoginLimits(
    of_name_from_address=5,
    of_name=20,
    of_address=60,
    window_seconds=60,
    right_seconds=10,
    codes_of_account=20,
    code_window_seconds=86_400,
)
HERE = "192.0.2.1"


@dataclass
class World:
    """Two hubs on one database."""

    databases: list[Database]
    owner: "asyncpg.Connection[asyncpg.Record]"
    secrets: LocalSecrets

    def hubs(self, limits: LoginLimits = LIMITS, guard: Guard | None = None) -> list[LoginAttempts]:
        return [LoginAttempts(database, self.secrets, limits, guard) for database in self.databases]

    async def pass_by(self, seconds: float) -> None:
        """As if so much time went by."""
        await self.owner.execute(
            """
            UPDATE attempts SET attempted_at = attempted_at - make_interval(secs => $1),
                                counts_until = counts_until - make_interval(secs => $1)
            """,
            seconds,
        )


@pytest.fixture
async def world(database_dsns: DatabaseDsns, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        databases = []
        for _ in range(2):
            database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
            stack.push_async_callback(database.close)
            databases.append(database)
        owner = await asyncpg.connect(database_dsns.migrator)
        stack.push_async_callback(owner.close)
        yield World(databases, owner, open_key_file(tmp_path / "keys.json"))


async def judged(attempts: LoginAttempts, username: str = "ana", address: str | None = HERE) -> UUID | int:
    """The attempt that may be judged, or the milliseconds after which another one may."""
    try:
        return await attempts.begin(username, address)
    except Refused as refused:
        if refused.code is not ErrorCode.RATE_LIMITED or refused.retry_after_ms is None:
            raise
        return refused.retry_after_ms


async def how_many(hubs: list[LoginAttempts], number: int, username: str = "ana", address: str = HERE) -> int:
    """Of so many at once, spread over the hubs."""
    results = await asyncio.gather(*(judged(hubs[turn % len(hubs)], username, address) for turn in range(number)))
    return sum(isinstance(result, UUID) for result in results)


async def test_of_a_hundred_at_once_over_two_hubs_exactly_five_are_judged(world: World) -> None:
    hubs = world.hubs()
    assert await how_many(hubs, 100) == 5
    assert await how_many(hubs, 100, "nobody") == 5, "a name that nobody has is counted alike"


async def test_who_waits_as_told_is_judged_again(world: World) -> None:
    hub, _ = hubs = world.hubs()
    assert await how_many(hubs, 3) == 3
    await world.pass_by(20)
    assert await how_many(hubs, 3) == 2
    wait_ms = await judged(hub)
    assert isinstance(wait_ms, int)
    assert 30_000 < wait_ms <= 40_000, "until the first one counts no longer"
    await world.pass_by(wait_ms / 1_000)
    assert isinstance(await judged(hub), UUID)
    await world.pass_by(5)  # the other two of the first three came a moment later
    assert await how_many(hubs, 10) == 2


async def test_a_name_is_one_however_it_is_spelt(world: World) -> None:
    hub, _ = world.hubs()
    for spelling in ("ana", "ANA", "Ana", "aná", "aN\u0301a"):
        assert isinstance(await judged(hub, spelling), UUID)
    assert isinstance(await judged(hub, "aNA"), int)
    assert isinstance(await judged(hub, "anna"), UUID)


async def test_a_name_guessed_at_from_elsewhere_lets_its_owner_in(world: World) -> None:
    hubs = world.hubs()
    for attacker in range(3):
        assert await how_many(hubs, 20, "ana", f"198.51.100.{attacker}") == 5
    assert isinstance(await judged(hubs[0]), UUID)
    assert await how_many(hubs, 20, "ana", "198.51.100.9") == 4, "all addresses together have a limit too"
    assert isinstance(await judged(hubs[0]), int)


async def test_an_address_that_tries_many_names_is_bounded(world: World) -> None:
    hubs = world.hubs(replace(LIMITS, of_address=12))
    results = [await judged(hubs[turn % 2], f"guess-{turn}") for turn in range(20)]
    assert [isinstance(result, UUID) for result in results] == [True] * 12 + [False] * 8
    assert isinstance(await judged(hubs[0], "guess-1", "192.0.2.2"), UUID)


async def test_a_right_password_counts_for_seconds_and_gives_no_guess_back(world: World) -> None:
    hub, _ = world.hubs()
    for _ in range(4):
        assert isinstance(await judged(hub), UUID)
    right = await judged(hub)
    assert isinstance(right, UUID)
    async with world.databases[0].transaction() as connection:
        await hub.was_right(connection, right)
    assert isinstance(await judged(hub), int), "of many at once with the right password five are judged as well"
    await world.pass_by(11)
    assert isinstance(await judged(hub), UUID)
    assert isinstance(await judged(hub), int), "the four wrong ones still count"


async def test_what_counts_no_longer_is_forgotten(world: World) -> None:
    hubs = world.hubs()
    await how_many(hubs, 3)
    await world.pass_by(61)
    await how_many(hubs, 1)
    async with world.databases[0].connection() as connection:
        await forget_attempts(connection)
    assert await world.owner.fetchval("SELECT count(DISTINCT attempt_id) FROM attempts") == 1
    assert not await world.owner.fetchval("SELECT count(*) FROM attempts WHERE encode(key_hash, 'escape') LIKE '%ana%'")


async def test_redis_refuses_a_flood_sooner_and_its_end_resets_no_count(world: World, tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path / "valkey") as valkey:
        guards = Guards.at(valkey.url, timeout_seconds=2)
        hubs = world.hubs(guard=guards.guard("login", window_seconds=60))
        assert await how_many(hubs, 25) == 5
        assert await how_many(hubs, 25) == 0
        await world.owner.execute("DELETE FROM attempts")
        assert await how_many(hubs, 3) == 0, "fifty attempts: Redis alone refuses by now"
        assert await how_many(hubs, 5, "ines") == 5
        await valkey.stop()
        assert await how_many(hubs, 20, "ines") == 0, "PostgreSQL has not forgotten"
        assert await how_many(hubs, 20, "jon") == 5, "and goes on alone"
        await guards.close()


async def test_a_flood_from_one_address_uses_up_nothing_of_the_others_in_redis(world: World, tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path / "valkey") as valkey:
        guards = Guards.at(valkey.url, timeout_seconds=2)
        limits = replace(LIMITS, of_name_from_address=1, of_name=3, right_seconds=60)
        hubs = world.hubs(limits, guards.guard("login", window_seconds=60))
        assert await how_many(hubs, 50, "ana", "198.51.100.1") == 1
        assert isinstance(await judged(hubs[0]), UUID)
        await guards.close()


async def test_a_guard_never_lets_anybody_wait_for_a_silent_redis_twice(world: World) -> None:
    lines: list[asyncio.StreamWriter] = []

    def never_answers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    guards = Guards.at(f"redis://127.0.0.1:{port}/0", timeout_seconds=0.2)
    hubs = world.hubs(guard=guards.guard("login", window_seconds=60))
    loop = asyncio.get_running_loop()
    began = loop.time()
    results = [await judged(hubs[0]) for _ in range(20)]
    assert sum(isinstance(result, UUID) for result in results) == 5
    assert loop.time() - began < 20 * 0.2, "one timeout a second, not one an attempt"
    await guards.close()
    server.close()
    assert lines, "it was asked"
    for line in lines:
        line.close()
