"""Guessing PINs: what is judged at all, over numbers, badges, terminals and hubs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from protocol.sealing import BadgeCredential, NumberCredential
from server.secrets.provider import KeyKind
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from server.services.pins import PinCheck, PinResult
from storage.models import Employee
from storage.repositories.enrolment import assign_badges, set_pins
from storage.repositories.pins import Limits
from tests.builders import ADevice, a_punch, badge_of
from tests.server.services.desk import Desk, a_preparation, prepare

pytestmark = pytest.mark.integration

LIMITS = Limits(15, of_number=5, of_device=200, of_site=1_000)


@dataclass
class Guesser:
    """Punches with PINs as two hubs judge them; `judged` counts what was hashed."""

    desk: Desk
    hubs: list[PinCheck]
    hashes: SlowHashes
    turns: int = 0

    async def guess(
        self, pin: str, *, who: Employee | None = None, badge: str | None = None, number: str = "", at: ADevice
    ) -> PinResult:
        """One guess, at the next hub in turn."""
        who = who or self.desk.ana
        credential = (
            NumberCredential(employee_number=number or who.employee_number, pin=pin)
            if badge is None
            else BadgeCredential(badge=badge, pin=pin)
        )
        prepared = prepare(a_preparation(self.desk.secrets), a_punch(self.desk.secrets, at, credential), at)
        self.turns += 1
        return (await self.hubs[self.turns % len(self.hubs)].judge(prepared)).result

    def limited(self, limits: Limits) -> "Guesser":
        return replace(
            self, hubs=[PinCheck(self.desk.database, self.desk.secrets, self.hashes, limits) for _ in self.hubs]
        )


@pytest.fixture
async def guesser(desk: Desk) -> AsyncIterator[Guesser]:
    hashes = SlowHashes(iterations=1, memory_kib=64, lanes=1, threads=2, queue_max=512)
    people = desk.company.employees
    pins = [
        (person.employee_id, await PinHashes(desk.secrets, hashes).keep(person.employee_id, "246810"))
        for person in people
    ]
    await set_pins(desk.owner, pins)
    yield Guesser(desk, [PinCheck(desk.database, desk.secrets, hashes, LIMITS) for _ in range(2)], hashes)
    hashes.close()


async def test_a_persons_number_and_badges_share_five_guesses_over_terminals_and_hubs(guesser: Guesser) -> None:
    desk = guesser.desk
    second = "ANOTHER0BADGE"
    await assign_badges(desk.owner, [(desk.secrets.badge_hash(second), desk.ana.employee_id)], desk.now)
    guesses = [
        guesser.guess(f"{index:06}", badge=(None, badge_of(desk.ana), second)[index % 3], at=desk.devices[index % 4])
        for index in range(120)
    ]
    assert Counter(await asyncio.gather(*guesses)) == {PinResult.WRONG: 5, PinResult.THROTTLED: 115}
    assert await guesser.guess("246810", at=desk.device) is PinResult.THROTTLED, "not even the right one is tried"
    colleague = desk.company.employees[1]
    assert await guesser.guess("246810", who=colleague, at=desk.device) is PinResult.RIGHT


async def test_right_pins_in_between_buy_a_guesser_nothing(guesser: Guesser) -> None:
    results = []
    for index in range(8):
        results.append(await guesser.guess(f"{index:06}", at=guesser.desk.device))
        if index < 4:
            assert await guesser.guess("246810", at=guesser.desk.devices[1]) is PinResult.RIGHT
    assert Counter(results) == {PinResult.WRONG: 5, PinResult.THROTTLED: 3}


async def test_a_number_that_nobody_has_and_an_unknown_badge_are_throttled_alike(guesser: Guesser) -> None:
    for number, badge in (("777777", None), ("", "NOBODYS0BADGE")):
        results = [await guesser.guess("123456", number=number, badge=badge, at=guesser.desk.device) for _ in range(7)]
        assert results == [PinResult.WRONG] * 5 + [PinResult.THROTTLED] * 2


async def test_one_pin_tried_on_many_numbers_is_stopped_at_its_terminal_and_then_at_its_site(guesser: Guesser) -> None:
    desk = guesser.desk
    spraying = guesser.limited(Limits(15, of_number=5, of_device=8, of_site=12))
    here, beside, elsewhere = desk.devices[0], desk.devices[1], desk.devices[2]
    assert here.site_id == beside.site_id != elsewhere.site_id
    results = [await spraying.guess("123456", number=f"9{index:05}", at=here) for index in range(10)]
    assert results == [PinResult.WRONG] * 8 + [PinResult.THROTTLED] * 2
    results = [await spraying.guess("123456", number=f"8{index:05}", at=beside) for index in range(6)]
    assert results == [PinResult.WRONG] * 4 + [PinResult.THROTTLED] * 2
    assert await spraying.guess("246810", at=elsewhere) is PinResult.RIGHT


async def test_an_attempt_older_than_the_window_counts_no_longer(guesser: Guesser) -> None:
    desk = guesser.desk
    for _ in range(6):
        await guesser.guess("111111", at=desk.device)
    await desk.owner.execute("UPDATE pin_attempts SET attempted_at = attempted_at - interval '16 minutes'")
    assert await guesser.guess("246810", at=desk.device) is PinResult.RIGHT


async def test_a_pin_is_kept_under_the_newest_pepper_at_its_next_use(guesser: Guesser) -> None:
    desk = guesser.desk
    read = "SELECT pin_hash FROM employee_pins WHERE employee_id = $1"
    before = await desk.owner.fetchval(read, desk.ana.employee_id)
    await desk.secrets.rotate(KeyKind.PIN, emergency=True)
    assert await guesser.guess("000000", at=desk.device) is PinResult.WRONG
    assert await desk.owner.fetchval(read, desk.ana.employee_id) == before
    assert await guesser.guess("246810", at=desk.device) is PinResult.RIGHT
    after = await desk.owner.fetchval(read, desk.ana.employee_id)
    assert after.partition(":")[0] == desk.secrets.pin_pepper != before.partition(":")[0]
    assert await guesser.guess("246810", at=desk.device) is PinResult.RIGHT
