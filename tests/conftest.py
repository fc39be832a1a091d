"""Fixtures for all: a real PostgreSQL with a fresh database, a running demo, a second hub beside it."""

from collections.abc import Callable, Iterator

import pytest

from tests.postgres import database_dsns, migrated_cluster
from tests.running_hub import RunningDemo, ServingHub

__all__ = ["database_dsns", "demo", "migrated_cluster", "second_hub", "start_demo", "start_hub"]

StartDemo = Callable[[int], RunningDemo]
StartHub = Callable[[], ServingHub]


@pytest.fixture(scope="session")
def demo() -> Iterator[RunningDemo]:
    """The sample company without traffic, one for the whole run. Take employees with `demo.take_employee()`."""
    running = RunningDemo(traffic=0)
    yield running
    running.close()


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


@pytest.fixture(scope="session")
def second_hub(demo: RunningDemo) -> Iterator[ServingHub]:
    """A further hub beside `demo`, shared by the run: look, punch, but don't end it (for that: `start_hub`)."""
    hub = demo.start_hub()
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
