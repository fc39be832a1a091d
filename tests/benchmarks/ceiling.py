"""What a hub can't be faster than: the same checks, openings and group commits, with no hub and no socket around them.

    python -m tests.benchmarks.ceiling PLAN_FILE

Commands: `prepare {count, turn}`, `run {crypto, appends_only}`. Each punch's signature is checked and its seal opened
by the hub's own functions in as many threads as the hub has; then as many writers commit whatever is ready, by the
hub's own statements, in batches of the hub's own size. What goes into the rows is known beforehand: nothing is
decoded, looked up by name, judged or answered. `appends_only` leaves everything out but the punches and receipts.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.commands import PunchRecord
from protocol.sealing import BadgeCredential, open_sealed
from protocol.signing import signed_bytes
from protocol.values import Captured, Kind, Outcome, from_binary, parse_time
from server.services.signatures import is_signature
from storage.models import StoredPunch
from storage.postgres import Database
from storage.repositories import punches
from tests.benchmarks.clients.kiosks import Device
from tests.benchmarks.clients.kiosks import Journal as SignedJournal
from tests.benchmarks.clients.kiosks import Plan as KioskPlan
from tests.benchmarks.clients.lines import commands, say
from tests.benchmarks.group_commit import Work, append, commit

CHUNK: Final = 32
"""Punches handed to a thread at once."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    dsn: str
    devices: list[Device]
    sites: list[UUID]
    badges: list[list[str]]
    holders: dict[str, tuple[UUID, str]]
    """Who holds a badge, and its keyed hash (base64url)."""
    begin: str
    writers: int
    threads: int
    batch: int


class Ceiling:
    def __init__(self, plan: Plan, database: Database) -> None:
        self._plan = plan
        self._database = database
        self._executor = ThreadPoolExecutor(plan.threads)
        self._sealing_key = X25519PrivateKey.generate()
        self._works: list[Work] = []
        self._ready: list[deque[Work]] = []
        self._news: list[asyncio.Event] = []

    async def prepare(self, number: int, turn: int) -> int:
        """Sign and seal, by the code that the kiosks of the benchmark have; open a journal for each device."""
        plan = self._plan
        kiosks = KioskPlan(urls=[], devices=plan.devices, badges=plan.badges, begin=plan.begin)
        journals = [SignedJournal(device, kiosks, "ceiling", self._sealing_key.public_key()) for device in plan.devices]
        keys = [
            Ed25519PrivateKey.from_private_bytes(from_binary(device.private_key, length=32)).public_key()
            for device in plan.devices
        ]
        self._works = []
        each = number // len(journals)
        at_site = len(journals) // len(plan.sites)
        for place in range(each):
            for order, (device, journal, key) in enumerate(zip(plan.devices, journals, keys, strict=True)):
                frame, _ = journal.next(turn + place * at_site + order // len(plan.sites))
                self._works.append(self._work(device, frame, key.public_bytes_raw(), turn_of=place))
        async with self._database.connection() as connection:
            await punches.open_journals(connection, sorted({work.row.key[:2] for work in self._works}))
        return turn + each * at_site

    def _work(self, device: Device, frame: bytes, public_key: bytes, *, turn_of: int) -> Work:
        record = msgspec.json.decode(frame, type=PunchRecord)
        fields = msgspec.json.decode(record.punch)
        log_id, seq, at = UUID(fields["log_id"]), fields["seq"], parse_time(fields["device_time"])
        sealed = from_binary(record.sealed)
        credential = open_sealed(sealed, self._sealing_key, device_id=device.device_id, log_id=log_id, seq=seq)
        assert isinstance(credential, BadgeCredential)
        employee_id, badge_hash = self._plan.holders[credential.badge]
        row = StoredPunch(
            recorded_at=at,
            device_id=device.device_id,
            log_id=log_id,
            seq=seq,
            punch_id=UUID(fields["punch_id"]),
            site_id=self._plan.sites[device.site],
            employee_id=employee_id,
            outcome=Outcome.RECORDED,
            reason=None,
            kind=(Kind.IN, Kind.OUT)[turn_of % 2],
            occurred_at=at,
            captured=Captured.ONLINE,
            same_as=None,
            signed_text=record.punch,
            signature=from_binary(record.signature),
            digest=hashlib.sha256(signed_bytes(record.punch)).digest(),
        )
        return Work(record, public_key, from_binary(badge_hash), row)

    async def run(self, *, crypto: bool, appends_only: bool) -> float:
        """Seconds until all that is prepared is committed."""
        began = time.perf_counter()
        self._ready = [deque() for _ in range(self._plan.writers)]
        self._news = [asyncio.Event() for _ in range(self._plan.writers)]
        left = [sum(self._shard(work) == shard for work in self._works) for shard in range(self._plan.writers)]
        unchecked = deque(self._works)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._plan.threads):
                tasks.create_task(self._check(unchecked, crypto=crypto))
            for shard in range(self._plan.writers):
                tasks.create_task(self._write(shard, left[shard], appends_only=appends_only))
        return time.perf_counter() - began

    def _shard(self, work: Work) -> int:
        return work.row.site_id.int % self._plan.writers

    async def _check(self, unchecked: deque[Work], *, crypto: bool) -> None:
        loop = asyncio.get_running_loop()
        while unchecked:
            some = [unchecked.popleft() for _ in range(min(CHUNK, len(unchecked)))]
            if crypto:
                await loop.run_in_executor(self._executor, self._check_some, some)
            for work in some:
                shard = self._shard(work)
                self._ready[shard].append(work)
                self._news[shard].set()

    def _check_some(self, some: Sequence[Work]) -> None:
        for work in some:
            record = work.record
            if not is_signature(from_binary(record.signature), signed_bytes(record.punch), work.public_key):
                raise AssertionError("a signature of ours is not right")
            open_sealed(
                from_binary(record.sealed),
                self._sealing_key,
                device_id=work.row.device_id,
                log_id=work.row.log_id,
                seq=work.row.seq,
            )

    async def _write(self, shard: int, left: int, *, appends_only: bool) -> None:
        ready = self._ready[shard]
        while left:
            await self._news[shard].wait()
            batch = [ready.popleft() for _ in range(min(self._plan.batch, len(ready)))]
            if not ready:
                self._news[shard].clear()
            async with self._database.transaction() as connection:
                await (append if appends_only else commit)(connection, batch)
            left -= len(batch)


async def serve(plan: Plan) -> None:
    database = await Database.connect(plan.dsn, min_size=plan.writers, max_size=plan.writers + 1)
    ceiling = Ceiling(plan, database)
    say({})
    async for command in commands():
        match command["do"]:
            case "prepare":
                say({"turn": await ceiling.prepare(command["count"], command["turn"])})
            case "run":
                say({"seconds": await ceiling.run(crypto=command["crypto"], appends_only=command["appends_only"])})
            case unknown:
                raise ValueError(unknown)
    await database.close()


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)  # as the hub does
    uvloop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)))
