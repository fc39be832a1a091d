"""A campaign from its first punch to its verdict: load, faults, the last fault, boards, and what the checker says."""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.campaign.checker.histories import read_histories, read_wall_minus_boot
from tests.faults.campaign.checker.judge import FINAL, equal_from, judge
from tests.faults.campaign.checker.record import read_record
from tests.faults.campaign.clients import Client, Clients, make_clients
from tests.faults.campaign.fault_log import FaultLog, NotRun, boot_seconds
from tests.faults.campaign.network_faults import NetworkFaults
from tests.faults.campaign.process_faults import ProcessFaults
from tests.faults.campaign.report import BOARDS_LATE_SECONDS, Report
from tests.faults.campaign.schedule import LAST, Plan, Step, draw
from tests.faults.campaign.world import World

START_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 90.0
VIEW_SECONDS: Final = 15.0
BELLS_LOST_SECONDS: Final = 0.3
NO_AUTH_IN_TIME: Final = 3502
TELL_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.2
"""Between two looks at the boards after the last fault."""


@dataclass
class Campaign:
    """One run on a world that is up; what it leaves is the histories, the database and the report."""

    world: World
    plan: Plan
    seed: int
    histories: Path
    faketime: Path | None
    say: bool = True
    troubles: list[str] = field(default_factory=list)
    drained_at: float | None = None
    """When the last kiosk had its last answer."""
    clients: Clients = field(init=False)
    log: FaultLog = field(init=False)

    async def run(self) -> Report:
        self.log = FaultLog(self.histories / "faults.jsonl")
        self.clients = make_clients(self.world, self.plan, self.seed, self.histories, self.faketime)
        dice = random.Random(f"faults {self.seed}")
        processes = ProcessFaults(self.world, self.clients, dice)
        network = NetworkFaults(self.world, dice)
        try:
            await self._begin()
            begun = time.monotonic()
            await self._storm(begun, processes, network)
            self._look_after_clients()
            *others, last = LAST
            for step in others:
                await self._lane([step], processes if step.kind in self.plan.process_faults else network)
            stopping = asyncio.create_task(self._stop_without_bells())
            await self._lane([last], processes)
            await stopping
            quiet_at = boot_seconds()
            load_seconds = time.monotonic() - begun
            judged_at = await self._settle(quiet_at)
            self._look_after_hubs()
            self.troubles += processes.troubles
        finally:
            self.world.stop_hubs()
            for client in self.clients.all:
                if client.is_running:
                    await client.kill()
            self.log.close()
        return await self._judge(quiet_at, judged_at, load_seconds)

    async def _begin(self) -> None:
        """Everybody is there before the first fault."""
        for client in self.clients.all:
            await client.start()
        boards = 3 * len(self.world.hubs)

        def all_there() -> bool:
            online = int(self.clients.boards.told.get("online", 0))
            linked = all(kiosk.told.get("link") == "online" for kiosk in self.clients.kiosks)
            return online == boards and linked and self.clients.outsiders.total("answered") > 0

        deadline = time.monotonic() + START_SECONDS
        while not all_there():
            self._look_after_clients()
            told = {client.name: (client.told, client.tail()) for client in self.clients.all}
            assert time.monotonic() < deadline, f"not everybody came: {told}"
            await asyncio.sleep(0.05)

    async def _storm(self, begun: float, processes: ProcessFaults, network: NetworkFaults) -> None:
        """Both lanes, and load until they are done and there were punches enough."""
        schedule = draw(self.plan, self.seed)
        telling = asyncio.create_task(self._tell(begun))
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._lane(schedule.processes, processes))
                lanes.create_task(self._lane(schedule.network, network))
            while self.clients.total("answered") < self.plan.punches * 1.02:
                if time.monotonic() - begun > self.plan.longest_seconds:
                    self.troubles.append(f"{self.plan.longest_seconds:.0f} s were not enough for the punches wanted")
                    break
                await asyncio.sleep(0.2)
        finally:
            telling.cancel()

    async def _lane(self, steps: Sequence[Step], faults: ProcessFaults | NetworkFaults) -> None:
        """One after another; what found nothing to strike is tried once more at the end."""
        missed = [step for step in steps if not await self._strike(step, faults)]
        for step in missed:
            await self._strike(step, faults)

    async def _strike(self, step: Step, faults: ProcessFaults | NetworkFaults) -> bool:
        """Whether there is no need to try again."""
        if step.kind in self.log.not_run:
            return True
        await asyncio.sleep(step.pause_seconds)
        begun = boot_seconds()
        try:
            target, proof = await faults.strike(step)
        except NotRun as why:
            self.log.could_not(step.kind, str(why))
            return True
        return self.log.note(step.kind, target, begun, proof)

    async def _tell(self, begun: float) -> None:
        """One line every few seconds, so that a long run is seen to live."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._look_after_clients()
            if self.say:
                print(
                    f"{time.monotonic() - begun:5.0f} s: {self.log.struck.total()} faults struck, "
                    f"{self.clients.total('answered')} answers, {self._unanswered()} punches wait",
                    flush=True,
                )

    def _unanswered(self) -> int:
        return sum(int(client.told.get("unanswered", 0)) for client in self.clients.senders)

    def _look_after_clients(self) -> None:
        """Raises AssertionError when one that nobody kills has ended."""
        for client in self.clients.all:
            assert not client.ended_by_itself, f"{client.name} ended by itself:\n{client.tail()}"

    def _look_after_hubs(self) -> None:
        for hub in self.world.hubs:
            if hub.process is None or not hub.process.alive:
                self.troubles.append(f"{hub.name} ended by itself")

    async def _stop_without_bells(self) -> None:
        """No new punches from some moments after Valkey's death on."""
        while self.world.valkey.is_running:
            await asyncio.sleep(0.01)
        await asyncio.sleep(BELLS_LOST_SECONDS)
        for client in self.clients.senders:
            client.say("stop")

    async def _settle(self, quiet_at: float) -> float:
        """Kiosks come to their end, boards are looked at. The moment of the view that is judged."""
        ending = asyncio.create_task(self._drain())
        looks = 0
        while boot_seconds() < (due := self._due(quiet_at)) - LOOK_SECONDS:
            looks += 1
            await self._view(f"look-{looks}")
            await asyncio.sleep(LOOK_SECONDS)
        await ending
        await asyncio.sleep(max(0.0, due - boot_seconds()))
        judged_at = boot_seconds()
        await self._view(FINAL)
        self.clients.boards.say("stop")
        if code := await asyncio.wait_for(self.clients.boards.ended(), VIEW_SECONDS):
            self.troubles.append(f"the boards ended with {code}: {self.clients.boards.tail()}")
        return judged_at

    def _due(self, quiet_at: float) -> float:
        """When boards are judged: what kiosks sent late, for they had to wait, may be late on boards as well."""
        if self.drained_at is None:
            return math.inf
        late = self.drained_at > quiet_at + BOARDS_LATE_SECONDS / 2
        return (self.drained_at if late else quiet_at) + BOARDS_LATE_SECONDS

    async def _drain(self) -> None:
        await asyncio.gather(*(self._end_of(client) for client in self.clients.senders))
        self.drained_at = boot_seconds()

    async def _end_of(self, client: Client) -> None:
        try:
            code = await asyncio.wait_for(client.ended(), DRAIN_SECONDS)
        except TimeoutError:
            self.troubles.append(f"{client.name} still waits for answers after {DRAIN_SECONDS:.0f} s: {client.told}")
        else:
            if code:
                self.troubles.append(f"{client.name} ended with {code}: {client.tail()}")

    async def _view(self, label: str) -> None:
        self.clients.boards.say(f"view {label}")
        while await asyncio.wait_for(self.clients.boards.viewed.get(), VIEW_SECONDS) != label:
            pass

    def _look_for_refusals(self) -> None:
        """No hub may turn a good kiosk away for minutes; one that was held up before its sign-in is another matter."""
        for path in sorted(self.histories.glob("kiosk-*.jsonl")):
            for line in path.read_text().splitlines():
                if '"did":"refused"' in line and f"({NO_AUTH_IN_TIME})" not in line:
                    self.troubles.append(f"{path.stem} was turned away: {line}")

    async def _judge(self, quiet_at: float, judged_at: float, load_seconds: float) -> Report:
        self._look_for_refusals()
        record = await read_record(self.world.dsns.reader)
        kiosks, boards = await asyncio.to_thread(read_histories, self.histories)
        wall_minus_boot = read_wall_minus_boot(self.histories)
        findings = await asyncio.to_thread(judge, kiosks, boards, record, wall_minus_boot=wall_minus_boot)
        equal = equal_from(boards, record)
        return Report(
            plan=self.plan,
            seed=self.seed,
            struck=self.log.struck,
            missed=self.log.missed,
            not_run=self.log.not_run,
            kept=sum(len(kiosk.kept) for kiosk in kiosks),
            answers=sum(len(kiosk.answers) for kiosk in kiosks),
            acknowledged=len({answer.punch_id for kiosk in kiosks for answer in kiosk.answers}),
            recorded=len(record.punches),
            findings=findings,
            boards=len(boards),
            equal_after_seconds=None if equal is None else max(0.0, equal - quiet_at),
            drained_after_seconds=max(0.0, (self.drained_at or judged_at) - quiet_at),
            judged_after_seconds=judged_at - quiet_at,
            load_seconds=load_seconds,
            troubles=self.troubles,
        )
