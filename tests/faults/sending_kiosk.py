"""A device that sends its punches until each is answered, through every loss of its hub."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from tests.contract.connection import Closed, Connection, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Punch
from tests.contract.primitives import Message
from tests.contract.punching import an_outcome

RETRY_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


@dataclass
class SendingKiosk:
    """`answers[i]` holds every outcome that punch `i` ever got, in order of arrival."""

    device: DeviceKey
    punches: list[Punch]
    in_flight: int
    pause_seconds: float
    on_answer: Callable[[], None] = lambda: None
    answers: list[list[Message]] = field(init=False)
    connections: int = 0

    def __post_init__(self) -> None:
        self.answers = [[] for _ in self.punches]

    @property
    def first_unanswered(self) -> int:
        return next((index for index, answers in enumerate(self.answers) if not answers), len(self.punches))

    async def run(self, ws_url: str) -> None:
        """Until every punch has an outcome. Raises TimeoutError when nothing moves for a minute."""
        while (begun_at := self.first_unanswered) < len(self.punches):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self.first_unanswered == begun_at:
                    try:
                        async with connect_device(ws_url, self.device) as connection:
                            self.connections += 1
                            await self._send(connection)
                    except (aiohttp.ClientError, OSError, Closed):
                        await asyncio.sleep(RETRY_SECONDS)

    async def _send(self, connection: Connection) -> None:
        """Windows of `in_flight`, resuming at the first punch without an outcome."""
        while (first := self.first_unanswered) < len(self.punches):
            window = range(first, min(first + self.in_flight, len(self.punches)))
            started = [await connection.start("punch.record", **self.punches[index].fields()) for index in window]
            for index, answer in zip(window, started, strict=True):
                reply = await asyncio.wait_for(answer, PATIENCE_SECONDS)
                if reply["type"] == "error":
                    assert reply["retry"] or reply["code"] == "out_of_order", reply
                    await asyncio.sleep(RETRY_SECONDS)
                    break
                self.answers[index].append(an_outcome(reply, self.punches[index]))
                self.on_answer()
            await asyncio.sleep(self.pause_seconds)
