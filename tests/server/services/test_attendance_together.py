"""Two hubs on one database: the same people, sites and terminals at once, and still one record."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from protocol.commands import PunchRecord
from protocol.values import Kind
from server.services.batch import Settled
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from tests.builders import ADevice
from tests.server.services.desk import Desk, an_attendance

pytestmark = pytest.mark.integration

PUNCHES_PER_DEVICE = 40
KINDS = (Kind.AUTO, Kind.AUTO, Kind.IN, Kind.OUT, Kind.BREAK_START, Kind.BREAK_END)


def journals(desk: Desk, rng: random.Random) -> dict[int, list[PunchRecord]]:
    """Each terminal's punches: anyone anywhere, at few moments, so that people meet themselves and each other."""
    return {
        number: [
            desk.punch(rng.randrange(50), who=rng.choice(desk.company.employees), device=device, kind=rng.choice(KINDS))
            for _ in range(PUNCHES_PER_DEVICE)
        ]
        for number, device in enumerate(desk.devices)
    }


def sent(
    records: list[PunchRecord], device: ADevice, rng: random.Random
) -> Iterator[list[tuple[ADevice, PunchRecord]]]:
    """In batches, each of which may repeat the end of the one before."""
    start = 0
    while start < len(records):
        size = rng.randint(1, 6)
        yield [(device, record) for record in records[max(start - rng.randint(0, 2), 0) : start + size]]
        start += size


async def test_two_hubs_share_people_sites_and_terminals(desk: Desk, database_dsns: DatabaseDsns) -> None:
    """Every terminal sends everything to both hubs; both draw their batches from all terminals at once."""
    rng = random.Random(20261124)
    records = journals(desk, rng)
    other = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    answers: dict[tuple[int, int], list[Settled]] = {}

    async def hub(database: Database, turn: random.Random) -> None:
        attendance = an_attendance(database, desk.secrets, desk.directory)
        lines = [sent(records[number], device, turn) for number, device in enumerate(desk.devices)]

        async def writer(mine: list[Iterator[list[tuple[ADevice, PunchRecord]]]]) -> None:
            while mine:
                batch = [one for line in mine for one in next(line, [])]
                if not batch:
                    return
                turn.shuffle(mine)
                submissions = [desk.submission(record, device) for device, record in batch]
                results = (await desk.commit(submissions, attendance)).answers
                for (device, record), answer in zip(batch, results, strict=True):
                    assert isinstance(answer, Settled), answer
                    answers.setdefault((desk.devices.index(device), record.id), []).append(answer)

        # Two writers a hub share its terminals, as shards of sites do.
        await asyncio.gather(writer(lines[::2]), writer(lines[1::2]))

    async with asyncio.timeout(60):
        await asyncio.gather(hub(desk.database, random.Random(1)), hub(other, random.Random(2)))
    await other.close()

    assert len(answers) == PUNCHES_PER_DEVICE * len(desk.devices)
    for several in answers.values():
        assert len(several) >= 2
        assert len({one.punch for one in several}) == 1, "one record, whoever was asked"
        assert [one.duplicate for one in several].count(False) == 1
    assert not [conflict for conflict in desk.conflicts if "Deadlock" in conflict]
    seqs = await desk.owner.fetch("SELECT device_id, array_agg(seq ORDER BY seq) AS seqs FROM punches GROUP BY 1")
    assert [row["seqs"] for row in seqs] == [list(range(1, PUNCHES_PER_DEVICE + 1))] * len(desk.devices)
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()
    await desk.check_journals()


async def test_people_who_move_between_sites_while_boards_are_locked(desk: Desk) -> None:
    """A batch learns only under its locks that someone came from a third place, and begins again with that board."""
    here, there = desk.devices[0], desk.devices[2]
    await asyncio.gather(
        *(
            desk.commit([desk.submission(desk.punch(minute, device=device, kind=Kind.IN), device)])
            for minute in range(0, 50, 5)
            for device in (here, there)
        )
    )
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()
