"""Faults of processes: killed, frozen, restarted, their memory flushed, their clock moved. Each gives its proof."""

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import redis.asyncio

from storage.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.faults.campaign.clients import Client, Clients
from tests.faults.campaign.faketime import ADVICE
from tests.faults.campaign.fault_log import NotRun
from tests.faults.campaign.schedule import CLOCK, Step
from tests.faults.campaign.world import World
from tests.faults.processes import descendants

CLOCK_STEPS_SECONDS: Final = (-40 * 86_400, -86_400, -3_600, -65, 65, 3_600, 86_400, 400 * 86_400)
CLOCK_PATIENCE_SECONDS: Final = 15.0
Proof = Mapping[str, Any]
_T = TypeVar("_T")


def state_of(pid: int) -> str:
    """The kernel's letter for a process: T where it is stopped; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


class ProcessFaults:
    """One after another; when a fault's method returns, its target runs again."""

    def __init__(self, world: World, clients: Clients, dice: random.Random) -> None:
        self._world = world
        self._clients = clients
        self._dice = dice
        self.troubles: list[str] = []
        """What ended otherwise than it was told to."""
        self._handlers: dict[str, Callable[[Step], Awaitable[tuple[str, Proof]]]] = {
            "kill hub": lambda step: self._end_hub(step, signal.SIGKILL),
            "restart hub": lambda step: self._end_hub(step, signal.SIGTERM),
            "kill postgres": lambda step: self._end_postgres(step, kill=True),
            "restart postgres": lambda step: self._end_postgres(step, kill=False),
            "kill valkey": lambda step: self._end_valkey(step, kill=True),
            "restart valkey": lambda step: self._end_valkey(step, kill=False),
            "kill kiosk": self._kill_kiosk,
            "freeze hub": self._freeze_hub,
            "freeze postgres": lambda step: self._freeze("PostgreSQL", self._world.postgres.pid, step),
            "freeze valkey": lambda step: self._freeze("Valkey", self._world.valkey.pid, step),
            "freeze kiosk": self._freeze_kiosk,
            "flush valkey": lambda _: self._flush_valkey(),
            CLOCK: self._step_clock,
        }

    async def strike(self, step: Step) -> tuple[str, Proof]:
        """Target and proof. Raises NotRun."""
        return await self._handlers[step.kind](step)

    async def _end_hub(self, step: Step, how: signal.Signals) -> tuple[str, Proof]:
        hub = _pick(self._world.hubs, step)
        assert hub.process is not None
        process = hub.process.process
        hub.is_up = False
        process.send_signal(how)
        code = await asyncio.to_thread(process.wait, 60)
        await asyncio.sleep(step.seconds / 2)
        await hub.start()
        as_meant = code == (-signal.SIGKILL if how is signal.SIGKILL else 0)
        if not as_meant:
            self.troubles.append(f"{hub.name} ended with {code} after {how.name}")
        return hub.name, {"exit_code": code, "pid": process.pid, "pid_after": hub.pid} if as_meant else {}

    async def _end_postgres(self, step: Step, *, kill: bool) -> tuple[str, Proof]:
        world = self._world
        return "PostgreSQL", await self._end_server(world.postgres, world.start_postgres, step, kill=kill)

    async def _end_valkey(self, step: Step, *, kill: bool) -> tuple[str, Proof]:
        return "Valkey", await self._end_server(self._world.valkey, self._world.start_valkey, step, kill=kill)

    async def _end_server(
        self, server: EmbeddedPostgres | EmbeddedValkey, start: Callable[[], Awaitable[None]], step: Step, *, kill: bool
    ) -> Proof:
        before = server.pid
        assert before is not None
        if kill:
            os.kill(before, signal.SIGKILL)
            await _until(lambda: not server.is_running, 20)
        else:
            await server.stop()
        proof = {"pid": before, "gone": state_of(before) == ""}
        await asyncio.sleep(step.seconds / 2)
        await start()
        return {**proof, "pid_after": server.pid} if proof["gone"] and server.pid != before else {}

    async def _kill_kiosk(self, step: Step) -> tuple[str, Proof]:
        kiosk = _pick(self._clients.kiosks, step)
        before, unanswered = kiosk.pid, kiosk.told.get("unanswered")
        code = await kiosk.kill()
        await asyncio.sleep(step.seconds / 4)
        await kiosk.start()
        await _until(lambda: bool(kiosk.told), 30)
        proof = {"exit_code": code, "pid": before, "pid_after": kiosk.pid, "unanswered_before": unanswered}
        return kiosk.name, proof if code == -signal.SIGKILL else {}

    async def _freeze_hub(self, step: Step) -> tuple[str, Proof]:
        hub = _pick(self._world.hubs, step)
        return await self._freeze(hub.name, hub.pid, step)

    async def _freeze_kiosk(self, step: Step) -> tuple[str, Proof]:
        kiosk = _pick(self._clients.kiosks, step)
        return await self._freeze(kiosk.name, kiosk.pid, step)

    async def _freeze(self, name: str, pid: int | None, step: Step) -> tuple[str, Proof]:
        assert pid is not None
        pids = [pid]
        os.kill(pid, signal.SIGSTOP)
        try:
            for child in descendants(pid):
                os.kill(child, signal.SIGSTOP)
                pids.append(child)
            await asyncio.sleep(step.seconds)
            stopped = sum(state_of(one) == "T" for one in pids)
        finally:
            for one in reversed(pids):
                os.kill(one, signal.SIGCONT)
        return name, {"stopped_processes": stopped, "seconds": round(step.seconds, 2)} if stopped == len(pids) else {}

    async def _flush_valkey(self) -> tuple[str, Proof]:
        mark = f"campaign:{secrets.token_hex(8)}"
        async with redis.asyncio.from_url(self._world.valkey.url, socket_timeout=5) as client:
            await client.set(mark, "1")
            before = await client.dbsize()
            await client.flushall()
            gone = await client.get(mark) is None
            after = await client.dbsize()
        return "Valkey", {"keys_before": before, "keys_after": after} if gone else {}

    async def _step_clock(self, step: Step) -> tuple[str, Proof]:
        kiosk = _pick(self._clients.kiosks, step)
        if kiosk.clock_file is None:
            raise NotRun(ADVICE)
        told = _clock_error(kiosk)
        target = self._dice.choice([one for one in CLOCK_STEPS_SECONDS if told is None or abs(one - told) > 30])
        fresh = kiosk.clock_file.with_suffix(".new")
        fresh.write_text(f"{target:+d}\n")
        fresh.replace(kiosk.clock_file)
        try:
            await _until(lambda: abs((_clock_error(kiosk) or 0.0) - target) < 2, CLOCK_PATIENCE_SECONDS)
        except TimeoutError:
            return kiosk.name, {}
        return kiosk.name, {"kiosk_says_its_clock_is_off_by_seconds": round(_clock_error(kiosk) or 0.0, 1)}


def _clock_error(kiosk: Client) -> float | None:
    """By how much a kiosk's wall clock was off when it last said something, seconds."""
    told = kiosk.told.get("wall_minus_boot")
    return None if told is None else told - (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))


def _pick(targets: Sequence[_T], step: Step) -> _T:
    return targets[int(step.choice * len(targets))]


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)
