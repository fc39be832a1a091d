"""The sample company at work: a terminal for each simulated kiosk, and people who punch at them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from kiosk.demo_file import DemoFile, Device, Site
from kiosk.identity import keep_identity, write_private_file
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.simulation.movement import SiteMovement, Step
from kiosk.terminal import Link, OutboxFault, PunchSetAside, Ticket
from protocol.values import Outcome, Reason, Status

LEFT_ALONE: Final = 20
"""Employees at the end of each site's list whom nobody moves: they are for people and tests."""
_MEMORY_NAME: Final = "people.json"
_MEMORY_SECONDS: Final = 10.0
_NOBODY_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workplace:
    site: Site
    movement: SiteMovement
    terminals: Sequence[LinkedTerminal]


class SampleCompany:
    """All simulated kiosks and their people. `start`, `work` until cancelled, `stop`."""

    def __init__(
        self,
        demo: DemoFile,
        *,
        hub_url: str,
        folder: Path,
        settings: Settings,
        left_out: Collection[UUID],
        random: Random,
    ) -> None:
        """`left_out` are devices that others use. Raises DemoFileError and IdentityError."""
        self._folder = folder
        self._random = random
        self._waiting: set[asyncio.Task[None]] = set()
        self.workplaces: list[Workplace] = []
        for site in demo.sites:
            people = [employee for employee in demo.employees if employee.site_id == site.site_id]
            terminals = [
                _terminal(demo, device, site, hub_url=hub_url, folder=folder, settings=settings)
                for device in demo.devices
                if device.site_id == site.site_id and not device.spare and device.device_id not in left_out
            ]
            if terminals:
                movement = SiteMovement(people[: max(0, len(people) - LEFT_ALONE)], random)
                self.workplaces.append(Workplace(site, movement, terminals))

    async def start(self) -> None:
        """Raises FolderInUse."""
        self._recall()
        for workplace in self.workplaces:
            for terminal in workplace.terminals:
                await terminal.start()

    async def stop(self) -> None:
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        for workplace in self.workplaces:
            for terminal in workplace.terminals:
                await terminal.stop()
        self._remember()

    async def work(self, punches_per_minute: float) -> NoReturn:
        """Let people punch, so many times a minute in all; with 0 nobody does."""
        remembered_at = time.monotonic()
        while True:
            if punches_per_minute <= 0 or not self.workplaces:
                await asyncio.sleep(_MEMORY_SECONDS)
                continue
            await asyncio.sleep(60 / punches_per_minute * self._random.uniform(0.5, 1.5))
            if not await self._one_punch():
                await asyncio.sleep(_NOBODY_SECONDS)
            if time.monotonic() - remembered_at > _MEMORY_SECONDS:
                remembered_at = time.monotonic()
                await asyncio.to_thread(self._remember)

    async def _one_punch(self) -> bool:
        """Whether anybody punched."""
        open_now = [
            (workplace, terminal)
            for workplace in self.workplaces
            for terminal in workplace.terminals
            # Before its first welcome a terminal can't seal; later it takes punches without a hub as well.
            if terminal.state.link is Link.ONLINE or terminal.state.site_name is not None
        ]
        if not open_now:
            return False
        workplace, terminal = self._random.choices(
            open_now, [len(place.movement.walkers) / len(place.terminals) + 1 for place, _ in open_now]
        )[0]
        local = terminal.now().astimezone(ZoneInfo(workplace.site.time_zone))
        step = workplace.movement.next_step(time.time(), local.hour + local.minute / 60)
        if step is None:
            return False
        try:
            ticket = await terminal.punch(step.credential, step.kind)
        except OutboxFault as fault:
            _log.warning("a simulated kiosk kept no punch: %s", fault)
            return False
        workplace.movement.taken(step)
        task = asyncio.create_task(_learn(workplace.movement, step, ticket))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return True

    def _remember(self) -> None:
        people = {
            str(walker.employee.employee_id): [walker.status.value, walker.last_punch_at]
            for workplace in self.workplaces
            for walker in workplace.movement.walkers.values()
            if walker.last_punch_at > 0
        }
        try:
            write_private_file(self._folder / _MEMORY_NAME, json.dumps(people))
        except OSError as fault:
            _log.warning("where people are can't be written down: %s", fault.strerror)

    def _recall(self) -> None:
        try:
            people = json.loads((self._folder / _MEMORY_NAME).read_text(encoding="utf-8"))
            for workplace in self.workplaces:
                for walker in workplace.movement.walkers.values():
                    if (known := people.get(str(walker.employee.employee_id))) is not None:
                        walker.status, walker.last_punch_at = Status(known[0]), float(known[1])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as fault:
            _log.warning("where people were can't be read, everybody starts outside: %s", type(fault).__name__)


async def _learn(movement: SiteMovement, step: Step, ticket: Ticket) -> None:
    try:
        answer = await ticket.answer()
    except PunchSetAside as fault:
        _log.warning("a simulated punch was set aside: %s", fault.code)
        return
    if answer.outcome is Outcome.RECORDED and answer.kind is not None and answer.reason is not Reason.DEBOUNCED:
        movement.told(step.walker.employee.employee_id, answer.kind)
    elif answer.outcome is not Outcome.RECORDED:
        _log.info("a simulated punch was %s: %s", answer.outcome, answer.reason)


def _terminal(
    demo: DemoFile, device: Device, site: Site, *, hub_url: str, folder: Path, settings: Settings
) -> LinkedTerminal:
    identity = device.identity()
    own_folder = folder / str(device.device_id)
    keep_identity(own_folder, identity)
    return LinkedTerminal(
        hub_url=hub_url,
        folder=own_folder,
        identity=identity,
        settings=settings,
        lang="en",
        terminal_name=demo.name_of(device),
        time_zone=site.time_zone,
    )
