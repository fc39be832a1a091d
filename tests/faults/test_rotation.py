"""Every key and login is renewed three times while terminals punch at two hubs: nobody notices."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import asyncpg
import jwt
import pytest

from server.secrets.keyring import LOGINS, UNCHANGING, Rotation
from server.secrets.local import LocalSecrets, open_key_file, utc_now
from server.secrets.provider import KeyKind
from server.services.hashing import SlowHashes
from server.services.logins import drop_old_redis_passwords, new_postgres_login, new_redis_password
from server.services.pin_hashes import PinHashes
from server.settings import Settings
from storage.logins import can_log_in
from storage.models import Employee
from storage.repositories import enrolment
from tests.builders import badge_of
from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, SealingKey
from tests.contract.punching import record
from tests.faults.own_place import OwnPlace
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

TURNS: Final = 3
LEAD_SECONDS: Final = 1.5
OVERLAP_MINUTES: Final = 0.08
PACE: Final[dict[str, Any]] = {
    "keys_refresh_seconds": 0.3,
    "key_lead_seconds": LEAD_SECONDS,
    "password_overlap_minutes": OVERLAP_MINUTES,
}
PIN: Final = "246810"
ROTATED: Final = sorted(set(KeyKind) - UNCHANGING - LOGINS)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def place(runner: asyncio.Runner) -> Iterator[OwnPlace]:
    """Of this module alone: its database's roles are changed."""
    made = runner.run(OwnPlace.open(people=60, devices=6, sites=2))
    yield made
    runner.run(made.close())


@pytest.fixture(scope="module")
def hubs(runner: asyncio.Runner, place: OwnPlace) -> list[ServingHub]:
    return [runner.run(place.start_hub(metrics_token="", redis_probe_seconds=0.5, **PACE)) for _ in range(2)]


@dataclass
class Terminal:
    """Punches without a pause, and seals to what it is told; half of its people come by number and PIN."""

    device: DeviceKey
    hub: ServingHub
    people: list[Employee]
    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    sealed_to: set[str] = field(default_factory=set)

    async def work(self) -> None:
        async with connect_device(self.hub.ws_url, self.device) as kiosk:
            journal = Journal.of(self.device, kiosk.welcome["device"])
            turn = 0
            while True:
                journal.sealing_key = newest_key(kiosk)
                self.sealed_to.add(journal.sealing_key.id)
                person = self.people[turn % len(self.people)]
                credential = (
                    {"badge": badge_of(person)} if turn % 2 else {"employee_number": person.employee_number, "pin": PIN}
                )
                outcome = await record(kiosk, journal.punch(credential))
                self.outcomes[outcome["outcome"], outcome["reason"]] += 1
                turn += 1


def newest_key(kiosk: Connection) -> SealingKey:
    told = kiosk.of_type("device.state")
    return SealingKey.latest((told[-1] if told else kiosk.welcome["device"])["sealing_keys"])


async def give_pins(place: OwnPlace, keys: LocalSecrets) -> None:
    hashes = SlowHashes(iterations=1, memory_kib=64, lanes=1, threads=1, queue_max=8)
    pins = PinHashes(keys, hashes)
    kept = [(one.employee_id, await pins.keep(one.employee_id, PIN)) for one in place.company.employees]
    hashes.close()
    connection = await asyncpg.connect(place.dsns.migrator)
    try:
        await enrolment.set_pins(connection, kept)
    finally:
        await connection.close()


async def peppers(place: OwnPlace) -> Counter[str]:
    """Under which PINs are kept."""
    connection = await asyncpg.connect(place.dsns.migrator)
    try:
        rows = await connection.fetch("SELECT split_part(pin_hash, ':', 1) AS pepper FROM employee_pins")
    finally:
        await connection.close()
    return Counter(row["pepper"] for row in rows)


async def scrape(hub: ServingHub, token: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{hub.url}/metrics") as answer,
    ):
        return answer.status


async def opens(hub: ServingHub, token: str) -> None:
    async with connect_person(hub.ws_url, token):
        pass


async def log_users(place: OwnPlace) -> set[str]:
    """As whom hubs are logged in now."""
    connection = await asyncpg.connect(place.postgres.superuser_dsn)
    try:
        rows = await connection.fetch("SELECT usename FROM pg_stat_activity WHERE application_name = 'attendance-hub'")
    finally:
        await connection.close()
    return {row["usename"] for row in rows}


def test_every_kind_turns_three_times_and_nobody_notices(
    runner: asyncio.Runner, place: OwnPlace, hubs: list[ServingHub]
) -> None:
    runner.run(every_kind_turns(place, hubs))


async def every_kind_turns(place: OwnPlace, hubs: list[ServingHub]) -> None:
    settings = Settings(
        postgres_dsn=place.dsns.hub_a,
        redis_url=place.valkey.url,
        key_file=place.folder / "keys.json",
        keys_refresh_seconds=0.3,
        key_lead_seconds=LEAD_SECONDS,
        password_overlap_minutes=OVERLAP_MINUTES,
    )
    keys = open_key_file(settings.key_file, rotation=Rotation.from_settings(settings))
    await give_pins(place, keys)
    first_tokens = [await place.token(hub) for hub in hubs]
    terminals = [
        Terminal(device, hubs[number % 2], people_at(place, device, number))
        for number, device in enumerate(place.devices)
    ]
    work = [asyncio.create_task(terminal.work()) for terminal in terminals]
    async with (
        connect_person(hubs[0].ws_url, first_tokens[0]) as here,
        connect_person(hubs[1].ws_url, first_tokens[1]) as there,
    ):
        boards = [here, there]
        for board in boards:
            await board.watch()
        seen: dict[str, set[str]] = {"kid": {kid_of(first_tokens[0])}, "pepper": {keys.pin_pepper}}
        for _ in range(TURNS):
            await one_turn(place, hubs, keys, settings, seen)
            assert not [one for one in work if one.done()]
            for hub, other in (hubs, hubs[::-1]):
                new = await place.token(hub)
                seen["kid"].add(kid_of(new))
                await opens(other, new)
                await opens(other, first_tokens[0])  # signed by a key that was superseded: nobody is logged out
            assert [board.close_code for board in boards] == [None, None]
        assert len(seen["kid"]) == len(seen["pepper"]) == TURNS + 1
    for task in work:
        task.cancel()
    for ended in await asyncio.gather(*work, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended
    outcomes = sum((terminal.outcomes for terminal in terminals), Counter())
    assert {outcome for outcome, _ in outcomes} == {"recorded"}, outcomes
    assert all(len(terminal.sealed_to) == TURNS + 1 for terminal in terminals)
    print(f"{sum(outcomes.values())} punches through {TURNS} turns of every key and login")
    for hub in hubs:
        log = hub.log.read_text()
        assert '"level": "error"' not in log and '"level":"error"' not in log, hub.tail()  # noqa: PT018 - one spelling


def people_at(place: OwnPlace, device: DeviceKey, number: int) -> list[Employee]:
    """Nobody is at two terminals."""
    of_site = [one for one in place.company.employees if str(one.site_id) == device.site_id]
    return of_site[number // 2 :: len(place.devices) // 2]


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def one_turn(
    place: OwnPlace, hubs: list[ServingHub], keys: LocalSecrets, settings: Settings, seen: dict[str, set[str]]
) -> None:
    metrics, database, cache = keys.metrics_token, keys.login(KeyKind.POSTGRES), keys.login(KeyKind.REDIS)
    for kind in ROTATED:
        await keys.rotate(kind)
    await new_postgres_login(keys, settings, place.postgres.superuser_dsn, utc_now())
    await new_redis_password(keys, settings, utc_now())
    await asyncio.sleep(LEAD_SECONDS + 1)
    login = keys.login(KeyKind.POSTGRES)
    assert login is not None
    seen["pepper"].add(keys.pin_pepper)
    for hub in hubs:
        assert [await scrape(hub, token) for token in (metrics, keys.metrics_token)] == [200, 200]
    if database is not None:
        assert await can_log_in(place.dsns.hub_a, *database)
    await asyncio.sleep(OVERLAP_MINUTES * 60 + 0.5)
    await drop_old_redis_passwords(keys, settings, utc_now())
    for hub in hubs:
        assert [await scrape(hub, token) for token in (metrics, keys.metrics_token)] == [401, 200]
    assert login.user in await log_users(place)  # connections that nobody used since are replaced at their next use
    if database is not None and cache is not None:
        assert not await can_log_in(place.dsns.hub_a, *database)
        assert cache not in keys.logins(KeyKind.REDIS)
    assert keys.pin_pepper in await peppers(place), "whoever showed their PIN has it under the newest"
