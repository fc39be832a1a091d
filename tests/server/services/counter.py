"""A counter: where punches are handed in to a real `Ingest`, and their answers come out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from protocol.commands import PunchRecord
from server.services.attendance import Attendance
from server.services.hashing import SlowHashes
from server.services.ingest import Ingest, Result
from server.services.pins import PinCheck
from server.services.preparation import Preparation
from server.telemetry.metrics import Metrics
from storage.models import SiteChanges
from storage.repositories.pins import Limits
from tests.builders import ADevice
from tests.server.services.desk import Desk, a_preparation

SECONDS = 20
PIN_LIMITS = Limits(15, of_number=5, of_device=200, of_site=1_000)


@dataclass
class Counter:
    """Where punches are handed in and answers come out, in the order in which they came."""

    ingest: Ingest
    desk: Desk
    answers: list[tuple[int, Result]] = field(default_factory=list)
    rung: list[SiteChanges] = field(default_factory=list)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self, batches: Sequence[SiteChanges]) -> None:
        self.rung += batches

    def submit(
        self, record: PunchRecord, device: ADevice | None = None, instead: Callable[[Result], None] | None = None
    ) -> None:
        """`instead` is called with the answer in place of noting it."""
        device = device or self.desk.device

        def respond(result: Result) -> None:
            self.answers.append((record.id, result))
            self._answered.set()

        self.ingest.submit(
            record,
            device_id=device.device_id,
            site_id=device.site_id,
            public_key=device.row.public_key,
            received_at=datetime.now(UTC),
            respond=instead or respond,
        )

    async def answered(self, count: int) -> list[tuple[int, Result]]:
        async with asyncio.timeout(SECONDS):
            while len(self.answers) < count:
                self._answered.clear()
                await self._answered.wait()
        return self.answers

    async def settle(self, record: PunchRecord) -> Result:
        self.submit(record)
        return (await self.answered(len(self.answers) + 1))[-1][1]


@asynccontextmanager
async def open_counter(
    desk: Desk,
    hashes: SlowHashes,
    *,
    attendance: Attendance | None = None,
    preparation: Preparation | None = None,
    queue_max: int = 1_000,
    batch_max_punches: int = 64,
) -> AsyncIterator[Counter]:
    rung: list[SiteChanges] = []

    class Bell:
        def ring(self, batches: Sequence[SiteChanges]) -> None:
            rung.extend(batches)

    ingest = Ingest(
        attendance or desk.attendance,
        preparation or a_preparation(desk.secrets),
        PinCheck(desk.database, desk.secrets, hashes, PIN_LIMITS),
        Metrics(version="1"),
        Bell(),
        writers=2,
        batch_max_punches=batch_max_punches,
        queue_max=queue_max,
        crypto_threads=2,
    )
    ingest.start()
    try:
        yield Counter(ingest, desk, rung=rung)
    finally:
        await ingest.drain(SECONDS)
        await ingest.stop()
