"""Fixtures for all: a real PostgreSQL with a fresh database, a running demo, a second hub beside it."""

import os
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from tests import machines
from tests.postgres import database_dsns, migrated_cluster
from tests.running_hub import RunningDemo, ServingHub

__all__ = ["database_dsns", "demo", "demos", "machines", "migrated_cluster", "second_hub", "start_demo", "start_hub"]

FRESH_PEOPLE = 45
"""So many of each site's 80 employees are untouched when a module begins: more than any module takes."""

StartDemo = Callable[[int], RunningDemo]
StartHub = Callable[[], ServingHub]


class Demos:
    """The demo that tests share. A module that would find too few untouched people gets a new one."""

    def __init__(self) -> None:
        self._demo: RunningDemo | None = None
        self._second_hub: ServingHub | None = None
        self._changing: Demos | None = None

    def shared(self) -> RunningDemo:
        if self._demo is None or self._demo.untouched < FRESH_PEOPLE:
            self.close()
            self._demo = RunningDemo(traffic=0)
        return self._demo

    def second_hub(self, demo: RunningDemo) -> ServingHub:
        if self._second_hub is None:
            self._second_hub = demo.start_hub()
        return self._second_hub

    def close(self) -> None:
        if self._demo is not None:
            self._demo.close()
        self._demo = self._second_hub = None
        if self._changing is not None:
            self._changing.close()

    def of(self, module: ModuleType) -> "Demos":
        """These, or those beside them for modules that change the company itself."""
        if not getattr(module, "CHANGES_THE_COMPANY", False):
            return self
        if self._changing is None:
            self._changing = Demos()
        return self._changing


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Programs that keep secrets narrow it for their whole process, which here is every later test's too."""
    kept = os.umask(0o022)
    os.umask(kept)
    yield
    os.umask(kept)


@pytest.fixture(scope="session")
def demos() -> Iterator[Demos]:
    shared = Demos()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def demo(request: pytest.FixtureRequest, demos: Demos) -> RunningDemo:
    """The sample company without traffic, shared by the run. Take employees with `demo.take_employee()`.

    Modules with `CHANGES_THE_COMPANY` (they make people, places, terminals) have another one, so that the rest finds
    the company as it was made.
    """
    return demos.of(request.module).shared()


@pytest.fixture(scope="module")
def start_demo() -> Iterator[StartDemo]:
    """`start_demo(traffic)`: a demo of the module's own, `traffic` punches a minute, ended with the module."""
    started: list[RunningDemo] = []

    def start(traffic: int) -> RunningDemo:
        started.append(RunningDemo(traffic))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.fixture(scope="module")
def second_hub(request: pytest.FixtureRequest, demo: RunningDemo, demos: Demos) -> Iterator[ServingHub]:
    """A further hub beside `demo`, shared by the run: look, punch, but don't end it (for that: `start_hub`)."""
    hub = demos.of(request.module).second_hub(demo)
    yield hub
    assert hub.alive, hub.tail()


@pytest.fixture
def start_hub(demo: RunningDemo) -> Iterator[StartHub]:
    """`start_hub()`: a further hub beside `demo` of the test's own, to be stopped or killed at will."""
    started: list[ServingHub] = []

    def start() -> ServingHub:
        started.append(demo.start_hub())
        return started[-1]

    yield start
    for hub in started:
        hub.kill()
