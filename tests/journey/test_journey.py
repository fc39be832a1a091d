"""A punch's whole way, whatever breaks: outbox, link and hub as one machine.

What holds after every step: an answer means committed, and never changes; nobody is shown as verified what isn't;
the outbox forgets only what was answered; journals are written in their order, without a hole or a double. And once
everything that broke is mended, all that a kiosk ever told as kept stands in the record once, byte for byte.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kiosk.terminal import BadgeCredential, Link, OutboxFault, Ticket
from protocol.values import Kind
from server.secrets.local import LocalSecrets, open_key_file
from storage.models import Employee
from tests.builders import badge_of
from tests.journey.checker import Checker, Kept
from tests.journey.network import Break, Line
from tests.journey.substitutes import substituted
from tests.journey.traps import HubDies, LineToDatabaseBreaks
from tests.journey.twin import Twin
from tests.journey.virtual_time import BEGIN, ProcessIsGone
from tests.journey.world import World, a_small_company
from tests.machines import machine_settings

PEOPLE: Final = a_small_company()[0].employees
HEALED_SECONDS: Final = 150
"""Longer than any wait of the product: a refused kiosk's 20 s, an answer's 20 s, a backoff's 5 s, a ping's 35 s."""
_NUMBER: Final = st.integers(0, 1)
_PERSON: Final = st.integers(0, len(PEOPLE) - 1)
_STATEMENTS: Final = st.integers(0, 30)
"""A batch is some fifteen statements of the hub's; keeping a punch and counting what waits are some twelve."""
_KINDS: Final = st.sampled_from([Kind.AUTO, Kind.IN, Kind.OUT, Kind.BREAK_START])
_STEPS: Final = st.sampled_from([-7_200.0, -90.0, -0.5, 0.5, 90.0, 7_200.0])

SETTINGS: Final = machine_settings(examples=150, steps=30)


def a_key_file(folder: Path) -> LocalSecrets:
    return open_key_file(folder / "keys.json", clock=lambda: BEGIN)


class JourneyMachine(RuleBasedStateMachine):
    secrets: LocalSecrets

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.ending = ExitStack()

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.checker = Checker()
        self.world = World(self.secrets, self.checker, seed)
        self.checker.watch(self.world)
        self.ending.callback(self.world.close)
        self.ending.enter_context(substituted(self.world))
        self.world.loop.run_until_complete(self.world.begin())
        self.world.run(1)
        self.begun = True

    def teardown(self) -> None:
        try:
            if self.begun:
                self.everything_is_mended()
        finally:
            self.ending.close()

    # People

    @rule(number=_NUMBER, who=st.lists(_PERSON, min_size=1, max_size=4), kind=_KINDS)
    def people_punch(self, number: int, who: list[int], kind: Kind) -> None:
        for person in who:
            self.punch(number, PEOPLE[person], kind)

    @rule(number=_NUMBER, who=_PERSON, statements=_STATEMENTS)
    def the_power_fails(self, number: int, who: int, statements: int) -> None:
        """At any statement of the outbox, while somebody punches or while answers are noted."""
        self.world.kiosks[number].statements_left = statements
        self.punch(number, PEOPLE[who], Kind.AUTO)

    def punch(self, number: int, person: Employee, kind: Kind) -> None:
        kiosk = self.world.kiosks[number]
        if not kiosk.alive:
            return
        work = kiosk.terminal.punch(BadgeCredential(badge=badge_of(person)), kind)
        task = self.world.loop.run_until_complete(_done(kiosk.start, work))
        if task.cancelled() or isinstance(fault := task.exception(), ProcessIsGone):
            return  # nobody was told, so it may be there or not
        if isinstance(fault, OutboxFault):
            assert fault.code == "no_sealing_key", "a kiosk that was welcomed once takes punches, whatever breaks"
            return
        ticket: Ticket = task.result()
        self.checker.kept[kiosk.device.device_id].append(Kept(str(ticket.punch_id), person.employee_id, ticket))

    # Time and clocks

    @rule(seconds=st.sampled_from([0.005, 0.02, 0.05, 0.2, 1.0, 7.0, 40.0, 90.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(seconds=_STEPS)
    def a_kiosks_clock_steps(self, seconds: float) -> None:
        self.world.clocks.kiosk_seconds += seconds

    @rule(number=_NUMBER, seconds=_STEPS)
    def a_hubs_clock_steps(self, number: int, seconds: float) -> None:
        self.world.clocks.hub_seconds[number] += seconds

    @rule(seconds=_STEPS)
    def the_databases_clock_steps(self, seconds: float) -> None:
        self.world.clocks.database_seconds += seconds

    # Lines

    @rule(number=_NUMBER, how=st.sampled_from(Break))
    def a_line_breaks(self, number: int, how: Break) -> None:
        if (line := self.world.kiosks[number].line) is not None:
            self.world.loop.run_until_complete(_now(line.lose, how))

    @rule(number=_NUMBER)
    def an_answer_is_swallowed_after_its_commit(self, number: int) -> None:
        """The next commit's answers never arrive."""
        device_id = self.world.kiosks[number].device.device_id
        before = len(self.world.store.tables.punches)

        def committed() -> None:
            self.checker.committed()
            new = list(self.world.store.tables.punches.values())[before:]
            line = self.world.kiosks[number].line
            if line is not None and any(punch["device_id"] == device_id for punch in new):
                self.world.store.on_commit = self.checker.committed
                line.lose(Break.ANSWERS_SWALLOWED)

        self.world.store.on_commit = committed

    @rule(number=_NUMBER, hub=_NUMBER, breaks=st.booleans())
    def the_way_leads_to_another_hub(self, number: int, hub: int, breaks: bool) -> None:
        self.world.route[self.world.kiosks[number].device.device_id] = hub
        if breaks:
            self.a_line_breaks(number, Break.ARRIVES_FIRST)

    @rule(number=_NUMBER, hub=_NUMBER, last=st.integers(0, 6))
    def a_twin_says_all_again(self, number: int, hub: int, last: int) -> None:
        """Over a second socket of the same device, to any hub: the last ones, and from now on each as it goes out."""
        if not (self.world.hubs[hub].is_up and self.world.hubs[hub].alive):
            return
        device = self.world.devices[number]
        said = list(self.checker.sent[device.device_id].values())
        line = Line(self.world.chance, latency=(0.001, 0.01))
        twin = self.checker.twins[device.device_id] = Twin(line, device, said[len(said) - last :])

        def begin() -> None:
            self.world.hubs[hub].serve(line)
            self.world.hubs[hub].start(twin.live())

        self.world.loop.run_until_complete(_now(begin))

    # Processes

    @rule(number=_NUMBER, reboot=st.booleans())
    def a_kiosk_starts_again(self, number: int, reboot: bool) -> None:
        self.world.loop.run_until_complete(_now(lambda: self.world.restart_kiosk(number, reboot=reboot)))

    @rule(number=_NUMBER)
    def a_hub_starts_again(self, number: int) -> None:
        self.world.loop.run_until_complete(_now(self.world.restart_hub, number))

    @rule(number=_NUMBER)
    def a_hub_drains(self, number: int) -> None:
        self.world.loop.run_until_complete(self.world.hubs[number].drain())

    @rule(number=_NUMBER, statements=_STATEMENTS, behind_commit=st.booleans(), times=st.integers(0, 3))
    def a_statement_goes_wrong(self, number: int, statements: int, behind_commit: bool, times: int) -> None:
        """The hub dies there, or its connection to the database breaks, with the commit's reply under way or not."""
        kind = LineToDatabaseBreaks if times else HubDies
        self.world.trap = kind(self.world.hubs[number], statements, times=times or 1, behind_commit=behind_commit)
        self.world.trapped_hub = number

    # What always holds

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.checker.check()

    @rule()
    @precondition(lambda self: any(self.checker.kept.values()))
    def everything_is_mended(self) -> None:
        self.world.trap = None
        self.checker.twins.clear()
        self.world.store.on_commit = self.checker.committed
        for number in range(2):
            if not self.world.hubs[number].alive:
                self.a_hub_starts_again(number)
            self.world.kiosks[number].statements_left = None
            if not self.world.kiosks[number].alive:
                self.a_kiosk_starts_again(number, reboot=False)
        self.world.run(HEALED_SECONDS)
        self.checker.check()
        self.checker.all_is_there()
        for kiosk in self.world.kiosks:
            state = kiosk.terminal.state
            assert (state.link, state.backlog, state.fault) == (Link.ONLINE, 0, None)


async def _done(start: Callable[..., "asyncio.Task[Ticket]"], work: object) -> "asyncio.Task[Ticket]":
    task = start(work)
    await asyncio.wait({task}, timeout=5)
    return task


async def _now(act: Callable[..., None], *arguments: object) -> None:
    act(*arguments)


def test_nothing_is_lost_doubled_or_changed_whatever_breaks(tmp_path: Path) -> None:
    JourneyMachine.secrets = a_key_file(tmp_path)
    run_state_machine_as_test(JourneyMachine, settings=SETTINGS)
