"""A real kiosk without a screen, as a process to be killed: `kiosk_driver.py CONFIG.json`.

Outbox, clock, link and terminal are the product's own; this program only presses the keys, again and again, and
keeps a history of what it asked for, what was on the disk afterwards and what answers came. Started again on its
folder it goes on from its outbox; what a killed predecessor had stored without noting it is noted first.

Standard input: a line `stop` ends the punching, then the program as soon as nothing is unanswered.
Standard output: a line of JSON every quarter of a second.
"""

import asyncio
import hashlib
import json
import logging
import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from kiosk.demo_file import DemoFile, load_demo_file
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import BadgeCredential, Credential, Kind, NumberCredential, OutboxFault
from protocol.replies import PunchOutcome
from tests.faults.campaign.history import History

BURST_SECONDS: Final = 0.1
SAY_SECONDS: Final = 0.25
PIN_SHARE: Final = 0.005
UNKNOWN_SHARE: Final = 0.02
KINDS: Final = (Kind.AUTO, Kind.AUTO, Kind.AUTO, Kind.IN, Kind.OUT, Kind.BREAK_START, Kind.BREAK_END)
# A link that is found dead sooner than a person would wait for it: the campaign is minutes long, not days.
LINK: Final = Settings(
    backoff_base_seconds=0.1, backoff_cap_seconds=1.0, answer_timeout_seconds=4.0, refused_retry_seconds=3.0
)


class Config(msgspec.Struct, frozen=True):
    people: str
    device_id: UUID
    hub_url: str
    folder: str
    history: str
    punches_per_second: float
    seed: int


class NotingTerminal(LinkedTerminal):
    """The product's terminal; every outcome that the link hears is noted, also of a predecessor's punch."""

    noted: list[PunchOutcome]
    refusals: list[str]

    def link_lost(self, detail: str, *, refused: bool) -> None:
        if refused:
            self.refusals.append(detail)
        super().link_lost(detail, refused=refused)

    def punch_answered(self, outcome: PunchOutcome) -> None:
        self.noted.append(outcome)
        super().punch_answered(outcome)


class Driver:
    def __init__(self, config: Config) -> None:
        demo = load_demo_file(Path(config.people))
        self._config = config
        self._dice = random.Random(config.seed)
        self._people = demo.employees
        self._with_pin = [person for person in demo.employees if person.pin]
        self._history = History(Path(config.history))
        self._terminal = _terminal(config, demo)
        self._outbox = Path(config.folder) / f"outbox-{config.device_id}.sqlite3"
        self._stopping = asyncio.Event()
        self.asked = self.kept = self.answered = 0

    async def run(self) -> None:
        self._note_what_was_stored()
        await self._terminal.start()
        saying = asyncio.create_task(self._say())
        listening = asyncio.create_task(self._listen())
        try:
            await self._punch_until_stopped()
            while self._unanswered():
                await asyncio.sleep(0.02)
            self._note_answers()
            self._history.write({"did": "end", "device_id": str(self._config.device_id)})
        finally:
            saying.cancel()
            listening.cancel()
            await self._terminal.stop()
            print(json.dumps(self._progress()), flush=True)

    def _note_what_was_stored(self) -> None:
        if not self._outbox.exists():
            return
        noted = set()
        for line in Path(self._config.history).read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry["did"] == "keep":
                noted.add(entry["punch_id"])
        database = sqlite3.connect(self._outbox)
        rows = database.execute("SELECT punch_id, log_id, seq, text FROM punch ORDER BY place").fetchall()
        database.close()
        self._history.write(*(self._keep_line(*row) for row in rows if row[0] not in noted))

    def _keep_line(
        self, punch_id: str, log_id: str, seq: int, text: str, *, between: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """`between` is when it was made, None where nobody lived to say so."""
        return {
            "did": "keep",
            "punch_id": punch_id,
            "device_id": str(self._config.device_id),
            "log_id": log_id,
            "seq": seq,
            "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "made_between": between,
        }

    async def _punch_until_stopped(self) -> None:
        due = time.monotonic()
        owed = 0.0
        while not self._stopping.is_set():
            due += BURST_SECONDS
            owed += self._config.punches_per_second * BURST_SECONDS
            burst, owed = int(owed), owed - int(owed)
            await self._punch(burst)
            self._note_answers()
            # A process that was frozen doesn't make up for it all at once.
            due = max(due, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _punch(self, count: int) -> None:
        people = iter(self._dice.sample(self._people, count))  # nobody punches twice in one millisecond
        acts = [self._an_act(next(people).badge) for _ in range(count)]
        self._history.write(
            *(
                {
                    "did": "ask",
                    "number": self.asked + place,
                    "who": credential.badge if isinstance(credential, BadgeCredential) else credential.employee_number,
                    "kind": kind.value,
                }
                for place, (credential, kind) in enumerate(acts, start=1)
            )
        )
        self.asked += len(acts)
        tickets: dict[str, tuple[float, float]] = {}
        for credential, kind in acts:
            begun = time.clock_gettime(time.CLOCK_BOOTTIME)
            try:
                ticket = await self._terminal.punch(credential, kind)
                tickets[str(ticket.punch_id)] = (begun, time.clock_gettime(time.CLOCK_BOOTTIME))
            except OutboxFault as fault:
                self._history.write({"did": "not_kept", "code": fault.code})
        self._note_kept(tickets)

    def _an_act(self, badge: str) -> tuple[Credential, Kind]:
        kind = self._dice.choice(KINDS)
        roll = self._dice.random()
        if roll < PIN_SHARE:
            person = self._dice.choice(self._with_pin)
            return NumberCredential(employee_number=person.employee_number, pin=person.pin), kind
        if roll < PIN_SHARE + UNKNOWN_SHARE:
            return BadgeCredential(badge=f"NOBODY{self._dice.randrange(10**8):08}"), kind
        return BadgeCredential(badge=badge), kind

    def _note_kept(self, tickets: dict[str, tuple[float, float]]) -> None:
        """By punch id, when each was made."""
        if not tickets:
            return
        database = sqlite3.connect(self._outbox)
        try:
            marks = ",".join("?" * len(tickets))
            rows = database.execute(
                f"SELECT punch_id, log_id, seq, text FROM punch WHERE punch_id IN ({marks}) ORDER BY place",
                list(tickets),
            ).fetchall()
        finally:
            database.close()
        assert len(rows) == len(tickets), "a punch was said to be on the disk and isn't"
        self._history.write(*(self._keep_line(*row, between=tickets[row[0]]) for row in rows))
        self.kept += len(rows)

    def _note_answers(self) -> None:
        refusals, self._terminal.refusals = self._terminal.refusals, []
        self._history.write(*({"did": "refused", "detail": detail} for detail in refusals))
        outcomes, self._terminal.noted = self._terminal.noted, []
        self.answered += len(outcomes)
        self._history.write(
            *(
                {
                    "did": "answer",
                    "punch_id": str(outcome.punch_id),
                    "outcome": outcome.outcome.value,
                    "reason": None if outcome.reason is None else outcome.reason.value,
                    "kind": None if outcome.kind is None else outcome.kind.value,
                    "occurred_at": outcome.occurred_at,
                    "recorded_at": outcome.recorded_at,
                    "duplicate": outcome.duplicate,
                }
                for outcome in outcomes
            )
        )

    def _unanswered(self) -> int:
        return self._terminal.state.backlog

    def _progress(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "kept": self.kept,
            "answered": self.answered,
            "unanswered": self._unanswered(),
            "link": self._terminal.state.link.value,
            "detail": self._terminal.state.detail,
            "wall_minus_boot": time.time() - time.clock_gettime(time.CLOCK_BOOTTIME),
        }

    async def _say(self) -> None:
        while True:
            print(json.dumps(self._progress()), flush=True)
            if self._stopping.is_set():
                self._note_answers()
            await asyncio.sleep(SAY_SECONDS)

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.readline()  # `stop`, or the end of whoever started this
        self._stopping.set()


def _terminal(config: Config, demo: DemoFile) -> NotingTerminal:
    device = demo.device(config.device_id)
    terminal = NotingTerminal(
        hub_url=config.hub_url,
        folder=Path(config.folder),
        identity=device.identity(),
        settings=LINK,
        lang="en",
        terminal_name=demo.name_of(device),
    )
    terminal.noted, terminal.refusals = [], []
    return terminal


async def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    await Driver(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Config)).run()


if __name__ == "__main__":
    asyncio.run(main())
