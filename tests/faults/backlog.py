"""A kiosk that was cut off for long: a real outbox with thousands of signed punches, and the process that sends them.

    python -m tests.faults.backlog FOLDER HUB_URL

runs the terminal of the outbox in FOLDER until nothing is unanswered, and prints a line of JSON then.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from kiosk.clock import Boot
from kiosk.identity import Identity, keep_identity, load_identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.outbox import Outbox
from kiosk.outbox_rows import Place
from kiosk.punching import Act, sign_act
from kiosk.settings import Settings
from protocol.commands import Clock
from protocol.replies import SealingKey
from protocol.sealing import BadgeCredential
from protocol.signing import punch_digest
from protocol.values import Captured, Kind, format_time
from tests.contract.primitives import now

INSERT = (
    "INSERT INTO punch (log_id, seq, punch_id, digest, text, signature, sealed, made_at, boot_id, monotonic_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def fill(folder: Path, identity: Identity, key: SealingKey, badges: Sequence[str], count: int) -> None:
    """`count` punches of people who came and went, minutes apart, as the terminal itself would keep them.

    The first is kept by the outbox, with its fsync; the others by one transaction of their own.
    """
    keep_identity(folder, identity)
    outbox = Outbox(folder, identity.device_id, new_id=uuid4)
    boot = Boot.current()
    begin = now() - timedelta(hours=12)
    first = an_act(uuid4(), badges[0], begin, boot)
    outbox.append(first.punch_id, lambda place: sign_act(first, place, identity, key))
    outbox.close()
    (path,) = folder.glob("outbox-*.sqlite3")
    database = sqlite3.connect(path, isolation_level=None)
    (log_id, previous) = database.execute("SELECT log_id, last_digest FROM journal").fetchone()
    database.execute("BEGIN IMMEDIATE")
    for seq in range(2, count + 1):
        at = begin + timedelta(minutes=2 * (seq // len(badges)), milliseconds=seq)
        act = an_act(uuid4(), badges[seq % len(badges)], at, boot)
        signed = sign_act(act, Place(UUID(log_id), seq, previous), identity, key)
        previous = punch_digest(signed.text)
        made_at, boot_id = format_time(signed.made_at), str(signed.boot_id)
        row = (log_id, seq, str(act.punch_id), previous, signed.text, signed.signature, signed.sealed, made_at, boot_id)
        database.execute(INSERT, (*row, signed.monotonic_ms))
    database.execute("UPDATE journal SET last_seq = ?, last_digest = ?", (count, previous))
    database.execute("COMMIT")
    database.close()


def an_act(punch_id: UUID, badge: str, at: datetime, boot: Boot) -> Act:
    monotonic_ms = boot.monotonic_ms()
    return Act(
        punch_id=punch_id,
        credential=BadgeCredential(badge=badge),
        kind=Kind.AUTO,
        captured=Captured.OFFLINE,
        device_time=at,
        boot_id=boot.boot_id,
        monotonic_ms=monotonic_ms,
        clock=Clock(hub_time=format_time(at), monotonic_ms=monotonic_ms, uncertainty_ms=5),
        made_at=at,
    )


async def send_all(folder: Path, hub_url: str) -> None:
    terminal = LinkedTerminal(
        hub_url=hub_url, folder=folder, identity=load_identity(folder), settings=Settings(), lang="en"
    )
    begun = time.monotonic()
    await terminal.start()
    while terminal.state.backlog or not terminal.state.clock_known:
        await asyncio.sleep(0.05)
    told = {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": time.process_time(),
        "peak_bytes": peak_bytes(),
    }
    await terminal.stop()
    sys.stdout.write(json.dumps(told) + "\n")


def peak_bytes() -> int:
    """The most that this process ever held (getrusage's figure may be that of who started it)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM:"))


class BacklogKiosk:
    """The process, begun; `finished` gives what it tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls, folder: Path, hub_url: str) -> BacklogKiosk:
        arguments = ["-m", "tests.faults.backlog", str(folder), hub_url]
        return cls(await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE))

    async def finished(self) -> dict[str, float]:
        output, _ = await self.process.communicate()
        assert self.process.returncode == 0
        told: dict[str, float] = json.loads(output)
        return told

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()


async def filled(folder: Path, identity: Identity, key: SealingKey, badges: Sequence[str], count: int) -> None:
    await asyncio.to_thread(partial(fill, folder, identity, key, badges, count))


if __name__ == "__main__":
    asyncio.run(send_all(Path(sys.argv[1]), sys.argv[2]))
