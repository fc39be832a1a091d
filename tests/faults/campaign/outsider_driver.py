"""Kiosks that know the contract's page alone, several in one process: `outsider_driver.py CONFIG.json`.

They sign punches ahead, keep some in flight, send each until it is answered, and now and then send one again that
was answered long ago. Their history has a punch before it is sent for the first time, each sending, each answer.
This program and all that it imports share nothing with the product.

Standard input: a line `stop` ends the signing, then the program as soon as everything is answered.
Standard output: a line of JSON every quarter of a second.
"""

import asyncio
import hashlib
import json
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.contract.connection import Closed, Connection, connect
from tests.contract.demo_file import DemoFile, DeviceKey
from tests.contract.journal import Journal, Punch, badge, number_and_pin
from tests.contract.primitives import Message, now, wire_time
from tests.contract.punching import an_outcome
from tests.contract.tokens import assertion
from tests.faults.campaign.history import History

SAY_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 0.1
LONGEST_RETRY_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 6.0
"""Without an answer for so long the line counts as dead."""
PIN_SHARE: Final = 0.005
UNKNOWN_SHARE: Final = 0.02
PAST_SHARE: Final = 0.3
AGAIN_SHARE: Final = 0.3
"""Of the windows that bring punches once more that were answered before."""
KINDS: Final = ("auto", "auto", "auto", "in", "out", "break_start", "break_end")


@dataclass
class Outsider:
    """One device. `punches` is its whole journal, signed; `answered` says how far it is settled."""

    device: DeviceKey
    demo: DemoFile
    ws_url: str
    history: History
    dice: random.Random
    punches_per_second: float
    in_flight: int
    punches: list[Punch] = field(default_factory=list)
    answered: list[bool] = field(default_factory=list)
    answers: int = 0
    first_unanswered: int = 0
    stopping: bool = False
    _journal: Journal | None = None
    _due: float = 0.0

    async def run(self) -> None:
        while not (self.stopping and self.first_unanswered == len(self.punches)):
            try:
                async with connect(self.ws_url) as connection:
                    if await self._is_welcome(connection):
                        await self._talk(connection)
                    else:
                        await asyncio.sleep(RETRY_SECONDS)
            except (aiohttp.ClientError, OSError, Closed, TimeoutError, ConnectionError):
                await asyncio.sleep(self.dice.uniform(0, 2 * RETRY_SECONDS))
        self.history.write({"did": "end", "device_id": self.device.device_id})

    async def _is_welcome(self, connection: Connection) -> bool:
        """False where the hub can't look the device up just now."""
        answer = await connection.ask("auth", token=assertion(self.device, connection.hello), lang="en")
        connection.welcome = answer
        assert answer["type"] == "welcome" or answer["retry"], answer
        return bool(answer["type"] == "welcome")

    async def _talk(self, connection: Connection) -> None:
        if self._journal is None:
            self._journal = Journal.of(self.device, connection.welcome["device"])
        while True:
            self._sign(self._journal)
            window = self._window()
            if not window:
                if self.stopping:
                    return
                await asyncio.sleep(0.02)
                continue
            pause = await self._send(connection, window)
            self._due = max(self._due, time.monotonic() - 1) + len(window) / self.punches_per_second
            await asyncio.sleep(max(pause, self._due - time.monotonic(), 0.0))

    def _sign(self, journal: Journal) -> None:
        """As many punches as will be sent next; they stand in the history before any of them goes out."""
        if self.stopping:
            return
        missing = self.in_flight - (len(self.punches) - self.first_unanswered)
        moments = [self._a_moment() for _ in range(max(0, missing))]
        fresh = [self._a_punch(journal, moment) for moment in moments]
        self.history.write(
            *(
                {
                    "did": "keep",
                    "punch_id": punch.punch_id,
                    "device_id": self.device.device_id,
                    "log_id": punch.members["log_id"],
                    "seq": punch.members["seq"],
                    "text_sha256": hashlib.sha256(punch.text.encode()).hexdigest(),
                    "happened_at": wire_time(moment),
                }
                for punch, moment in zip(fresh, moments, strict=True)
            )
        )
        self.punches += fresh
        self.answered += [False] * len(fresh)

    def _a_moment(self) -> datetime:
        """Now, or some time in the last hours."""
        return now() - timedelta(seconds=self.dice.uniform(1, 7_200) if self.dice.random() < PAST_SHARE else 0)

    def _a_punch(self, journal: Journal, moment: datetime) -> Punch:
        roll = self.dice.random()
        credential: Message = badge(self.dice.choice(self.demo.employees))
        if roll < PIN_SHARE:
            credential = number_and_pin(self.dice.choice([one for one in self.demo.employees if one.pin]))
        elif roll < PIN_SHARE + UNKNOWN_SHARE:
            credential = {"badge": f"NOBODY{self.dice.randrange(10**8):08}"}
        return journal.punch(
            credential,
            kind=self.dice.choice(KINDS),
            at=moment,
            captured=self.dice.choice(("online", "offline")),
        )

    def _window(self) -> list[int]:
        window = list(range(self.first_unanswered, min(self.first_unanswered + self.in_flight, len(self.punches))))
        if window and self.first_unanswered and self.dice.random() < AGAIN_SHARE:
            window.append(self.dice.randrange(max(0, self.first_unanswered - 500), self.first_unanswered))
        return window

    async def _send(self, connection: Connection, window: list[int]) -> float:
        """Send, and hear what becomes of all of it; the seconds to wait then. Raises Closed, TimeoutError."""
        self.history.write(*({"did": "send", "punch_id": self.punches[place].punch_id} for place in window))
        started = [await connection.start("punch.record", **self.punches[place].fields()) for place in window]
        heard: list[dict[str, Any]] = []
        pause = 0.0
        try:
            for place, answer in zip(window, started, strict=True):
                reply = await asyncio.wait_for(asyncio.shield(answer), ANSWER_SECONDS)
                heard.append(self._hear(place, reply))
                if reply["type"] == "error":
                    wait = (reply["retry_after_ms"] or RETRY_SECONDS * 1000) / 1000
                    pause = max(pause, min(wait, LONGEST_RETRY_SECONDS))
        finally:
            self.history.write(*heard)
        return pause

    def _hear(self, place: int, reply: Message) -> dict[str, Any]:
        punch = self.punches[place]
        if reply["type"] == "error":
            if not reply["retry"] and reply["code"] != "out_of_order":
                self.history.write({"did": "error", "punch_id": punch.punch_id, "code": reply["code"], "retry": False})
                raise AssertionError(f"the hub refused a punch for good: {reply}")
            return {"did": "error", "punch_id": punch.punch_id, "code": reply["code"], "retry": reply["retry"]}
        outcome = an_outcome(reply, punch)
        self.answered[place] = True
        self.answers += 1
        while self.first_unanswered < len(self.punches) and self.answered[self.first_unanswered]:
            self.first_unanswered += 1
        lasting = ("punch_id", "outcome", "reason", "kind", "occurred_at", "recorded_at", "duplicate")
        return {"did": "answer", **{name: outcome[name] for name in lasting}}


async def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    demo = DemoFile.load(Path(config["people"]))
    keys = {device.device_id: device for device in demo.devices}
    outsiders = [
        Outsider(
            device=keys[device_id],
            demo=demo,
            ws_url=config["ws_url"],
            history=History(Path(config["history_folder"]) / f"outsider-{device_id}.jsonl"),
            dice=random.Random(f"{config['seed']}-{device_id}"),
            punches_per_second=config["punches_per_second"],
            in_flight=config["in_flight"],
        )
        for device_id in config["device_ids"]
    ]

    async def say() -> None:
        while True:
            told = {
                "kept": sum(len(one.punches) for one in outsiders),
                "answered": sum(one.answers for one in outsiders),
                "unanswered": sum(len(one.punches) - one.first_unanswered for one in outsiders),
            }
            print(json.dumps(told), flush=True)
            await asyncio.sleep(SAY_SECONDS)

    async def listen() -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.readline()  # `stop`, or the end of whoever started this
        for outsider in outsiders:
            outsider.stopping = True

    saying, listening = asyncio.create_task(say()), asyncio.create_task(listen())
    async with asyncio.TaskGroup() as group:
        for outsider in outsiders:
            group.create_task(outsider.run())
    saying.cancel()
    listening.cancel()


if __name__ == "__main__":
    asyncio.run(main())
