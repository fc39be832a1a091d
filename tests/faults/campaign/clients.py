"""The campaign's clients: processes that are started, watched, killed and started again."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from storage.embedded import end_with_parent
from tests.faults.campaign.schedule import Plan
from tests.faults.campaign.world import World

ROOT: Final = Path(__file__).resolve().parents[3]
_COUNTED: Final = ("kept", "answered")


@dataclass
class Client:
    """One place of a client program. `told` is what its present process said last."""

    name: str
    module: str
    config: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    clock_file: Path | None = None
    """Where libfaketime reads how far this process's wall clock is off; None where it has no such library."""
    told: dict[str, Any] = field(default_factory=dict)
    is_meant_to_run: bool = False
    viewed: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _before: Counter[str] = field(default_factory=Counter)
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"tests.faults.campaign.{self.module}",
                str(self.config),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGKILL),
            )
        self._reading = asyncio.create_task(self._read(self._process))
        self.is_meant_to_run = True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def total(self, name: str) -> int:
        """Over all processes that this place has had."""
        return self._before[name] + int(self.told.get(name, 0))

    async def kill(self) -> int:
        """SIGKILL; the code by which it ended."""
        assert self._process is not None
        self.is_meant_to_run = False
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self.ended()

    async def ended(self) -> int:
        assert self._process is not None
        assert self._reading is not None
        code = await self._process.wait()
        await self._reading
        for name in _COUNTED:
            self._before[name] += int(self.told.get(name, 0))
        self.told = {}
        return code

    @property
    def ended_by_itself(self) -> bool:
        return self.is_meant_to_run and not self.is_running

    def say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(f"{line}\n".encode())

    def tail(self) -> str:
        return self.log.read_bytes()[-3_000:].decode("utf-8", "replace")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if "viewed" in told:
                    self.viewed.put_nowait(told["viewed"])
                else:
                    self.told = told


@dataclass
class Clients:
    kiosks: list[Client]
    outsiders: Client
    boards: Client

    @property
    def all(self) -> list[Client]:
        return [*self.kiosks, self.outsiders, self.boards]

    @property
    def senders(self) -> list[Client]:
        return [*self.kiosks, self.outsiders]

    def total(self, name: str) -> int:
        return sum(client.total(name) for client in self.senders)


def make_clients(world: World, plan: Plan, seed: int, histories: Path, faketime: Path | None) -> Clients:
    """Clients of a world, not yet started; their histories go into one folder."""
    folder = world.folder / "clients"
    folder.mkdir()

    def config(name: str, **values: object) -> Path:
        path = folder / f"{name}.json"
        path.write_text(json.dumps({"people": str(world.people), "seed": seed, **values}))
        return path

    kiosks = []
    for number, device in enumerate(world.staff.kiosks, start=1):
        name = f"kiosk-{number}"
        path = config(
            name,
            device_id=str(device.device_id),
            hub_url=world.kiosk_url,
            folder=str(folder / name),
            history=str(histories / f"{name}.jsonl"),
            punches_per_second=plan.kiosk_punches_per_second,
        )
        kiosk = Client(name, "kiosk_driver", path, folder / f"{name}.log")
        if faketime is not None:
            kiosk.clock_file = folder / f"{name}.clock"
            kiosk.clock_file.write_text("+0\n")
            kiosk.environment = {
                "LD_PRELOAD": str(faketime),
                "FAKETIME_TIMESTAMP_FILE": str(kiosk.clock_file),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        kiosks.append(kiosk)
    outsiders = Client(
        "outsiders",
        "outsider_driver",
        config(
            "outsiders",
            ws_url=f"ws://127.0.0.1:{world.kiosks.port}/ws",
            device_ids=[str(device.device_id) for device in world.staff.outsiders],
            history_folder=str(histories),
            punches_per_second=plan.outsider_punches_per_second,
            in_flight=plan.outsider_in_flight,
        ),
        folder / "outsiders.log",
    )
    boards = Client(
        "boards",
        "board_driver",
        config(
            "boards",
            urls=[f"http://127.0.0.1:{hub.boards.port}" for hub in world.hubs],
            history_folder=str(histories),
        ),
        folder / "boards.log",
    )
    return Clients(kiosks, outsiders, boards)
